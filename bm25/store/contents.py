"""`Contents`: what a segment is to hold, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bm25.accumulator import Frequencies
from bm25.rows import as_array
from bm25.store.durable import NewFile, remove_file
from bm25.store.layout import DOCUMENTS, FREQUENCIES, SEGMENTS, TENANTS, TERMS, counts_schema, file_name
from bm25.store.manifest import FileInfo, SegmentInfo, Totals

__all__ = ["Contents", "TenantChanges", "tenant_key", "write_segment"]

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class TenantChanges:
    """Signed changes of tenants.

    Attributes:
        names: of the tenants; their places are their numbers here.
        totals: of each.
        dropped: numbers of those dropped whole.
        frequencies: by number and term id in one, see `tenant_key`; uint64, ascending.
    """

    names: list[str] = field(default_factory=list)
    totals: list[Totals] = field(default_factory=list)
    dropped: set[int] = field(default_factory=set)
    frequencies: Frequencies = field(default_factory=Frequencies.empty)

    def sorted(self) -> TenantChanges:
        """Return the same, tenants in ascending order of their names."""
        order = sorted(range(len(self.names)), key=self.names.__getitem__)
        if order == list(range(len(order))):
            return self
        new = np.empty(len(order), np.uint64)
        new[order] = np.arange(len(order), dtype=np.uint64)
        keys = self.frequencies.term_ids
        keys = (new[(keys >> np.uint64(32)).astype(np.intp)] << np.uint64(32)) | (
            keys & np.uint64(0xFFFFFFFF)
        )
        rows = np.argsort(keys, kind="stable")
        return TenantChanges(
            [self.names[i] for i in order],
            [self.totals[i] for i in order],
            {int(new[i]) for i in self.dropped},
            Frequencies(keys[rows], self.frequencies.document[rows], self.frequencies.collection[rows]),
        )


def tenant_key(numbers: Array, term_ids: Array) -> Array:
    """Return tenants' numbers and term ids in one, uint64: ascending by tenant, then by id."""
    return (numbers.astype(np.uint64) << np.uint64(32)) | term_ids


@dataclass(slots=True)
class Contents:
    """Signed changes of the whole corpus and of tenants, new terms, and rows of the ledger.

    `terms` is a table with the columns of `TERMS`, sorted by both; `ledger` record batches by ascending key.
    """

    frequencies: Frequencies
    tenants: TenantChanges
    terms: pa.Table | None
    ledger: Iterable[pa.RecordBatch] = ()


def write_segment(
    directory: Path, name: str, sequence: int, contents: Contents, fields: tuple[str, ...]
) -> SegmentInfo | None:
    """Write the files of a segment, each on disk when this returns; None where there is nothing to write.

    Where that fails, none of them is left.
    """
    files: dict[str, FileInfo] = {}
    tenants = contents.tenants.sorted()
    frequencies = _frequencies(contents.frequencies, tenants.frequencies)
    with _Writers(directory / SEGMENTS, name, files) as writers:
        if frequencies.num_rows:
            writers.write("frequencies", frequencies)
        if contents.terms is not None and contents.terms.num_rows:
            [terms] = contents.terms.cast(TERMS).combine_chunks().to_batches()
            writers.write("terms", terms)
        if tenants.names:
            writers.write("tenants", _tenants(tenants, len(contents.frequencies.term_ids)))
        counts = counts_schema(fields).names
        for batch in contents.ledger:
            writers.write("documents", batch.select(DOCUMENTS.names))
            writers.write("counts", batch.select(counts))
    return SegmentInfo(name, sequence, len(contents.frequencies.term_ids), files) if files else None


class _Writers:
    """Files of one segment that are being written, by kind."""

    def __init__(self, directory: Path, name: str, files: dict[str, FileInfo]) -> None:
        self._directory = directory
        self._name = name
        self._files = files
        self._open: dict[str, tuple[NewFile, Any]] = {}
        self._rows: dict[str, int] = {}

    def write(self, kind: str, batch: pa.RecordBatch) -> None:
        if kind not in self._open:
            file = NewFile(self._directory / file_name(self._name, kind))
            self._open[kind] = file, pa.ipc.new_file(pa.PythonFile(file, mode="w"), batch.schema)
            self._rows[kind] = 0
        self._open[kind][1].write_batch(batch)
        self._rows[kind] += batch.num_rows

    def __enter__(self) -> _Writers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        try:
            for name, (file, writer) in self._open.items():
                if kind is None:
                    writer.close()
                    digest = file.finish()
                    self._files[name] = FileInfo(file.bytes, self._rows[name], digest)
        except BaseException:
            kind = BaseException
            raise
        finally:
            for file, _ in self._open.values():
                file.close()
                if kind is not None:
                    remove_file(file.path)


def _frequencies(whole: Frequencies, tenants: Frequencies) -> pa.RecordBatch:
    ids = (tenants.term_ids & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    columns = [
        (whole.term_ids, ids), (whole.document, tenants.document), (whole.collection, tenants.collection)
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(
        [
            as_array(np.concatenate(pair) if len(pair[1]) else np.ascontiguousarray(pair[0]))
            for pair in columns
        ],
        schema=FREQUENCIES,
    )


def _tenants(tenants: TenantChanges, first_row: int) -> pa.RecordBatch:
    numbers = np.arange(len(tenants.names) + 1, dtype=np.uint64) << np.uint64(32)
    bounds = np.searchsorted(tenants.frequencies.term_ids, numbers)
    rows: list[list[Any]] = [
        [
            name,
            i in tenants.dropped,
            *tenants.totals[i],
            first_row + int(bounds[i]),
            int(bounds[i + 1] - bounds[i]),
        ]
        for i, name in enumerate(tenants.names)
    ]
    columns = [
        pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), TENANTS, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=TENANTS)
