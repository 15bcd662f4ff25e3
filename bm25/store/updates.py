"""`Updates`: documents that wait to be written, and what they change in a store with a ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from bm25.counts import TermCounts
from bm25.rows import as_array
from bm25.store import documents as docs
from bm25.store.compaction import LEDGER_ROWS
from bm25.store.contents import Contents
from bm25.store.layout import counts_schema, ledger_schema
from bm25.store.manifest import Manifest, Totals
from bm25.store.snapshot import Found, Snapshot
from bm25.store.sums import Sums
from bm25.terms import TermDictionary, TermIndex

__all__ = ["Updates"]

Array = np.ndarray[Any, Any]

REMOVED = (-1, -1)


class _Chunk(NamedTuple):
    fields: list[TermCounts]
    tenants: list[str | None]


class Updates:
    """Documents by id, each with its last state: the chunk and row of its counts, or removed.

    Attributes:
        entries: of all counts that wait.
    """

    def __init__(self) -> None:
        self.entries = 0
        self._places: dict[str, tuple[int, int]] = {}
        self._chunks: list[_Chunk] = []
        self._terms = TermIndex()

    def __len__(self) -> int:
        return len(self._places)

    def add(
        self,
        ids: list[str],
        fields: list[TermCounts],
        tenants: list[str | None],
        terms: TermDictionary | None,
    ) -> None:
        """Have documents wait, each in place of what waits under its id."""
        number = len(self._chunks)
        self._chunks.append(_Chunk(fields, tenants))
        if terms is not None:
            self._terms.add(terms)
        self._places.update(zip(ids, [(number, row) for row in range(len(ids))], strict=True))
        self.entries += sum(len(one.term_ids) for one in fields)

    def remove(self, ids: list[str], snapshot: Snapshot) -> list[str]:
        """Have the removal of documents wait; return those that neither wait nor are in the snapshot."""
        waiting = {value for value in ids if self._places.get(value, REMOVED) != REMOVED}
        keys, others = _by_key([value for value in ids if value not in self._places])
        found = snapshot.find(keys, others)
        there = waiting | {others[i] for i in np.flatnonzero(found.rows >= 0).tolist()}
        self._places.update(dict.fromkeys(there, REMOVED))
        return [value for value in ids if value not in there]

    def contents(self, snapshot: Snapshot, epoch: int) -> tuple[Contents | None, Totals, Counter[str]]:
        """Return what a segment must hold, how the totals change, and how many documents were what.

        Args:
            snapshot: the store as it is.
            epoch: number of the epoch that the vectors of the documents are of.
        """
        keys, ids = _by_key(list(self._places))
        places = np.array([self._places[value] for value in ids], np.int64).reshape(-1, 2)
        added, removed = np.flatnonzero(places[:, 0] >= 0), np.flatnonzero(places[:, 0] < 0)
        new = self._documents(places[added])
        found = snapshot.find(keys, ids)
        known = found.rows >= 0
        same, renewed = _unchanged(snapshot, found, added, new, epoch)
        gone = removed[known[removed]]
        replaced = added[known[added] & ~same]
        summary = Counter(
            unchanged=int(same.sum()),
            replaced=len(replaced),
            added=int((~known[added]).sum()),
            removed=len(gone),
        )
        # In the ledger: what is new or different, what was encoded again, and what is gone.
        written = np.flatnonzero(~same | renewed)
        if not len(gone) and not len(written):
            return None, Totals(), summary
        manifest = snapshot.manifest
        sums = Sums(manifest.terms)
        sums.terms = self._terms
        changed = np.flatnonzero(~same)
        sums.add([docs.select(one, changed) for one in new.fields], new.names(changed), terms=False)
        sums.add(*_read(snapshot, found, np.concatenate([replaced, gone])), terms=False, sign=-1)
        contents, totals = sums.contents(snapshot)
        contents.ledger = _ledger(manifest, epoch, keys, ids, added[written], new, written, gone)
        return contents, totals, summary

    def _documents(self, places: Array) -> _Documents:
        """Return the documents at (chunk, row)."""
        if not self._chunks:
            return _Documents([], [], [])
        starts = np.cumsum([0, *(len(chunk.tenants) for chunk in self._chunks)])
        rows = starts[places[:, 0]] + places[:, 1]
        fields = [
            docs.select(docs.concatenate(parts), rows)
            for parts in zip(*(chunk.fields for chunk in self._chunks), strict=True)
        ]
        tenants = [name for chunk in self._chunks for name in chunk.tenants]
        return _Documents(fields, [tenants[i] for i in rows.tolist()], docs.fingerprints(fields))


class _Documents(NamedTuple):
    """Documents to be added: counts field by field, tenants, digests of the counts."""

    fields: list[TermCounts]
    tenants: list[str | None]
    fingerprints: list[bytes]

    def names(self, rows: Array) -> list[str | None]:
        return [self.tenants[i] for i in rows.tolist()]


def _by_key(ids: list[str]) -> tuple[Array, list[str]]:
    """Return keys, ascending, and the ids in their order."""
    keys = docs.document_keys(ids)
    order = np.argsort(keys, kind="stable")
    return keys[order], [ids[i] for i in order.tolist()]


def _unchanged(
    snapshot: Snapshot, found: Found, added: Array, new: _Documents, epoch: int
) -> tuple[Array, Array]:
    """Tell which documents of `new`, at `added`, are as they were, and which of these were encoded anew."""
    same, renewed = np.zeros(len(added), bool), np.zeros(len(added), bool)
    least = snapshot.manifest.least_epoch
    for number in np.unique(found.segments[added]).tolist():
        if number < 0:
            continue
        rows = np.flatnonzero(found.segments[added] == number)
        segment = snapshot.segments[number]
        table = segment.take(found.rows[added[rows]], ["tenant", "epoch", "fingerprint"])
        columns = (column.to_pylist() for column in table.columns)
        for row, tenant, old_epoch, fingerprint in zip(rows.tolist(), *columns, strict=True):
            same[row] = fingerprint == new.fingerprints[row] and tenant == new.tenants[row]
            renewed[row] = same[row] and max(old_epoch, least) < epoch
    return same, renewed


def _read(snapshot: Snapshot, found: Found, places: Array) -> tuple[list[TermCounts], list[str | None]]:
    """Return counts, field by field, and tenants that the ledger has of documents, in any order."""
    fields: list[list[TermCounts]] = []
    tenants: list[str | None] = []
    for number in np.unique(found.segments[places]).tolist():
        segment = snapshot.segments[number]
        table = segment.take(found.rows[places[found.segments[places] == number]])
        fields.append(segment.counts(table))
        tenants += table.column("tenant").to_pylist()
    return [docs.concatenate(parts) for parts in zip(*fields, strict=True)], tenants


def _ledger(
    manifest: Manifest,
    epoch: int,
    keys: Array,
    ids: Sequence[str],
    places: Array,
    new: _Documents,
    rows: Array,
    gone: Array,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of documents `rows` of `new`, at `places`, and of those gone, by ascending key."""
    schema = ledger_schema(manifest.fields)
    every = np.concatenate([places, gone])
    order = np.argsort(every, kind="stable")
    for start in range(0, len(order), LEDGER_ROWS):
        block = order[start : start + LEDGER_ROWS]
        at = every[block]
        is_new = block < len(rows)
        chosen = rows[block[is_new]]
        where = pa.array(np.where(is_new, np.cumsum(is_new) - 1, 0), mask=~is_new)
        columns: list[tuple[Any, pa.DataType]] = [
            (new.names(chosen), pa.large_string()),
            ([epoch] * len(chosen), pa.int32()),
            ([new.fingerprints[i] for i in chosen.tolist()], pa.binary(16)),
        ]
        counts = [docs.select(one, chosen).to_arrow().take(where) for one in new.fields]
        yield pa.RecordBatch.from_arrays(
            [
                as_array(keys[at]),
                pa.array([ids[i] for i in at.tolist()], pa.large_string()),
                pa.array((~is_new).tolist(), pa.bool_()),
                *(pa.array(values, kind).take(where) for values, kind in columns),
                *(counts or [pa.nulls(len(block), field.type) for field in counts_schema(manifest.fields)]),
            ],
            schema=schema,
        )
