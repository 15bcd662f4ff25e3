"""The option `mrl`: the first n dimensions of a vector, and one embedding for all sizes of an input."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Embedding, Embeddings
from bm25.inference.request import Input

__all__ = ["OPTION", "as_json", "cut", "embed_at_sizes"]

OPTION = "mrl"

Array = np.ndarray[Any, Any]


async def embed_at_sizes(
    inputs: Sequence[Input], embed: Callable[[list[Input]], Awaitable[Embeddings]]
) -> Embeddings:
    """Return dense embeddings of the sizes that the inputs ask for.

    Inputs that differ in `mrl` only are embedded once.

    Args:
        inputs: as a model gets them; `mrl` may be among their options.
        embed: makes one dense vector for each of the inputs that it is given. They are distinct, have no
            `mrl`, and the positions of those that came first.

    Returns:
        float32 arrays, one for each of `inputs`, in order; the number of tokens is that of `embed`.

    Raises:
        InvalidRequestError: `mrl` is no whole number from 1 to the length of the vector, or an option is no
            JSON.
    """
    numbers: dict[tuple[str, str, str, str], int] = {}
    distinct: list[Input] = []
    wanted: list[tuple[int, int | None]] = []
    for one in inputs:
        size, plain = _without_size(one)
        number = numbers.setdefault(_identity(plain), len(distinct))
        if number == len(distinct):
            distinct.append(plain)
        wanted.append((number, size))
    found = await embed(distinct)
    vectors: list[Embedding] = [
        np.asarray(found.embeddings[number], np.float32)
        if size is None
        else cut(found.embeddings[number], size, place=_place(one))
        for one, (number, size) in zip(inputs, wanted, strict=True)
    ]
    return Embeddings(vectors, found.tokens)


def cut(vector: Any, size: int, *, place: str = OPTION) -> Array:
    """Return the first dimensions of a vector, divided by their Euclidean norm.

    y_i = x_i / sqrt(x_1^2 + ... + x_n^2) for i = 1..n, in float64, rounded to float32 at the end. This also
    holds for n = the whole length. Zeros stay zeros. Source: Kusupati et al., Matryoshka Representation
    Learning, 2022.

    Args:
        vector: of one dimension.
        size: n, at least 1.
        place: what errors call `size`.

    Raises:
        InvalidRequestError: the vector has fewer dimensions than n.
    """
    if size > len(vector):
        raise InvalidRequestError(
            f"{place}: {size} dimensions were asked for, but the model gives {len(vector)}; "
            f"ask for 1 to {len(vector)}"
        )
    head = np.asarray(vector[:size], np.float64)
    # Scaled first, since the squares of very small numbers would be 0.
    largest = np.abs(head).max()
    if largest > 0:
        head = head / largest
        head = head / np.sqrt(np.dot(head, head))
    return head.astype(np.float32)


def as_json(value: Any, place: str) -> str:
    """Return a value as JSON with sorted names, so that equal values give equal strings.

    Args:
        value: of a request.
        place: what errors call it.

    Raises:
        InvalidRequestError: it is not a value of JSON, not finite, or not valid Unicode.
    """
    try:
        text = json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False)
        text.encode()
        return text
    except (TypeError, ValueError, RecursionError):
        # What Python says may show the value, which may hold a key.
        problem = f"{place}: not a value of JSON; use objects, lists, strings of valid "
        problem += "Unicode, finite numbers, booleans and null"
    raise InvalidRequestError(problem)


def _without_size(one: Input) -> tuple[int | None, Input]:
    if not one.options or OPTION not in one.options:
        return None, one
    rest = dict(one.options)
    size = rest.pop(OPTION)
    if type(size) is not int or size < 1:
        raise InvalidRequestError(
            f"{_place(one)}: {size!r:.80}; use a whole number of dimensions, at least 1"
        )
    return size, msgspec.structs.replace(one, options=rest or None)


def _identity(one: Input) -> tuple[str, str, str, str]:
    place = f"inputs[{one.position}]"
    options = as_json(one.options, f"{place}.options") if one.options else ""
    # A string is never taken for an object whose JSON it is: the kind of data is part of the identity.
    plain = isinstance(one.data, str) and one.data_type != "object"
    return one.model, one.data_type, one.data if plain else as_json(one.data, f"{place}.data"), options


def _place(one: Input) -> str:
    return f"inputs[{one.position}].options.{OPTION}"
