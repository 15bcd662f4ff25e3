"""`new_directory`: a directory that appears whole under its name, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bm25.errors import StoreError

__all__ = ["check_new", "new_directory"]


def check_new(path: str) -> None:
    """Refuse a name that is taken, and one in a directory that does not exist.

    Raises:
        StoreError: it says what to do.
    """
    if os.path.lexists(path):
        raise StoreError(f"{path}: is there already; name a new directory, or remove the old one first")
    parent = Path(os.path.abspath(path)).parent
    if not parent.is_dir():
        raise StoreError(f"{parent}: no such directory, so {path} cannot be made in it")


@contextmanager
def new_directory(path: str) -> Iterator[Path]:
    """Yield the path of a directory to make, beside `path`; it is renamed to `path` at the end.

    Where anything is raised it is removed.

    Raises:
        StoreError: `path` is there already.
    """
    check_new(path)
    final = Path(os.path.abspath(path))
    staged = final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp")
    try:
        yield staged
        try:
            os.rename(staged, final)
        except OSError as error:
            raise StoreError(f"{path}: cannot be made: {error.strerror}") from None
    except BaseException as error:
        shutil.rmtree(staged, ignore_errors=True)
        if isinstance(error, StoreError) and str(staged) in str(error):
            raise type(error)(str(error).replace(str(staged), path)) from None  # the name that the user knows
        raise

    from bm25.store.durable import sync_directory

    sync_directory(final.parent)
