"""What Qdrant has no equivalent of: nobody else makes these vectors, so documents and queries must agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder, plugins
from bm25.analysis.languages import EXTRA_STEMMERS
from tests import oracle, reference
from tests.parity import strategies
from tests.strategies import examples, nasty_text

PLUGIN = {"type": "plugin", "name": "extension"}
SYNONYMS = {"tv": ["television"], "the": ["x"], "running": ["sprinting", "the"], "été": ["summer"]}


def several(token):
    """Drops, keeps, changes and multiplies."""
    return [[], token, token[::-1], [token, token[:2], ""]][len(token.encode()) % 4]


@pytest.fixture(autouse=True, scope="module")
def plugin():
    plugins.register("extension", several, version="1")
    yield
    plugins.unregister("extension")


OPTIONS = {
    **{
        f"stemmer {name}": {"stemmer": {"type": "snowball", "language": name}, "stopwords": {}}
        for name in EXTRA_STEMMERS
    },
    "fastembed": {"dialect": "fastembed"},
    "fastembed with more": {"dialect": "fastembed", "synonyms": SYNONYMS, "protected_words": ["cats"]},
    "tokenizer": {"tokenizer": PLUGIN},
    "filter": {"filters": [PLUGIN]},
    "filters": {"filters": [PLUGIN, PLUGIN], "tokenizer": "code"},
    "stemmer": {"stemmer": PLUGIN, "protected_words": ["television"], "min_token_len": 2},
    "synonyms": {"synonyms": SYNONYMS},
    "synonyms, folded": {"synonyms": SYNONYMS, "ascii_folding": True},
    "synonyms, as it is": {"synonyms": {"TV": ["Television"]}, "lowercase": False},
    "protected words": {"protected_words": ["running", "cats", "étés"]},
    "all": {
        "tokenizer": PLUGIN, "filters": [PLUGIN], "stemmer": PLUGIN, "synonyms": SYNONYMS,
        "protected_words": ["cats"], "max_token_len": 9,
    },
}  # fmt: skip

_WORDS = """
etxeetan llibres knihách mogelijkheden librojn raamatutes किताबों perpustakaan bhfuinneoga knygose किताबहरू
کتابها książkami generously књигама kućama dibuka קינדערלעך tv TV running Running été étés cats getUserName
"""
WORDS = _WORDS.split()
texts = st.one_of(
    nasty_text, strategies.texts, st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
)  # fmt: skip
ENCODERS = {}


def encoder(name):
    if name not in ENCODERS:
        ENCODERS[name] = Bm25Encoder(Bm25Config(**OPTIONS[name]), threads=1)
    return ENCODERS[name]


@pytest.mark.parametrize("name", OPTIONS)
@given(sample=st.lists(texts, min_size=1, max_size=5))
@examples(40)
def test_a_text_as_a_query_has_the_ids_it_has_as_a_document(name, sample):
    one = encoder(name)
    documents, queries = one.encode_documents(sample), one.encode_queries(sample)
    fresh = Bm25Encoder(one.config, threads=1)
    for row, text in enumerate(sample):
        ids = documents[row][0].tolist()
        assert ids == sorted(set(ids))
        assert queries[row][0].tolist() == ids
        assert one.encode_query(text)[0].tolist() == ids
        assert fresh.encode_query(text)[0].tolist() == ids
        assert queries[row][1].tolist() == [1.0] * len(ids)
    assert fresh.encode_documents(sample) == documents
    assert one.config.extensions != ()


@pytest.mark.parametrize("name", ["filter", "synonyms", "all", "stemmer polish"])
def test_threads_and_batches_do_not_change_the_result(name):
    sample = [" ".join(WORDS[i % 7 : i % 11 + 7]) + f" w{i % 50}x{i}" for i in range(3000)]
    one, three = encoder(name), Bm25Encoder(Bm25Config(**OPTIONS[name]), threads=3)
    expected = one.encode_documents(sample)
    assert three.encode_documents(sample) == expected
    assert one.encode_documents(sample[::-1])[0][0].tolist() == expected[2999][0].tolist()


@pytest.mark.parametrize("text", ["tv TV the running", "Été étés cats", "x tv-x_tv TV's"])
def test_synonyms_are_as_if_the_text_had_them(text):
    """A text in which the words are replaced has, without the option, the same vector."""
    with_rules = Bm25Encoder(Bm25Config(synonyms={"tv": ["television"], "été": ["summer"]}), threads=1)
    replaced = text.lower().replace("tv", "television").replace("été ", "summer ")
    without = Bm25Encoder(Bm25Config(), threads=1)
    assert with_rules.encode_documents([text]) == without.encode_documents([replaced])
    oracle.assert_documents_equal(without, [replaced])


def test_a_synonym_of_several_words_is_several_tokens():
    one = Bm25Encoder(Bm25Config(synonyms={"car": ["car", "auto"]}), threads=1)
    vector = dict(zip(*(array.tolist() for array in one.encode_documents(["car x car"])[0]), strict=True))
    frequencies = {b"car": 2, b"auto": 2, b"x": 1}
    assert vector == {
        reference.term_id(term): reference.document_weight(tf, 5, 1.2, 0.75, 256.0)
        for term, tf in frequencies.items()
    }


def test_protected_words_are_as_if_there_was_no_stemmer():
    options = {"language": "german", "stopwords": {}}
    texts = ["häuser", "Straßen", "Freiheiten"]
    protected = Bm25Encoder(Bm25Config(**options, protected_words=texts), threads=1)
    unstemmed = Bm25Encoder(Bm25Config(**options, stemmer={"type": "none"}), threads=1)
    assert protected.encode_documents(texts) == unstemmed.encode_documents(texts)
    stemmed = Bm25Encoder(Bm25Config(**options), threads=1)
    assert protected.encode_documents(["Hauses"]) == stemmed.encode_documents(["Hauses"])
    assert protected.encode_documents(texts) != stemmed.encode_documents(texts)


def test_a_filter_that_changes_nothing_changes_no_vector():
    plugins.register("identity", lambda token: token, version="1")
    try:
        for tokenizer in ("word", "whitespace", "prefix", "code"):
            one = Bm25Encoder(
                Bm25Config(tokenizer=tokenizer, filters=[{"type": "plugin", "name": "identity"}]), threads=1
            )
            sample = [
                "The RUNNING cats' getUserName",
                "c\x1cd \0 e\x85f\u3000g",
                "ÉCOLE—été 日本 İ",
                "x1 2 abc_def",
            ]
            assert one.encode_documents(sample) == Bm25Encoder(
                Bm25Config(tokenizer=tokenizer), threads=1
            ).encode_documents(sample)
    finally:
        plugins.unregister("identity")
