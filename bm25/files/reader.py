"""`open_input`: any supported file of texts as a stream of Arrow record batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from os import PathLike, fspath
from types import TracebackType
from typing import Any, Literal

import pyarrow as pa

from bm25.errors import Bm25ConfigError, Bm25InputError
from bm25.files.columnar import ArrowFile, ArrowStream, NoRows, ParquetRows
from bm25.files.columns import ColumnSpec, parse_columns, require_column, require_text_column, require_unicode
from bm25.files.delimited import DelimitedRows
from bm25.files.formats import INPUT_FORMATS, format_of_bytes, input_format
from bm25.files.jsonl import JsonLines
from bm25.files.plain import PlainLines
from bm25.files.prefetch import Prefetch
from bm25.files.skipped import SkippedLines
from bm25.files.source import ByteSource

__all__ = ["DEFAULT_BLOCK_BYTES", "InputReader", "open_input"]

DEFAULT_BLOCK_BYTES = 4 << 20

_COLUMNAR = ("parquet", "arrow", "arrows")


class InputReader:
    """An open input: iterate over it once for its record batches, read ahead by one thread.

    Attributes:
        name: the path, or "standard input".
        format: one of jsonl, csv, tsv, txt, parquet, arrow, arrows.
        schema: of every batch.
        bytes_total: size of the file as stored, or None for a pipe.
        skipped: lines left out so far, with ``on_error="skip"``.
    """

    def __init__(
        self, source: ByteSource, rows: Any, format: str, skipped: SkippedLines, text_column: str | None
    ) -> None:
        self._source = source
        self._rows = rows
        self._text_column = text_column
        self._prefetch: Prefetch[pa.RecordBatch] | None = None
        self.name = source.name
        self.format = format
        self.schema: pa.Schema = rows.schema
        self.bytes_total = source.bytes_total
        self.skipped = skipped

    @property
    def bytes_read(self) -> int:
        """Bytes consumed so far, as stored; reaches `bytes_total`."""
        if hasattr(self._rows, "bytes_read"):
            return int(self._rows.bytes_read)
        return self._source.bytes_read

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if self._prefetch is not None:
            raise RuntimeError(f"{self.name} can be iterated over only once")
        batches = self._rows.batches()
        if self._text_column is not None and self.format in _COLUMNAR:
            batches = require_unicode(batches, self._text_column, self.name)
        self._prefetch = Prefetch(batches)
        return self._prefetch

    def close(self) -> None:
        """Stop reading and close the file."""
        # A file that a stuck thread reads cannot be closed under it.
        if self._prefetch is None or self._prefetch.close():
            self._source.close()

    def __enter__(self) -> InputReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_input(
    path: str | PathLike[str],
    *,
    format: str | None = None,
    schema: pa.Schema | None = None,
    columns: Sequence[str] | None = None,
    text_column: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    block_bytes: int = DEFAULT_BLOCK_BYTES,
) -> InputReader:
    """Open a file of texts, or standard input for ``"-"``.

    Text formats may be compressed with gzip, zstd, bzip2 or lz4. The format follows from the file's
    name, or, for a pipe, from its first bytes where they are unmistakable.

    Args:
        path: a file, or ``"-"``.
        format: one of jsonl, csv, tsv, txt, parquet, arrow (IPC file), arrows (IPC stream).
        schema: what every batch must have, the schema of a file read before. JSON lines are parsed
            under it; any other file that has another one is an error.
        columns: names of the columns to keep, in this order; all by default. JSON lines and CSV take
            a type too, as ``"year:int64"`` (string, int64, uint64, float64, bool).
        text_column: a column that must exist and hold text. It is read even if `columns` lacks it,
            and comes last then.
        on_error: what to do with a line that cannot be read: raise an error that names it, or skip
            and count it. Damage beyond single lines always raises.
        block_bytes: how much to parse at once, in bytes.

    Raises:
        Bm25ConfigError: an unknown `format` or `on_error`, or a column listed twice.
        Bm25InputError: the file or the column does not exist, its format cannot be told, or (while
            iterating) a line is broken; it names the file, and the line where there is one.
    """
    if on_error not in ("raise", "skip"):
        raise Bm25ConfigError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
    path = fspath(path)
    specs = parse_columns(columns, text_column)
    known = input_format(path, format)
    source = ByteSource(path)
    skipped = SkippedLines()
    try:
        name = known or _detect(source)
        rows = _rows(name, source, schema, specs, text_column, on_error == "skip", skipped, block_bytes)
        _check_columns(rows, specs, text_column, source)
        if schema is not None:
            _check_schema(rows, schema, source)
    except BaseException:
        source.close()
        raise
    return InputReader(source, rows, name, skipped, text_column)


def _detect(source: ByteSource) -> str:
    with suppress(UnicodeDecodeError):
        name = format_of_bytes(source.head_decompressed())
        if name is not None:
            return name
    raise Bm25InputError(
        f"{source.name}: cannot tell the format; give it with --format: {', '.join(INPUT_FORMATS)}"
    )


def _rows(
    name: str,
    source: ByteSource,
    schema: pa.Schema | None,
    columns: list[ColumnSpec] | None,
    text_column: str | None,
    skip_errors: bool,
    skipped: SkippedLines,
    block_bytes: int,
) -> Any:
    if name in _COLUMNAR and source.bytes_total == 0:
        return NoRows(source, schema)
    if name == "parquet":
        return ParquetRows(source, columns=columns, block_bytes=block_bytes)
    if name == "arrow":
        return ArrowFile(source, columns=columns, block_bytes=block_bytes)
    if name == "arrows":
        return ArrowStream(source, columns=columns, block_bytes=block_bytes)
    lines: dict[str, Any] = {"skip_errors": skip_errors, "skipped": skipped, "block_bytes": block_bytes}
    if name == "txt":
        return PlainLines(source, **lines)
    if name == "jsonl":
        return JsonLines(source, schema=schema, columns=columns, text_column=text_column, **lines)
    return DelimitedRows(source, delimiter="\t" if name == "tsv" else ",", columns=columns, **lines)


def _check_columns(
    rows: Any, columns: list[ColumnSpec] | None, text_column: str | None, source: ByteSource
) -> None:
    if not len(rows.schema) and not source.head_decompressed().removeprefix(b"\xef\xbb\xbf").strip():
        # An empty file says nothing of its columns: it has those it is asked for, and no rows.
        names = [spec.name for spec in columns or ()] or [name for name in (text_column,) if name]
        rows.schema = pa.schema([(name, pa.string()) for name in names])
        return
    where = source.name
    names = rows.schema.names
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise Bm25InputError(
            f"{where}: there are {names.count(twice[0])} columns named {twice[0]!r}; rename one"
        )
    if text_column is not None:
        require_text_column(text_column, rows.schema, where)
    for spec in columns or ():
        require_column(spec.name, rows.schema.names, where)


def _check_schema(rows: Any, schema: pa.Schema, source: ByteSource) -> None:
    if source.bytes_total == 0:
        rows.schema = schema
    if rows.schema.equals(schema):
        return
    found, expected = ([f"{field.name}: {field.type}" for field in side] for side in (rows.schema, schema))
    raise Bm25InputError(
        f"{source.name}: has other columns than the first file: {', '.join(found)} instead of "
        f"{', '.join(expected)}; keep the columns they share (--columns), or encode it on its own"
    )
