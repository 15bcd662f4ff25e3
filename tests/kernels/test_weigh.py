import math
from fractions import Fraction

import numpy as np
import pytest
import qdrant_edge
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels.weigh import weigh_documents, weigh_documents_unfused, weigh_queries
from tests import reference
from tests.conftest import REDUCED
from tests.kernels.helpers import call
from tests.strategies import examples

KERNELS = {
    weigh_documents: reference.document_weight,
    weigh_documents_unfused: reference.document_weight_unfused,
}
weighers = pytest.mark.parametrize("weigh", KERNELS, ids=["fused", "unfused"])


def weights(documents, k, b, avg_len, weigh=weigh_documents):
    """Weigh documents given as (frequencies, length)."""
    indptr = np.cumsum([0, *(len(frequencies) for frequencies, _ in documents)])
    frequencies = np.array([f for document, _ in documents for f in document], np.uint32)
    lengths = np.array([length for _, length in documents], np.uint32)
    values = np.full(len(frequencies), -1, np.float32)
    call(weigh, indptr, frequencies, lengths, k, b, avg_len, values)
    return values


def bits(values):
    return np.asarray(values, np.float32).view(np.uint32).tolist()


def oracle_weight(frequency, length, k, b, avg_len):
    """What Qdrant's own code gives a term that occurs `frequency` times in `length` tokens."""
    engine = qdrant_edge.Bm25(
        qdrant_edge.Bm25Config(
            k=k, b=b, avg_len=avg_len,
            tokenizer=qdrant_edge.TokenizerType.Whitespace,
            stopwords=qdrant_edge.StopwordsSet(),
            stemmer=qdrant_edge.DisabledStemmer(),
        )
    )  # fmt: skip
    vector = engine.embed_document("x " * frequency + "y " * (length - frequency))
    return dict(zip(vector.indices, vector.values, strict=True))[reference.term_id(b"x")]


def boundary_cases(count):
    """(frequency, length, k, b, avg_len) whose exact weight lies next to the middle of two float32.

    There a formula that rounds elsewhere than Qdrant's gives other bits, and practically only there. With
    n = 1 - b + b * length / avg_len the weight is m where k = tf * (m - 1) / (tf - m * n).
    """
    rng = np.random.default_rng(6)
    cases = []
    while len(cases) < count:
        frequency = int(rng.integers(1, 12))
        length = frequency + int(rng.integers(0, 40))
        b = float(rng.choice([0.75, 0.5, 1.0, 0.0, rng.uniform(0, 1)]))
        avg_len = float(rng.choice([256.0, 17.3, rng.uniform(1, 60)]))
        norm = Fraction((1.0 - b) + (b * length) / avg_len)
        near = np.float32(
            reference.document_weight(frequency, length, float(rng.uniform(0.3, 3)), b, avg_len)
        )
        middle = (Fraction(float(near)) + Fraction(float(np.nextafter(near, np.float32(np.inf))))) / 2
        if middle == 1 or frequency == middle * norm:
            continue
        k = float(frequency * (middle - 1) / (frequency - middle * norm))
        if not 0.01 < k < 100:
            continue
        for _ in range(2):
            k = math.nextafter(k, 0.0)
        for _ in range(5):
            cases.append((frequency, length, k, b, avg_len))
            k = math.nextafter(k, math.inf)
    return cases


BOUNDARY = boundary_cases(3000 if not REDUCED else 600)


def test_the_boundary_cases_tell_formulas_apart():
    def wrong(formula):
        results = [np.float32(formula(*case)) for case in BOUNDARY]
        return sum(a != reference.document_weight(*case) for a, case in zip(results, BOUNDARY, strict=True))

    def split(tf, dl, k, b, avg):
        return tf * (k + 1.0) / (tf + k * (1.0 - b + b * dl / avg))

    def other_norm(tf, dl, k, b, avg):
        return tf * (k + 1.0) / reference.fused_multiply_add(k, 1.0 - b + b * (dl / avg), tf)

    def exact(tf, dl, k, b, avg):
        norm = 1 - Fraction(b) + Fraction(b) * dl / Fraction(avg)
        return float(tf * (Fraction(k) + 1) / (tf + Fraction(k) * norm))

    def scaled_last(tf, dl, k, b, avg):
        return tf / reference.fused_multiply_add(k, 1.0 - b + b * dl / avg, tf) * (k + 1.0)

    for formula in (split, other_norm, exact, scaled_last):
        assert wrong(formula) > len(BOUNDARY) / 500, formula.__name__


def test_boundary_cases_against_the_twin_and_the_oracle():
    actual = [weights([([tf], dl)], k, b, avg)[0] for tf, dl, k, b, avg in BOUNDARY]
    assert bits(actual) == bits([reference.document_weight(*case) for case in BOUNDARY])
    assert bits(actual) == bits([oracle_weight(*case) for case in BOUNDARY])


def test_boundary_cases_unfused():
    """FastEmbed's weights: the same formula without the fused operation, which other bits come of."""
    actual = [weights([([tf], dl)], k, b, avg, weigh_documents_unfused)[0] for tf, dl, k, b, avg in BOUNDARY]
    assert bits(actual) == bits([reference.document_weight_unfused(*case) for case in BOUNDARY])
    fused = bits([reference.document_weight(*case) for case in BOUNDARY])
    assert sum(a != b for a, b in zip(bits(actual), fused, strict=True)) > len(BOUNDARY) / 100


def test_a_case_whose_weight_is_another_one_unfused():
    case = (6, 44, 2.144421503813383, 0.7365746571732775, 17.3)
    expected = (1.782857060432434, 1.7828571796417236)
    found = [weights([([case[0]], case[1])], *case[2:], weigh)[0].item() for weigh in KERNELS]
    assert found == list(expected)
    assert [function(*case).item() for function in KERNELS.values()] == list(expected)


@weighers
@given(
    st.lists(st.tuples(st.lists(st.integers(1, 10**6), max_size=5), st.integers(1, 10**7)), max_size=8),
    st.floats(0, 100, allow_subnormal=False),
    st.floats(0, 1, allow_subnormal=False),
    st.floats(0.1, 1e5),
)
@examples(150)
def test_documents_against_the_twin(weigh, documents, k, b, avg_len):
    expected = [
        KERNELS[weigh](frequency, length, k, b, avg_len)
        for frequencies, length in documents
        for frequency in frequencies
    ]
    assert bits(weights(documents, k, b, avg_len, weigh)) == bits(expected)


@given(
    st.integers(1, 20), st.integers(0, 20),
    st.one_of(st.sampled_from([0.0, 5e-324, 1e-300, 1e300, 1.7e308, 1e39]), st.floats(0, 1e308)),
    st.floats(0, 1), st.floats(5e-324, 1.7e308),
)  # fmt: skip
@examples(150)
def test_extreme_options_against_the_oracle(frequency, others, k, b, avg_len):
    actual = weights([([frequency], frequency + others)], k, b, avg_len)
    expected = np.array([oracle_weight(frequency, frequency + others, k, b, avg_len)], np.float32)
    assert np.array_equal(actual, expected, equal_nan=True)


@weighers
def test_by_hand(weigh):
    # k = 1.2, b = 0.75, avg_len = 4: a text of 4 tokens has norm 1, one of 8 has 0.25 + 1.5 = 1.75.
    values = weights([([1, 3], 4), ([], 0), ([8], 8)], 1.2, 0.75, 4.0, weigh)
    assert values.tolist() == pytest.approx([2.2 / 2.2, 6.6 / 4.2, 17.6 / (8 + 1.2 * 1.75)], rel=1e-7)


@weighers
def test_k_of_zero_makes_every_weight_one_and_b_of_zero_ignores_lengths(weigh):
    assert weights([([1, 9], 10)], 0.0, 0.75, 256.0, weigh).tolist() == [1.0, 1.0]
    assert weights([([2], 2)], 1.2, 0.0, 256.0, weigh) == weights([([2], 2000)], 1.2, 0.0, 1.0, weigh)


@weighers
def test_the_largest_counts_do_not_wrap(weigh):
    assert weights([([2**32 - 1], 2**32 - 1)], 1.0, 0.0, 1.0, weigh).tolist() == [2.0]


def query_weights(frequencies, k3):
    values = np.full(len(frequencies), -1, np.float32)
    call(weigh_queries, np.array(frequencies, np.uint32), k3, values)
    return values


@given(st.lists(st.integers(1, 2**32 - 1), max_size=20), st.floats(0, 1e6, allow_subnormal=False))
@examples(100)
def test_queries_against_the_twin(frequencies, k3):
    expected = [reference.query_weight(frequency, k3) for frequency in frequencies]
    assert bits(query_weights(frequencies, k3)) == bits(expected)


def test_queries_by_hand():
    # (8 + 1) * qtf / (8 + qtf)
    assert query_weights([1, 2, 4, 8], 8.0).tolist() == [1.0, np.float32(1.8), 3.0, 4.5]
    assert query_weights([1, 2, 3], 0.0).tolist() == [1.0, 1.0, 1.0]
