"""The embedded engine ranks by our vectors as exact arithmetic does."""

import numpy as np
import pytest

from bm25 import Bm25Config
from bm25.evaluation import BeirCollection, evaluate, scorer, standard_variants
from bm25.qdrant import evaluation
from tests import corpora
from tests.evaluation.collection import assert_same_but_for_ties, write_collection

pytest.importorskip("qdrant_edge")


@pytest.mark.parametrize("name", ["cranfield", "cacm", "xquad-tr"])
def test_the_engine_ranks_as_exact_scores_do(name):
    collection = BeirCollection(corpora.folder(name))
    seen = []

    def both(documents, queries, statistics, **options):
        exact = scorer.rank(documents, queries, statistics, **options)
        engine = evaluation.rank(documents, queries, **options)
        seen.append((exact, engine))
        return engine

    variants = standard_variants(Bm25Config(language=corpora.LANGUAGES[name]))
    found = list(evaluate(collection, variants, ranker=both, all_terms=True))
    expected = list(evaluate(collection, variants))
    assert len(seen) == 3
    for (exact, engine), one, other in zip(seen, found, expected, strict=True):
        assert (exact.documents >= 0).sum() > 20 * len(exact)
        assert_same_but_for_ties(exact, engine)
        values = [(e.quality.ndcg, e.quality.recall, e.quality.reciprocal_rank) for e in (one, other)]
        assert values[0] == pytest.approx(values[1], abs=0.001)


def test_equal_scores_come_in_the_order_of_the_corpus(tmp_path):
    documents = [{"_id": f"d{i}", "text": "dogs"} for i in range(1000)]
    write_collection(tmp_path, documents, [{"_id": "q", "text": "dog"}], [("q", "d1", 1)])
    seen = []

    def ranker(*args, **options):
        seen.append(evaluation.rank(*args, **options))
        return seen[0]

    (one,) = evaluate(BeirCollection(tmp_path), standard_variants()[:1], ranker=ranker, all_terms=True)
    assert list(seen[0]) == [list(range(100))]
    assert one.quality.reciprocal_rank == 0.5


def test_own_documents_empty_ones_and_progress(tmp_path):
    documents = [{"_id": name, "text": text} for name, text in [("a", "dogs"), ("b", ""), ("c", "dogs")]]
    queries = [{"_id": "a", "text": "dog"}, {"_id": "q", "text": "dog"}, {"_id": "r", "text": "the"}]
    write_collection(tmp_path, documents, queries, [(query["_id"], "c", 1) for query in queries])
    told = []

    def ranker(*args, **options):
        rankings = evaluation.rank(*args, **{**options, "progress": told.append})
        assert list(rankings) == [[2], [0, 2], []]
        # N is 2, as the empty document does not count.
        assert rankings.scores[0, 0] == pytest.approx(
            np.log(1 + 0.5 / 2.5) * 2.2 / (1 + 1.2 * (0.25 + 0.75 / 256))
        )
        return rankings

    (one, *_) = evaluate(BeirCollection(tmp_path), standard_variants()[:1], ranker=ranker, all_terms=True)
    assert told == [1, 2, 3]
    assert one.quality.reciprocal_rank == pytest.approx((1 + 0.5 + 0) / 3)
