"""`ByteSource`: the bytes of a file or pipe, decompressed, with a count for progress."""

from __future__ import annotations

import io
import os
import stat
from typing import Any

import pyarrow as pa

from bm25.errors import Bm25InputError
from bm25.files.formats import compression_of

__all__ = ["ByteSource", "PipeFile"]

_HEAD = 1 << 16


class PipeFile(io.RawIOBase):
    """Something that cannot seek, with its first bytes readable before they are consumed.

    Reads the file descriptor without a buffer of its own: Python's buffered standard input holds a
    lock while it waits, which aborts the interpreter when it ends with a reader thread still waiting.
    """

    def __init__(self, descriptor: int, *, owned: bool) -> None:
        self._raw = io.FileIO(descriptor, "rb", closefd=owned)
        self._pushed_back = b""
        self.bytes_read = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with what is there, at least one byte unless the pipe has ended."""
        view = memoryview(buffer).cast("B")
        if self._pushed_back:
            count = min(len(view), len(self._pushed_back))
            view[:count] = self._pushed_back[:count]
            self._pushed_back = self._pushed_back[count:]
        else:
            count = self._raw.readinto(view) or 0
        self.bytes_read += count
        return count

    def peek(self, size: int) -> bytes:
        """Return up to `size` first bytes, to be read again."""
        while len(self._pushed_back) < size and (more := self._raw.read(size - len(self._pushed_back))):
            self._pushed_back += more
        return self._pushed_back

    def close(self) -> None:
        """Close the descriptor, where it is ours."""
        if not self.closed:
            self._raw.close()
        super().close()


class ByteSource:
    """An open input.

    Attributes:
        name: the path, or "standard input".
        stream: a `pyarrow.NativeFile` or a `PipeFile`, decompressed where the bytes are compressed.
        head: the first bytes, as stored.
        compression: the codec, or None.
        bytes_total: size as stored, or None for a pipe.
    """

    stream: Any
    head: bytes

    def __init__(self, path: str) -> None:
        self.name = "standard input" if path == "-" else path
        self.bytes_total: int | None = None
        self._raw: Any
        if path == "-":
            self._raw = PipeFile(0, owned=False)
            self.head = self._raw.peek(_HEAD)
        else:
            self._open(path)
        self._position = 0
        self.seekable = not isinstance(self._raw, PipeFile)
        self.compression = compression_of(self.head)
        self.stream = pa.CompressedInputStream(self._raw, self.compression) if self.compression else self._raw

    def _open(self, path: str) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            raise Bm25InputError(f"{path}: no such file") from None
        except OSError as error:
            raise Bm25InputError(f"{path}: cannot be read: {error.strerror}") from None
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            os.close(descriptor)
            raise Bm25InputError(f"{path}: is a directory; name the files in it")
        if not stat.S_ISREG(status.st_mode):
            self._raw = PipeFile(descriptor, owned=True)
            self.head = self._raw.peek(_HEAD)
            return
        with open(descriptor, "rb") as file:
            self.head = file.read(_HEAD)
        self.bytes_total = status.st_size
        self._raw = pa.OSFile(path, "rb")

    @property
    def bytes_read(self) -> int:
        """Bytes consumed so far, as stored."""
        if not self._raw.closed:
            self._position = self._raw.bytes_read if isinstance(self._raw, PipeFile) else self._raw.tell()
        return self._position

    def head_decompressed(self) -> bytes:
        """Return the first bytes after decompression, as far as those at hand give any."""
        head: bytes = self.head
        if not self.compression:
            return head
        stream = pa.CompressedInputStream(pa.BufferReader(head), self.compression)
        try:
            return bytes(stream.read(_HEAD))
        except OSError:  # what is at hand may be too little to decompress anything
            return b""

    def close(self) -> None:
        """Close the file."""
        _ = self.bytes_read
        for stream in (self.stream, self._raw):
            if not stream.closed:
                stream.close()
