"""Files that are on disk when a call returns: the only module of the store that writes."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["NewFile", "remove_file", "replace_file", "sync_directory"]


class NewFile:
    """A file that did not exist, written from front to back and digested on the way.

    It counts for nothing until a manifest names it, so it needs no temporary name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0
        self._digest = hashlib.sha256()
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115 (closed by `finish`)

    def write(self, data: Any) -> int:
        """Write all of a buffer."""
        view = memoryview(data).cast("B")
        self._digest.update(view)
        done = 0
        while done < len(view):  # one call writes 2 GiB at most
            done += self._file.write(view[done:]) or 0
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
        with open(temporary, "wb", buffering=0) as file:
            file.write(content)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        remove_file(temporary)
        raise


def sync_directory(path: Path) -> None:
    """Have on disk which files a directory holds."""
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
