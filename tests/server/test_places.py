import asyncio
import time

import pytest

from bm25.inference.errors import OverloadedError, RequestTimeoutError
from bm25.server.places import Places
from bm25.server.settings import Limits


def later(seconds=60):
    return time.monotonic() + seconds


def test_places_go_to_those_that_wait_longest():
    async def run():
        places, limits, order = Places(), Limits(concurrency=2, queue=3), []
        assert places.take(limits)
        assert places.take(limits)
        assert not places.take(limits)

        async def wait(name):
            await places.wait(limits, later())
            order.append(name)

        tasks = [asyncio.create_task(wait(i)) for i in range(3)]
        await asyncio.sleep(0)
        assert places.queued == 3
        with pytest.raises(OverloadedError) as caught:
            places.check(limits)
        assert (caught.value.status, caught.value.retry_after, caught.value.reason) == (429, "1", "queue")
        for _ in range(3):
            places.give_back(limits)
            await asyncio.sleep(0.01)
        assert order == [0, 1, 2]
        await asyncio.gather(*tasks)
        assert places.queued == 0
        assert not places.take(limits)
        places.give_back(limits)
        assert places.take(limits)

    asyncio.run(run())


def test_who_waits_too_long_or_goes_away_takes_no_place():
    async def run():
        places, limits = Places(), Limits(concurrency=1, queue=5)
        assert places.take(limits)
        with pytest.raises(RequestTimeoutError):
            await places.wait(limits, later(0.02))
        gone = asyncio.create_task(places.wait(limits, later()))
        stays = asyncio.create_task(places.wait(limits, later()))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        places.give_back(limits)
        await stays
        assert places.queued == 0
        places.give_back(limits)
        assert places.take(limits)

    asyncio.run(run())


def test_a_place_given_to_one_that_is_cancelled_in_the_same_turn_is_passed_on():
    async def run():
        places, limits = Places(), Limits(concurrency=1, queue=5)
        assert places.take(limits)
        gone = asyncio.create_task(places.wait(limits, later()))
        stays = asyncio.create_task(places.wait(limits, later()))
        await asyncio.sleep(0)
        places.give_back(limits)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await asyncio.wait_for(stays, 10)

    asyncio.run(run())


def test_a_reload_that_allows_more_lets_those_in_that_wait():
    async def run():
        places, limits = Places(), Limits(concurrency=1, queue=5)
        assert places.take(limits)
        waiting = [asyncio.create_task(places.wait(limits, later())) for _ in range(2)]
        await asyncio.sleep(0)
        places.give_back(Limits(concurrency=3, queue=5))
        await asyncio.wait_for(asyncio.gather(*waiting), 10)

    asyncio.run(run())
