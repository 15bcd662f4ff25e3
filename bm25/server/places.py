"""`Places`: how many requests are at work at once, and how many wait for that."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from bm25.inference.errors import OverloadedError, RequestTimeoutError

if TYPE_CHECKING:
    from bm25.server.settings import Limits

__all__ = ["Places"]


class Places:
    """Places at work, taken first come, first served. For one event loop.

    Attributes:
        queued: requests that wait for a place.
    """

    def __init__(self) -> None:
        self.queued = 0
        self._working = 0
        self._waiting: deque[asyncio.Future[None]] = deque()  # also those that have given up

    def check(self, limits: Limits) -> None:
        """Raise `OverloadedError` if there is no place, and none to wait in."""
        if self._working >= limits.concurrency and self.queued >= limits.queue:
            raise OverloadedError(
                "the server has as many requests as it can take (limits.concurrency and queue); try again",
                retry_after=1,
                reason="queue",
            )

    def free(self, limits: Limits) -> bool:
        """Tell whether there is a place, without taking it."""
        return self._working < limits.concurrency

    def take(self, limits: Limits) -> bool:
        """Take a place if there is one; tell whether there was."""
        if not self.free(limits):
            return False
        self._working += 1
        return True

    async def wait(self, limits: Limits, deadline: float) -> None:
        """Wait for a place until `deadline`, of `time.monotonic`, and take it.

        Raises:
            OverloadedError: too many wait already.
            RequestTimeoutError: there was none in time.
        """
        self.check(limits)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self.queued += 1
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():  # given a place that it cannot take any more
                self.give_back(limits)
            if isinstance(error, TimeoutError):
                raise RequestTimeoutError(
                    "the request waited for others until its time was over", reason="time"
                ) from None
            raise
        finally:
            self.queued -= 1

    def give_back(self, limits: Limits) -> None:
        """Leave a place, to the one that has waited longest."""
        self._working -= 1
        while self._waiting and self._working < limits.concurrency:
            place = self._waiting.popleft()
            if not place.done():
                self._working += 1
                place.set_result(None)
