"""A writer is killed at random moments: what had returned is there, and nothing else.

The seed of the moments is printed, so a failure shows it, and BM25_TESTS_SEED=<seed> has the same ones again.
What the writer is doing then is up to the machine: a failure may take some repetitions to come back.
"""

import os
import random
import sys
import time

import pytest

from bm25 import Bm25Encoder, StatisticsStore
from tests.conftest import REDUCED
from tests.store import steps
from tests.store.model import PLAIN
from tests.store.processes import Processes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

SEED = int(os.environ.get("BM25_TESTS_SEED") or random.SystemRandom().randrange(1 << 32))
KILLS = int(os.environ.get("BM25_TESTS_KILLS", 5 if REDUCED else 30))


def test_a_killed_writer_leaves_what_had_returned(tmp_path):
    path, report = tmp_path / "store", tmp_path / "report"
    steps.create(path).close()
    report.touch()
    print(f"BM25_TESTS_SEED={SEED}")
    rng = random.Random(SEED)
    encoder = Bm25Encoder(PLAIN, threads=1)
    history = steps.History()
    number = in_flight = leftovers = 0
    with Processes(path) as processes:
        for kill in range(KILLS):
            pid = processes.start("write", report, 600)
            time.sleep(rng.random() * rng.choice([0.02, 0.1, 0.3]))
            processes.kill(pid)

            lines = [line.split() for line in report.read_text().splitlines()]
            done = max([number, *(int(n) for what, n in lines if what == "done")])
            begun = bool(lines) and lines[-1][0] == "begin"
            in_flight += begun
            report.write_text("")
            with StatisticsStore.open(path) as store:
                # A commit that had begun and not returned may be there, whole; no other.
                number = steps.step_of(store)
                assert number in ((done, done + 1) if begun else (done,)), (kill, done, begun)
                steps.assert_at(store, history, number)
                store.verify()
                leftovers += bool(steps.files(path) - steps.needed(store) - {"lock"})
                if kill % 2:  # else the next process meets what this one left
                    number += 1
                    steps.write(store, encoder, number)
                    assert steps.files(path) == steps.needed(store)
                    steps.assert_at(store, history, number)
    assert number > 0
    if KILLS >= 25:
        assert in_flight, "no kill ever met a commit"
    if KILLS >= 100:
        assert leftovers, "no kill ever left a file behind"
    print(f"{KILLS} kills, {number} commits, {in_flight} in flight, {leftovers} times files left behind")
