"""Parquet and Arrow files, read in batches of about equal size however they were written."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from bm25.errors import Bm25InputError
from bm25.files.columns import ColumnSpec, decode_dictionaries, require_column
from bm25.files.source import ByteSource

__all__ = ["ArrowFile", "ArrowStream", "NoRows", "ParquetRows", "rebatched"]

_MAPPED_BYTES = 64 << 20


class ParquetRows:
    """The record batches of a Parquet file, a few pages of a row group at a time."""

    def __init__(self, source: ByteSource, *, columns: list[ColumnSpec] | None, block_bytes: int) -> None:
        _require_file(source, "parquet")
        self._source = source
        self._block_bytes = block_bytes
        with _readable(source):
            # pre_buffer would hold whole row groups in memory.
            self._file = pa.parquet.ParquetFile(source.stream, pre_buffer=False, buffer_size=1 << 20)
        whole = self._file.schema_arrow
        self._columns = _selected(whole, columns, source.name)
        kept = whole if self._columns is None else pa.schema([whole.field(name) for name in self._columns])
        self.schema = decode_dictionaries(kept)
        self._rows_done = 0

    @property
    def bytes_read(self) -> int:
        """Bytes read, estimated by rows: the file is not read from front to back."""
        rows = int(self._file.metadata.num_rows) or 1
        return int((self._source.bytes_total or 0) * min(1.0, self._rows_done / rows))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches."""
        with _readable(self._source):
            raw = self._file.iter_batches(batch_size=self._batch_rows(), columns=self._columns)
            for batch in rebatched(raw, self.schema, self._block_bytes):
                self._rows_done += batch.num_rows
                yield batch

    def _batch_rows(self) -> int:
        metadata = self._file.metadata
        total = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        per_row = max(1, total // max(1, metadata.num_rows))
        return int(max(1, min(65536, self._block_bytes // per_row)))


class ArrowFile:
    """The record batches of an Arrow IPC file, read through a memory map.

    What has been read is unmapped now and then: mapped pages would count as memory of this process until
    all of the file is.
    """

    def __init__(self, source: ByteSource, *, columns: list[ColumnSpec] | None, block_bytes: int) -> None:
        _require_file(source, "arrow")
        self._source = source
        self._block_bytes = block_bytes
        with _readable(source):
            with open(source.name, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(self._map)))
        self._columns = _selected(self._reader.schema, columns, source.name)
        self.schema = decode_dictionaries(_select_schema(self._reader.schema, self._columns))
        self._batches_done = 0

    @property
    def bytes_read(self) -> int:
        """Bytes read, estimated by batches."""
        count = int(self._reader.num_record_batches) or 1
        return int((self._source.bytes_total or 0) * self._batches_done / count)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches."""
        mapped = 0
        with _readable(self._source):
            for batch in rebatched(self._raw(), self.schema, self._block_bytes):
                yield batch
                mapped += batch.nbytes
                if mapped > _MAPPED_BYTES and hasattr(self._map, "madvise"):
                    self._map.madvise(mmap.MADV_DONTNEED)  # what is still in use is mapped again
                    mapped = 0

    def _raw(self) -> Iterator[pa.RecordBatch]:
        for i in range(self._reader.num_record_batches):
            batch = self._reader.get_batch(i)
            yield batch if self._columns is None else batch.select(self._columns)
            self._batches_done = i + 1


class ArrowStream:
    """The record batches of an Arrow IPC stream; the only columnar format that a pipe can carry."""

    def __init__(self, source: ByteSource, *, columns: list[ColumnSpec] | None, block_bytes: int) -> None:
        self._source = source
        self._block_bytes = block_bytes
        with _readable(source):
            self._reader = pa.ipc.open_stream(source.stream)
        self._columns = _selected(self._reader.schema, columns, source.name)
        self.schema = decode_dictionaries(_select_schema(self._reader.schema, self._columns))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches."""
        with _readable(self._source):
            yield from rebatched(self._raw(), self.schema, self._block_bytes)

    def _raw(self) -> Iterator[pa.RecordBatch]:
        for batch in self._reader:
            yield batch if self._columns is None else batch.select(self._columns)


class NoRows:
    """A file without a single byte among others that say what the columns are."""

    def __init__(self, source: ByteSource, schema: pa.Schema | None) -> None:
        if schema is None:
            raise Bm25InputError(f"{source.name}: cannot be read: the file is empty")
        self.schema = schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield nothing."""
        yield from ()


def rebatched(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, block_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Slice large batches and join small ones to about `block_bytes`, dictionaries decoded."""
    waiting: list[pa.RecordBatch] = []
    waiting_bytes = 0
    for batch in batches:
        for piece in _slices(batch, block_bytes):
            plain = _decoded(piece, schema)
            waiting.append(plain)
            waiting_bytes += plain.nbytes
            if waiting_bytes >= block_bytes // 2:
                yield _joined(waiting)
                waiting, waiting_bytes = [], 0
    if waiting_bytes or any(batch.num_rows for batch in waiting):
        yield _joined(waiting)


def _slices(batch: pa.RecordBatch, block_bytes: int) -> Iterator[pa.RecordBatch]:
    pieces = -(-batch.nbytes // block_bytes) or 1
    rows = -(-batch.num_rows // pieces) or 1
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _decoded(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if batch.schema.types == schema.types:
        return batch
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _selected(schema: pa.Schema, columns: list[ColumnSpec] | None, where: str) -> list[str] | None:
    if columns is None:
        return None
    for spec in columns:
        require_column(spec.name, schema.names, where)
        if spec.type is not None:
            raise Bm25InputError(
                f"{where}: column {spec.name!r} has the type {schema.field(spec.name).type} already; "
                "types can be given for JSON lines and CSV only"
            )
    return [spec.name for spec in columns]


def _select_schema(schema: pa.Schema, names: list[str] | None) -> pa.Schema:
    return schema if names is None else pa.schema([schema.field(name) for name in names])


def _require_file(source: ByteSource, name: str) -> None:
    if not source.seekable or source.compression:
        raise Bm25InputError(
            f"{source.name}: the format {name} needs a plain file, not a pipe or a compressed one; "
            "a pipe can carry an Arrow stream (arrows), JSON lines, CSV or text"
        )


class _readable:
    """Turn what Arrow says of a broken file into an error that names the file."""

    def __init__(self, source: ByteSource) -> None:
        self._name = source.name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, pa.ArrowException | OSError):
            raise Bm25InputError(f"{self._name}: cannot be read: {' '.join(str(error).split())}") from None
