"""Records what a store asks of the file system, in order, and lets one of these calls fail, or kill."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bm25.store import durable


class Call(NamedTuple):
    """What was asked for, of which file (relative to the store), and its size then."""

    what: str  # create, write, fsync, replace, unlink, open
    name: str
    size: int = -1


class Recorder:
    """Within the ``with`` statement, records calls; number `fail_at` raises `error`, or kills the process.

    Args:
        root: the store.
        fail_at: the number of a call; None for none.
        error: what it raises.
        after: whether the call is made before it raises or kills, as where a signal comes in between.
        short: let every write take but a part of the data, as a disk that fills up does.
        kill: whether the process is killed instead, so that nothing cleans up after it.
    """

    def __init__(
        self,
        root: Path,
        fail_at: int | None = None,
        error: BaseException | None = None,
        *,
        after: bool = False,
        short: bool = False,
        kill: bool = False,
    ) -> None:
        self.calls: list[Call] = []
        self.failed: Call | None = None
        self._root = root
        self._fail_at = fail_at
        self._error = error
        self._after = after
        self._short = short
        self._kill = kill
        self._patch = pytest.MonkeyPatch()
        self._paths: dict[int, str] = {}

    def __enter__(self) -> Recorder:
        recorder = self
        os_open, os_fsync, os_replace, os_unlink = os.open, os.fsync, os.replace, os.unlink
        os_write, os_close = os.write, os.close

        class File(io.FileIO):
            def write(self, data: Any) -> int:
                part = bytes(data)[: max(1, len(data) // 2)] if recorder._short else data
                return recorder._do("write", recorder._name(self.name), lambda: io.FileIO.write(self, part))

        def new_file(path: Any, mode: str, buffering: int) -> File:
            assert buffering == 0
            file = recorder._do("create", recorder._name(path), lambda: File(path, mode))
            recorder._paths[file.fileno()] = recorder._name(path)
            return file

        def open_(path: Any, *args: Any, **options: Any) -> int:
            if not recorder._ours(path):
                return os_open(path, *args, **options)
            descriptor = recorder._do("open", recorder._name(path), lambda: os_open(path, *args, **options))
            recorder._paths[descriptor] = recorder._name(path)
            return descriptor

        def write(descriptor: int, data: bytes) -> int:
            name = recorder._paths.get(descriptor)
            if name is None:
                return os_write(descriptor, data)
            return recorder._do("write", name, lambda: os_write(descriptor, data))

        def close(descriptor: int) -> None:
            recorder._paths.pop(descriptor, None)
            os_close(descriptor)

        def fsync(descriptor: int) -> None:
            name = recorder._paths.get(descriptor)
            if name is None:
                return os_fsync(descriptor)
            size = os.fstat(descriptor).st_size
            return recorder._do("fsync", name, lambda: os_fsync(descriptor), size)

        def replace(source: Any, target: Any) -> None:
            recorder._do("replace", recorder._name(target), lambda: os_replace(source, target))

        def unlink(path: Any, **options: Any) -> None:
            if not recorder._ours(path):
                return os_unlink(path, **options)
            return recorder._do("unlink", recorder._name(path), lambda: os_unlink(path, **options))

        self._patch.setattr(durable, "open", new_file, raising=False)
        for name, function in (
            ("open", open_), ("fsync", fsync), ("replace", replace), ("unlink", unlink),
            ("write", write), ("close", close),
        ):  # fmt: skip
            self._patch.setattr(os, name, function)
        return self

    def __exit__(self, *_: Any) -> None:
        self._patch.undo()

    def _ours(self, path: Any) -> bool:
        return isinstance(path, str | Path) and Path(path).is_relative_to(self._root)

    def _name(self, path: Any) -> str:
        return Path(path).relative_to(self._root).as_posix() if self._ours(path) else str(path)

    def _do(self, what: str, name: str, call: Callable[[], Any], size: int = -1) -> Any:
        number = len(self.calls)
        self.calls.append(Call(what, name, size))
        if number != self._fail_at:
            return call()
        self.failed = self.calls[-1]
        if self._after:
            result = call()
            if isinstance(result, io.FileIO):
                result.close()
            elif what == "open":
                os.close(result)
        if self._kill:
            os.kill(os.getpid(), signal.SIGKILL)
        assert self._error is not None
        if what in ("open", "create") and isinstance(self._error, OSError):
            self._error.filename = str(self._root / name)  # as the system's own errors have it
        raise self._error
