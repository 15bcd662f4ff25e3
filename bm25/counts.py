"""`TermCounts`: the canonical result of encoding. Which terms, how often, in texts how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from bm25.accumulator import distinct_ids
from bm25.errors import Bm25InputError
from bm25.rows import Rows, as_array
from bm25.terms import TermDictionary

__all__ = ["TermCounts"]

Array = np.ndarray[Any, Any]

TYPE = pa.struct(
    [("term_ids", pa.list_(pa.uint32())), ("frequencies", pa.list_(pa.uint32())), ("length", pa.uint32())]
)


class TermCounts(Rows):
    """Term frequencies of texts in CSR form; row i is at ``indptr[i]:indptr[i + 1]``.

    Attributes:
        indptr: int64, one more than texts.
        term_ids: uint32, distinct and ascending within a text.
        frequencies: uint32, how often each term occurs, at least 1.
        lengths: uint32, one for each text: all its tokens, repeats included.
        valid: bool, one for each text, False for a null text; None when no text is null.
        terms: term id -> term for the ids that occur, or None from a source that knows no terms.
    """

    def __init__(
        self,
        indptr: Array,
        term_ids: Array,
        frequencies: Array,
        lengths: Array,
        valid: Array | None = None,
        *,
        terms: TermDictionary | Callable[[Array], TermDictionary] | None = None,
    ) -> None:
        """Wrap arrays; `terms` may be a function of the distinct ids (uint32, ascending) that finds them."""
        super().__init__(indptr, valid)
        self.term_ids = term_ids
        self.frequencies = frequencies
        self.lengths = lengths
        self._terms = terms

    @property
    def terms(self) -> TermDictionary | None:
        """The terms of these counts; built when first asked for, and the texts are kept until then."""
        if callable(self._terms):
            self._terms = self._terms(distinct_ids(self.term_ids))
        return self._terms

    def terms_among(self, distinct: Array) -> TermDictionary | None:
        """Return `terms`; the distinct ids are given (uint32, ascending), which saves finding them."""
        if callable(self._terms):
            self._terms = self._terms(distinct)
        return self._terms

    def __getitem__(self, row: int) -> tuple[Array, Array]:
        """Return (term_ids, frequencies) of one text."""
        part = self._slice(row)
        return self.term_ids[part], self.frequencies[part]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TermCounts):
            return NotImplemented
        return self._same(other) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("term_ids", "frequencies", "lengths")
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        arrays = (self.indptr, self.term_ids, self.frequencies, self.lengths, self.valid)
        return _rebuild, (arrays, self.terms)

    def to_arrow(self) -> pa.StructArray:
        """Return struct<term_ids: list<uint32>, frequencies: list<uint32>, length: uint32>."""
        return self._to_struct(
            TYPE,
            [self._to_list(self.term_ids), self._to_list(self.frequencies), as_array(self.lengths)],
        )

    @classmethod
    def from_arrow(cls, array: Any) -> TermCounts:
        """Read what `to_arrow` wrote; the terms are not part of it."""
        valid, (term_ids, frequencies, lengths) = cls._from_struct(array, TYPE)
        indptr, ids = cls._from_list(term_ids)
        other, counts = cls._from_list(frequencies)
        if not np.array_equal(indptr, other):
            raise Bm25InputError("term_ids and frequencies differ in length in some row")
        _check_rows(indptr, ids, counts)
        return cls(indptr, ids, counts, lengths.fill_null(0).to_numpy(zero_copy_only=False).copy(), valid)

    def to_scipy(self, term_ids: Array | None = None) -> Any:
        """Return a scipy.sparse.csr_array of frequencies, texts by term ids.

        Without `term_ids`, a column is a term id, of 2**31 + 1: fit to keep and to slice by rows, not to
        transpose or to multiply by. With `term_ids` (uint32, ascending) columns are their positions, and
        other ids are left out.
        """
        return self._to_csr(self.term_ids, self.frequencies, term_ids)


def _check_rows(indptr: Array, term_ids: Array, frequencies: Array) -> None:
    """Refuse what no encoder makes, and what reads it relies on."""
    wrong = np.zeros(len(term_ids), bool)
    wrong[1:] = term_ids[1:] <= term_ids[:-1]
    starts = indptr[:-1]
    wrong[starts[starts < len(term_ids)]] = False  # a row may begin with any id
    wrong |= (term_ids > 2**31) | (frequencies < 1)
    if wrong.any():
        entry = int(np.argmax(wrong))
        row = int(np.searchsorted(indptr, entry, "right")) - 1
        raise Bm25InputError(
            f"row {row}: term id {term_ids[entry]} with frequency {frequencies[entry]}: term ids must "
            f"ascend, from 0 to {2**31}, each once with a frequency of at least 1"
        )


def _rebuild(arrays: tuple[Any, ...], terms: TermDictionary | None) -> TermCounts:
    return TermCounts(*arrays, terms=terms)
