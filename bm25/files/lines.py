"""A byte stream cut into blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from bm25.errors import Bm25InputError
from bm25.files.source import ByteSource

__all__ = ["LineBlock", "RowFault", "decode_line", "line_blocks"]

_LONGEST_LINE = 1 << 30
_BOM = b"\xef\xbb\xbf"


class RowFault(Exception):
    """What is wrong with one line; the caller knows which."""


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines, lent until the next block is asked for.

    Attributes:
        first_line: number of the first of them in the file, from 1.
        view: the bytes.
        newlines: how many of them are newlines; the last line of a file may lack its own.
    """

    first_line: int
    view: memoryview
    newlines: int

    @property
    def line_count(self) -> int:
        """Number of lines."""
        return self.newlines + (self.view[-1] != 0x0A)

    def valid_utf8(self) -> bool:
        """Return whether all bytes are valid UTF-8."""
        offsets = pa.py_buffer(b"\0\0\0\0" + len(self.view).to_bytes(4, "little"))
        try:
            pa.StringArray.from_buffers(1, offsets, pa.py_buffer(self.view)).validate(full=True)
        except pa.ArrowInvalid:
            return False
        return True

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line with its number, without the newline, and one carriage return, that end it."""
        for number, line in enumerate(bytes(self.view).split(b"\n"), self.first_line):
            yield number, line.removesuffix(b"\r")


def decode_line(line: bytes) -> str:
    """Decode UTF-8, or raise a `RowFault` that says where it is not."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        hint = "; the file looks like UTF-16" if line[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        raise RowFault(
            f"byte 0x{line[error.start]:02x} at position {error.start + 1} is not valid UTF-8{hint}"
        ) from None


def line_blocks(source: ByteSource, block_bytes: int) -> Iterator[LineBlock]:
    """Cut a stream at newlines into blocks of about `block_bytes`; a longer line gets a longer block."""
    # One buffer is filled again and again: fresh memory for every block would cost page faults.
    buffer = bytearray(block_bytes)
    filled = 0
    line = 1
    at_start = True
    while True:
        count = _fill(source, buffer, filled)
        ended = filled + count < len(buffer)
        start = len(_BOM) if at_start and buffer.startswith(_BOM) else 0
        cut = filled + count if ended else buffer.rfind(b"\n", filled) + 1
        filled += count
        if not cut and not ended:
            buffer = _grown(source, buffer, line)
            continue
        at_start = False
        if cut > start:
            newlines = _newlines(memoryview(buffer)[start:cut])
            yield LineBlock(line, memoryview(buffer)[start:cut], newlines)
            line += newlines
        if ended:
            return
        filled -= cut
        buffer[:filled] = buffer[cut : cut + filled]


def _newlines(view: memoryview) -> int:
    # `bytearray.count` of one byte takes seven times as long.
    return int(np.count_nonzero(np.frombuffer(view, np.uint8) == 0x0A))


def _fill(source: ByteSource, buffer: bytearray, start: int) -> int:
    """Read until the buffer is full or the stream ends; return the number of bytes read."""
    filled = start
    with memoryview(buffer) as view:
        while filled < len(buffer):
            try:
                count = source.stream.readinto(view[filled:])
            except OSError as error:
                raise Bm25InputError(f"{source.name}: cannot be read: {error}") from None
            if not count:
                break
            filled += count
    return filled - start


def _grown(source: ByteSource, buffer: bytearray, line: int) -> bytearray:
    if len(buffer) >= _LONGEST_LINE:
        raise Bm25InputError(f"{source.name}: line {line}: longer than {_LONGEST_LINE} bytes")
    grown = bytearray(2 * len(buffer))
    grown[: len(buffer)] = buffer
    return grown
