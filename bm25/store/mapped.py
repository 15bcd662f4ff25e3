"""`MappedFile`: an Arrow file of a segment, opened at once, verified and mapped when first used."""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from pathlib import Path

import pyarrow as pa

from bm25.errors import StoreDamagedError, StoreError
from bm25.store.manifest import FileInfo

__all__ = ["MappedFile"]


class MappedFile:
    """Holds the file open from the start, so that it can be read even after it was removed from the store.

    Raises `FileNotFoundError` where it is gone already.
    """

    def __init__(self, path: Path, info: FileInfo, advice: str = "") -> None:
        """Open a file; `advice` is what the error of a damaged one says at its end."""
        self.path = path
        self.info = info
        self._advice = advice
        self._descriptor: int | None = None
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._reader: pa.RecordBatchFileReader | None = None
        self._batches: dict[int, pa.RecordBatch] = {}
        self._lock = threading.Lock()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was read from it stays readable."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @property
    def batch_count(self) -> int:
        """The number of record batches."""
        return int(self._open().num_record_batches)

    def batch(self, number: int) -> pa.RecordBatch:
        """Return a record batch over the mapped memory.

        Raises:
            StoreDamagedError: the file is not what was written.
        """
        found = self._batches.get(number)
        if found is None:
            reader = self._open()
            with self._lock:  # a reader has one position
                found = self._batches[number] = reader.get_batch(number)
        return found

    def check(self) -> None:
        """Read all of the file and compare it with its checksum.

        Raises:
            StoreDamagedError: it is not what was written.
        """
        size = os.fstat(self._usable()).st_size
        if size != self.info.bytes:
            raise self._damaged(f"has {size} bytes, {self.info.bytes} were written")
        with mmap.mmap(self._usable(), 0, access=mmap.ACCESS_READ) as data:
            if hashlib.sha256(data).hexdigest() != self.info.sha256:
                raise self._damaged("was altered, its checksum is wrong")

    def _damaged(self, what: str) -> StoreDamagedError:
        advice = f". {self._advice}" if self._advice else ""
        return StoreDamagedError(f"{self.path}: {what}{advice}")

    def _open(self) -> pa.RecordBatchFileReader:
        if self._reader is None:
            with self._lock:
                if self._reader is None:
                    self.check()
                    data = mmap.mmap(self._usable(), 0, access=mmap.ACCESS_READ)
                    self._reader = pa.ipc.open_file(pa.py_buffer(data))
        return self._reader

    def _usable(self) -> int:
        if self._descriptor is None:
            raise StoreError(f"{self.path}: the store is closed; open it again")
        return self._descriptor
