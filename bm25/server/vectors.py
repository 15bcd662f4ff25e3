"""Many sparse vectors as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from bm25.kernels.json_lists import ENTRY, ROW, SLACK, number_values, write_vectors
from bm25.sparse import SparseVectors

__all__ = ["vectors_json"]

_COMMA = 44


def vectors_json(vectors: SparseVectors) -> memoryview:
    """Return `{"indices":[...],"values":[...]}` of each vector, with commas between, without brackets.

    A weight is the shortest decimal that reads back to the float32, as orjson writes it, once for each
    distinct weight.
    """
    if not len(vectors):
        return memoryview(b"")
    bits = vectors.values.view(np.uint32)
    size = len(bits)
    logarithm = max(1, (2 * size).bit_length())
    table = np.zeros(1 << logarithm, np.uint32)
    distinct, numbers = np.empty(size, np.uint32), np.empty(size, np.uint32)
    found = int(number_values(bits, table, 64 - logarithm, distinct, numbers))
    text, bounds = _texts(distinct[:found].view(np.float32))
    longest = int(np.diff(bounds).max(initial=0))
    out = np.empty(len(vectors) * ROW + size * (ENTRY + longest) + SLACK, np.uint8)
    end = int(write_vectors(vectors.indptr, vectors.indices, numbers, text, bounds, out))
    return memoryview(out[: end - 1])  # type: ignore[arg-type]  # an array is a buffer


def _texts(values: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the decimals of values, one after the other, and where each begins; then the end."""
    if not len(values):
        return np.zeros(SLACK, np.uint8), np.zeros(1, np.int64)
    written = np.frombuffer(orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1], np.uint8)
    commas = written == _COMMA
    ends = np.append(np.flatnonzero(commas), len(written))
    bounds = np.zeros(len(values) + 1, np.int64)
    bounds[1:] = ends - np.arange(len(values))  # as they are without the commas
    return np.append(written[~commas], np.zeros(SLACK, np.uint8)), bounds
