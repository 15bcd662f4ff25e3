"""Where ours, by decision, is not what the engine does. Each is said in docs/why/exactness.md.

An unexpected pass means that the engine or ours has changed, and that the page is wrong.
"""

import numpy as np
import pytest

from bm25 import Bm25Config, Bm25ConfigError, Bm25Encoder, Bm25InputError
from bm25.analysis.steps import MAX_PREFIXES
from tests import reference
from tests.oracle import assert_documents_equal, oracle_documents

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


def two_terms_with_one_id():
    first = reference.term_with_id(1_000_000_007, 0, LETTERS)
    second = reference.term_with_id(1_000_000_007, int.from_bytes(first[:4], "little") % 26**4 + 1, LETTERS)
    assert first != second
    return first.decode(), second.decode()


@pytest.mark.xfail(raises=AssertionError, strict=True, reason="the engine keeps one weight, ours adds up")
def test_two_terms_with_one_id():
    text = " ".join(two_terms_with_one_id())
    expected = oracle_documents(Bm25Config(stopwords={}, stemmer={"type": "none"}), [text])
    ours = Bm25Encoder(Bm25Config(stopwords={}, stemmer={"type": "none"})).encode_documents([text])
    assert ours.indices.tolist() == expected.indices.tolist()
    assert np.array_equal(ours.values, expected.values)


@pytest.mark.xfail(raises=AssertionError, strict=True, reason="counts come from the engine's frequencies")
def test_length_of_two_terms_with_one_id_under_multilingual():
    config = Bm25Config(tokenizer="multilingual", stopwords={}, stemmer={"type": "none"})
    counts = Bm25Encoder(config).count_documents([" ".join([*two_terms_with_one_id(), "世界"])])
    assert counts.lengths.tolist() == [3]


@pytest.mark.xfail(raises=Bm25InputError, strict=True, reason="all its prefixes would fill the memory")
def test_all_prefixes_of_a_very_long_token():
    encoder = Bm25Encoder(Bm25Config(tokenizer="prefix", stopwords={}, stemmer={"type": "none"}))
    assert_documents_equal(encoder, ["ab" * (MAX_PREFIXES // 2 + 1)])


@pytest.mark.xfail(raises=Bm25ConfigError, strict=True, reason="no token could pass both limits")
def test_a_shortest_token_above_the_longest():
    assert_documents_equal(Bm25Encoder(Bm25Config(min_token_len=5, max_token_len=2)), ["some words"])
