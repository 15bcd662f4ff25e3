"""The providers that are known by name, and how what the configuration says of one becomes an endpoint."""

from __future__ import annotations

import math
import re
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from bm25.errors import Bm25ConfigError
from bm25.inference.providers.client import Endpoint
from bm25.inference.providers.keys import SUFFIX
from bm25.inference.settings import CompatibleModel, ProviderSettings

__all__ = ["SERVICES", "Service", "endpoint", "key_header"]


class Service(NamedTuple):
    """A provider.

    Attributes:
        prefix: of the names of its models.
        header: that has its key.
        base_url: of its API.
        path: of the endpoint.
        size_option: what makes vectors shorter upstream; None where that is for the models to say.
        limit: inputs in one call.
    """

    prefix: str
    header: str
    base_url: str
    path: str
    size_option: str | None
    limit: int


SERVICES = {
    "openai": Service(
        "openai/", "openai-api-key", "https://api.openai.com", "/v1/embeddings", "dimensions", 2048
    ),
    "cohere": Service(
        "cohere/", "cohere-api-key", "https://api.cohere.com", "/v2/embed", "output_dimension", 96
    ),
    # 2,048 for its older models.
    "jinaai": Service("jinaai/", "jina-api-key", "https://api.jina.ai", "/v1/embeddings", "dimensions", 512),
    # It states none; this is the smallest that is known of the providers behind it.
    "openrouter": Service(
        "openrouter/", "openrouter-api-key", "https://openrouter.ai", "/api/v1/embeddings", None, 96
    ),
}


def endpoint(
    provider: str, base_url: str, path: str, settings: ProviderSettings | CompatibleModel, place: str
) -> Endpoint:
    """Return where calls go to.

    Args:
        provider: its name in messages and metrics.
        base_url: what comes before the path.
        path: of the endpoint.
        settings: with time-outs and bounds.
        place: where the configuration has them.

    Raises:
        Bm25ConfigError: the address is no base of one, or a number makes no sense; the message has the path.
    """
    for name, least in (("max_connections", 1), ("retries", 0), ("max_batch", 1)):
        number = getattr(settings, name)
        if number is not None and number < least:
            raise Bm25ConfigError(f"{place}.{name}: {number}; use at least {least}")
    if not 0 < settings.timeout < math.inf:
        raise Bm25ConfigError(f"{place}.timeout: {settings.timeout}; use a number of seconds above 0")
    return Endpoint(
        provider=provider,
        url=_base(base_url, f"{place}.base_url") + path,
        timeout=settings.timeout,
        max_connections=settings.max_connections,
        retries=settings.retries,
    )


def key_header(name: str | None, place: str) -> str | None:
    """Return the name of a header with a key as requests have it, in lowercase.

    Raises:
        Bm25ConfigError: Qdrant would not pass it on.
    """
    if name is not None and not re.fullmatch(f"[a-z0-9-]+{SUFFIX}", name.lower()):
        raise Bm25ConfigError(
            f"{place}.key_header: {name!r:.80}; Qdrant passes on headers whose name ends in {SUFFIX!r}, "
            f"such as 'local{SUFFIX}'"
        )
    return name and name.lower()


def _base(address: str, place: str) -> str:
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        httpx.URL(address)
    except (ValueError, httpx.InvalidURL):
        parts, valid = None, False
    if parts is not None and (parts.username is not None or parts.password is not None):
        # Addresses are logged.
        raise Bm25ConfigError(
            f"{place}: has a user or password in it; keys come with requests, see key_header"
        )
    if parts is None or not valid or parts.query or parts.fragment:
        raise Bm25ConfigError(
            f"{place}: {address!r:.200}; use http:// or https://, a host, and a path if there is one, as in "
            "'http://127.0.0.1:8080/v1'"
        )
    return address.rstrip("/")
