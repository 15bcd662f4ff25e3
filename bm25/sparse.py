"""`SparseVectors`: what goes into an index."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from bm25.errors import Bm25InputError
from bm25.rows import Rows

__all__ = ["SparseVectors"]

Array = np.ndarray[Any, Any]

TYPE = pa.struct([("indices", pa.list_(pa.uint32())), ("values", pa.list_(pa.float32()))])


class SparseVectors(Rows):
    """Sparse vectors in CSR form; row i is at ``indptr[i]:indptr[i + 1]``.

    Attributes:
        indptr: int64, one more than vectors.
        indices: uint32 term ids, distinct and ascending within a vector.
        values: float32 weights.
        valid: bool, one for each vector, False for that of a null text; None when no text is null.
        idf: the formula of the idf that was multiplied into the values (`CorpusStatistics.apply_idf`), None
            for none: the usual case, where Qdrant's IDF modifier does that.
        lengths: uint32, tokens of each text that was encoded, repeats included; None where that is not known,
            as of vectors read from Arrow.
    """

    def __init__(
        self,
        indptr: Array,
        indices: Array,
        values: Array,
        valid: Array | None = None,
        *,
        idf: str | None = None,
        lengths: Array | None = None,
    ) -> None:
        super().__init__(indptr, valid)
        self.indices = indices
        self.values = values
        self.idf = idf
        self.lengths = lengths

    def __getitem__(self, row: int) -> tuple[Array, Array]:
        """Return (indices, values) of one vector; that of a null text is empty."""
        part = self._slice(row)
        return self.indices[part], self.values[part]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseVectors):
            return NotImplemented
        return (
            self._same(other)
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.values, other.values)
            and self.idf == other.idf
        )

    __hash__ = None  # type: ignore[assignment]

    def to_arrow(self) -> pa.StructArray:
        """Return struct<indices: list<uint32>, values: list<float>>; the vector of a null text is null.

        From 2**31 entries on the lists are large_list.
        """
        return self._to_struct(TYPE, [self._to_list(self.indices), self._to_list(self.values)])

    @classmethod
    def from_arrow(cls, array: Any) -> SparseVectors:
        """Read what `to_arrow` wrote; a null vector stays null."""
        valid, (indices, values) = cls._from_struct(array, TYPE)
        indptr, ids = cls._from_list(indices)
        other, weights = cls._from_list(values)
        if not np.array_equal(indptr, other):
            raise Bm25InputError("indices and values differ in length in some row")
        return cls(indptr, ids, weights, valid)

    def to_scipy(self, term_ids: Array | None = None) -> Any:
        """Return a scipy.sparse.csr_array of float32, vectors by term ids.

        Without `term_ids`, a column is a term id, of 2**31 + 1: fit to keep and to slice by rows, not to
        transpose or to multiply by. With `term_ids` (uint32, ascending) columns are their positions, and
        other ids are left out.
        """
        return self._to_csr(self.indices, self.values, term_ids)

    def to_qdrant(self) -> list[Any]:
        """Return a list of `qdrant_client.models.SparseVector`; that of a null text is empty."""
        from qdrant_client.models import SparseVector  # loads grpc and pydantic: only when asked for

        indices, values, bounds = self.indices.tolist(), self.values.tolist(), self.indptr.tolist()
        return [
            SparseVector(indices=indices[start:end], values=values[start:end])
            for start, end in pairwise(bounds)
        ]
