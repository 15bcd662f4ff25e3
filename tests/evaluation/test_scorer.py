from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics
from bm25.evaluation import scorer
from bm25.evaluation.scorer import rank

TEXTS = ["fox", "dog", "fox dog", "", "cow cow", "dog"]


def ranked(texts, queries, config=None, **options):
    encoder = Bm25Encoder(config, threads=1)
    counts = encoder.count_documents(texts)
    statistics = CorpusStatistics.from_counts(counts)
    return rank(encoder.weigh(counts), encoder.encode_queries(queries), statistics, **options)


def test_scores_by_hand():
    # k = 0 makes every document weight 1, so a score is the sum of idf. N = 5: one document is empty.
    # df of fox is 2, of dog 3, of cow 1.
    fox, dog, cow = (log(1 + (5 - df + 0.5) / (df + 0.5)) for df in (2, 3, 1))
    rankings = ranked(TEXTS, ["fox", "dogs fox", "cow hen", "hen", ""], Bm25Config(k=0), depth=4)
    assert list(rankings) == [[0, 2], [2, 0, 1, 5], [4], [], []]
    assert rankings.scores[0].tolist() == pytest.approx([fox, fox, 0, 0])
    assert rankings.scores[1].tolist() == pytest.approx([fox + dog, fox, dog, dog])
    assert rankings.scores[2].tolist() == pytest.approx([cow, 0, 0, 0])


def test_query_weights_and_document_weights_count():
    # 2 terms of 2 in length 256: (1.2 + 1) * 2 / (2 + 1.2 * (0.25 + 0.75 * 2 / 256)); query weight for
    # qtf = 2 under k3 = 8 is 9 * 2 / (8 + 2).
    rankings = ranked(TEXTS, ["cow cow"], Bm25Config(k3=8.0), depth=1)
    document = 2.2 * 2 / (2 + 1.2 * (0.25 + 0.75 * 2 / 256))
    assert rankings.scores[0, 0] == pytest.approx(log(1 + 4.5 / 1.5) * document * 1.8)


def test_excluded_documents_make_room_for_the_next():
    rankings = ranked(TEXTS, ["dog", "dog", "fox"], depth=2, excluded=np.array([1, -1, 1]))
    assert list(rankings) == [[5, 2], [1, 5], [0, 2]]


def test_nothing_to_rank():
    assert list(ranked([""], ["dog"], depth=3)) == [[]]
    assert list(ranked(["dog"], [], depth=3)) == []
    assert list(ranked([], ["dog"], depth=3)) == [[]]


WORDS = ["ape", "bee", "cat", "dog", "elk", "fox", "gnu", "hen"]
words = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)


@given(st.lists(words, max_size=12), st.lists(words, max_size=6), st.integers(1, 5), st.integers(1, 30))
def test_as_a_naive_twin_in_blocks_of_any_size(texts, queries, depth, block):
    before = scorer.BLOCK_SCORES
    scorer.BLOCK_SCORES = block
    try:
        done = []
        config = Bm25Config(k3=8.0, avg_len=3.0)
        rankings = ranked(texts, queries, config, depth=depth, progress=done.append)
    finally:
        scorer.BLOCK_SCORES = before
    assert done == sorted(set(done))
    assert done[-1:] == [len(queries)][: len(queries)]
    encoder = Bm25Encoder(config, threads=1)
    vectors = [dict(zip(*map(np.ndarray.tolist, v), strict=True)) for v in encoder.encode_documents(texts)]
    full = sum(1 for vector in vectors if vector)
    for query, row, ranking in zip(queries, rankings.scores, rankings, strict=True):
        indices, weights = encoder.encode_query(query)
        scores = {}
        for number, vector in enumerate(vectors):
            terms = [(i, w) for i, w in zip(indices.tolist(), weights.tolist(), strict=True) if i in vector]
            df = {i: sum(1 for v in vectors if i in v) for i, _ in terms}
            if terms:
                scores[number] = sum(
                    w * log(1 + (full - df[i] + 0.5) / (df[i] + 0.5)) * vector[i] for i, w in terms
                )
        best = sorted(scores.values(), reverse=True)[:depth]
        assert row[: len(ranking)].tolist() == pytest.approx(best, rel=1e-5)
        assert [scores[number] for number in ranking] == pytest.approx(best, rel=1e-5)
