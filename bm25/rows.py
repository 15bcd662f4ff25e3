"""What counts and vectors share: rows in CSR form, null rows, and the way to and from Arrow and scipy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bm25.errors import Bm25InputError

__all__ = ["Rows", "as_array"]

Array = np.ndarray[Any, Any]

COLUMNS = 2**31 + 1  # term ids go from 0 to 2**31


def as_array(values: Array) -> pa.Array:
    """Return an Arrow array over the same memory; `pa.array` would import pandas where it is installed."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


class Rows:
    """Rows in CSR form: `indptr` (int64, one more than rows) and `valid` (bool, or None for all)."""

    def __init__(self, indptr: Array, valid: Array | None) -> None:
        self.indptr = indptr
        self.valid = valid

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __repr__(self) -> str:
        nulls = "" if self.valid is None else f", {int((~self.valid).sum())} of them null"
        return f"<{type(self).__name__} of {len(self)} texts{nulls}, {int(self.indptr[-1])} entries>"

    def _slice(self, row: int) -> slice:
        rows = len(self)
        if not -rows <= row < rows:
            raise IndexError(f"row {row} is out of range for {rows} rows")
        row %= rows
        return slice(int(self.indptr[row]), int(self.indptr[row + 1]))

    def _same(self, other: Rows) -> bool:
        mine = np.ones(len(self), bool) if self.valid is None else self.valid
        theirs = np.ones(len(other), bool) if other.valid is None else other.valid
        return np.array_equal(self.indptr, other.indptr) and np.array_equal(mine, theirs)

    def _to_list(self, values: Array) -> pa.Array:
        if self.indptr[-1] < 2**31:
            return pa.ListArray.from_arrays(as_array(self.indptr.astype(np.int32)), as_array(values))
        return pa.LargeListArray.from_arrays(as_array(self.indptr), as_array(values))

    def _to_struct(self, kind: pa.StructType, columns: Sequence[pa.Array]) -> pa.StructArray:
        mask = None
        if self.valid is not None:
            bits = pa.py_buffer(np.packbits(~self.valid, bitorder="little"))
            mask = pa.Array.from_buffers(pa.bool_(), len(self), [None, bits])
        return pa.StructArray.from_arrays(columns, names=[field.name for field in kind], mask=mask)

    @staticmethod
    def _from_struct(array: Any, kind: pa.StructType) -> tuple[Array | None, list[pa.Array]]:
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if not isinstance(array, pa.Array):
            raise Bm25InputError(f"expected an Arrow array of {kind}, got {type(array).__name__}")
        if not _same_but_for_large_lists(array.type, kind):
            raise Bm25InputError(f"expected an Arrow array of {kind}, got {array.type}")
        valid = None if array.null_count == 0 else array.is_valid().to_numpy(zero_copy_only=False)
        return valid, array.flatten()  # a null row is null in every child

    @staticmethod
    def _from_list(array: pa.Array) -> tuple[Array, Array]:
        items = array.flatten()
        if items.null_count:
            raise Bm25InputError("a list holds a null; every entry needs an id and a value")
        indptr = np.zeros(len(array) + 1, np.int64)
        np.cumsum(array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), out=indptr[1:])
        # Arrow's memory is read-only, for which kernels would be compiled once more.
        return indptr, items.to_numpy(zero_copy_only=False).copy()

    def _to_csr(self, columns: Array, values: Array, term_ids: Array | None) -> Any:
        from scipy.sparse import csr_array  # a slow import, and most callers never need it

        indptr, width = self.indptr, COLUMNS
        if term_ids is not None:
            term_ids = np.asarray(term_ids, np.uint32)
            if (term_ids[1:] <= term_ids[:-1]).any():
                raise Bm25InputError("term_ids must ascend, each id once")
            width = len(term_ids)
            places = np.searchsorted(term_ids, columns)
            known = np.zeros(len(columns), bool)
            if width:
                known = term_ids[np.minimum(places, width - 1)] == columns
            indptr = np.concatenate([[0], np.cumsum(known)])[indptr]
            columns, values = places[known], values[known]
        return csr_array((values, columns.astype(np.int64), indptr), shape=(len(self), width), copy=False)


def _same_but_for_large_lists(kind: pa.DataType, expected: pa.StructType) -> bool:
    if not pa.types.is_struct(kind) or [field.name for field in kind] != [field.name for field in expected]:
        return False
    for mine, wanted in zip(kind, expected, strict=True):
        if pa.types.is_list(wanted.type):
            lists = pa.types.is_list(mine.type) or pa.types.is_large_list(mine.type)
            if not lists or mine.type.value_type != wanted.type.value_type:
                return False
        elif mine.type != wanted.type:
            return False
    return True
