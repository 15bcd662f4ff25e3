"""`Segment`: what some commits changed, read from its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from bm25.accumulator import Frequencies
from bm25.counts import TermCounts
from bm25.rows import as_array
from bm25.store.damage import advice
from bm25.store.layout import DOCUMENTS, SEGMENTS, counts_schema, file_name
from bm25.store.manifest import Manifest, SegmentInfo, Totals
from bm25.store.mapped import MappedFile
from bm25.term_rows import TermRows

__all__ = ["Segment", "Tenant"]

Array = np.ndarray[Any, Any]

UNKNOWN = -1


class Tenant(NamedTuple):
    """What a segment changed of a tenant: totals, and the rows of its frequencies."""

    dropped: bool
    totals: Totals
    rows: slice


class Segment:
    """Reads nothing until asked.

    Raises `FileNotFoundError` where a file is gone: a later commit has replaced the segment.
    """

    def __init__(self, directory: Path, info: SegmentInfo, manifest: Manifest) -> None:
        self.info = info
        self._columns = counts_schema(manifest.fields).names
        self.files = {
            kind: MappedFile(
                directory / SEGMENTS / file_name(info.name, kind),
                file,
                advice({kind}, has_ledger=manifest.ledger),
            )
            for kind, file in info.files.items()
        }

    def close(self) -> None:
        """Close its files."""
        for file in self.files.values():
            file.close()

    # Frequencies

    def frequencies(self, tenant: str | None = None) -> Frequencies:
        """Return the signed changes of frequencies, of the whole corpus or of one tenant."""
        everything = self._frequencies
        if everything is None:
            return Frequencies.empty()
        rows = slice(0, self.info.rows)
        if tenant is not None:
            found = self.tenants.get(tenant)
            rows = slice(0, 0) if found is None else found.rows
        return Frequencies(*(array[rows] for array in everything))

    @cached_property
    def _frequencies(self) -> Frequencies | None:
        if "frequencies" not in self.files:
            return None
        return Frequencies(*map(_numbers, self.files["frequencies"].batch(0).columns))

    @cached_property
    def tenants(self) -> dict[str, Tenant]:
        """What it changed of each tenant, ascending by name."""
        if "tenants" not in self.files:
            return {}
        columns = [column.to_pylist() for column in self.files["tenants"].batch(0).columns]
        return {
            name: Tenant(dropped, Totals(*totals), slice(first, first + rows))
            for name, dropped, *totals, first, rows in zip(*columns, strict=True)
        }

    # Terms

    @cached_property
    def terms(self) -> TermRows:
        """The terms that came with it, over the mapped memory."""
        if "terms" not in self.files:
            return TermRows.empty()
        return TermRows.from_arrow(*self.files["terms"].batch(0).columns)

    # Ledger

    @property
    def documents(self) -> int:
        """Rows of the ledger."""
        return self.info.files["documents"].rows if "documents" in self.files else 0

    def ledger(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the record batches of the ledger, by ascending key, all columns or some."""
        for number in range(self.files["documents"].batch_count if "documents" in self.files else 0):
            yield self._batch(number, columns)

    def _batch(self, number: int, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """Return a record batch of the ledger; reads the counts only where they are among the columns."""
        batch = self.files["documents"].batch(number)
        if columns is not None and all(name in DOCUMENTS.names for name in columns):
            return batch.select(list(columns))
        counts = self.files["counts"].batch(number)
        whole = pa.RecordBatch.from_arrays(
            [*batch.columns, *counts.columns], names=[*batch.schema.names, *counts.schema.names]
        )
        return whole if columns is None else whole.select(list(columns))

    def _keys(self, number: int) -> Array:
        return _numbers(self.files["documents"].batch(number).column(0))

    @property
    def keys(self) -> Array:
        """The key of each row of the ledger, uint64, ascending."""
        parts = [self._keys(number) for number in range(self.files["documents"].batch_count)]
        return np.concatenate([np.empty(0, np.uint64), *parts])

    @cached_property
    def _starts(self) -> tuple[Array, Array]:
        """The first key and the first row of each record batch."""
        parts = [self._keys(number) for number in range(self.files["documents"].batch_count)]
        firsts = np.array([part[0] for part in parts], np.uint64)
        return firsts, np.cumsum([0, *(len(part) for part in parts)])

    def find(self, keys: Array, ids: Sequence[str]) -> Array:
        """Return the row of the ledger where each document is, -1 where it is not.

        Args:
            keys: uint64, ascending.
            ids: the documents' ids, in the same order.
        """
        rows = np.full(len(keys), UNKNOWN, np.int64)
        if not self.documents or not len(keys):
            return rows
        firsts, starts = self._starts
        # A batch may begin with the key that the one before it ends with.
        of_key = np.maximum(np.searchsorted(firsts, keys, "right") - 1, 0)
        for number in np.unique(of_key).tolist():
            mine = np.flatnonzero(of_key == number)
            known = self._keys(number)
            places = np.minimum(np.searchsorted(known, keys[mine]), len(known) - 1)
            hits = np.flatnonzero(known[places] == keys[mine])
            ids_here = self.files["documents"].batch(number).column("document_id")
            found = ids_here.take(as_array(places[hits])).to_pylist()
            for at, value in zip(hits.tolist(), found, strict=True):
                row = mine[at]
                if value == ids[row]:
                    rows[row] = starts[number] + places[at]
                else:
                    rows[row] = self._search(keys[row], ids[row])
            if number and (first := mine[keys[mine] == firsts[number]]).size:
                for row in first.tolist():
                    rows[row] = self._search(keys[row], ids[row])
        return rows

    def _search(self, key: Any, document_id: str) -> int:
        """Look through all documents with one key: more than one share it."""
        firsts, starts = self._starts
        for number in range(len(firsts)):
            if firsts[number] > key:
                break
            known = self._keys(number)
            ids = self.files["documents"].batch(number).column("document_id")
            low, high = np.searchsorted(known, key, "left"), np.searchsorted(known, key, "right")
            for place in range(int(low), int(high)):
                if ids[place].as_py() == document_id:
                    return int(starts[number] + place)
        return UNKNOWN

    def take(self, rows: Array, columns: Sequence[str] | None = None) -> pa.Table:
        """Return rows of the ledger (int64, in any order), all columns or some."""
        if (rows[1:] < rows[:-1]).any():
            order = np.argsort(rows, kind="stable")
            back = np.empty(len(order), np.int64)
            back[order] = np.arange(len(order))
            return self.take(rows[order], columns).take(as_array(back))
        _, starts = self._starts
        number_of = np.searchsorted(starts, rows, "right") - 1
        parts = []
        for number in np.unique(number_of).tolist():
            mine = rows[number_of == number] - starts[number]
            batch = self._batch(number, columns)
            if mine[-1] - mine[0] + 1 == len(mine):  # consecutive: no copy
                parts.append(batch.slice(int(mine[0]), len(mine)))
            else:
                parts.append(batch.take(as_array(mine)))
        return pa.Table.from_batches(parts)

    def counts(self, table: pa.Table | pa.RecordBatch) -> list[TermCounts]:
        """Return the counts in rows of a ledger, field by field."""
        return [TermCounts.from_arrow(table.column(name)) for name in self._columns]


def _numbers(column: pa.Array) -> Array:
    return np.asarray(column.to_numpy(zero_copy_only=True))
