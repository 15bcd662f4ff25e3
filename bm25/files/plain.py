"""Plain text: one text a line, in a column named "text"."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from bm25.errors import Bm25InputError
from bm25.files.lines import LineBlock, RowFault, decode_line, line_blocks
from bm25.files.skipped import SkippedLines
from bm25.files.source import ByteSource

__all__ = ["PlainLines"]


class PlainLines:
    """The record batches of a text file. An empty line is an empty text, so that row n is line n."""

    schema = pa.schema([("text", pa.string())])

    def __init__(
        self, source: ByteSource, *, skip_errors: bool, skipped: SkippedLines, block_bytes: int
    ) -> None:
        self._source = source
        self._skip_errors = skip_errors
        self._skipped = skipped
        self._blocks = line_blocks(source, block_bytes)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches, one for each block of lines."""
        for block in self._blocks:
            texts = self._split(block) if block.valid_utf8() else self._decode_lines(block)
            yield pa.RecordBatch.from_arrays([texts], schema=self.schema)

    def _split(self, block: LineBlock) -> pa.Array:
        # As `LineBlock.lines` does, of several carriage returns only the last one goes.
        data = bytes(block.view).replace(b"\r\n", b"\n")
        data = data[:-1] if data.endswith(b"\n") else data.removesuffix(b"\r")
        offsets = pa.py_buffer(b"\0\0\0\0" + len(data).to_bytes(4, "little"))
        whole = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(data))
        return pc.split_pattern(whole, "\n").flatten()

    def _decode_lines(self, block: LineBlock) -> pa.Array:
        texts = []
        for number, line in list(block.lines())[: block.line_count]:
            try:
                texts.append(decode_line(line))
            except RowFault as fault:
                message = f"{self._source.name}: line {number}: {fault}"
                if not self._skip_errors:
                    raise Bm25InputError(message) from None
                self._skipped.add(message)
        return pa.array(texts, pa.string())
