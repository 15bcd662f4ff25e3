"""The lock of the one writer. It is the kernel's, so it goes with the process that holds it."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from bm25.errors import StoreError, StoreInUseError
from bm25.store.layout import LOCK

__all__ = ["WriterLock"]

_POLL = 0.05  # seconds
# Windows locks bytes, and keeps others from reading them: one that the file does not have.
_BYTE = 1 << 30


class WriterLock:
    """Held while in the ``with`` statement.

    The file stays, and says who held it last. A forked child that ends, or leaves the statement, does
    nothing to its parent's lock; and when the parent leaves it the lock is free, though the child may
    have the file open still.
    """

    def __init__(self, directory: Path, timeout: float) -> None:
        self._path = directory / LOCK
        self._timeout = timeout
        self._descriptor: int | None = None
        self._pid = 0

    def __enter__(self) -> WriterLock:
        deadline = time.monotonic() + self._timeout
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StoreError(f"{self._path}: cannot be locked for writing: {error.strerror}") from None
        try:
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise StoreInUseError(self._in_use(descriptor))
                time.sleep(_POLL)
            with suppress(OSError):  # a full disk must not keep anyone from removing documents
                _write_holder(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._pid = os.getpid()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            if self._pid == os.getpid():
                _unlock(descriptor)
            os.close(descriptor)

    def _in_use(self, descriptor: int) -> str:
        try:
            holder = json.loads(os.pread(descriptor, 4096, 0) if hasattr(os, "pread") else b"")
            who = f"by process {holder['pid']} on {holder['host']} since {holder['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            who = "by another process"
        waited = f" after {self._timeout:g} s" if self._timeout else ""
        return (
            f"{self._path.parent}: is being written {who}{waited}; one writer at a time: wait for it, "
            "or have write() wait (timeout=..., on the command line --wait)"
        )


def _write_holder(descriptor: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(holder).encode())


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        """Do nothing: to close the file is enough, no process has it from another."""

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
