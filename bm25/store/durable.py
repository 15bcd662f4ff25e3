"""Files that are on disk when a call returns: the only module of the store that writes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["NewFile", "WriteError", "named", "remove_file", "replace_file", "sync_directory"]


class WriteError(OSError):
    """A file of a store cannot be written; `filename` says which, which not all of the system's errors do."""


class NewFile:
    """A file that did not exist, written from front to back and digested on the way.

    It counts for nothing until a manifest names it, so it needs no temporary name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0
        self._digest = hashlib.sha256()
        with named(path):
            self._file = open(path, "xb", buffering=0)  # noqa: SIM115 (closed by `finish`)

    def write(self, data: Any) -> int:
        """Write all of a buffer."""
        view = memoryview(data).cast("B")
        self._digest.update(view)
        with named(self.path):
            _write(self._file, view)
        self.bytes += len(view)
        return len(view)

    @property
    def closed(self) -> bool:
        """Whether it is; asked by Arrow."""
        return self._file.closed

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self.bytes

    def finish(self) -> str:
        """Have it on disk, close it, and return the SHA-256 of its content in hexadecimal."""
        with named(self.path):
            os.fsync(self._file.fileno())
            self._file.close()
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close it, complete or not."""
        self._file.close()


def replace_file(path: Path, content: bytes) -> None:
    """Put a small file in place of another: the old content or the new, whatever happens.

    The caller syncs the directory, after which it is the new.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with named(path):
            with open(temporary, "wb", buffering=0) as file:
                _write(file, memoryview(content))
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        remove_file(temporary)
        raise


def sync_directory(path: Path) -> None:
    """Have on disk which files a directory holds."""
    with named(path):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except PermissionError:  # Windows opens no directories
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_file(path: Path) -> None:
    """Remove a file that is not needed any more; where that fails a later writer tries again."""
    with suppress(OSError):
        path.unlink()


def _write(file: Any, view: memoryview) -> None:
    """Write all: one call may write a part, of more than 2 GiB or where the disk is nearly full."""
    done = 0
    while done < len(view):
        done += file.write(view[done:]) or 0


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Raise the system's errors as `WriteError`, of this file where they do not say which."""
    try:
        yield
    except OSError as error:
        raise WriteError(error.errno, error.strerror, str(error.filename or path)) from error
