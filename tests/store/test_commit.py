"""What a commit asks of the file system, in which order, and what it leaves where one call fails."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress

import pytest

from bm25 import Bm25Encoder, StatisticsStore
from bm25.errors import StoreError
from bm25.store import compaction
from tests.conftest import REDUCED
from tests.store import steps
from tests.store.model import PLAIN
from tests.store.recorder import Call, Recorder

MANIFEST, COPY, SEGMENTS = "manifest.json", "manifest.copy.json", "segments"
AT = 3  # the step that stores here are at


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "store"
    encoder = Bm25Encoder(PLAIN, threads=1)
    with steps.create(path) as store:
        for number in range(1, AT + 1):
            steps.write(store, encoder, number)
    return path


@pytest.fixture
def path(template, tmp_path):
    return shutil.copytree(template, tmp_path / "store")


@pytest.fixture(scope="module")
def encoder():
    return Bm25Encoder(PLAIN, threads=1)


def commit(store, encoder):
    steps.write(store, encoder, AT + 1)


def merging_commit(store, encoder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "FANOUT", 2)
        commit(store, encoder)


def compact(store, encoder):
    store.compact()


CHANGES = {
    "commit": (commit, AT + 1),
    "merging commit": (merging_commit, AT + 1),
    "compact": (compact, AT),
}


def recorded(path, encoder, change):
    with StatisticsStore.open(path) as store, Recorder(path) as recorder:
        change(store, encoder)
    return recorder.calls


def check_order(calls, new_files):
    """Assert that nothing counts before it is on disk, and nothing is removed before that."""

    def place(what, name, start=0):
        found = [i for i, call in enumerate(calls) if call[:2] == (what, name) and i >= start]
        assert found, f"{name} has no {what}"
        return found

    [renamed] = place("replace", MANIFEST)
    [segments_synced] = [i for i in place("fsync", SEGMENTS) if i < renamed]
    for name, size in new_files.items():
        [created] = place("create", name)
        [synced] = place("fsync", name)
        assert created < min(place("write", name))
        assert max(place("write", name)) < synced < segments_synced
        assert calls[synced].size == size, "what was synced is all of the file"
    temporary = f"{MANIFEST}.tmp"
    [created] = place("create", temporary)
    [synced] = place("fsync", temporary)
    assert segments_synced < created < min(place("write", temporary))
    assert max(place("write", temporary)) < synced < renamed
    committed = min(place("fsync", ".", renamed))
    between = calls[renamed + 1 : committed]
    assert [call for call in between if call != Call("open", ".")] == []
    assert not [call for call in calls[:committed] if call.what == "unlink"]
    # The copy of the manifest, too, is in place before a file goes that only the old one names.
    [copied] = place("replace", COPY)
    assert max(place("write", f"{COPY}.tmp")) < max(place("fsync", f"{COPY}.tmp")) < copied
    copy_synced = min(place("fsync", ".", copied))
    assert committed < copied < copy_synced
    assert not [call for call in calls[:copy_synced] if call.what == "unlink"]


@pytest.mark.parametrize("name", CHANGES)
def test_everything_is_on_disk_before_it_counts(path, encoder, name):
    before = steps.files(path)
    calls = recorded(path, encoder, CHANGES[name][0])
    new = {file for file in steps.files(path) if file.startswith(SEGMENTS)} - before
    assert new
    if name == "merging commit":  # its own segment went into the merged one, and nobody ever knew of it
        own = {c.name for c in calls if c.what == "create" and c.name.startswith(SEGMENTS)} - new
        assert own
        calls = [call for call in calls if call.name not in own]
    check_order(calls, {file: (path / file).stat().st_size for file in new})
    removed = [call.name for call in calls if call.what == "unlink"]
    assert sorted(removed) == sorted(file for file in before if not (path / file).exists())
    assert bool(removed) == (name != "commit")
    with StatisticsStore.open(path) as store:
        assert steps.files(path) == steps.needed(store)


def test_a_change_of_nothing_writes_nothing(path, encoder):
    with StatisticsStore.open(path) as store, Recorder(path) as recorder, store.write():
        pass
    assert {call.name for call in recorder.calls} == {"lock"}


def kinds_of_calls(calls):
    """The numbers of calls, but of one call that comes many times in a row the first and the last."""
    ends = [i for i, call in enumerate(calls) if i in (0, len(calls) - 1) or call != calls[i + 1]]
    starts = [i for i, call in enumerate(calls) if not i or call != calls[i - 1]]
    return sorted({*starts, *ends})


def failure(kind, call):
    if kind == "error":
        code = errno.EIO if call.what == "fsync" else errno.ENOSPC
        return OSError(code, os.strerror(code))
    return KeyboardInterrupt()


@pytest.mark.parametrize("name", ["merging commit", "compact"])
@pytest.mark.parametrize("kind", ["error", "interrupt", "interrupt after"])
def test_any_call_may_fail(template, encoder, tmp_path, name, kind):
    change, after = CHANGES[name]
    calls = recorded(shutil.copytree(template, tmp_path / "counted"), encoder, change)
    for number in kinds_of_calls(calls)[:: 7 if REDUCED else 3 if kind == "interrupt" else 1]:
        path = shutil.copytree(template, tmp_path / str(number))
        error = failure(kind, calls[number])
        with StatisticsStore.open(path) as store:
            sequence = store.sequence
            raised = None
            with Recorder(path, number, error, after=kind == "interrupt after") as recorder:
                try:
                    change(store, encoder)
                except (StoreError, KeyboardInterrupt) as caught:
                    raised = caught
            failed = recorder.failed
            assert failed is not None
            assert steps.step_of(store) in (AT, after), "a store that failed still shows one state"
        # Sizes of directories and the like may differ, the order does not.
        assert [call[:2] for call in recorder.calls[: number + 1]] == [c[:2] for c in calls[: number + 1]]
        renamed = ("replace", MANIFEST) in [call[:2] for call in recorder.calls[:number]]
        there = renamed or raised is None
        if kind == "interrupt after":
            there = there or failed[:2] == ("replace", MANIFEST)
        with StatisticsStore.open(path) as store:
            assert store.sequence == sequence + there, failed
            store.verify()
            if isinstance(raised, StoreError):
                message = str(raised)
                assert error.strerror in message
                if renamed:  # it is the directory that could not be synced
                    assert f"{path}: commit {sequence + 1} is in place" in message
                else:
                    assert str(path / failed.name) in message or str(path / failed.name)[:-4] in message
                    if failed.name != "lock":
                        assert "the store is as it was before" in message
            elif raised is None:
                # What may fail: to say who holds the lock, to remove, and what comes after the commit.
                assert renamed or failed.name == "lock" or failed.what == "unlink", failed
            # The next commit is not disturbed, and nothing is left but what it needs.
            steps.write(store, encoder, steps.step_of(store) + 1)
            steps.assert_at(store, steps.History(), (after if there else AT) + 1)
            assert steps.files(path) == steps.needed(store), failed
        shutil.rmtree(path)


def test_writes_that_take_only_a_part(path, encoder):
    with StatisticsStore.open(path) as store:
        with Recorder(path, short=True):
            steps.write(store, encoder, AT + 1)
            store.compact()
        steps.assert_at(store, steps.History(), AT + 1)
    with StatisticsStore.open(path) as store:
        steps.assert_at(store, steps.History(), AT + 1)
        store.verify()


def test_errors_of_the_caller_pass_through(path, encoder):
    with StatisticsStore.open(path) as store:
        for error in (FileNotFoundError(2, "No such file", "corpus.jsonl"), ValueError("x"), SystemExit(3)):
            caught = None
            try:
                with store.write() as batch:
                    batch.add(["new"], encoder.count_documents(["cat"]))
                    batch.flush()
                    raise error
            except BaseException as raised:
                caught = raised
            assert caught is error
        steps.assert_at(store, steps.History(), AT)
        assert steps.files(path) == steps.needed(store)


def test_a_batch_that_failed_is_not_committed_in_part(path, encoder):
    def write(store):
        with store.write() as batch:
            batch.add(["1000"], encoder.count_documents(["cat"]))
            with suppress(OSError):  # a caller that goes on whatever happens
                batch.flush()
            batch.add(["1001"], encoder.count_documents(["dog"]))

    with StatisticsStore.open(path) as store:
        for number in range(2, 9):  # the first two calls are for the lock
            full = Recorder(path, number, OSError(errno.ENOSPC, "No space left on device"))
            with full, pytest.raises(StoreError, match="could not be written"):
                write(store)
            steps.assert_at(store, steps.History(), AT)
        steps.write(store, encoder, AT + 1)
        assert steps.files(path) == steps.needed(store)


@pytest.mark.parametrize("kind", ["error", "interrupt"])
def test_any_call_may_fail_when_a_store_is_made(tmp_path, encoder, kind):
    with Recorder(tmp_path / "counted") as recorder:
        steps.create(tmp_path / "counted").close()
    calls = recorder.calls
    assert calls
    for number in range(len(calls)):
        path = tmp_path / str(number)
        error = KeyboardInterrupt() if kind == "interrupt" else OSError(errno.ENOSPC, "No space left")
        raised = ""
        with Recorder(path, number, error):
            try:
                steps.create(path).close()
            except (StoreError, KeyboardInterrupt) as caught:
                raised = str(caught)
        assert not raised or (str(path) in raised and "No space left" in raised)
        if not (path / MANIFEST).exists():
            steps.create(path).close()  # it can be made after all
        with StatisticsStore.open(path) as store:
            steps.write(store, encoder, 1)
            steps.assert_at(store, steps.History(), 1)
            assert steps.files(path) == steps.needed(store)
