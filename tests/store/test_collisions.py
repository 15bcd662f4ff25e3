"""Terms that share an id, and documents that share a key."""

import numpy as np
import pytest

from bm25 import Bm25Encoder, StatisticsStore
from bm25.store import documents
from tests import reference
from tests.store.model import PLAIN, Document, Model, assert_same
from tests.store.sizes import set_sizes

SHARED = 123_456_789
ONE, OTHER, THIRD = (
    reference.term_with_id(SHARED, number, alphabet).decode()
    for number, alphabet in ((0, b"abcdefghijklmnopqrstuvwxyz"), (10_000_000, b"abcdefghijklmnopqrstuvwxyz"),
                             (0, b"0123456789abcdefghijklmnop"))
)  # fmt: skip


@pytest.fixture(scope="module")
def encoder():
    return Bm25Encoder(PLAIN, threads=1)


@pytest.fixture
def store(tmp_path):
    with StatisticsStore.create(tmp_path / "store", PLAIN) as store:
        yield store


def put(store, encoder, *texts, first=1):
    with store.write() as batch:
        batch.add(list(range(first, first + len(texts))), encoder.count_documents(list(texts)))


def test_the_terms_differ_and_their_ids_do_not():
    assert len({ONE, OTHER, THIRD}) == 3
    assert {reference.term_id(term.encode()) for term in (ONE, OTHER, THIRD)} == {SHARED}


@pytest.mark.parametrize("compact", [False, True])
def test_terms_that_share_an_id_are_all_kept(store, encoder, compact):
    put(store, encoder, ONE, "ant")
    assert store.collisions() == {}
    assert store.term(SHARED) == ONE
    put(store, encoder, f"{OTHER} {ONE}", first=3)
    put(store, encoder, f"{THIRD} bee", OTHER, first=5)
    if compact:
        store.compact()
    assert store.collisions() == {SHARED: tuple(sorted([ONE, OTHER, THIRD]))}
    assert store.term(SHARED) == min(ONE, OTHER, THIRD)
    assert store.document_frequency([SHARED]).tolist() == [4]
    assert store.collection_frequency([SHARED]).tolist() == [5]
    assert store.document(3).counts == {SHARED: 2}
    store.verify()


@pytest.mark.parametrize("text", [OTHER, f"{OTHER} cat"])
def test_a_term_is_kept_where_the_frequencies_of_its_id_stay_the_same(store, encoder, text):
    # One document with the id comes, another goes: nothing changes but how it is spelled.
    put(store, encoder, ONE)
    with store.write() as batch:
        batch.add([2], encoder.count_documents([text]))
        batch.remove([1])
    assert store.document_frequency([SHARED]).tolist() == [1]
    assert store.statistics().terms is not None
    known = {store.term(SHARED), *store.collisions().get(SHARED, ())}
    assert OTHER in known


def test_documents_whose_keys_are_one(tmp_path, encoder, monkeypatch):
    monkeypatch.setattr(documents, "document_keys", lambda ids: np.full(len(ids), 7, np.uint64))
    set_sizes(monkeypatch, LEDGER_ROWS=3)
    model = Model()
    with StatisticsStore.create(tmp_path / "store", PLAIN) as store:
        for start, text in ((0, "ant"), (5, "ant bee"), (8, "cat")):
            with store.write() as batch:
                ids = [str(number) for number in range(start, start + 10)]
                batch.add(ids, encoder.count_documents([text] * 10))
                gone = [str(start + 2), str(start + 3), "no such"]
                assert batch.remove(gone) == ["no such"]
            for key in ids:
                model.add(key, Document(text))
            for key in gone:
                model.remove(key)
            model.commit(store.sequence)
            assert_same(store, model, unknown=map(str, range(30)))
        store.compact()
        model.commit(store.sequence)
        assert_same(store, model, unknown=map(str, range(30)))
        store.verify()
