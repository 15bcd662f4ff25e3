"""What a provider's refusal means to the client: a status that is kept, and a message without keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from bm25.inference.errors import (
    AuthenticationError,
    InferenceError,
    InvalidRequestError,
    OverloadedError,
    UpstreamError,
)
from bm25.inference.providers import retry
from bm25.inference.providers.keys import Key, scrub

__all__ = ["LONGEST_MESSAGE", "Failure", "explanation", "refusal", "shown"]

LONGEST_MESSAGE = 300


class Failure(NamedTuple):
    """How a call ended that did not end well.

    Attributes:
        outcome: its name in metrics.
        error: for the client.
        passing: whether another attempt may do better.
    """

    outcome: str
    error: InferenceError
    passing: bool = False


def refusal(
    provider: str, status: int, headers: Mapping[str, str], content: bytes, key: Key | None
) -> Failure:
    """Return what an answer with a status other than 200 means.

    Args:
        provider: its name, for messages.
        status: of the answer.
        headers: of the answer, by lowercase names.
        content: its body, or the beginning of it.
        key: that was sent, and may be echoed.
    """
    reason = explanation(content, key)
    answered = f"{provider} answered {status}" + (f": {reason}" if reason else "")
    passing = status in retry.STATUSES
    if status == 401:
        # Its text is about the key, of which some providers show a part.
        return Failure("401", AuthenticationError(f"{provider} does not accept the key"))
    if status == 403:
        return Failure("403", AuthenticationError(answered, status=403))
    wait = retry.retry_after_header(headers.get("retry-after"))
    if status == 429:
        return Failure("429", OverloadedError(answered, retry_after=wait), passing)
    if 400 <= status < 500:
        return Failure("4xx", InvalidRequestError(answered))
    if 500 <= status < 600:
        return Failure("5xx", UpstreamError(answered, status=status, retry_after=wait), passing)
    if 300 <= status < 400:
        target = shown(headers.get("location", ""), key)
        return Failure(
            "invalid",
            UpstreamError(
                f"{provider} answered {status}, a redirect to {target!r}, which is not followed; "
                "set base_url to the address that answers"
            ),
        )
    return Failure("invalid", UpstreamError(f"{provider} answered {status}, not 200"))


def explanation(content: bytes, key: Key | None) -> str:
    """Return what the body of an error says, short and without the key; "" where that is not to be found."""
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = content.decode("utf-8", "replace")
        # A page of HTML is some proxy's, and says nothing.
        return "" if text.lstrip().startswith("<") else shown(text, key)
    return shown(_message(body), key)


def shown(text: str, key: Key | None) -> str:
    """Return a text of a provider as it may be shown: on one line, without the key, and cut."""
    # Cut last: a part of a key at the end would no longer be recognised.
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", scrub(text, key)).split())
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 3] + "..."


def _message(body: Any) -> str:
    """The text in `{"error": {"message"}}`, `{"error"}`, `{"message"}`, `{"detail"}` or `[{"msg"}]`."""
    for _ in range(4):
        if isinstance(body, list) and body:
            body = body[0]
        elif isinstance(body, dict):
            names = ("error", "message", "detail", "msg")
            body = next((body[name] for name in names if body.get(name)), None)
        else:
            break
    return body if isinstance(body, str) else ""
