"""`Spool`: record batches that are written once and then read once, in memory while they are small."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from bm25.errors import Bm25InputError

__all__ = ["Spool"]


class Spool:
    """Use it in a ``with`` statement; the temporary file has no name, so nothing of it is ever left.

    Args:
        schema: of all batches.
        directory: where the temporary file takes its room.
        memory_bytes: of batches that are held in memory before there is a file.
    """

    def __init__(self, schema: pa.Schema, directory: str, *, memory_bytes: int) -> None:
        self.schema = schema
        self._directory = directory
        self._room = memory_bytes
        self._waiting: list[pa.RecordBatch] = []
        self._file: Any = None
        self._writer: Any = None

    @property
    def on_disk(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    def write(self, batch: pa.RecordBatch) -> None:
        """Keep a batch.

        Raises:
            Bm25InputError: the disk is full, or the directory cannot be written.
        """
        if self._writer is None:
            self._waiting.append(batch)
            self._room -= batch.nbytes
            if self._room >= 0:
                return
            waiting, self._waiting = self._waiting, []
        else:
            waiting = [batch]
        try:
            if self._writer is None:
                self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 (closed by `__exit__`)
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                self._writer = pa.ipc.new_stream(
                    pa.PythonFile(self._file, mode="w"), self.schema, options=options
                )
            for each in waiting:
                self._writer.write_batch(each)
        except OSError as error:
            raise self._explain(error) from None

    def read(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches in their order; nothing can be written after that."""
        waiting, self._waiting = self._waiting[::-1], []
        while waiting:
            yield waiting.pop()
        if self._file is None:
            return
        try:
            self._writer.close()
            self._file.seek(0)
            yield from pa.ipc.open_stream(pa.PythonFile(self._file, mode="r"))
        except OSError as error:
            raise self._explain(error) from None

    def _explain(self, error: OSError) -> Bm25InputError:
        return Bm25InputError(
            f"{self._directory}: the temporary file of counts cannot be kept there: "
            f"{error.strerror or error}; it takes about as much room as the texts: make room, or write the "
            "output to another disk"
        )

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
