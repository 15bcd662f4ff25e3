"""Compaction: several consecutive segments become one, and what cancels out or was replaced goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bm25.accumulator import Frequencies
from bm25.rows import as_array
from bm25.store.contents import Contents, TenantChanges, tenant_key
from bm25.store.layout import ledger_schema
from bm25.store.manifest import SegmentInfo, Totals
from bm25.store.segment import Segment
from bm25.store.snapshot import Snapshot, among_dropped, merge_all
from bm25.term_rows import union_all

__all__ = ["LEDGER_ROWS", "merge_ledgers", "merge_segments", "start_of_run"]

Array = np.ndarray[Any, Any]

FANOUT = 8
"""Segments of about one size that are merged: a byte is rewritten once each time a store grows eightfold."""

_SMALL = 1 << 20  # bytes: smaller segments count as one size
_MOST = 64  # segments, whatever their sizes

LEDGER_ROWS = 1 << 14  # of a record batch


def start_of_run(segments: Sequence[SegmentInfo]) -> int | None:
    """Return from which segment on to merge all, or None where there is nothing to do.

    Once there are `FANOUT` segments of about one size, with none larger after the first of them, they are
    merged, and the smaller ones between and after them too.
    """
    if not segments:
        return None
    if len(segments) > _MOST:
        return 0
    sizes = [_tier(info.bytes) for info in segments]
    for tier in sorted(set(sizes)):
        start = len(sizes)
        while start and sizes[start - 1] <= tier:
            start -= 1
        # Smaller ones do not count: they would have a large segment rewritten for a few small commits.
        if sizes[start:].count(tier) >= FANOUT:
            return start
    return None


def _tier(size: int) -> int:
    tier = 0
    while size > _SMALL:
        size //= FANOUT
        tier += 1
    return tier


def merge_segments(snapshot: Snapshot, start: int) -> Contents:
    """Return the segments from `start` to the newest as one.

    Where that is all of them, nothing older can be meant: what says "removed" goes, and so do the terms
    of no document.
    """
    segments = snapshot.segments[start:]
    everything = start == 0
    frequencies = merge_all([segment.frequencies() for segment in segments])
    terms = None
    if snapshot.manifest.terms:
        rows = (
            snapshot.term_rows(frequencies.term_ids)
            if everything
            else union_all(segment.terms for segment in segments)
        )
        terms = rows.to_arrow()
    return Contents(
        frequencies,
        _merge_tenants(segments, everything),
        terms,
        merge_ledgers(snapshot, start) if snapshot.manifest.ledger else (),
    )


def _merge_tenants(segments: Sequence[Segment], everything: bool) -> TenantChanges:
    names = sorted({name for segment in segments for name in segment.tenants})
    if not names:
        return TenantChanges()
    numbers = {name: i for i, name in enumerate(names)}
    totals = [Totals()] * len(names)
    dropped: set[int] = set()
    parts = []
    for segment in segments:
        keys = []
        for name, tenant in segment.tenants.items():
            number = numbers[name]
            totals[number] = totals[number].plus(tenant.totals)
            if tenant.dropped and not everything:
                dropped.add(number)
            mine = segment.frequencies(name)
            if len(mine.term_ids):
                keys.append((number, mine))
        if keys:
            parts.append(
                Frequencies(
                    np.concatenate([tenant_key(np.full(len(f.term_ids), n), f.term_ids) for n, f in keys]),
                    np.concatenate([f.document for _, f in keys]),
                    np.concatenate([f.collection for _, f in keys]),
                )
            )
    frequencies = merge_all(parts) if parts else Frequencies.empty()
    used = {i for i in range(len(names)) if any(totals[i])} | dropped
    used |= set(np.unique(frequencies.term_ids.astype(np.uint64) >> np.uint64(32)).astype(int).tolist())
    kept = sorted(used)
    new = np.zeros(len(names), np.uint64)
    new[kept] = np.arange(len(kept), dtype=np.uint64)
    old_keys = frequencies.term_ids.astype(np.uint64)
    ids = old_keys & np.uint64(0xFFFFFFFF)
    return TenantChanges(
        [names[i] for i in kept],
        [totals[i] for i in kept],
        {int(new[i]) for i in dropped},
        frequencies._replace(term_ids=tenant_key(new[(old_keys >> np.uint64(32)).astype(np.intp)], ids)),
    )


def merge_ledgers(snapshot: Snapshot, start: int) -> Iterator[pa.RecordBatch]:
    """Yield the ledger of the segments from `start` on, each document once."""
    # The newest first: of rows with one key, which a stable sort leaves in this order, the first counts.
    numbers = [n for n in range(len(snapshot.segments) - 1, start - 1, -1) if snapshot.segments[n].documents]
    if not numbers:
        return
    segments = [snapshot.segments[n] for n in numbers]
    # Tenants dropped after this run are still dropped by what comes after it, so only those within matter.
    dropped = [snapshot.dropped_after[n] for n in numbers]
    keys = np.concatenate([segment.keys for segment in segments])
    sizes = np.cumsum([0, *(segment.documents for segment in segments)])
    order = np.argsort(keys, kind="stable")
    schema = ledger_schema(snapshot.manifest.fields)
    at = 0
    while at < len(order):
        end = min(at + LEDGER_ROWS, len(order))
        while end < len(order) and keys[order[end]] == keys[order[end - 1]]:
            end += 1
        yield from _merged_block(order[at:end], keys, sizes, segments, dropped, start == 0, schema)
        at = end


def _merged_block(
    order: Array,
    keys: Array,
    sizes: Array,
    segments: Sequence[Segment],
    dropped: Sequence[frozenset[str]],
    everything: bool,
    schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    of_segment = np.searchsorted(sizes, order, "right") - 1
    tables, places, keep = [], [], []
    for number in np.unique(of_segment).tolist():
        mine = np.flatnonzero(of_segment == number)
        table = segments[number].take(order[mine] - sizes[number])
        tables.append(table)
        places.append(mine)
        keep.append(~among_dropped(table, dropped[number]))
    place = np.concatenate(places)
    inverse = np.empty(len(place), np.int64)
    inverse[place] = np.arange(len(place))
    table = pa.concat_tables(tables).combine_chunks()
    # Of several rows with one id the first counts, even where it is of a tenant that was dropped later.
    alive = np.concatenate(keep)[inverse]
    chosen = _newest(keys[order], table, inverse)
    if everything:
        chosen &= alive & ~np.array(table.column("removed").to_pylist(), bool)[inverse]
    rows = inverse[chosen]
    if len(rows):
        if not np.array_equal(rows, np.arange(table.num_rows)):
            table = table.take(as_array(rows))
        if not alive[chosen].all():
            table = _marked_removed(table, ~alive[chosen])
        yield from table.combine_chunks().cast(schema).to_batches()


def _marked_removed(table: pa.Table, gone: Array) -> pa.Table:
    """Return rows of a ledger where those of `gone` say "removed": an older segment may have them too."""
    rows = pa.array(np.arange(len(gone)), mask=gone)
    removed = pa.array(np.array(table.column("removed").to_pylist(), bool) | gone)
    kept = {"key": table.column("key"), "document_id": table.column("document_id"), "removed": removed}
    return pa.table({name: kept.get(name, table.column(name).take(rows)) for name in table.column_names})


def _newest(keys: Array, table: pa.Table, inverse: Array) -> Array:
    """Tell for rows by ascending key, the newer first, which are the newest of their document."""
    newest = np.ones(len(keys), bool)
    shared = np.zeros(len(keys), bool)
    same = keys[1:] == keys[:-1]
    shared[1:] |= same
    shared[:-1] |= same
    places = np.flatnonzero(shared)
    if not len(places):
        return newest
    ids = table.column("document_id").take(as_array(inverse[places])).to_pylist()
    seen: set[str] = set()  # an id has one key, so all of a block can be in one set
    for at, value in zip(places.tolist(), ids, strict=True):
        newest[at] = value not in seen
        seen.add(value)
    return newest
