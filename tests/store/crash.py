"""Processes that write, read and hold a store, for tests that kill them.

`python -m tests.store.crash PATH` takes orders, one a line, and answers each with one line:

    write REPORT SECONDS   -> pid     a process that commits step after step, and reports to a file
    read COUNT SECONDS     -> states each of COUNT processes saw; an error of any is ours
    hold                   -> pid     a process that holds the lock until it is killed
    wait PID               -> its exit status, negative for a signal

Its processes are forked, so that they need not import the package again.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from bm25 import Bm25Encoder, StatisticsStore
from tests.store import steps
from tests.store.model import PLAIN
from tests.store.sizes import set_sizes


def main(path: Path) -> None:
    # Few documents are to make many files, merges, and segments that wait for their commit.
    set_sizes(pytest.MonkeyPatch(), _SPILL_ENTRIES=20, LEDGER_ROWS=16, FANOUT=3, _SMALL=20_000)
    warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        order, *arguments = line.split()
        print(ORDERS[order](path, *arguments), flush=True)


def warm_up() -> None:
    """Load all code that is compiled, before the first process is forked."""
    root = Path(tempfile.mkdtemp())
    with steps.create(root / "store") as store:
        encoder = Bm25Encoder(PLAIN, threads=1)
        history = steps.History()
        for number in range(1, 10):
            steps.write(store, encoder, number)
            steps.assert_at(store, history, number)
        store.compact()
    shutil.rmtree(root)


def forked(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def write(path: Path, report: str, seconds: str) -> int:
    return forked(lambda: commit_on(path, report, float(seconds)))


def commit_on(path: Path, report: str, seconds: float) -> None:
    """Commit steps until killed, or for some seconds; what was begun and what is done is reported."""
    deadline = time.monotonic() + seconds
    descriptor = os.open(report, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    store = StatisticsStore.open(path)
    encoder = Bm25Encoder(PLAIN, threads=1)
    rng = random.Random()
    for number in itertools.count(steps.step_of(store) + 1):
        os.write(descriptor, b"begin %d\n" % number)
        steps.write(store, encoder, number)
        os.write(descriptor, b"done %d\n" % number)
        if rng.random() < 0.2:
            store.compact()
        if time.monotonic() >= deadline:
            return


def hold(path: Path) -> int:
    ready, told = os.pipe()

    def work() -> None:
        with StatisticsStore.open(path).write():
            os.write(told, b"!")
            time.sleep(600)

    pid = forked(work)
    os.read(ready, 1)
    os.close(ready)
    os.close(told)
    return pid


def read(path: Path, count: str, seconds: str) -> str:
    results = []
    for number in range(int(count)):
        ready, told = os.pipe()
        results.append((forked(lambda n=number, to=told: look(path, n, float(seconds), to)), ready))
        os.close(told)
    seen = []
    for pid, ready in results:
        with open(ready) as answer:
            seen.append(answer.read())
        if wait(path, str(pid)):
            return f"reader {pid} failed"
    return " ".join(seen)


def look(path: Path, seed: int, seconds: float, told: int) -> None:
    """Look at a store again and again; each time it must be exactly one state, and stay that."""
    rng = random.Random(seed)
    deadline = time.monotonic() + seconds
    history = steps.History()
    store = StatisticsStore.open(path)
    states = 0
    before = -1
    while time.monotonic() < deadline:
        number = steps.step_of(store)
        assert number >= before, f"step {number} after step {before}"
        before = number
        if number:
            steps.assert_at(store, history, number)
            states += 1
        if rng.random() < 0.3:  # the files of this state may be gone by now, and it must not matter
            time.sleep(rng.random() * 0.1)
            steps.assert_at(store, history, number)
        if rng.random() < 0.5:
            store.refresh()
        else:
            store.close()
            store = StatisticsStore.open(path)
    os.write(told, str(states).encode())


def wait(path: Path, pid: str) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(int(pid), 0)[1])


ORDERS: dict[str, Callable[..., object]] = {"write": write, "read": read, "hold": hold, "wait": wait}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
