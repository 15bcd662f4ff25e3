"""Many sparse vectors as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from bm25.kernels.json_lists import ENTRY, ROW, WORD, number_values, write_vectors
from bm25.sparse import SparseVectors

__all__ = ["vectors_json"]

_COMMA = 44
_TABLE = 13  # logarithm of the entries that a batch of documents needs, which has some hundred weights


def vectors_json(vectors: SparseVectors, before: bytes = b"", after: bytes = b"") -> memoryview:
    """Return `{"indices":[...],"values":[...]}` of each vector, with commas between, without brackets.

    A weight is the shortest decimal that reads back to the float32, as orjson writes it, once for each
    distinct weight.

    Args:
        vectors: any number.
        before: what comes before them.
        after: what comes after.
    """
    if not len(vectors):
        return memoryview(before + after)
    bits = vectors.values.view(np.uint32)
    size = len(bits)
    distinct, numbers = np.empty(size, np.uint32), np.empty(size, np.uint32)
    found, logarithm = -1, _TABLE
    while found < 0:
        table = np.zeros(1 << logarithm, np.uint32)
        found = int(number_values(bits, table, 64 - logarithm, distinct, numbers))
        logarithm += 4
    texts, lengths = _texts(distinct[:found].view(np.float32))
    room = len(vectors) * ROW + size * (ENTRY + int(lengths.max(initial=0))) + texts.shape[1] * WORD
    out = np.empty(len(before) + room + len(after), np.uint8)
    written = memoryview(out)  # type: ignore[arg-type]  # an array is a buffer
    written[: len(before)] = before
    end = int(write_vectors(vectors.indptr, vectors.indices, numbers, texts, lengths, out, len(before))) - 1
    written[end : end + len(after)] = after
    return written[: end + len(after)]


def _texts(values: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the decimal of each value with a comma, in a row of words, and how long it is."""
    if not len(values):
        return np.zeros((0, 1), np.uint64), np.zeros(0, np.int64)
    lists = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)
    written = np.frombuffer(lists[1:-1] + b",", np.uint8)
    ends = np.flatnonzero(written == _COMMA) + 1
    lengths = np.diff(ends, prepend=0)
    width = -(-int(lengths.max()) // WORD) * WORD
    padded = np.append(written, np.zeros(width, np.uint8))
    rows = padded[(ends - lengths)[:, np.newaxis] + np.arange(width)]
    return rows.view(np.uint64), lengths
