"""Answers of providers: vectors in the order of the inputs, or an error that says what is wrong with them."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np

from bm25.inference.errors import UpstreamError
from bm25.inference.providers.failures import explanation
from bm25.inference.providers.keys import Key

__all__ = ["Answer", "openai_answer", "token_count", "typed", "vectors"]

Array = np.ndarray[Any, Any]


class Answer(NamedTuple):
    """What one call gives.

    Attributes:
        vectors: one for each input, in order; float64, finite in float32, all of one length.
        tokens: that the provider counted; None where it does not say.
    """

    vectors: list[Array]
    tokens: int | None


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _OpenAI(msgspec.Struct):
    data: list[_Item]
    usage: Any = None


def openai_answer(content: bytes, count: int, provider: str, key: Key | None) -> Answer:
    """Return the vectors of an answer in OpenAI's shape.

    Args:
        content: the body.
        count: of the inputs.
        provider: its name, for messages.
        key: that must not be in messages.

    Raises:
        UpstreamError: the body has another shape, or its indices are not 0 to count - 1, each once.
    """
    body = typed(content, _OpenAI, provider, key)
    ordered = sorted(body.data, key=lambda item: item.index)
    if [item.index for item in ordered] != list(range(count)):
        raise UpstreamError(
            f"{provider} answered {len(ordered)} embeddings for {count} inputs"
            if len(ordered) != count
            else f"{provider} answered embeddings whose indices are not 0 to {count - 1}, each once"
        )
    usage = body.usage if isinstance(body.usage, dict) else {}
    tokens = token_count(usage.get("total_tokens"))
    return Answer(
        vectors([item.embedding for item in ordered], count, provider),
        token_count(usage.get("prompt_tokens")) if tokens is None else tokens,
    )


def typed(content: bytes, shape: type[Any], provider: str, key: Key | None) -> Any:
    """Return a body of JSON as the struct that it should be.

    Raises:
        UpstreamError: it is not; the message has the path.
    """
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Messages of msgspec hold paths and types, not values.
        problem = str(error)
    # OpenRouter answers 200 with an error in the body where a provider behind it fails.
    reason = explanation(content, key) if b'"error"' in content[:1000] else ""
    raise UpstreamError(
        f"{provider} answered an error: {reason}"
        if reason
        else f"{provider} answered what is not understood: {problem}"
    )


def vectors(rows: list[list[float]], count: int, provider: str) -> list[Array]:
    """Return lists of numbers as arrays.

    Raises:
        UpstreamError: there are more or fewer than `count`, or one is empty, not finite in float32, or of
            another length than the first.
    """
    if len(rows) != count:
        raise UpstreamError(f"{provider} answered {len(rows)} embeddings for {count} inputs")
    length = len(rows[0])
    found = []
    for number, row in enumerate(rows):
        if not row:
            raise UpstreamError(f"{provider} answered an empty embedding, number {number}")
        if len(row) != length:
            raise UpstreamError(
                f"{provider} answered embeddings of different lengths: number 0 has {length} numbers, "
                f"number {number} has {len(row)}"
            )
        vector = np.array(row, np.float64)
        if not (np.abs(vector) <= np.finfo(np.float32).max).all():
            raise UpstreamError(
                f"{provider} answered an embedding, number {number}, with a number that no float32 can be"
            )
        found.append(vector)
    return found


def token_count(value: Any) -> int | None:
    """Return a number of tokens as it was answered; None where it is none."""
    return value if type(value) is int and value >= 0 else None
