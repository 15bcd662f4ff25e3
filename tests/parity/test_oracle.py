"""The oracle itself: its version, and that a comparison with it can fail."""

from itertools import count

import numpy as np
import pytest

from bm25 import Bm25Config, Bm25Encoder, SparseVectors
from bm25.hashing import term_id
from tests.oracle import (
    ORACLE_VERSION,
    assert_documents_equal,
    assert_equal,
    assert_queries_equal,
    document_weight,
    installed_version,
    oracle,
)

PLAIN = {"stemmer": {"type": "none"}, "stopwords": {}}
TEXTS = ["a brown dog", "a brown dog and a brown cat", ""]


def test_version():
    assert installed_version() == ORACLE_VERSION, (
        f"qdrant-edge-py {installed_version()} is installed, and the package follows {ORACLE_VERSION}: "
        f"a failing parity test may mean that the engine's rules have changed. "
        f"Install qdrant-edge-py=={ORACLE_VERSION}, or go through the differences and move the pin."
    )


def test_k3_has_no_oracle():
    with pytest.raises(ValueError, match="k3"):
        oracle(Bm25Config(k3=8.0))


class Deviating(Bm25Encoder):
    """An encoder with one thing wrong."""

    def __init__(self, config, change):
        super().__init__(config, threads=1)
        self.change = change

    def encode_documents(self, texts):
        return self.change(super().encode_documents(texts))

    def encode_queries(self, texts):
        return self.change(super().encode_queries(texts))


def next_value(vectors):
    vectors.values[-1] = np.nextafter(vectors.values[-1], np.float32(9))
    return vectors


def other_id(vectors):
    vectors.indices[0] ^= 1
    return vectors


def other_order(vectors):
    vectors.indices[:2] = vectors.indices[:2][::-1].copy()
    return vectors


def one_less(vectors):
    return SparseVectors(
        np.minimum(vectors.indptr, vectors.indptr[-1] - 1), vectors.indices[:-1], vectors.values[:-1]
    )


def negative_zero(vectors):
    vectors.values[:] = np.where(vectors.values == 0, np.float32(-0.0), vectors.values)
    return vectors


@pytest.mark.parametrize("change", [next_value, other_id, other_order, one_less])
@pytest.mark.parametrize("compare", [assert_documents_equal, assert_queries_equal])
def test_any_deviation_fails(change, compare):
    compare(Deviating(Bm25Config(), lambda vectors: vectors), TEXTS)
    with pytest.raises(AssertionError, match=r"vector of texts\[\d\] is not the oracle's"):
        compare(Deviating(Bm25Config(), change), TEXTS)


def test_bits_are_compared():
    config = Bm25Config(avg_len=1e-320)
    assert_documents_equal(Deviating(config, lambda vectors: vectors), TEXTS)
    with pytest.raises(AssertionError, match="is not the oracle's"):
        assert_documents_equal(Deviating(config, negative_zero), TEXTS)


def test_wrong_options_fail():
    one = Bm25Encoder(Bm25Config(language="german"), threads=1)
    assert_documents_equal(one, ["die Häuser der Städte"])
    one.config = Bm25Config(language="dutch")  # for the oracle; the encoder has its analyzer by now
    with pytest.raises(AssertionError, match=r"options: \{'language': 'dutch'\}"):
        assert_documents_equal(one, ["die Häuser der Städte"])


@pytest.fixture(scope="module")
def pairs():
    """Pairs of terms that share an id, found by trying."""
    seen, found = {}, []
    for number in count():
        term = f"t{number}"
        other = seen.setdefault(term_id(term), term)
        if other != term:
            found.append((other, term))
            if len(found) == 3:
                return found


def test_terms_that_share_an_id(pairs):
    """The documented exception: ours has the sum of the frequencies where the engine keeps one of them."""
    (a, b), (c, d), _ = pairs
    config = Bm25Config(**PLAIN)
    one = Bm25Encoder(config, threads=1)
    texts = [f"{a} {b}", f"{a} {a} {b} x", f"{a} x", f"{b} {c} {d} {d} {a} x x", f"{a} {c}"]
    assert_equal(one, texts)
    indices, values = one.encode_documents([f"{a} {a} {b} x"])[0]
    weights = dict(zip(indices.tolist(), values.tolist(), strict=True))
    assert weights == {term_id(a): document_weight(config, 3, 4), term_id("x"): document_weight(config, 1, 4)}
    kept = oracle(config).embed_document(f"{a} {a} {b} x")
    assert dict(zip(kept.indices, kept.values, strict=True))[term_id(a)] in (
        document_weight(config, 2, 4),
        document_weight(config, 1, 4),
    )


def test_the_exception_excuses_nothing_else(pairs):
    a, b = pairs[0]
    config = Bm25Config(**PLAIN)

    def wrong_sum(vectors):
        vectors.values[vectors.indices == term_id(a)] = document_weight(config, 4, 4)
        return vectors

    def wrong_other(vectors):
        vectors.values[vectors.indices != term_id(a)] = document_weight(config, 2, 4)
        return vectors

    for change in (wrong_sum, wrong_other, one_less):
        with pytest.raises(AssertionError, match="is not the oracle's"):
            assert_documents_equal(Deviating(config, change), [f"{a} {a} {b} x"])


def test_the_sum_survives_batches_and_repeats(pairs):
    a, b = pairs[1]
    one = Bm25Encoder(Bm25Config(**PLAIN), threads=1)
    first, again = one.encode_documents([a]), one.encode_documents([f"{b} {a}", b])
    assert again[0][0].tolist() == first[0][0].tolist() == again[1][0].tolist()
    assert_equal(one, [f"{a} {b} {a} y", f"{b} y", f"{a} y"])
