"""A request with many texts for one model, as most large ones are: read without an object for each text."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from bm25.inference.encoders import options_key
from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Purpose
from bm25.inference.request import has_many_values
from bm25.kernels.json_strings import DIGITS, FIRST, SLACK, STRING, take_texts

__all__ = ["TextBatch", "decode_batch"]


class TextBatch(NamedTuple):
    """Texts for one model, with the same options.

    Attributes:
        model: its name.
        purpose: `update` for documents, `search` for queries.
        options: of the model.
        texts: as UTF-8, which is not checked.
        longest: bytes of the longest text.
    """

    model: str
    purpose: Purpose
    options: Mapping[str, Any] | None
    texts: pa.LargeStringArray
    longest: int


class _Input(msgspec.Struct, gc=False):
    data: int
    model: str
    data_type: Literal["text"] = "text"
    options: dict[str, Any] | None = None


class _Request(msgspec.Struct):
    inputs: list[_Input]
    inference: Literal["update", "search"] | None = None
    token: str | None = None


_decoder = msgspec.json.Decoder(_Request)
_MODEL, _DATA, _OPTIONS = attrgetter("model"), attrgetter("data"), attrgetter("options")

# Of numbers that stand for texts, nobody outside can know the first one and send it as data.
_FIRST = FIRST + secrets.randbelow(2**62)


def decode_batch(body: bytes, most: int) -> TextBatch | None:
    """Return what a body of JSON asks for, if that is `most` texts or fewer for one model with equal options.

    None is returned for everything else, also for what is wrong: `decode_request` says what that is.
    """
    data = np.frombuffer(body + bytes(SLACK), np.uint8)
    many = len(body) // STRING
    rest, texts = np.empty(len(data) + DIGITS * many, np.uint8), np.empty(len(data), np.uint8)
    offsets = np.empty(many + 1, np.int64)
    found, size = take_texts(data, np.uint64(_FIRST), rest, texts, offsets)
    if not 1 <= found <= most:
        return None
    left = memoryview(rest[:size])  # type: ignore[arg-type]  # an array is a buffer
    try:
        if has_many_values(left):
            return None
        asked = _decoder.decode(left)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    inputs = asked.inputs
    # Data that has another number is no text, or somewhere there are texts that are not data of an input.
    if list(map(_DATA, inputs)) != list(range(_FIRST, _FIRST + found)) or len(set(map(_MODEL, inputs))) != 1:
        return None
    if not _have_same_options(inputs):
        return None
    bounds = offsets[: found + 1]
    buffers = pa.py_buffer(bounds), pa.py_buffer(texts[: bounds[-1]])
    return TextBatch(
        inputs[0].model,
        "search" if asked.inference == "search" else "update",
        inputs[0].options,
        pa.LargeStringArray.from_buffers(found, *buffers),
        int(np.diff(bounds).max()),
    )


def _have_same_options(inputs: Sequence[_Input]) -> bool:
    if not any(map(_OPTIONS, inputs)):
        return True
    try:
        return len({options_key(one, "options") for one in map(_OPTIONS, inputs)}) == 1
    except InvalidRequestError:
        return False
