"""Threads, and an event loop for callers that have none. A forked child, which has neither, makes its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["BackgroundLoop", "Threads"]

T = TypeVar("T")


class Threads:
    """As many threads as there are cores, started when they are first needed."""

    def __init__(self) -> None:
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    @property
    def executor(self) -> ThreadPoolExecutor:
        """The executor of this process."""
        if self._pool is None or self._pool[0] != os.getpid():
            threads = os.cpu_count() or 1
            self._pool = os.getpid(), ThreadPoolExecutor(threads, thread_name_prefix="bm25-inference")
        return self._pool[1]

    def stop(self) -> None:
        """End them, once their work is done; `executor` starts others."""
        if self._pool is not None and self._pool[0] == os.getpid():
            self._pool[1].shutdown(wait=False)
        self._pool = None


class BackgroundLoop:
    """Runs coroutines to their end, all in one loop, so that connections last. Safe to share."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns; an interrupt cancels it."""
        if self._pid != os.getpid():
            BackgroundLoop.__init__(self)
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="bm25-inference", daemon=True
                )
                self._thread.start()
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop and its thread; `run` starts others."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if self._pid == os.getpid() and loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
            loop.run_until_complete(asyncio.wait((task,)))
        loop.close()
