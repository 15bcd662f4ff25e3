"""Documents read from a ledger, one by id or all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bm25.counts import TermCounts
from bm25.store import documents as docs
from bm25.store.snapshot import Snapshot, alive_rows

__all__ = ["LedgerBatch", "LedgerEntry", "read_document", "read_documents"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A document as the ledger has it.

    Attributes:
        document_id: its id, as a string.
        tenant: its tenant, None for none.
        epoch: number of the epoch that its vector is of.
        length: its tokens, of all fields.
        counts: term id -> frequency, over all fields.
        fields: the same for each field of the store; empty where it has none.
    """

    document_id: str
    tenant: str | None
    epoch: int
    length: int
    counts: dict[int, int]
    fields: dict[str, dict[int, int]]

    def as_counts(self) -> TermCounts:
        """Return its counts over all fields, without terms."""
        return TermCounts(
            np.array([0, len(self.counts)], np.int64),
            np.array([*self.counts], np.uint32),
            np.array([*self.counts.values()], np.uint32),
            np.array([self.length], np.uint32),
        )


class LedgerBatch(NamedTuple):
    """Some documents of the ledger, in the order of their keys; `fields` as in `add`, or empty."""

    document_ids: list[str]
    counts: TermCounts
    tenants: list[str | None]
    epochs: list[int]
    fields: dict[str, TermCounts]


def read_document(snapshot: Snapshot, document_id: int | str) -> LedgerEntry | None:
    """Return what the ledger has of a document, None for an unknown one."""
    ids = docs.document_ids([document_id])
    found = snapshot.find(docs.document_keys(ids), ids)
    if found.rows[0] < 0:
        return None
    segment = snapshot.segments[int(found.segments[0])]
    table = segment.take(found.rows)
    fields = segment.counts(table)
    whole = docs.add_fields(fields)
    names = snapshot.manifest.fields
    return LedgerEntry(
        ids[0],
        table.column("tenant")[0].as_py(),
        max(table.column("epoch")[0].as_py(), snapshot.manifest.least_epoch),
        int(whole.lengths[0]),
        _as_dict(whole),
        {name: _as_dict(counts) for name, counts in zip(names, fields, strict=bool(names))},
    )


def read_documents(snapshot: Snapshot) -> Iterator[LedgerBatch]:
    """Yield all documents, some at a time."""
    names, least = snapshot.manifest.fields, snapshot.manifest.least_epoch
    for segment, table in alive_rows(snapshot):
        fields = [_with_terms(counts, snapshot) for counts in segment.counts(table)]
        yield LedgerBatch(
            table.column("document_id").to_pylist(),
            _with_terms(docs.add_fields(fields), snapshot),
            table.column("tenant").to_pylist(),
            [max(epoch, least) for epoch in table.column("epoch").to_pylist()],
            dict(zip(names, fields, strict=True)) if names else {},
        )


def _with_terms(counts: TermCounts, snapshot: Snapshot) -> TermCounts:
    """Return counts that know the store's terms, found when asked for."""
    if not snapshot.manifest.terms:
        return counts
    arrays = (counts.indptr, counts.term_ids, counts.frequencies, counts.lengths, counts.valid)
    return TermCounts(*arrays, terms=snapshot.terms)


def _as_dict(counts: TermCounts) -> dict[int, int]:
    ids, frequencies = counts[0]
    return dict(zip(ids.tolist(), frequencies.tolist(), strict=True))
