"""Eight readers and a writer, and writers beside each other."""

import os
import sys

import pytest

from bm25 import StatisticsStore
from tests.conftest import REDUCED
from tests.store import steps
from tests.store.processes import Processes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")

SECONDS = float(os.environ.get("BM25_TESTS_SOAK_SECONDS", 2 if REDUCED else 5))


def test_eight_readers_and_a_writer(tmp_path):
    path = tmp_path / "store"
    steps.create(path).close()
    with Processes(path) as processes:
        writer = processes.start("write", tmp_path / "report", SECONDS)
        answer = processes.order("read", 8, SECONDS)
        assert processes.wait(writer) == 0
    assert "failed" not in answer, answer
    states = list(map(int, answer.split()))
    assert len(states) == 8
    assert min(states) > 0
    with StatisticsStore.open(path) as store:
        steps.assert_at(store, steps.History(), steps.step_of(store))
        assert store.verify().documents == sum(store.totals[:2])
        assert steps.files(path) == steps.needed(store)
        print(f"{steps.step_of(store)} commits, looked at {sum(states)} times")
