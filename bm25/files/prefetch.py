"""Threads beside the encoder: one that reads ahead, one that writes behind, both with short queues."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, TypeVar

__all__ = ["BackgroundWriter", "Prefetch"]

T = TypeVar("T")

_END = object()
_POLL = 0.1
_JOIN = 1.0
_STOP = 2.0


class Prefetch(Generic[T]):
    """Iterate over `items` while a thread works out the next `depth` of them.

    An exception of the iterable is raised from `next` in its turn.
    """

    def __init__(self, items: Iterator[T], *, depth: int = 6) -> None:
        self._items = items
        self._queue: queue.Queue[Any] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._finished = False
        # A daemon: a thread that waits for a pipe must not keep an interrupted program alive.
        self._thread = threading.Thread(target=self._run, name="bm25-read", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._offer(item):
                    return
                del item  # not to hold a block while the next one is parsed
            self._offer(_END)
        except BaseException as error:
            self._offer(_Failure(error))

    def _offer(self, item: Any) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=_POLL)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._finished:
            raise StopIteration
        item = self._queue.get()
        if item is _END:
            self._finished = True
            raise StopIteration
        if isinstance(item, _Failure):
            self._finished = True
            raise item.error
        return item  # type: ignore[no-any-return]

    def close(self) -> bool:
        """Stop reading ahead; return False if the thread is stuck waiting for its input."""
        self._finished = True
        self._stopped.set()
        self._thread.join(_JOIN)
        return not self._thread.is_alive()


class BackgroundWriter:
    """Pass batches to `write` in a thread of its own, at most `depth` waiting.

    Use it in a ``with`` statement. An exception of `write` is raised by the next `put`, or at the end.
    After an error what waits is dropped; a `write` that does not come back then (the reader of a pipe has
    stalled) is left behind, still under way.
    """

    def __init__(self, write: Callable[[Any], None], *, depth: int = 2) -> None:
        self._write = write
        self._queue: queue.Queue[Any] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._cancelled = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bm25-write", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # After a failure the queue is still emptied, so that a `put` under way comes back.
        while (item := self._queue.get()) is not _END:
            if self._error is None and not self._cancelled:
                try:
                    self._write(item)
                except BaseException as error:
                    self._error = error
            del item
        self._done.set()

    def put(self, batch: Any) -> None:
        """Hand over one batch; waits while `depth` batches wait."""
        self._raise()
        self._queue.put(batch)

    def __enter__(self) -> BackgroundWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._cancel()
            return
        try:
            self._queue.put(_END)
            # Not `join`: interrupted, it takes the thread for ended.
            self._done.wait()
        except BaseException:
            self._cancel()
            raise
        self._raise()

    def _cancel(self) -> None:
        # Bounded: whoever is asked to end must not wait for another process.
        self._cancelled = True
        deadline = time.monotonic() + _STOP
        with suppress(queue.Full):
            self._queue.put(_END, timeout=_STOP)
        self._done.wait(max(0.0, deadline - time.monotonic()))

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error
