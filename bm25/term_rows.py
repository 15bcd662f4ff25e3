"""`TermRows`: a dictionary as files hold it, rows of a term id and a term."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from bm25.kernels.terms import absent_rows, find_ids, union_rows
from bm25.rows import as_array

__all__ = ["TermRows", "kernel_input", "places_among", "terms_over", "union_all"]

Array = np.ndarray[Any, Any]


class TermRows:
    """Pairs of a term id and a term, each once, sorted by both: an id comes as often as it has terms.

    They lie in memory that nothing changes, that of a mapped file for instance. What a method returns is over
    the same memory where that are all rows.

    Attributes:
        ids: uint32, ascending.
        terms: a pyarrow.LargeStringArray, one for each id; those of one id ascend.
    """

    def __init__(self, ids: Array, terms: pa.LargeStringArray) -> None:
        self.ids = ids
        self.terms = terms

    @classmethod
    def from_arrow(cls, ids: Any, terms: pa.Array) -> TermRows:
        """Wrap rows, without copying them.

        Args:
            ids: uint32 (Arrow or numpy), ascending.
            terms: strings, one for each id, those of one id ascending and distinct.
        """
        ids = np.asarray(ids.to_numpy() if isinstance(ids, pa.Array) else ids, np.uint32)
        return cls(ids, terms.cast(pa.large_string()))

    @classmethod
    def empty(cls) -> TermRows:
        """Return no rows."""
        return cls(np.empty(0, np.uint32), pa.array([], pa.large_string()))

    def __len__(self) -> int:
        return len(self.ids)

    def restricted(self, ids: Array) -> TermRows:
        """Return the rows of some ids (uint32, ascending, each once)."""
        known, wanted = kernel_input(self.ids), kernel_input(np.asarray(ids, np.uint32))
        # Counted first: where it is all rows, as mostly, their places would take as much memory as the ids.
        places = np.empty(find_ids(known, wanted, np.empty(0, np.int64)), np.int64)
        if len(places) == len(self):
            return self
        find_ids(known, wanted, places)
        return self._take(places)

    def without(self, other: TermRows) -> TermRows:
        """Return the rows that `other` does not have; takes time by those of this one."""
        if not len(self) or not len(other):
            return self
        places = np.empty(len(self), np.int64)
        found = absent_rows(*self._arrays(), *other._arrays(), places)
        return self if found == len(self) else self._take(places[:found])

    def merge(self, other: TermRows) -> TermRows:
        """Return the rows of both."""
        if not len(other) or self is other:
            return self
        if not len(self):
            return other
        mine, theirs = self._arrays(), other._arrays()
        rows = len(self) + len(other)
        size = sum(int(offsets[-1] - offsets[0]) for _, offsets, _ in (mine, theirs))
        ids, offsets, data = np.empty(rows, np.uint32), np.empty(rows + 1, np.int64), np.empty(size, np.uint8)
        rows, size = union_rows(*mine, *theirs, ids, offsets, data)
        for array, used in ((ids, rows), (offsets, rows + 1), (data, size)):
            # Given back in place; a copy would take as much memory again. Nothing else has the array yet.
            array.resize(used, refcheck=False)
        return TermRows(ids, terms_over(offsets, data))

    def to_arrow(self) -> pa.Table:
        """Return a table of `term_id` (uint32) and `term` (large_string), over the same memory."""
        return pa.table({"term_id": as_array(np.ascontiguousarray(self.ids)), "term": self.terms})

    def _take(self, places: Array) -> TermRows:
        return TermRows(self.ids[places], self.terms.take(as_array(places)))

    def _arrays(self) -> tuple[Array, Array, Array]:
        return kernel_arrays(self.ids, self.terms)


def union_all(parts: Iterable[TermRows]) -> TermRows:
    """Return the rows of all, merged two at a time, the smallest first."""
    left = sorted(parts, key=len, reverse=True)
    while len(left) > 1:
        left.append(left.pop().merge(left.pop()))
        left.sort(key=len, reverse=True)
    return left[0] if left else TermRows.empty()


def places_among(known: Array, wanted: Array) -> Array:
    """Return where in `known` the ids of `wanted` are (both uint32, ascending, distinct), those there."""
    places = np.empty(min(len(known), len(wanted)), np.int64)
    return places[: find_ids(kernel_input(known), kernel_input(wanted), places)]


def kernel_arrays(ids: Array, terms: pa.LargeStringArray) -> tuple[Array, Array, Array]:
    """Return ids, offsets and bytes of rows, at least one, as the kernels take them."""
    _, offsets, data = terms.buffers()
    bounds = np.frombuffer(offsets, np.int64)[terms.offset : terms.offset + len(terms) + 1]
    packed = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return kernel_input(ids), kernel_input(bounds), kernel_input(packed)


def kernel_input(array: Array) -> Array:
    """Return an array read-only, as Arrow's are: for others a kernel would be compiled once more."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def terms_over(offsets: Array, data: Array) -> pa.LargeStringArray:
    """Return an Arrow array over the memory of offsets (int64) and bytes."""
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))
