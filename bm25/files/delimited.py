"""CSV and TSV. Cells stay strings as written, unless a column's type is given."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv

from bm25.errors import Bm25InputError
from bm25.files.columns import ColumnSpec, require_column
from bm25.files.lines import line_blocks
from bm25.files.skipped import SkippedLines
from bm25.files.source import ByteSource

__all__ = ["DelimitedRows"]


class DelimitedRows:
    """The record batches of a CSV file with a header.

    No type is guessed from the first rows: a guess turns "007" into 7, and fails in the middle of a
    file whose later rows are of another kind.
    """

    def __init__(
        self,
        source: ByteSource,
        *,
        delimiter: str,
        columns: list[ColumnSpec] | None,
        skip_errors: bool,
        skipped: SkippedLines,
        block_bytes: int,
    ) -> None:
        self._source = source
        self._skip_errors = skip_errors
        self._skipped = skipped
        self._delimiter = delimiter
        self._block_bytes = block_bytes
        self._names = _header(source, delimiter)
        for spec in columns or ():
            if self._names:
                require_column(spec.name, self._names, source.name)
        kept = [ColumnSpec(name) for name in self._names] if columns is None else columns
        self.schema = pa.schema([(spec.name, spec.type or pa.string()) for spec in kept])

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches as the parser cuts them."""
        if not self._names:  # an empty file
            return
        try:
            with self._open() as reader:
                for batch in reader:
                    if batch.num_rows:
                        yield batch
        except (pa.ArrowException, OSError) as error:
            raise Bm25InputError(self._explain(error)) from None

    def _open(self) -> Any:
        return pa.csv.open_csv(
            self._source.stream,
            # Without threads the parser knows the number of a row it refuses.
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=self._block_bytes),
            parse_options=pa.csv.ParseOptions(
                delimiter=self._delimiter,
                newlines_in_values=True,
                invalid_row_handler=self._skip_row if self._skip_errors else None,
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=self.schema,
                include_columns=self.schema.names,
                strings_can_be_null=False,
            ),
        )

    def _skip_row(self, row: Any) -> str:
        self._skipped.add(
            f"{self._source.name}: row {row.number}: "
            f"{row.actual_columns} cells where the header has {row.expected_columns}"
        )
        return "skip"

    def _explain(self, error: Exception) -> str:
        reason = " ".join(str(error).split())
        if "invalid UTF8" in reason:
            line = _first_undecodable_line(self._source.name) if self._source.seekable else None
            where = f"line {line}: " if line is not None else ""
            return f"{self._source.name}: {where}not valid UTF-8; convert the file to UTF-8"
        # Arrow counts the columns; their names say more.
        reason = re.sub(r"CSV column #(\d+)", lambda match: self._column_name(int(match[1])), reason)
        return f"{self._source.name}: {reason}"

    def _column_name(self, index: int) -> str:
        return f"column {self._names[index]!r}" if index < len(self._names) else f"column {index}"


def _header(source: ByteSource, delimiter: str) -> list[str]:
    """Return the names in the first row that is not empty."""
    head = source.head_decompressed().removeprefix(b"\xef\xbb\xbf")
    try:
        text = head.decode() if head.endswith(b"\n") else head[: head.rfind(b"\n") + 1 or None].decode()
    except UnicodeDecodeError:
        # Only the header must be readable here: what follows is the parser's to judge.
        text = head.lstrip(b"\r\n").split(b"\n")[0].decode(errors="replace")
    names = next((row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row), [])
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise Bm25InputError(f"{source.name}: the header names the column {twice[0]!r} twice")
    return names


def _first_undecodable_line(path: str) -> int | None:
    source = ByteSource(path)
    try:
        for block in line_blocks(source, 1 << 20):
            if not block.valid_utf8():
                for number, line in block.lines():
                    try:
                        line.decode()
                    except UnicodeDecodeError:
                        return number
    finally:
        source.close()
    return None
