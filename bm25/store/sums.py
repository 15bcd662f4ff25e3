"""`Sums`: signed changes of the corpus and its tenants, added up in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from bm25.accumulator import Frequencies, FrequencyAccumulator, reduce_by_key
from bm25.counts import TermCounts
from bm25.errors import Bm25InputError
from bm25.statistics import CorpusStatistics
from bm25.store import documents as docs
from bm25.store.contents import Contents, TenantChanges, tenant_key
from bm25.store.manifest import Totals
from bm25.store.snapshot import Snapshot, merge_all
from bm25.terms import TermDictionary, TermIndex

__all__ = ["NEEDS_TERMS", "Sums", "for_tenant", "negated", "new_terms", "terms_of"]

Array = np.ndarray[Any, Any]

NEEDS_TERMS = (
    "the store keeps terms. Take counts from Bm25Encoder.count_documents, or create the store with "
    "terms=False"
)


class Sums:
    """Signed changes, added up by term; see `contents`."""

    def __init__(self, keeps_terms: bool) -> None:
        self._keeps_terms = keeps_terms
        self._signs: dict[int, FrequencyAccumulator] = {}
        self._parts: dict[int, list[Frequencies]] = {1: [], -1: []}
        self._totals = Totals()
        self._names: dict[str, int] = {}
        self._tenant_totals: list[Totals] = []
        self._tenant_parts: list[Frequencies] = []
        self.terms = TermIndex()
        self._changed = False

    def __bool__(self) -> bool:
        return self._changed

    def add(
        self, fields: list[TermCounts], tenants: list[str | None], *, terms: bool = True, sign: int = 1
    ) -> None:
        """Add documents, or with sign -1 take them out."""
        if not fields or not len(fields[0]):
            return
        self._changed = True
        if terms and self._keeps_terms:
            self.terms.add(terms_of(fields))
        counts = docs.add_fields(fields)
        accumulator = self._signs.setdefault(sign, FrequencyAccumulator())
        accumulator.add(counts.term_ids, counts.frequencies, len(counts))
        with_terms = np.diff(counts.indptr) > 0
        lengths = counts.lengths.astype(np.int64)
        self._totals = self._totals.plus(_totals(with_terms, lengths), sign)
        if any(tenant is not None for tenant in tenants):
            self._add_tenants(counts, tenants, with_terms, lengths, sign)

    def _add_tenants(
        self, counts: TermCounts, tenants: list[str | None], with_terms: Array, lengths: Array, sign: int
    ) -> None:
        numbers = np.array([-1 if name is None else self._number(name) for name in tenants], np.int64)
        mine = np.flatnonzero(numbers >= 0)
        size = len(self._tenant_totals)
        columns = [
            np.bincount(numbers[mine], weights=values[mine], minlength=size).astype(np.int64).tolist()
            for values in (with_terms, ~with_terms, lengths)
        ]
        for number in np.unique(numbers[mine]).tolist():
            change = Totals(*(column[number] for column in columns))
            self._tenant_totals[number] = self._tenant_totals[number].plus(change, sign)
        chosen = docs.select(counts, mine)
        keys = tenant_key(np.repeat(numbers[mine], np.diff(chosen.indptr)), chosen.term_ids)
        self._add_tenant_part(reduce_by_key(keys, chosen.frequencies), sign)

    def change(self, statistics: CorpusStatistics, tenant: str | None, sign: int) -> None:
        """Add statistics, or with sign -1 take them out."""
        self._changed = True
        totals = Totals(statistics.document_count, statistics.empty_count, statistics.total_length)
        self._totals = self._totals.plus(totals, sign)
        frequencies = Frequencies(
            statistics.term_ids, statistics.document_frequencies, statistics.collection_frequencies
        )
        self._parts[sign].append(frequencies)
        if sign > 0 and self._keeps_terms and statistics.terms is not None:
            self.terms.add(statistics.terms)
        if tenant is not None:
            number = self._number(tenant)
            self._tenant_totals[number] = self._tenant_totals[number].plus(totals, sign)
            self._add_tenant_part(for_tenant(number, frequencies), sign)

    def contents(self, snapshot: Snapshot) -> tuple[Contents, Totals]:
        """Return what a segment must hold beside those of the snapshot, and how the totals change."""
        for sign, sums in self._signs.items():
            self._parts[sign].append(sums.result())
        self._signs = {}
        added = merge_all(self._parts[1])
        frequencies = merge_all([added, negated(merge_all(self._parts[-1]))])
        tenants = TenantChanges(list(self._names), self._tenant_totals, set(), merge_all(self._tenant_parts))
        terms = None
        if self._keeps_terms:
            # Not of what changes in sum: of two terms with one id one may come where the other goes.
            terms = new_terms(snapshot, self.terms.lookup(added.term_ids))
        return Contents(frequencies, tenants, terms), self._totals

    def _number(self, name: str) -> int:
        number = self._names.setdefault(name, len(self._names))
        if number == len(self._tenant_totals):
            self._tenant_totals.append(Totals())
        return number

    def _add_tenant_part(self, part: Frequencies, sign: int) -> None:
        self._tenant_parts.append(part if sign > 0 else negated(part))
        if len(self._tenant_parts) == 16:
            self._tenant_parts = [merge_all(self._tenant_parts)]


def new_terms(snapshot: Snapshot, terms: TermDictionary) -> pa.Table:
    """Return the rows of a dictionary that no segment has yet."""
    rows = terms.rows()
    for segment in snapshot.segments:
        rows = rows.without(segment.terms)
    return rows.to_arrow()


def terms_of(fields: list[TermCounts]) -> TermDictionary:
    """Return the terms of counts.

    Raises:
        Bm25InputError: they have none.
    """
    index = TermIndex()
    for counts in fields:
        terms = counts.terms
        if terms is None and len(counts.term_ids):
            raise Bm25InputError(
                f"these counts have no terms: from Arrow, or a tokenizer that has none; {NEEDS_TERMS}"
            )
        if terms is not None:
            index.add(terms)
    return index.lookup()


def _totals(with_terms: Array, lengths: Array) -> Totals:
    documents = int(with_terms.sum())
    return Totals(documents, len(with_terms) - documents, int(lengths.sum()))


def negated(frequencies: Frequencies) -> Frequencies:
    """Return frequencies to be taken out."""
    return Frequencies(frequencies.term_ids, -frequencies.document, -frequencies.collection)


def for_tenant(number: int, frequencies: Frequencies) -> Frequencies:
    """Return frequencies as those of the tenant of a number, see `TenantChanges`."""
    numbers = np.full(len(frequencies.term_ids), number, np.uint64)
    return frequencies._replace(term_ids=tenant_key(numbers, frequencies.term_ids))
