"""`open_output`: record batches into a Parquet or Arrow file that appears whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import secrets
import stat
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from os import PathLike, fspath
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from bm25.errors import Bm25ConfigError, Bm25InputError
from bm25.files.formats import output_format

__all__ = ["OutputWriter", "open_output"]

_COMPRESSIONS = {
    "parquet": ("zstd", "snappy", "gzip", "lz4", "brotli", "none"),
    "arrow": ("none", "lz4", "zstd"),
    "arrows": ("none", "lz4", "zstd"),
}
_ROW_GROUP_BYTES = 16 << 20

# What a full disk, a quota and a limit on file sizes say, and what pyarrow makes of it.
_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class OutputWriter:
    """An output being written: a context manager with `write`.

    The bytes go to a temporary file beside the destination, which is renamed over it at the end. If
    anything is raised inside the ``with`` block, the temporary file is removed and what was under
    the final name is left as it was.

    Attributes:
        name: the path, or "standard output".
        format: parquet, arrow (IPC file) or arrows (IPC stream).
    """

    def __init__(self, path: str, schema: pa.Schema, format: str, compression: str | None) -> None:
        self.name = "standard output" if path == "-" else path
        self.format = format
        self._writing = threading.Lock()
        self._destination = _Destination(path)
        try:
            self._sink = _Sink(self._destination.stream(), schema, format, compression)
        except BaseException:
            self._destination.discard()
            raise

    def write(self, batch: pa.RecordBatch) -> None:
        """Write one batch.

        Raises:
            Bm25InputError: the disk is full, or the file cannot be written for another reason.
        """
        try:
            with self._writing:
                self._sink.write(batch)
        except OSError as error:
            raise self._explain(error) from None

    def __enter__(self) -> OutputWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._abandon()
            return
        try:
            self._sink.close()
            self._destination.commit()
        except BaseException as failure:
            self._abandon()
            if isinstance(failure, OSError):
                raise self._explain(failure) from None
            raise

    def _abandon(self) -> None:
        # A file must not be closed under a thread that is stuck writing to it.
        if self._writing.acquire(blocking=False):
            # Whatever closing says now matters less than the error that led here.
            with suppress(OSError, pa.ArrowException):
                self._sink.abandon()
            self._writing.release()
        self._destination.discard()

    def _explain(self, error: OSError) -> Exception:
        if isinstance(error, BrokenPipeError) or error.errno == errno.EPIPE:
            return BrokenPipeError(errno.EPIPE, "the reader of the output has gone")
        if error.errno in _FULL:
            reason = os.strerror(error.errno)
            return Bm25InputError(
                f"{self.name}: {reason[0].lower()}{reason[1:]}; nothing was kept; make room, or write "
                "elsewhere or compressed (zstd)"
            )
        return Bm25InputError(f"{self.name}: cannot be written: {error}")


def open_output(
    path: str | PathLike[str],
    schema: pa.Schema,
    *,
    format: str | None = None,
    compression: str | None = None,
    inputs: Iterable[str | PathLike[str]] = (),
) -> OutputWriter:
    """Open a file for record batches of `schema`; use it in a ``with`` statement.

    Args:
        path: the destination, or ``"-"`` for an Arrow stream on standard output.
        schema: of all batches to come.
        format: parquet, arrow (IPC file) or arrows (IPC stream); by default what the name says.
        compression: zstd (the default for Parquet), none (the default for Arrow), lz4, and for
            Parquet also snappy, gzip and brotli.
        inputs: files that must not be overwritten.

    Raises:
        Bm25ConfigError: an unknown format or compression, or one that does not fit the destination.
        Bm25InputError: a directory that does not exist, or a destination that is one of the `inputs`.
    """
    path = fspath(path)
    kind = output_format(path, format)
    if kind != "arrows" and path == "-":
        raise Bm25ConfigError(f"the format {kind} cannot be piped; a pipe carries an Arrow stream (arrows)")
    allowed = _COMPRESSIONS[kind]
    compression = allowed[0] if compression is None else compression
    if compression not in allowed:
        raise Bm25ConfigError(
            f"unknown compression {compression!r} for {kind}; allowed: {', '.join(allowed)}"
        )
    for source in inputs:
        if _same_file(path, fspath(source)):
            raise Bm25InputError(f"{path}: is an input as well; write to another file")
    try:
        return OutputWriter(path, schema, kind, None if compression == "none" else compression)
    except OSError as error:
        raise Bm25InputError(f"{path}: cannot be written: {error.strerror or error}") from None


class _Sink:
    """Batches to bytes."""

    def __init__(self, stream: Any, schema: pa.Schema, format: str, compression: str | None) -> None:
        self._stream = stream
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self._schema = schema
        self._grouped = format == "parquet"
        self._writer: Any
        if isinstance(stream, _DirectFile):
            stream = pa.PythonFile(stream, mode="w")
        if format == "parquet":
            self._writer = pa.parquet.ParquetWriter(
                stream,
                schema,
                compression=compression or "none",
                # Texts and weights hardly repeat: a dictionary of them costs time and saves nothing.
                use_dictionary=[name for name in _leaves(schema) if name.endswith(".indices.list.element")],
            )
        else:
            new = pa.ipc.new_file if format == "arrow" else pa.ipc.new_stream
            self._writer = new(stream, schema, options=pa.ipc.IpcWriteOptions(compression=compression))

    def write(self, batch: pa.RecordBatch) -> None:
        if not self._grouped:
            self._writer.write_batch(batch)
            return
        # Row groups of the size of a batch would be too small to be read well.
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        if self._waiting_bytes >= _ROW_GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, schema=self._schema)
            self._waiting, self._waiting_bytes = [], 0
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def close(self) -> None:
        self._write_group()
        self._writer.close()
        if not self._stream.closed:
            self._stream.flush()
            self._stream.close()

    def abandon(self) -> None:
        if isinstance(self._stream, _DirectFile):
            self._stream.dropping = True
        # The writer first: it would otherwise write its footer into a closed file when collected.
        try:
            self._writer.close()
        finally:
            if not self._stream.closed:
                self._stream.close()


def _leaves(schema: pa.Schema) -> list[str]:
    return [column.path for column in _parquet_columns(schema)]


def _parquet_columns(schema: pa.Schema) -> list[Any]:
    sink = pa.BufferOutputStream()
    with pa.parquet.ParquetWriter(sink, schema):
        pass
    parquet = pa.parquet.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [parquet.column(i) for i in range(len(parquet.names))]


class _Destination:
    """Where the bytes end up, and the temporary file they wait in."""

    def __init__(self, path: str) -> None:
        self._temporary: str | None = None
        self._path = path
        if path == "-" or _is_special(path):
            return
        # A link stays a link: what it points to is replaced.
        self._path = os.path.realpath(path)
        directory, name = os.path.split(self._path)
        # Named here and created by `stream`: at any moment `discard` knows what there may be to remove.
        self._temporary = os.path.join(directory, f".{name}.{secrets.token_hex(6)}.tmp")

    def stream(self) -> Any:
        if self._path == "-":
            sys.stdout.flush()
            # Not `sys.stdout.buffer`: a thread stuck with its lock would abort the interpreter at exit.
            return _DirectFile(io.FileIO(sys.stdout.fileno(), "wb", closefd=False))
        if self._temporary is None:
            return _DirectFile(io.FileIO(self._path, "wb"))
        mode = stat.S_IMODE(os.stat(self._path).st_mode) if os.path.exists(self._path) else 0o666
        os.close(os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        return pa.OSFile(self._temporary, "wb")

    def commit(self) -> None:
        if self._temporary is None:
            return
        _sync(self._temporary)
        os.replace(self._temporary, self._path)
        self._temporary = None
        # The file is there, complete, under its name; not every file system syncs a directory.
        with suppress(OSError):
            _sync(os.path.dirname(self._path))

    def discard(self) -> None:
        if self._temporary is not None:
            # Where the file could not be created, removing it fails too, and says less.
            with suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = None


class _DirectFile:
    """Standard output, a pipe or a device, which has no position for Arrow to ask for.

    Attributes:
        closed: whether it is.
        dropping: whether to write nothing any more. What Arrow writes when it closes a file would wait for
            a reader that has stalled, and make what is incomplete look complete.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.dropping = False

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view) and not self.dropping:
            count = self._file.write(view[done:])
            if count is None:
                raise BlockingIOError(errno.EAGAIN, "it is non-blocking, and its reader is too slow")
            done += count
        return len(view)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self._file.close()


def _sync(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no directories; a mode may forbid reading
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory; name a file in it")
    return not stat.S_ISREG(mode)


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
