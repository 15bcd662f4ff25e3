import asyncio
import time

import pytest

from bm25.server import watch
from bm25.server.watch import Watch


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(watch, "INTERVAL", 0.01)


def run(work):
    async def with_watch():
        one = Watch()
        looking = asyncio.create_task(one.run())
        try:
            return await work(one)
        finally:
            looking.cancel()

    return asyncio.run(with_watch())


def test_work_within_its_time():
    async def work(one):
        with one.limit(10):
            await asyncio.sleep(0.05)
        return one._limits

    assert run(work) == {}


def test_work_beyond_its_time():
    async def work(one):
        started = time.monotonic()
        with pytest.raises(TimeoutError), one.limit(0.05):
            await asyncio.sleep(60)
        await asyncio.sleep(0)  # and is not cancelled once more
        return time.monotonic() - started, one._limits

    seconds, limits = run(work)
    assert 0.04 < seconds < 30
    assert limits == {}


def test_an_error_of_the_work_is_not_hidden():
    async def work(one):
        with one.limit(10):
            raise KeyError("x")

    with pytest.raises(KeyError):
        run(work)


def test_who_is_cancelled_by_somebody_else_stays_cancelled():
    async def work(one):
        async def limited():
            with one.limit(60):
                await asyncio.sleep(60)

        task = asyncio.create_task(limited())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work)


def test_two_tasks_with_limits_of_their_own():
    async def work(one):
        async def limited(seconds, sleep):
            try:
                with one.limit(seconds):
                    await asyncio.sleep(sleep)
            except TimeoutError:
                return "late"
            return "done"

        return await asyncio.gather(limited(0.03, 60), limited(10, 0.1))

    assert run(work) == ["late", "done"]
