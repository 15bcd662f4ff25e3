"""`Bm25Encoder.analyze`: the tokens it shows are those of the vectors."""

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25ConfigError, Bm25Encoder, Bm25InputError, plugins
from bm25.errors import PluginError
from tests.strategies import examples, nasty_text
from tests.test_encoder import colliding


def twice(token):
    # What `str.split` takes for white space is no term of a plug-in.
    return [] if token.startswith("q") or token.split() != [token] else [token, token[::-1]]


@pytest.fixture(scope="module", autouse=True)
def _plugins():
    plugins.register("analyze-twice", twice, version="1")
    yield
    plugins.unregister("analyze-twice")


PLUGIN = {"type": "plugin", "name": "analyze-twice"}
SYNONYMS = {"cats": ["cat", "dogs"], "running": ["run"]}
BARE = {"lowercase": False, "stopwords": {}, "stemmer": {"type": "none"}}
OPTIONS = {
    "word": {},
    "tuned": {"k": 1.5, "k3": 8, "ascii_folding": True, "max_token_len": 6},
    "whitespace": {"tokenizer": "whitespace", "k3": 2},
    "prefix": {"tokenizer": "prefix", "max_token_len": 5},
    "code": {"tokenizer": "code"},
    "synonyms": {"synonyms": SYNONYMS, "protected_words": ["running", "dogs"]},
    "fastembed": {"dialect": "fastembed"},
    "tokenizer": {"tokenizer": PLUGIN},
    "plug-ins": {"filters": [PLUGIN], "stemmer": PLUGIN},
}


@cache
def encoder_of(name):
    """One for all examples: what it has seen before must not matter."""
    return Bm25Encoder(Bm25Config(**OPTIONS[name]), threads=1)


texts = st.one_of(
    nasty_text,
    st.lists(st.sampled_from(["cats", "Running", "the", "getURLs", "a_b", "q", "é", "İx"])).map(" ".join),
)


@pytest.mark.parametrize("role", ["document", "query"])
@pytest.mark.parametrize("name", OPTIONS)
@given(text=texts)
@examples(40)
def test_tokens_are_those_of_the_vector(name, role, text):
    encoder = encoder_of(name)
    analysis = encoder.analyze(text, role=role)
    counts = (encoder.count_documents if role == "document" else encoder.count_queries)([text])
    ids, frequencies = (array.tolist() for array in counts[0])
    assert Counter(t.term_id for t in analysis.tokens if t.term_id is not None) == dict(
        zip(ids, frequencies, strict=True)
    )
    assert [(entry.term_id, entry.frequency) for entry in analysis.vector] == list(
        zip(ids, frequencies, strict=True)
    )
    assert analysis.length == counts.lengths[0]
    indices, values = (encoder.encode_documents if role == "document" else encoder.encode_queries)([text])[0]
    assert [entry.term_id for entry in analysis.vector] == indices.tolist()
    assert np.array([entry.weight for entry in analysis.vector], np.float32).tolist() == values.tolist()
    assert {entry.term_id: min(entry.terms) for entry in analysis.vector} == dict(counts.terms)
    weights = {entry.term_id: entry.weight for entry in analysis.vector}
    for token in analysis.tokens:
        assert token.weight == (None if token.term_id is None else weights[token.term_id])


def test_literal_values():
    analysis = Bm25Encoder(Bm25Config()).analyze("The dogs were running, dog!")
    # "dog" twice among 3 tokens: 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 256)) = 1.9043111
    assert [(token.form, token.term, token.term_id, token.weight) for token in analysis.tokens] == [
        ("The", None, None, None),
        ("dogs", "dog", 1312749093, 1.9043111),
        ("were", None, None, None),
        ("running", "run", 243905464, 1.6786885),
        ("dog", "dog", 1312749093, 1.9043111),
    ]
    assert analysis.length == 3
    assert [(entry.term_id, entry.frequency, entry.terms) for entry in analysis.vector] == [
        (243905464, 1, ("run",)),
        (1312749093, 2, ("dog",)),
    ]


def test_queries():
    encoder = Bm25Encoder(Bm25Config(k3=8))
    analysis = encoder.analyze("dog dogs the", role="query")
    assert (analysis.role, analysis.length) == ("query", 2)
    # 9 * 2 / (8 + 2)
    assert [token.weight for token in analysis.tokens] == [1.8, 1.8, None]


def test_terms_with_one_id():
    one, other = colliding(2, 77)
    analysis = Bm25Encoder(Bm25Config(**BARE)).analyze(f"{one} {other} {one} unlike")
    assert [token.shared_with for token in analysis.tokens] == [(other,), (one,), (other,), ()]
    assert (analysis.vector[0].frequency, analysis.vector[0].terms) == (3, tuple(sorted([one, other])))


def test_a_token_longer_than_the_vocabulary_keeps():
    long = "x" * 1000
    analysis = Bm25Encoder(Bm25Config(**BARE)).analyze(f"short {long}")
    assert [token.term for token in analysis.tokens] == ["short", long]


@pytest.mark.parametrize("role", ["document", "query"])
def test_nothing(role):
    analysis = Bm25Encoder().analyze("", role=role)
    assert analysis.to_dict() == {"text": "", "role": role, "length": 0, "tokens": [], "vector": []}


def test_without_terms_there_is_nothing_to_show():
    encoder = Bm25Encoder(Bm25Config(tokenizer="multilingual"))
    with pytest.raises(Bm25ConfigError, match=r"'multilingual' has no steps to show.*count_documents"):
        encoder.analyze("text")


@pytest.mark.parametrize("role", ["document", "query"])
def test_bad_texts(role):
    encoder = Bm25Encoder()
    with pytest.raises(Bm25InputError, match="the text must be a string, got NoneType: None"):
        encoder.analyze(None, role=role)
    with pytest.raises(Bm25InputError, match="the text must be a string, got bytes"):
        encoder.analyze(b"text", role=role)
    with pytest.raises(
        Bm25InputError, match=r"the text is not valid Unicode: lone surrogate '\\ud800' at position 1"
    ):
        encoder.analyze("a\ud800", role=role)


def test_bad_roles():
    with pytest.raises(Bm25ConfigError, match=r"role: unknown role 'documents'.*allowed: document, query"):
        Bm25Encoder().analyze("text", role="documents")


def test_a_plug_in_that_changes_its_mind_is_told():
    calls = []

    def moody(token):
        calls.append(token)
        return f"{token}{len(calls)}"

    plugins.register("analyze-moody", moody, version="1")
    try:
        encoder = Bm25Encoder(Bm25Config(filters=[{"type": "plugin", "name": "analyze-moody"}]))
        with pytest.raises(PluginError, match="the terms of the text are not those of its vector"):
            encoder.analyze("word")
    finally:
        plugins.unregister("analyze-moody")


def test_a_query_loads_no_compiler():
    code = (
        "import sys, bm25; bm25.Bm25Encoder().analyze('a dog', role='query');"
        "print({'numba', 'pyarrow'} & set(sys.modules))"
    )
    root = str(Path(__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "set()\n"
