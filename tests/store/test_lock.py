import json
import os
import sys
import threading
import time

import pytest

from bm25 import Bm25Encoder, StatisticsStore
from bm25.errors import StoreError, StoreInUseError
from tests.store import steps
from tests.store.model import PLAIN
from tests.store.processes import Processes

forks = pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")


@pytest.fixture
def store(tmp_path):
    with steps.create(tmp_path / "store") as store:
        yield store


@pytest.fixture(scope="module")
def encoder():
    return Bm25Encoder(PLAIN, threads=1)


@forks
def test_another_process_is_named_and_a_killed_one_holds_nothing(store, encoder):
    with Processes(store.path) as processes:
        holder = processes.start("hold")
        with pytest.raises(StoreInUseError, match=f"is being written by process {holder} on "), store.write():
            pass
        with (
            pytest.raises(StoreInUseError, match=rf"{holder} .* after 0\.1 s; one writer"),
            store.write(timeout=0.1),
        ):
            pass
        with pytest.raises(StoreInUseError, match=str(holder)):
            store.compact()
        assert StatisticsStore.open(store.path).sequence == 0, "reading needs no lock"
        processes.kill(holder)
        steps.write(store, encoder, 1)
    steps.assert_at(store, steps.History(), 1)


@forks
def test_waiting_ends_when_the_other_writer_does(store, encoder):
    with Processes(store.path) as processes:
        holder = processes.start("hold")
        timer = threading.Timer(0.3, os.kill, (holder, 9))
        timer.start()
        with store.write(timeout=60) as batch:
            batch.add(["1"], encoder.count_documents(["cat"]))
        timer.join()
        assert processes.wait(holder) == -9
    assert store.totals.document_count == 1


def test_one_process_has_one_writer_too(store, encoder):
    other = StatisticsStore.open(store.path)
    seen = []

    def write():
        try:
            with other.write():
                pass
        except StoreInUseError as error:
            seen.append(str(error))

    with store.write() as batch:
        batch.add(["1"], encoder.count_documents(["cat"]))
        for target in (store, other):
            with pytest.raises(StoreInUseError, match=f"by process {os.getpid()} on "), target.write():
                pass
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert len(seen) == 1
    assert f"by process {os.getpid()} on " in seen[0]
    write()
    assert len(seen) == 1
    other.close()


@forks
def test_a_forked_child_that_ends_leaves_the_lock_with_its_parent(store):
    with store.write():
        child = os.fork()
        if not child:
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with pytest.raises(StoreInUseError), StatisticsStore.open(store.path).write():
            pass


@forks
def test_a_forked_child_that_lives_on_does_not_keep_the_lock(store, encoder):
    stop, tell = os.pipe()
    with store.write():
        child = os.fork()
        if not child:
            os.close(tell)
            os.read(stop, 1)
            os._exit(0)
    try:
        steps.write(store, encoder, 1)
    finally:
        os.close(tell)
        os.close(stop)
        os.waitpid(child, 0)


def test_the_lock_is_free_after_an_exception(store, encoder):
    with pytest.raises(ZeroDivisionError), store.write():
        1 / 0
    steps.write(store, encoder, 1)


def test_who_held_it_last_is_in_the_file(store):
    before = time.time()
    with store.write():
        pass
    holder = json.loads((store.path / "lock").read_text())
    assert holder["pid"] == os.getpid()
    assert set(holder) == {"pid", "host", "since"}
    assert before < time.time() + 1


def test_a_lock_file_that_says_nothing_sensible(store):
    other = StatisticsStore.open(store.path)
    with store.write():
        (store.path / "lock").write_text("[1]")
        with pytest.raises(StoreInUseError, match="is being written by another process; one writer"):
            other.compact()
        (store.path / "lock").write_bytes(b"\xff\0")
        with pytest.raises(StoreInUseError, match="by another process"):
            other.compact()
    other.close()


def test_a_lock_that_cannot_be_opened(store):
    (store.path / "lock").unlink(missing_ok=True)
    (store.path / "lock").mkdir()
    with pytest.raises(StoreError, match=r"lock: cannot be locked for writing: "), store.write():
        pass
