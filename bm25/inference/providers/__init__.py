"""Embedding models of external providers, over HTTP."""

from __future__ import annotations

from bm25.errors import Bm25ConfigError
from bm25.inference.models import Model
from bm25.inference.providers.client import OnCall, observe
from bm25.inference.providers.cohere import Cohere
from bm25.inference.providers.compatible import Compatible
from bm25.inference.providers.jina import JinaAI
from bm25.inference.providers.openai import OpenAI
from bm25.inference.providers.provider import Provider
from bm25.inference.providers.services import SERVICES, endpoint, key_header
from bm25.inference.settings import CompatibleModel, ProviderSettings

__all__ = ["PREFIXES", "OnCall", "build", "compatible", "observe"]

PREFIXES = {name: service.prefix for name, service in SERVICES.items()}
"""The prefix of the names of its models, by the name of the provider in the configuration."""

_CLASSES: dict[str, type[Provider]] = {
    "openai": OpenAI,
    "cohere": Cohere,
    "jinaai": JinaAI,
    "openrouter": OpenAI,
}


def build(name: str, settings: ProviderSettings) -> Model:
    """Return the family of models of a provider.

    Args:
        name: of the provider, one of `PREFIXES`.
        settings: of it.

    Raises:
        Bm25ConfigError: there is no such provider, or a setting makes no sense.
    """
    place = f"providers.{name}"
    service = SERVICES.get(name)
    if service is None:
        raise Bm25ConfigError(f"{place}: not known; use {', '.join(SERVICES)}")
    if settings.base_url is None and (settings.max_batch or 0) > service.limit:
        raise Bm25ConfigError(
            f"{place}.max_batch: {settings.max_batch}; {name} takes at most {service.limit} in one call"
        )
    base_url = service.base_url if settings.base_url is None else settings.base_url
    return _CLASSES[name](
        service.prefix,
        endpoint(name, base_url, service.path, settings, place),
        header=service.header,
        max_batch=settings.max_batch or service.limit,
    )


def compatible(name: str, settings: CompatibleModel) -> Model:
    """Return one model of a server that speaks OpenAI's /v1/embeddings.

    Args:
        name: what requests call it.
        settings: of it.

    Raises:
        Bm25ConfigError: a setting makes no sense.
    """
    place = f'models."{name}"'
    return Compatible(
        name,
        endpoint(name, settings.base_url, "/embeddings", settings, place),
        settings,
        header=key_header(settings.key_header, place),
    )
