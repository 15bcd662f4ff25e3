import numpy as np
import pytest

from bm25 import Bm25Encoder, CorpusStatistics
from bm25.evaluation import beir
from bm25.evaluation.beir import BeirCollection
from bm25.evaluation.counting import count_collection
from tests import corpora
from tests.evaluation.collection import write_collection


@pytest.fixture
def encoder():
    return Bm25Encoder(threads=1)


def test_batches_count_as_one(monkeypatch, encoder):
    folder = corpora.folder("cranfield")
    monkeypatch.setattr(beir, "BATCH_TEXTS", 333)
    found = count_collection(BeirCollection(folder), encoder)
    whole = encoder.count_documents(corpora.documents("cranfield"))
    assert found.counts == whole
    assert found.statistics == CorpusStatistics.from_counts(whole)
    assert found.numbers.count == len(whole)
    assert [found.counts.indptr.dtype, found.counts.lengths.dtype] == [np.int64, np.uint32]


def test_entries_that_are_not_needed_are_left_out_and_nothing_else(tmp_path, encoder):
    collection = BeirCollection(write_collection(tmp_path))
    whole = count_collection(collection, encoder)
    wanted = encoder.count_queries(["fox dog unseen"]).term_ids
    part = count_collection(collection, encoder, only=np.unique(wanted))
    assert part.statistics == whole.statistics
    assert part.counts.lengths.tolist() == whole.counts.lengths.tolist()
    for row in range(4):
        ids, frequencies = whole.counts[row]
        kept = np.isin(ids, wanted)
        assert part.counts[row][0].tolist() == ids[kept].tolist()
        assert part.counts[row][1].tolist() == frequencies[kept].tolist()
    assert part.counts.indptr.tolist() == [0, 2, 3, 4, 4]
