"""`Snapshot`: a store as it was after one commit, whatever is written meanwhile."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from functools import cached_property, reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from bm25.accumulator import Frequencies, merge_frequencies
from bm25.errors import StoreDamagedError, StoreError
from bm25.rows import as_array
from bm25.statistics import CorpusStatistics, places_of
from bm25.store.manifest import Manifest, Totals, read_manifest
from bm25.store.segment import UNKNOWN, Segment
from bm25.term_rows import TermRows, union_all
from bm25.terms import TermDictionary

__all__ = ["Found", "Snapshot", "alive_among", "alive_rows", "among_dropped", "merge_all", "open_segments"]

Array = np.ndarray[Any, Any]

_ATTEMPTS = 100


class Found(NamedTuple):
    """Where documents are: int64 arrays, the number of the segment (-1 for unknown) and the row in it."""

    segments: Array
    rows: Array


class Snapshot:
    """The segments that one manifest names, oldest first; what a later one changes does not show."""

    def __init__(self, directory: Path, manifest: Manifest, segments: Sequence[Segment]) -> None:
        self.directory = directory
        self.manifest = manifest
        self.segments = tuple(segments)

    @classmethod
    def load(cls, directory: Path, known: Sequence[Segment] = ()) -> Snapshot:
        """Open the last commit: reads the manifest, and no file that it names.

        Args:
            directory: of the store.
            known: segments that are open, and perhaps verified, already.

        Raises:
            StoreError: there is no store.
            StoreDamagedError: its manifest was altered, or a file that it names is missing.
        """
        for _ in range(_ATTEMPTS):
            manifest = read_manifest(directory)
            try:
                return cls(directory, manifest, open_segments(directory, manifest, known))
            except FileNotFoundError as error:
                # A writer has removed what its commit replaced; then there is a newer manifest.
                missing = str(error.filename)
                if read_manifest(directory) == manifest:
                    break
            except OSError as error:
                advice = ""
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    advice = "; allow more open files (ulimit -n), or have fewer segments: compact()"
                raise StoreError(f"{error.filename}: cannot be opened: {error.strerror}{advice}") from None
        raise StoreDamagedError(
            f"{missing}: is missing. StatisticsStore.recover (`bm25 stats verify --recover`) makes a new "
            "store of what is whole"
        )

    def close(self) -> None:
        """Close all files."""
        for segment in self.segments:
            segment.close()

    # Frequencies

    def frequencies(self, tenant: str | None = None) -> Frequencies:
        """Return the frequencies of the corpus or of a tenant."""
        return merge_all([segment.frequencies(tenant) for segment in self.segments])

    def statistics(self, tenant: str | None = None, *, terms: bool = True) -> CorpusStatistics:
        """Return the statistics of the corpus or of a tenant, with the terms or without."""
        frequencies = self.frequencies(tenant)
        names = self.terms(frequencies.term_ids) if terms and self.manifest.terms else None
        return CorpusStatistics(frequencies, **self.totals(tenant)._asdict(), terms=names)

    def lookup(self, term_ids: Array, tenant: str | None = None) -> tuple[Array, Array]:
        """Return (document frequencies, collection frequencies) of terms (uint32), int64."""
        document, collection = np.zeros(len(term_ids), np.int64), np.zeros(len(term_ids), np.int64)
        for segment in self.segments:
            known = segment.frequencies(tenant)
            places = places_of(known.term_ids, term_ids)
            hits = np.flatnonzero(places >= 0)
            document[hits] += known.document[places[hits]]
            collection[hits] += known.collection[places[hits]]
        return document, collection

    def totals(self, tenant: str | None = None) -> Totals:
        """Return the totals of the corpus or of a tenant; zero for an unknown one."""
        if tenant is None:
            return self.manifest.totals
        changes = [segment.tenants[tenant].totals for segment in self.segments if tenant in segment.tenants]
        return reduce(Totals.plus, changes, Totals())

    def tenants(self) -> dict[str, Totals]:
        """Return the totals of each tenant that has a document, ascending by name."""
        found: dict[str, Totals] = {}
        for segment in self.segments:
            for name, tenant in segment.tenants.items():
                found[name] = found.get(name, Totals()).plus(tenant.totals)
        return {name: found[name] for name in sorted(found) if any(found[name])}

    # Terms

    def terms(self, term_ids: Array) -> TermDictionary:
        """Return the terms of ids (uint32, ascending), so far as they are known."""
        return TermDictionary.from_rows(self.term_rows(term_ids))

    def term_rows(self, term_ids: Array) -> TermRows:
        """Return the same as rows."""
        return union_all(segment.terms.restricted(term_ids) for segment in self.segments)

    # Ledger

    def find(self, keys: Array, ids: Sequence[str]) -> Found:
        """Return where the newest row of each document is, removed ones left out.

        Args:
            keys: uint64, ascending.
            ids: the documents' ids, in the same order.
        """
        found = Found(np.full(len(keys), UNKNOWN, np.int64), np.full(len(keys), UNKNOWN, np.int64))
        open_places = np.arange(len(keys))
        for number in range(len(self.segments) - 1, -1, -1):
            if not len(open_places):
                break
            segment = self.segments[number]
            left = ids if len(open_places) == len(ids) else [ids[i] for i in open_places.tolist()]
            rows = segment.find(keys[open_places], left)
            hit = np.flatnonzero(rows >= 0)
            if len(hit):
                # A row that says "removed" ends the search too: older ones do not count.
                table = segment.take(rows[hit], ["removed", "tenant"])
                alive = alive_among(table, self.dropped_after[number])
                found.segments[open_places[hit[alive]]] = number
                found.rows[open_places[hit[alive]]] = rows[hit[alive]]
                open_places = np.delete(open_places, hit)
        return found

    @cached_property
    def dropped_after(self) -> list[frozenset[str]]:
        """For each segment, the tenants that a later one drops."""
        later: frozenset[str] = frozenset()
        result = []
        for segment in reversed(self.segments):
            result.append(later)
            later |= {name for name, tenant in segment.tenants.items() if tenant.dropped}
        return result[::-1]


def merge_all(parts: Sequence[Frequencies]) -> Frequencies:
    """Return the sum of signed frequencies."""
    left = sorted((part for part in parts if len(part.term_ids)), key=lambda part: -len(part.term_ids))
    if not left:
        return Frequencies.empty()
    while len(left) > 1:
        one, other = left.pop(), left.pop()
        left.append(merge_frequencies(one, other)[0])
        left.sort(key=lambda part: -len(part.term_ids))
    return left[0]


def open_segments(directory: Path, manifest: Manifest, known: Sequence[Segment] = ()) -> list[Segment]:
    """Open the files of all segments but those that are open already.

    Raises `FileNotFoundError` where one is gone.
    """
    there = {segment.info.name: segment for segment in known}
    return [
        there[info.name]
        if info.name in there and there[info.name].info == info
        else Segment(directory, info, manifest)
        for info in manifest.segments
    ]


def alive_rows(snapshot: Snapshot) -> Iterator[tuple[Segment, pa.Table]]:
    """Yield the rows of all documents, some at a time, each with the segment that they are of."""
    for number, segment in enumerate(snapshot.segments):
        newer = snapshot.segments[number + 1 :]
        for batch in segment.ledger():
            alive = alive_among(batch, snapshot.dropped_after[number])
            if newer:
                keys = np.asarray(batch.column("key").to_numpy())
                ids = batch.column("document_id").to_pylist()
                for other in newer:
                    alive &= other.find(keys, ids) < 0
            table = pa.Table.from_batches([batch])
            if alive.all():
                yield segment, table
            elif alive.any():
                yield segment, table.take(as_array(np.flatnonzero(alive)))


def alive_among(rows: pa.Table | pa.RecordBatch, dropped: frozenset[str]) -> Array:
    """Tell which rows of a ledger neither say "removed" nor are of a tenant that was dropped."""
    alive = ~np.array(rows.column("removed").to_pylist(), bool)
    return alive & ~among_dropped(rows, dropped)


def among_dropped(rows: pa.Table | pa.RecordBatch, dropped: frozenset[str]) -> Array:
    """Tell which rows of a ledger are of a tenant that was dropped."""
    if not dropped:
        return np.zeros(rows.num_rows, bool)
    return np.array([tenant in dropped for tenant in rows.column("tenant").to_pylist()], bool)
