import subprocess
import sys

import numpy as np
import pytest

from bm25 import Bm25Config, Bm25Encoder
from bm25.errors import Bm25InputError, MissingExtraError
from bm25.qdrant.edge import EdgeCollection

qdrant_edge = pytest.importorskip("qdrant_edge")

TEXTS = ["the quick brown fox", "a lazy dog", "dogs and foxes, dogs and foxes", "", "cats"]


@pytest.fixture
def encoder():
    return Bm25Encoder(Bm25Config())


def test_search_finds_and_ranks(tmp_path, encoder):
    with EdgeCollection.create(tmp_path / "c") as collection:
        payloads = [{"text": text} for text in TEXTS]
        collection.upsert(range(5), encoder.encode_documents(TEXTS), payloads)
        collection.optimize()
        assert len(collection) == 5
        hits = collection.search(*encoder.encode_query("dogs and a fox"), limit=3)
        assert [hit.id for hit in hits] == [2, 1, 0]
        assert hits[0].payload == {"text": TEXTS[2]}
        assert hits[0].score > hits[1].score
        assert collection.search(*encoder.encode_query("unseen")) == []
        assert collection.search(*encoder.encode_query("")) == []


def test_scores_are_bm25_with_qdrants_idf(tmp_path, encoder):
    # N counts the documents that have a vector: 4. "cat" occurs in one of them.
    with EdgeCollection.create(tmp_path / "c") as collection:
        vectors = encoder.encode_documents(TEXTS)
        collection.upsert(range(5), vectors)
        (hit,) = collection.search(*encoder.encode_query("cat"))
        idf = np.log(1 + (4 - 1 + 0.5) / (1 + 0.5))
        assert hit.score == pytest.approx(idf * vectors[4][1][0], rel=1e-6)
        assert hit.payload == {}


def test_points_are_replaced_and_ids_may_be_uuids(tmp_path, encoder):
    with EdgeCollection.create(tmp_path / "c") as collection:
        identifier = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"
        collection.upsert([1, identifier], encoder.encode_documents(["apple", "pear"]))
        collection.upsert([1], encoder.encode_documents(["plum"]))
        assert len(collection) == 2
        assert collection.search(*encoder.encode_query("apple")) == []
        assert [str(hit.id) for hit in collection.search(*encoder.encode_query("pear"))] == [identifier]


def test_a_closed_collection_can_be_opened_again(tmp_path, encoder):
    texts = [f"word{i} common" for i in range(2500)]
    with EdgeCollection.create(tmp_path / "c") as collection:
        collection.upsert(range(2500), encoder.encode_documents(texts))
    with EdgeCollection.open(tmp_path / "c") as collection:
        assert len(collection) == 2500
        assert [hit.id for hit in collection.search(*encoder.encode_query("word2499"))] == [2499]
    collection.close()


def test_directories_that_cannot_be_used(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(Bm25InputError, match="is not an empty directory"):
            EdgeCollection.create(path)
    with pytest.raises(Bm25InputError, match="nope: not a collection that can be opened"):
        EdgeCollection.open(tmp_path / "nope")


def test_lengths_must_agree(tmp_path, encoder):
    with EdgeCollection.create(tmp_path / "c") as collection:
        with pytest.raises(ValueError, match="1 ids, 2 vectors"):
            collection.upsert([1], encoder.encode_documents(["a", "b"]))
        with pytest.raises(ValueError, match="1 ids, 1 vectors, 0 payloads"):
            collection.upsert([1], encoder.encode_documents(["a"]), [])


def test_the_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "qdrant_edge", None)
    for make in (EdgeCollection.create, EdgeCollection.open):
        with pytest.raises(MissingExtraError, match=r"pip install 'bm25-engine\[edge\]'"):
            make(tmp_path / "c")


def test_importing_the_module_does_not_load_the_engine():
    code = "import sys, bm25.qdrant.edge; sys.exit('qdrant_edge' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
