import numpy as np
import pytest

from bm25 import Bm25Encoder, StatisticsStore
from bm25.store import compaction
from bm25.store.compaction import FANOUT, start_of_run
from bm25.store.manifest import FileInfo, SegmentInfo
from tests.store.model import PLAIN, Document, Model, assert_same


@pytest.fixture(scope="module")
def encoder():
    return Bm25Encoder(PLAIN, threads=1)


def segments(*sizes):
    return [SegmentInfo(str(i), i, 0, {"terms": FileInfo(size, 1, "")}) for i, size in enumerate(sizes)]


SMALL, LARGE = 1000, 9 << 20


def test_few_segments_stay():
    assert start_of_run([]) is None
    assert start_of_run(segments(*[SMALL] * (FANOUT - 1))) is None
    # Small ones do not add up with large ones, which would be rewritten for little.
    assert start_of_run(segments(*[LARGE] * (FANOUT - 1), *[SMALL] * (FANOUT - 1))) is None


def test_the_newest_of_one_size_are_merged():
    assert start_of_run(segments(*[SMALL] * FANOUT)) == 0
    assert start_of_run(segments(LARGE, *[SMALL] * FANOUT)) == 1
    assert start_of_run(segments(LARGE, SMALL, LARGE, *[SMALL] * FANOUT)) == 3
    assert start_of_run(segments(LARGE, *[SMALL] * (2 * FANOUT))) == 1
    assert start_of_run(segments(*[LARGE, SMALL] * FANOUT)) == 0


def test_there_are_never_very_many():
    sizes = [(1 << 20) * 8 ** (i % 9) for i in range(200, 0, -1)]
    assert start_of_run(segments(*sizes)) is not None


def test_a_growing_store_has_few_segments_and_rewrites_little():
    sizes, written, size = [], 0, 100_000
    for _ in range(5000):
        sizes.append(size)
        written += size
        while (start := start_of_run(segments(*sizes))) is not None:
            merged = sum(sizes[start:])
            written += merged
            sizes[start:] = [merged]
        assert len(sizes) <= 64
    assert sum(sizes) == 5000 * size
    # Each byte is rewritten about once for each eightfold growth, and the small ones once more.
    assert written / sum(sizes) < 2 + 2 * np.log(5000) / np.log(FANOUT)


def put(store, encoder, model, documents):
    with store.write() as batch:
        for key, text, tenant in documents:
            batch.add([key], encoder.count_documents([text]), tenant=tenant)
            model.add(key, Document(text, tenant))
    model.commit(store.sequence)


def merge_from(store, start):
    """Merge the segments from `start` on, as a store of many would by itself."""
    with pytest.MonkeyPatch.context() as patch:
        calls = iter([start, None])
        patch.setattr("bm25.store.commit.start_of_run", lambda infos: next(calls))
        with store.write() as batch:
            batch.start_epoch()
    assert store.segment_count == start + 1


def drop(store, model, tenant):
    with store.write() as batch:
        batch.drop_tenant(tenant)
    model.drop(tenant)
    model.commit(store.sequence)


@pytest.mark.parametrize("old", [None, "old"])
def test_a_document_that_went_with_its_tenant_does_not_come_back(tmp_path, encoder, old):
    # Its older content, of another tenant, is in a segment that is not merged.
    model = Model()
    with StatisticsStore.create(tmp_path / "store", PLAIN) as store:
        put(store, encoder, model, [("1", "ant bee", old), ("2", "cat", old)])
        put(store, encoder, model, [("1", "dog", "new"), ("3", "eel", "new")])
        drop(store, model, "new")
        put(store, encoder, model, [("3", "fox fox", "new")])
        assert_same(store, model, unknown=["1"])
        merge_from(store, 1)
        model.commit(store.sequence, ask=True)
        assert_same(store, model, unknown=["1"])
        assert store.verify().documents == 2
        put(store, encoder, model, [("1", "ant bee", old)])
        store.compact()
        model.commit(store.sequence)
        assert_same(store, model)
        assert store.verify().documents == 3


def test_what_was_removed_stays_removed(tmp_path, encoder):
    model = Model()
    with StatisticsStore.create(tmp_path / "store", PLAIN) as store:
        put(store, encoder, model, [("1", "ant bee", None), ("2", "cat", "a")])
        with store.write() as batch:
            assert batch.remove(["1", "7"]) == ["7"]
        model.remove("1")
        model.commit(store.sequence)
        put(store, encoder, model, [("3", "dog", None)])
        merge_from(store, 1)
        model.commit(store.sequence, ask=True)
        assert_same(store, model, unknown=["1"])
        store.compact()
        model.commit(store.sequence)
        assert_same(store, model, unknown=["1"])


def test_compacting_leaves_no_trace_of_what_is_gone(tmp_path, encoder):
    with StatisticsStore.create(tmp_path / "store", PLAIN) as store:
        with store.write() as batch:
            batch.add(["secret", "kept"], encoder.count_documents(["zanzibar", "ant"]), tenant="a")
        with store.write() as batch:
            batch.remove(["secret"])
        store.compact()
        content = b"".join(path.read_bytes() for path in (store.path / "segments").iterdir())
        assert b"zanzibar" not in content
        assert b"secret" not in content
        assert b"kept" in content
        with store.write() as batch:
            batch.remove(["kept"])
        store.compact()
        assert store.segment_count == 0
        assert not list((store.path / "segments").iterdir())
        assert store.tenants() == {}
        assert len(store.statistics()) == 0


def test_compacting_one_segment_or_none_is_no_commit(tmp_path, encoder):
    with StatisticsStore.create(tmp_path / "store", PLAIN) as store:
        store.compact()
        assert store.sequence == 0
        with store.write() as batch:
            batch.add(["1"], encoder.count_documents(["ant"]))
        store.compact()
        assert store.sequence == 1


def test_ledgers_larger_than_a_record_batch(tmp_path, encoder, monkeypatch):
    monkeypatch.setattr(compaction, "LEDGER_ROWS", 7)
    model = Model()
    with StatisticsStore.create(tmp_path / "store", PLAIN) as store:
        for start in range(0, 60, 20):
            put(store, encoder, model, [(str(i), f"ant {'bee ' * (i % 4)}", None) for i in range(start, 60)])
        store.compact()
        model.commit(store.sequence)
        assert_same(store, model, unknown=["60"])
