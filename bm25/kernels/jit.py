"""`kernel`: Numba's `njit` with the GIL released and a cache that survives real installations.

Numba's own cache has three failings for a library. It stamps a compiled function with the source
file of that function only, so a change in a helper of another module leaves it stale; it raises
when neither the package's folder nor a user folder can be written (containers with a read-only
root and no HOME); and an error while writing fails the call. Here all kernels share one stamp,
places are tried in turn, and without any the code runs uncached after one warning.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator

__all__ = ["cache_directory", "helper", "kernel", "outlined"]

HERE = Path(__file__).parent


@functools.cache
def source_stamp() -> str:
    """Return a digest of every module of this folder: compiled code is as new as all of them.

    Numba does not tell code with bounds checks from code without, so that is part of it too.
    """
    digest = hashlib.sha256(f"bounds checks: {config.BOUNDSCHECK}".encode())
    for path in sorted(HERE.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@functools.cache
def cache_directory() -> Path | None:
    """Return the folder of compiled code, or None after one warning.

    `NUMBA_CACHE_DIR` if it is set and can be used. Else the first of this package's own `__pycache__` and
    the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`) that holds code of this version already, be
    it read-only (an image that `bm25 warmup` was run in); else the first of them that can be written.
    """
    if config.CACHE_DIR:
        folder = Path(config.CACHE_DIR) / "bm25-kernels"
        if _holds_code(folder) or _writable(folder):
            return folder
    folders = _usual_folders()
    for usable in (_holds_code, _writable):
        for folder in folders:
            if usable(folder):
                return folder
    _warn_uncached("no folder for it can be written")
    return None


def _usual_folders() -> list[Path]:
    folders = [HERE / "__pycache__"]
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    with contextlib.suppress(RuntimeError):  # without HOME and without an entry among the users
        folders.append((Path(base) if base else Path.home() / ".cache") / "bm25-kernels")
    return folders


def _holds_code(folder: Path) -> bool:
    try:
        return any(folder.glob(f"*-{_tag()}.*.nbi"))
    except OSError:
        return False


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


@functools.cache
def _warn_uncached(reason: str) -> None:
    warnings.warn(
        f"bm25: compiled code is not cached ({reason}), so each process compiles anew, for some seconds; "
        "set NUMBA_CACHE_DIR to a writable folder, or run `bm25 warmup` where the image is built",
        RuntimeWarning,
        stacklevel=2,
    )


def _tag() -> str:
    return source_stamp()[:12]


class _Locator(_CacheLocator):
    def __init__(self, function: Any, directory: Path) -> None:
        self._py_file = function.__code__.co_filename  # read by Numba for its warnings
        self._line = function.__code__.co_firstlineno
        self._directory = directory

    def ensure_cache_path(self) -> None:
        pass  # it exists; whether it can be written shows when something is

    def get_cache_path(self) -> str:
        return str(self._directory)

    def get_source_stamp(self) -> str:
        return source_stamp()

    def get_disambiguator(self) -> str:
        # Two versions of the package may share one folder; neither may evict the other.
        return f"{self._line}-{_tag()}"

    @classmethod
    def from_function(cls, function: Any, path: str) -> _Locator | None:
        directory = cache_directory()
        return None if directory is None else cls(function, directory)


class _CacheImplementation(CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class _Cache(FunctionCache):
    _impl_class = _CacheImplementation

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(signature, target_context)
        except Exception:  # a damaged file: compiling again is always right
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        try:
            super().save_overload(signature, data)
        except OSError as error:
            _warn_uncached(f"{error.strerror or error}")
        except Exception:  # a damaged index, which is read before it is written: make a new one
            try:
                self.flush()
                super().save_overload(signature, data)
            except Exception as error:
                _warn_uncached(str(error))


def kernel(function: Callable[..., Any]) -> Any:
    """Compile an entry point: called from Python, GIL released, cached on disk."""
    dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
    if not config.DISABLE_JIT and cache_directory() is not None:
        dispatcher._cache = _Cache(function)
    return dispatcher


def helper(function: Callable[..., Any]) -> Any:
    """Compile a function that only kernels call; it becomes part of them.

    Inlining is forced: an array is seven arguments, and a call left in the loop of `scan` cost more
    than the lookup it made (13 of 22 ns a token).
    """
    return numba.njit(nogil=True, error_model="numpy", forceinline=True)(function)


def outlined(function: Callable[..., Any]) -> Any:
    """Compile a function for the rare path of a kernel, kept out of its loop."""
    return numba.njit(nogil=True, error_model="numpy")(function)
