"""JSON lines: blocks of lines through pyarrow's parser, under a schema that the first block fixes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.json

from bm25.errors import Bm25InputError
from bm25.files.columns import ColumnSpec
from bm25.files.json_rows import conform, decode_row, infer_schema
from bm25.files.lines import LineBlock, RowFault, line_blocks
from bm25.files.skipped import SkippedLines
from bm25.files.source import ByteSource

__all__ = ["JsonLines"]

_LINE_WITH_CONTENT = re.compile(rb"[^\s][^\n]*")


class JsonLines:
    """The record batches of a file of JSON objects, one a line.

    Attributes:
        schema: of every batch. The one given, else fixed by the first block.
    """

    def __init__(
        self,
        source: ByteSource,
        *,
        schema: pa.Schema | None,
        columns: list[ColumnSpec] | None,
        text_column: str | None,
        skip_errors: bool,
        skipped: SkippedLines,
        block_bytes: int,
    ) -> None:
        self._source = source
        self._strict = columns is None
        self._text_column = text_column
        self._skip_errors = skip_errors
        self._skipped = skipped
        self._blocks = line_blocks(source, block_bytes)
        self._first = next(self._blocks, None)
        rows = [] if self._first is None else _readable_rows(self._first)
        self.schema = schema or infer_schema(rows, columns, text_column)
        if self._first is not None and not len(self.schema):
            self._explain_nothing_found(self._first)
        self._parse_options = pa.json.ParseOptions(
            explicit_schema=self.schema, unexpected_field_behavior=self._unexpected_fields()
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches, one for each block that holds any row."""
        if self._first is None:
            return
        block: LineBlock | None = self._first
        self._first = None
        while block is not None:
            batch = self._parse(block)
            if batch.num_rows:
                yield batch
            del batch
            block = next(self._blocks, None)

    def _unexpected_fields(self) -> str:
        if self._strict:
            return "error"
        # "ignore" would also drop, unseen, new fields inside the objects that are kept.
        nested = any(pa.types.is_nested(field.type) for field in self.schema)
        return "infer" if nested else "ignore"

    def _explain_nothing_found(self, block: LineBlock) -> None:
        # Without a single column nothing was readable, or nothing that was asked for is there.
        if not self._skip_errors:
            for number, line in block.lines():
                if line.strip():
                    self._decode(number, line)

    def _parse(self, block: LineBlock) -> pa.RecordBatch:
        if block.valid_utf8():
            batch = self._parse_compiled(block)
            if batch is not None:
                return batch
        return self._parse_line_by_line(block)

    def _parse_compiled(self, block: LineBlock) -> pa.RecordBatch | None:
        """Return the block's rows, or None where its lines have to be looked at one by one."""
        read_options = pa.json.ReadOptions(use_threads=False, block_size=len(block.view))
        try:
            table = pa.json.read_json(
                pa.BufferReader(pa.py_buffer(block.view)),
                read_options=read_options,
                parse_options=self._parse_options,
            )
        except (pa.ArrowException, UnicodeDecodeError):
            return None
        # The parser takes any white space between objects. A line that holds two, or an object that
        # spans lines, would be read or refused depending on where the block was cut.
        if table.num_rows != block.line_count and table.num_rows != _lines_with_content(block):
            return None
        if table.schema.names != self.schema.names and set(self.schema.names) <= set(table.schema.names):
            table = table.select(self.schema.names)
        if not table.schema.equals(self.schema):
            return None
        return _single_batch(table, self.schema)

    def _parse_line_by_line(self, block: LineBlock) -> pa.RecordBatch:
        rows = []
        for number, line in block.lines():
            if line.strip():
                row = self._decode(number, line)
                if row is not None:
                    rows.append(row)
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)

    def _decode(self, number: int, line: bytes) -> dict[str, object] | None:
        try:
            return conform(decode_row(line), self.schema, strict=self._strict, text_column=self._text_column)
        except RowFault as fault:
            message = f"{self._source.name}: line {number}: {fault}"
            if not self._skip_errors:
                raise Bm25InputError(message) from None
            self._skipped.add(message)
            return None


def _readable_rows(block: LineBlock) -> Iterator[dict[str, object]]:
    for _, line in block.lines():
        if line.strip():
            try:
                yield decode_row(line)
            except RowFault:
                continue


def _lines_with_content(block: LineBlock) -> int:
    return sum(1 for _ in _LINE_WITH_CONTENT.finditer(block.view))


def _single_batch(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=schema)
