"""Weights: the float32 bits of every k, b and avg_len, at rounding boundaries and at the extremes."""

import math
import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import qdrant_edge
from hypothesis import given, settings
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25ConfigError, Bm25Encoder
from tests.oracle import (
    assert_documents_equal,
    assert_queries_equal,
    document_weight,
    oracle,
    oracle_documents,
)

PLAIN = {"stemmer": {"type": "none"}, "stopwords": {}}
TEXTS = [
    "a", "a a", "a b", "a a b", "a b c d e f g", " ".join(["a"] * 300 + ["b"] * 17 + ["c"]),
    " ".join(f"w{i % (i % 97 + 1)}" for i in range(3000)),
]  # fmt: skip


def encoder(**options):
    return Bm25Encoder(Bm25Config(**options, **PLAIN), threads=1)


@settings(max_examples=500, deadline=None)
@given(
    k=st.floats(0, 1e3) | st.floats(0, allow_infinity=False),
    b=st.floats(0, 1),
    avg_len=st.floats(0.01, 1e5) | st.floats(0, exclude_min=True, allow_infinity=False),
)
def test_random_parameters(k, b, avg_len):
    one = encoder(k=k, b=b, avg_len=avg_len)
    assert_documents_equal(one, TEXTS)
    assert_queries_equal(one, TEXTS[:4])


def test_grid_of_ordinary_parameters():
    for k, b, avg_len in product(
        (0.0, 0.5, 0.9, 1.2, 1.5, 2.0, 100.0), (0.0, 0.1, 0.3, 0.4, 0.75, 1.0), (1.0, 3.3, 54.0, 151.4, 256.0)
    ):
        assert_documents_equal(encoder(k=k, b=b, avg_len=avg_len), TEXTS)


# Random parameters hardly ever tell apart two formulas that differ in the last bit of float64: the float32
# is nearly always the same. So k is chosen to put the exact weight next to the midpoint of two float32s.


def boundary_cases():
    """(k, b, avg_len, term frequency, length), nine neighbouring k for each midpoint."""
    rng = random.Random(1)
    cases = []
    while len(cases) < 9 * 400:
        tf = rng.choice([1, 1, 1, 2, 2, 3, 4, 5, 7, 10, 30])
        length = tf + rng.randrange(0, 400)
        b = rng.choice([0.75, 0.4, 1.0, rng.random()])
        avg_len = rng.choice([256.0, 151.4, rng.uniform(1, 500)])
        norm = Fraction(1.0 - b + b * length / avg_len)
        weight = np.float32(
            document_weight(Bm25Config(k=rng.uniform(0.2, 4), b=b, avg_len=avg_len), tf, length)
        )
        midpoint = (Fraction(float(weight)) + Fraction(float(np.nextafter(weight, np.float32(9))))) / 2
        if tf == midpoint * norm:
            continue
        exact = tf * (midpoint - 1) / (tf - midpoint * norm)
        if not 0 < exact < 100:
            continue
        cases += [(near, b, avg_len, tf, length) for near in neighbours(float(exact), 4)]
    return cases


def neighbours(number, count):
    found = [number]
    for direction in (-math.inf, math.inf):
        near = number
        for _ in range(count):
            near = math.nextafter(near, direction)
            found.append(near)
    return found


def test_rounding_boundaries():
    counts, different = {}, {"two roundings": 0, "float32 throughout": 0}
    cases = boundary_cases()
    for number, (k, b, avg_len, tf, length) in enumerate(cases):
        text = " ".join(["term"] * tf + ["other"] * (length - tf))
        config = Bm25Config(k=k, b=b, avg_len=avg_len, **PLAIN)
        if number % 9 == 0:
            assert_documents_equal(Bm25Encoder(config, threads=1), [text])
        # The neighbours of this k share its counts; weighing them afresh is what `weigh` is for.
        if (tf, length) not in counts:
            counts = {(tf, length): encoder().count_documents([text])}
        ours = Bm25Encoder(config, threads=1).weigh(counts[tf, length])
        theirs = oracle(config).embed_document(text)
        assert ours.indices.tolist() == theirs.indices
        expected = np.array(theirs.values, np.float32)
        assert ours.values.tobytes() == expected.tobytes(), (k, b, avg_len, tf, length)
        exact = [document_weight(config, int(f), length) for f in counts[tf, length].frequencies]
        assert expected.tolist() == exact
        # That the cases are hard: other ways to compute the same thing fail on many of them.
        norm = 1.0 - b + b * length / avg_len
        position = theirs.indices.index(term_id_of("term"))
        if np.float32(tf * (k + 1.0) / (tf + k * norm)) != expected[position]:
            different["two roundings"] += 1
        single = [np.float32(x) for x in (tf, k, norm)]
        if (
            single[0] * (single[1] + np.float32(1)) / (single[0] + single[1] * single[2])
            != expected[position]
        ):
            different["float32 throughout"] += 1
    assert different["two roundings"] > len(cases) / 50, different
    assert different["float32 throughout"] > len(cases) / 10, different


def term_id_of(term):
    return oracle(Bm25Config(**PLAIN)).embed_document(term).indices[0]


EXTREME_K = (
    0.0,
    5e-324,
    1e-320,
    1e-300,
    1e-40,
    1.2,
    1e12,
    1e38,
    3.5e38,
    1e39,
    1e300,
    1e308,
    1.7976931348623157e308,
)
EXTREME_B = (0.0, 5e-324, 1e-320, 1e-17, 0.5, 1.0 - 2**-53, 1.0)
EXTREME_AVG_LEN = (5e-324, 1e-320, 1e-300, 1e-40, 1.0, 256.0, 1e39, 1e300, 1.7976931348623157e308)


@pytest.mark.parametrize("k", EXTREME_K)
def test_extremes(k):
    for b, avg_len in product(EXTREME_B, EXTREME_AVG_LEN):
        assert_documents_equal(encoder(k=k, b=b, avg_len=avg_len), TEXTS)


@pytest.mark.parametrize(
    ("options", "weight"),
    [
        ({"k": 1e308}, math.inf),
        ({"k": 1e308, "avg_len": 1e-320}, math.nan),
        ({"k": 0.0, "avg_len": 1e-320}, math.nan),
        ({"avg_len": 1e-320}, 0.0),
        ({"k": 0.0}, 1.0),
        ({"k": 1e-300}, 1.0),
    ],
)
def test_what_extremes_yield(options, weight):
    """Infinity and NaN are what the engine yields; nothing replaces them."""
    one = encoder(**options)
    text = "a a b"
    assert_documents_equal(one, [text])
    found = one.encode_documents([text])[0][1].tolist()
    assert any(value == weight or (math.isnan(value) and math.isnan(weight)) for value in found)


def test_integer_parameters():
    assert_documents_equal(encoder(k=2, b=1, avg_len=10), TEXTS)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("k", -1e-300), ("k", math.inf), ("k", math.nan), ("b", -1e-320), ("b", 1.0000000000000002),
        ("b", math.nan), ("avg_len", 0.0), ("avg_len", math.inf),
    ],
)  # fmt: skip
def test_what_neither_takes(option, value):
    with pytest.raises(ValueError):
        qdrant_edge.Bm25(qdrant_edge.Bm25Config(**{option: value}))
    with pytest.raises(Bm25ConfigError, match=option):
        Bm25Config(**{option: value})


@pytest.mark.parametrize("options", [{"k": -0.0}, {"b": -0.0}])
def test_negative_zero(options):
    assert_documents_equal(encoder(**options), TEXTS)


@pytest.mark.parametrize("options", [{}, {"k": 1e12, "b": 0.0}, {"k": 1e12, "b": 1.0, "avg_len": 1.0}])
def test_high_frequencies(options):
    """Frequencies and lengths that do not fit 8 or 16 bits."""
    sizes = [255, 256, 257, 4095, 4096, 65_535, 65_536, 65_537, 1_000_000]
    assert_documents_equal(encoder(**options), [" ".join(["a"] * size + ["b"]) for size in sizes])


def test_crossed_length_limits_are_an_error_of_ours():
    """The engine drops everything then, which nobody can mean."""
    with pytest.raises(Bm25ConfigError, match="min_token_len 5 is above max_token_len 3"):
        Bm25Config(min_token_len=5, max_token_len=3)
    limits = Bm25Config(min_token_len=3, max_token_len=3, **PLAIN)
    assert len(oracle_documents(limits, ["a ab abc abcd"]).indices) == 1
    assert_documents_equal(Bm25Encoder(limits), ["a ab abc abcd"])
