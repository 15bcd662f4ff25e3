from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.evaluation.metrics import Quality, mean_quality, ndcg, recall, reciprocal_rank


def test_ndcg_by_hand():
    # Grades of ranks 1 to 4 are 0, 2, 0, 1. DCG = 2 / log2(3) + 1 / log2(5) = 1.261860 + 0.430677 = 1.692536.
    # Judged are 3, 2 and 1, so the ideal is 3 / log2(2) + 2 / log2(3) + 1 / log2(4) = 3 + 1.261860 + 0.5
    # = 4.761860. The one of grade 3 was not found.
    relevance = {7: 2, 4: 1, 9: 3}
    assert ndcg([5, 7, 6, 4], relevance) == pytest.approx(1.692536 / 4.761860, abs=1e-6)
    # Of two ranks there is 1.261860, and the ideal has 3 + 1.261860.
    assert ndcg([5, 7, 6, 4], relevance, depth=2) == pytest.approx(1.261860 / 4.261860, abs=1e-6)


def test_ndcg_of_the_ideal_and_of_none():
    assert ndcg([9, 7, 4, 1], {7: 2, 4: 1, 9: 3}) == 1.0
    assert ndcg([1, 2], {7: 1}) == 0.0
    assert ndcg([], {7: 1}) == 0.0


def test_more_relevant_documents_than_ranks_can_still_be_ideal():
    assert ndcg(range(10), dict.fromkeys(range(50), 1)) == 1.0


def test_recall_by_hand():
    # 2 of 3 relevant ones are among the first three, 1 among the first two.
    assert recall([5, 7, 4], {7: 1, 4: 2, 9: 1}) == pytest.approx(2 / 3)
    assert recall([5, 7, 4], {7: 1, 4: 2, 9: 1}, depth=2) == pytest.approx(1 / 3)


def test_reciprocal_rank_by_hand():
    assert reciprocal_rank([5, 6, 4, 7], {7: 1, 4: 1}) == pytest.approx(1 / 3)
    assert reciprocal_rank([5, 6, 4, 7], {7: 1, 4: 1}, depth=2) == 0.0


@pytest.mark.parametrize("grade", [0, -1])
def test_a_grade_of_zero_or_less_is_not_relevant(grade):
    relevance = {7: grade, 4: 1}
    assert ndcg([7, 4], relevance) == pytest.approx(1 / log2(3))
    assert recall([7], relevance) == 0.0
    assert reciprocal_rank([7, 4], relevance) == 0.5
    for measure in (ndcg, recall, reciprocal_rank):
        assert measure([7], {7: grade}) == 0.0
        assert measure([7], {}) == 0.0


def test_default_depths():
    ranking = list(range(1000))
    assert ndcg(ranking, {9: 1}) > 0
    assert ndcg(ranking, {10: 1}) == 0
    assert recall(ranking, {99: 1, 100: 1}) == 0.5
    assert reciprocal_rank(ranking, {99: 1}) == 0.01
    assert reciprocal_rank(ranking, {100: 1}) == 0


def test_means_are_over_queries_with_a_relevant_document():
    # The first query is ideal, the second found nothing, the last two have no relevant document.
    rankings = [[1], [], [1], [1]]
    judgements = [{1: 1}, {1: 1}, {1: 0}, {}]
    assert mean_quality(rankings, judgements) == Quality(2, 0.5, 0.5, 0.5)
    assert mean_quality([], []) == Quality(0, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError):
        mean_quality([[1]], [])


grades = st.dictionaries(st.integers(0, 20), st.integers(-1, 4), max_size=15)
rankings = st.lists(st.integers(0, 30), unique=True, max_size=20)


def naive_dcg(gains, depth):
    total = 0.0
    for i in range(depth):
        if i < len(gains):
            total += gains[i] / (np.log(i + 2) / np.log(2))
    return total


@given(st.lists(st.tuples(rankings, grades), max_size=5), st.integers(1, 25))
def test_as_a_naive_twin(queries, depth):
    values = []
    for ranking, relevance in queries:
        gain = [relevance[d] if d in relevance and relevance[d] > 0 else 0 for d in ranking]
        ideal = [max(grade, 0) for grade in sorted(relevance.values())[::-1]]
        relevant = [d for d in relevance if relevance[d] > 0]
        expected = [0.0, 0.0, 0.0]
        if relevant:
            expected[0] = naive_dcg(gain, depth) / naive_dcg(ideal, depth)
            expected[1] = sum(1 for d in relevant if d in ranking[:depth]) / len(relevant)
            found = [i for i in range(min(depth, len(gain))) if gain[i] > 0]
            expected[2] = 1 / (found[0] + 1) if found else 0.0
            if depth == 10:
                values.append(expected)
        measures = [measure(ranking, relevance, depth) for measure in (ndcg, recall, reciprocal_rank)]
        assert measures == pytest.approx(expected, abs=1e-12)
        assert all(0 <= value <= 1 + 1e-12 for value in measures)
    if depth == 10 and values:
        quality = mean_quality([ranking for ranking, _ in queries], [relevance for _, relevance in queries])
        assert quality.queries == len(values)
        assert quality.ndcg == pytest.approx(np.mean(values, axis=0)[0], abs=1e-12)
