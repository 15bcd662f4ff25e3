import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bm25.evaluation.rankings import Rankings


def test_the_best_in_their_order():
    rankings = Rankings.empty(3, 2)
    rankings.keep_best(0, np.array([5, 3, 9]), np.array([1.0, 2.0, 3.0], np.float32))
    rankings.keep_best(2, np.array([7]), np.array([0.5], np.float32))
    assert rankings.documents.tolist() == [[9, 3], [-1, -1], [7, -1]]
    assert rankings.scores.tolist() == [[3.0, 2.0], [0.0, 0.0], [0.5, 0.0]]
    assert rankings.documents.dtype == np.int64
    assert rankings.scores.dtype == np.float32
    assert list(rankings) == [[9, 3], [], [7]]
    assert len(rankings) == 3


def test_equal_scores_come_in_the_order_of_the_corpus():
    rankings = Rankings.empty(1, 3)
    rankings.keep_best(0, np.array([8, 2, 6, 4, 1]), np.array([1, 1, 1, 1, 2], np.float32))
    assert list(rankings) == [[1, 2, 4]]


@given(st.dictionaries(st.integers(0, 50), st.sampled_from([0.5, 1.0, 1.5, 2.0])), st.integers(1, 60))
def test_as_sorting_everything(found, depth):
    rankings = Rankings.empty(1, depth)
    rankings.keep_best(0, np.array(list(found), np.int64), np.array(list(found.values()), np.float32))
    expected = sorted(found, key=lambda document: (-found[document], document))[:depth]
    assert list(rankings) == [expected]
    assert rankings.scores[0, : len(expected)].tolist() == [found[document] for document in expected]
