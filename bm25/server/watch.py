"""`Watch`: ends what takes too long, for less than a timer each would cost."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any

__all__ = ["Watch"]

INTERVAL = 0.25  # seconds between looks


class Watch:
    """Cancels work that is beyond its time. For one event loop, in which `run` must be running.

    To set and to cancel a timer of the loop takes microseconds, and nearly all bodies are there before it is
    set. So work is only noted here, and looked at four times a second.
    """

    def __init__(self) -> None:
        self._limits: dict[_Limit, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def limit(self, seconds: float) -> _Limit:
        """Return a context whose work ends in `TimeoutError` after so long, give or take `INTERVAL`."""
        return _Limit(self._limits, self._loop, time.monotonic() + seconds)

    async def run(self) -> None:
        """Look, without end."""
        self._loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(INTERVAL)
            now = time.monotonic()
            for limit in [limit for limit in self._limits if now >= limit.deadline]:
                limit.end()


class _Limit:
    __slots__ = ("_limits", "_loop", "_task", "deadline", "ended")

    def __init__(
        self, limits: dict[_Limit, None], loop: asyncio.AbstractEventLoop | None, deadline: float
    ) -> None:
        self._limits = limits
        self._loop = loop  # to look for the one that runs takes a system call
        self._task: asyncio.Task[Any] | None = None
        self.deadline = deadline
        self.ended = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task(self._loop)
        self._limits[self] = None

    def end(self) -> None:
        """Cancel the work."""
        if not self.ended and self._task is not None:
            self.ended = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._limits[self]
        if self.ended and self._task is not None:
            others = self._task.uncancel()
            # Cancelled by us alone, and not by somebody else as well.
            if kind is asyncio.CancelledError and others <= 0:
                raise TimeoutError from None
