"""`CorpusStatistics`: what a corpus is made of, as a value that can be added and subtracted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from bm25.accumulator import Frequencies, FrequencyAccumulator, merge_frequencies
from bm25.counts import TermCounts
from bm25.errors import Bm25ConfigError, Bm25InputError
from bm25.idf import inverse_document_frequency
from bm25.kernels.statistics import find_places
from bm25.sparse import SparseVectors
from bm25.terms import TermDictionary, TermIndex

__all__ = ["CorpusStatistics", "StatisticsBuilder", "StatisticsDifference", "TermChange", "TermStatistics"]

Array = np.ndarray[Any, Any]

ORDERS = ("document_frequency", "collection_frequency")
_TOTALS = ("document_count", "empty_count", "total_length")


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """What the corpus says of one term; `term` is None where only its id is known."""

    term_id: int
    term: str | None
    document_frequency: int
    collection_frequency: int
    idf: float


@dataclass(frozen=True, slots=True)
class TermChange:
    """A term whose document frequency differs between two corpora."""

    term_id: int
    term: str | None
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class StatisticsDifference:
    """What one corpus has more than another; negative where it has less.

    `largest` are the changes of document frequency, the largest first.
    """

    document_count: int
    empty_count: int
    total_length: int
    average_length: float
    new_terms: int
    lost_terms: int
    changed_terms: int
    largest: tuple[TermChange, ...]


class CorpusStatistics:
    """Exact statistics of a corpus, immutable.

    The statistics of parts of a corpus add up to those of the whole, however it was divided, and what was
    added can be subtracted. Two that were counted from the same texts are equal; the dictionary of terms
    is no part of that, it only gives names to ids.

    Attributes:
        document_count: documents with at least one term. It is N in the formulas of idf, Qdrant's too.
        empty_count: documents without a term, null texts among them.
        total_length: tokens of all documents, repeats included.
        terms: term id -> term, or None where terms are not known.
    """

    def __init__(
        self,
        frequencies: Frequencies,
        *,
        document_count: int,
        empty_count: int,
        total_length: int,
        terms: TermDictionary | None = None,
    ) -> None:
        """Wrap arrays that nothing else will change; see `from_counts` and `StatisticsBuilder`."""
        self._frequencies = frequencies
        self.document_count = document_count
        self.empty_count = empty_count
        self.total_length = total_length
        self.terms = terms

    @classmethod
    def empty(cls) -> CorpusStatistics:
        """Return the statistics of no documents."""
        none = TermDictionary.from_blocks([])
        return cls(Frequencies.empty(), document_count=0, empty_count=0, total_length=0, terms=none)

    @classmethod
    def from_counts(cls, counts: TermCounts, *, terms: bool = True) -> CorpusStatistics:
        """Count documents.

        Args:
            counts: what `Bm25Encoder.count_documents` returned.
            terms: whether to keep the terms too; finding them takes about as long as counting.
        """
        builder = StatisticsBuilder(terms=terms)
        builder.add(counts)
        return builder.result()

    @property
    def average_length(self) -> float:
        """The mean length of documents with at least one term, in tokens: what avg_len should be."""
        return self.total_length / self.document_count if self.document_count else 0.0

    @property
    def term_ids(self) -> Array:
        """The ids of all terms, uint32, ascending."""
        return _read_only(self._frequencies.term_ids)

    @property
    def document_frequencies(self) -> Array:
        """For each of `term_ids`, the documents that have it, int64."""
        return _read_only(self._frequencies.document)

    @property
    def collection_frequencies(self) -> Array:
        """For each of `term_ids`, its occurrences in all documents, int64."""
        return _read_only(self._frequencies.collection)

    def __len__(self) -> int:
        return len(self._frequencies.term_ids)

    def __repr__(self) -> str:
        return (
            f"<CorpusStatistics of {self.document_count} documents, {self.empty_count} empty ones, "
            f"{len(self)} terms, average length {self.average_length:.1f}>"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CorpusStatistics):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _TOTALS) and all(
            np.array_equal(mine, theirs)
            for mine, theirs in zip(self._frequencies, other._frequencies, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: CorpusStatistics) -> CorpusStatistics:
        """Return the statistics of both corpora together."""
        if not isinstance(other, CorpusStatistics):
            return NotImplemented
        return self._combined(other, 1)

    def __sub__(self, other: CorpusStatistics) -> CorpusStatistics:
        """Return the statistics without those of a part of the corpus.

        Raises:
            Bm25InputError: `other` is no part of it: something would be below zero; it names the term.
        """
        if not isinstance(other, CorpusStatistics):
            return NotImplemented
        return self._combined(other, -1)

    def _combined(self, other: CorpusStatistics, sign: int) -> CorpusStatistics:
        for name in _TOTALS:
            if getattr(self, name) + sign * getattr(other, name) < 0:
                raise Bm25InputError(
                    f"cannot subtract: {name} would be {getattr(self, name)} - {getattr(other, name)}; "
                    "what is subtracted must be part of the corpus"
                )
        frequencies, bad = merge_frequencies(self._frequencies, other._frequencies, sign)
        if bad >= 0:
            raise self._below_zero(other, int(frequencies.term_ids[bad]))
        terms = self._terms_with(other)
        if sign < 0 and terms is not None:
            terms = terms.lookup(frequencies.term_ids)
        return CorpusStatistics(
            frequencies,
            **{name: getattr(self, name) + sign * getattr(other, name) for name in _TOTALS},
            terms=terms,
        )

    def _terms_with(self, other: CorpusStatistics) -> TermDictionary | None:
        if self.terms is None or other.terms is None:
            # No documents, no terms to be missed.
            return self.terms if not len(other) else other.terms if not len(self) else None
        return self.terms.merge(other.terms)

    def _below_zero(self, other: CorpusStatistics, term_id: int) -> Bm25InputError:
        one = [term_id]
        mine, theirs = self.document_frequency(one)[0], other.document_frequency(one)[0]
        total, part = self.collection_frequency(one)[0], other.collection_frequency(one)[0]
        names = [terms.get(term_id) for terms in (other.terms, self.terms) if terms is not None]
        known = next((name for name in names if name is not None), None)
        name = f"id {term_id}" if known is None else f"{known!r} (id {term_id})"
        return Bm25InputError(
            f"cannot subtract: term {name} would have document frequency {mine} - {theirs} and collection "
            f"frequency {total} - {part}; what is subtracted must be part of the corpus"
        )

    def document_frequency(self, term_ids: Sequence[int] | Array) -> Array:
        """Return how many documents have each of the terms, int64; 0 for an unknown one."""
        return self._lookup(self._frequencies.document, term_ids)

    def collection_frequency(self, term_ids: Sequence[int] | Array) -> Array:
        """Return how often each of the terms occurs in all documents, int64; 0 for an unknown one."""
        return self._lookup(self._frequencies.collection, term_ids)

    def idf(self, term_ids: Sequence[int] | Array, formula: str = "qdrant") -> Array:
        """Return the inverse document frequency of terms, float64.

        Args:
            term_ids: in any order.
            formula: `qdrant`, `lucene` (the same), `robertson`, `atire`, `bm25+` or `bm25l`; see
                `bm25.idf.IDF_FORMULAS` for what they are.
        """
        return inverse_document_frequency(self.document_count, self.document_frequency(term_ids), formula)

    def _lookup(self, values: Array, term_ids: Sequence[int] | Array) -> Array:
        return lookup(self._frequencies.term_ids, values, as_ids(term_ids))

    def term(self, term_id: int) -> TermStatistics:
        """Return the statistics of one term; document frequency 0 for an unknown one."""
        return self._describe(np.array([term_id]))[0]

    def top(self, limit: int = 10, *, by: str = "document_frequency") -> list[TermStatistics]:
        """Return the most frequent terms, the most frequent first, equal ones by ascending id.

        Args:
            limit: at most so many.
            by: `document_frequency` or `collection_frequency`.
        """
        if by not in ORDERS:
            raise Bm25ConfigError(f"by must be one of {', '.join(ORDERS)}, got {by!r}")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise Bm25ConfigError(f"limit must be an integer of at least 0, got {limit!r}")
        values = self._frequencies.document if by == "document_frequency" else self._frequencies.collection
        return self._describe(self._frequencies.term_ids[_largest(values, limit)])

    def _describe(self, term_ids: Array) -> list[TermStatistics]:
        terms: Any = self.terms if self.terms is not None else {}
        columns = (self.document_frequency(term_ids), self.collection_frequency(term_ids), self.idf(term_ids))
        return [
            TermStatistics(term_id, terms.get(term_id), *values)
            for term_id, *values in zip(term_ids.tolist(), *(c.tolist() for c in columns), strict=True)
        ]

    def diff(self, other: CorpusStatistics, limit: int = 10) -> StatisticsDifference:
        """Return what this corpus has more than `other`, with the `limit` largest changes of terms."""
        ids = np.union1d(self._frequencies.term_ids, other._frequencies.term_ids)
        before, after = other.document_frequency(ids), self.document_frequency(ids)
        changed = (before != after) | (other.collection_frequency(ids) != self.collection_frequency(ids))
        largest = _largest(np.abs(after - before), limit)
        largest = largest[after[largest] != before[largest]]
        mine: Any = self.terms if self.terms is not None else {}
        theirs: Any = other.terms if other.terms is not None else {}
        return StatisticsDifference(
            self.document_count - other.document_count,
            self.empty_count - other.empty_count,
            self.total_length - other.total_length,
            self.average_length - other.average_length,
            new_terms=int((before == 0).sum()),
            lost_terms=int((after == 0).sum()),
            changed_terms=int((changed & (before > 0) & (after > 0)).sum()),
            largest=tuple(
                TermChange(i, mine.get(i) or theirs.get(i), b, a)
                for i, b, a in zip(
                    ids[largest].tolist(), before[largest].tolist(), after[largest].tolist(), strict=True
                )
            ),
        )

    def apply_idf(self, vectors: SparseVectors, *, formula: str = "qdrant") -> SparseVectors:
        """Return vectors with the idf multiplied in, for a store that has no IDF modifier.

        Multiply either documents or queries, never both, and neither for a Qdrant collection whose sparse
        vector has ``modifier: idf``: each would square the idf. The result carries the formula's name in
        `idf`, by which the code of `bm25.qdrant` refuses it there.

        Args:
            vectors: of documents or of queries.
            formula: as for `idf`.

        Raises:
            Bm25InputError: the idf is multiplied into these vectors already.
        """
        if not isinstance(vectors, SparseVectors):
            raise Bm25InputError(f"expected SparseVectors, got {type(vectors).__name__}")
        if vectors.idf is not None:
            raise Bm25InputError(
                f"the idf ({vectors.idf}) is multiplied into these vectors already; twice would square it"
            )
        values = vectors.values * self.idf(vectors.indices, formula).astype(np.float32)
        return SparseVectors(vectors.indptr, vectors.indices, values, vectors.valid, idf=formula)

    def to_arrow(self) -> pa.Table:
        """Return a table of term_id, document_frequency, collection_frequency and, if known, term.

        Rows ascend by term id. Where several terms share an id, `term` is the least of them.
        """
        columns: dict[str, Any] = {
            "term_id": self.term_ids,
            "document_frequency": self.document_frequencies,
            "collection_frequency": self.collection_frequencies,
        }
        if self.terms is not None:
            places = np.searchsorted(self.terms.ids, self._frequencies.term_ids)
            known = np.isin(self._frequencies.term_ids, self.terms.ids)
            columns["term"] = self.terms.terms.take(pa.array(places, mask=~known))
        return pa.table(columns)


class StatisticsBuilder:
    """Counts documents as they come, in memory that depends on the vocabulary alone.

    Args:
        terms: whether to keep the terms too.
    """

    def __init__(self, *, terms: bool = True) -> None:
        self._accumulator = FrequencyAccumulator()
        self._documents = 0
        self._empty = 0
        self._length = 0
        self._terms = TermIndex() if terms else None

    def add(self, counts: TermCounts) -> None:
        """Count some documents.

        Raises:
            Bm25InputError: they are no `TermCounts`, or hold what is no term id; nothing was counted.
        """
        if not isinstance(counts, TermCounts):
            raise Bm25InputError(
                f"expected TermCounts, got {type(counts).__name__}; Bm25Encoder.count_documents makes them "
                "of texts"
            )
        documents = len(counts)
        with_terms = int(np.count_nonzero(counts.indptr[1:] > counts.indptr[:-1]))
        if self._terms is None:
            self._accumulator.add(counts.term_ids, counts.frequencies, documents)
        else:
            # By themselves first: that tells the distinct ids too, of which the terms are to be found.
            batch = FrequencyAccumulator()
            batch.add(counts.term_ids, counts.frequencies, documents)
            frequencies = batch.result()
            terms = counts.terms_among(frequencies.term_ids)
            if terms is not None:
                self._terms.add(terms)
            elif documents:
                self._terms = None
            self._accumulator.add_part(frequencies)
        self._documents += with_terms
        self._empty += documents - with_terms
        self._length += int(counts.lengths.sum(dtype=np.int64))

    def result(self) -> CorpusStatistics:
        """Return the statistics of what was added so far; more may be added after that."""
        return CorpusStatistics(
            self._accumulator.result(),
            document_count=self._documents,
            empty_count=self._empty,
            total_length=self._length,
            terms=None if self._terms is None else self._terms.lookup(),
        )


def as_ids(term_ids: Sequence[int] | Array) -> Array:
    """Return term ids as uint32.

    Raises:
        Bm25InputError: one is no term id.
    """
    array = np.asarray(term_ids)
    if array.ndim != 1:
        raise Bm25InputError(f"term_ids must be a sequence of ids, got {term_ids!r:.80}")
    if array.dtype == np.uint32:
        return array
    if not len(array):
        return np.empty(0, np.uint32)
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 2**31:
        raise Bm25InputError(f"term ids are integers from 0 to {2**31}, got {array.tolist()!r:.80}")
    return array.astype(np.uint32)


def lookup(known: Array, values: Array, term_ids: Array) -> Array:
    """Return for each of `term_ids` its value (int64), 0 for those that are not among `known`."""
    places = places_of(known, term_ids)
    found = np.zeros(len(term_ids), np.int64)
    hit = places >= 0
    found[hit] = values[places[hit]]
    return found


def places_of(known: Array, term_ids: Array) -> Array:
    """Return where in `known` (uint32, ascending) each of `term_ids` (uint32) is, -1 where it is not."""
    places = np.empty(len(term_ids), np.int64)
    find_places(_contiguous(known), _contiguous(term_ids), places)
    return places


def _contiguous(array: Array) -> Array:
    return _read_only(np.ascontiguousarray(array))


def _largest(values: Array, limit: int) -> Array:
    """Return the places of the largest values, the largest first, equal ones in order."""
    if limit < len(values):
        threshold = np.partition(values, len(values) - max(limit, 1))[len(values) - max(limit, 1)]
        places = np.flatnonzero(values >= threshold)
    else:
        places = np.arange(len(values))
    return places[np.argsort(-values[places], kind="stable")][:limit]


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
