import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from bm25 import Bm25Config, Bm25ConfigError, Bm25Encoder, Bm25InputError
from bm25.analysis import stopwords
from bm25.errors import MissingExtraError
from bm25.verification import Tally, Verifier, verify
from tests import reference
from tests.strategies import examples, nasty_texts

TEXTS = ["The running dogs, the dogs' house", "", "naïve ΣΑΣ İstanbul snake_case getUserName", "3.14 — x"]
ALPHABET = b"abcdefghijklmnopqrstuvwxyz0123456789"


def encoder(**options):
    return Bm25Encoder(Bm25Config(**options), threads=1)


def monkeypatch_stopwords(monkeypatch, *words):
    listed = stopwords.load
    monkeypatch.setattr(stopwords, "load", lambda language: listed(language) | set(words))


# Equal


@pytest.mark.parametrize("tokenizer", ["word", "whitespace", "prefix", "code", "multilingual"])
def test_equal_to_the_engine(tokenizer):
    found = verify(encoder(tokenizer=tokenizer), [*TEXTS, None])
    assert found.documents == found.queries == Tally(equal=4)
    assert (found.texts, found.nulls, found.differences, found.notes) == (4, 1, [], [])
    assert found.ok
    assert found.oracle.startswith("qdrant-edge-py ")


FASTEMBED = [
    {},
    {"language": "german", "k": 0.7, "b": 0.3, "avg_len": 5.0},
    {"stemmer": {"type": "none"}},
    {"stemmer": {"type": "none"}, "stopwords": {"custom": ["Dogs"]}},
    {"stopwords": {}},
    {"stopwords": {"languages": ["german", "english"], "custom": ["HOUSE", "ſtraße"]}},
    {"stopwords": "french", "stemmer": {"type": "snowball", "language": "french"}},
    {"language": "tamil"},
    {"max_token_len": 4},
    {"max_token_len": 0},
]


@pytest.mark.filterwarnings("ignore::bm25.errors.Bm25ConfigWarning")
@pytest.mark.parametrize("options", FASTEMBED, ids=str)
def test_equal_to_fastembed(options):
    found = verify(
        encoder(dialect="fastembed", **options), [*TEXTS, "dog " * 500, "_ __ a" * 50], "fastembed"
    )
    assert found.documents == found.queries == Tally(equal=6), found.differences
    assert found.oracle.startswith("fastembed ")


SHARED = {"engine": Verifier(encoder()), "fastembed": Verifier(encoder(dialect="fastembed"), "fastembed")}


@pytest.mark.parametrize("against", SHARED)
@given(texts=nasty_texts)
@examples(40)
def test_nasty_texts(against, texts):
    SHARED[against].add(texts)
    assert SHARED[against].result.ok, SHARED[against].result.differences


def test_texts_come_in_any_shape():
    texts = ["a dog", None, "a cat"]
    rows = [
        verify(encoder(), form) for form in (texts, iter(texts), pa.array(texts), pa.chunked_array([texts]))
    ]
    assert {(found.texts, found.nulls, found.documents.equal) for found in rows} == {(2, 1, 2)}
    with pytest.raises(Bm25InputError, match=r"texts\[0\]"):
        verify(encoder(), ["\ud800"])
    invalid = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xff")]
    )
    with pytest.raises(Bm25InputError, match=r"texts\[1\] is not valid UTF-8"):
        verify(encoder(), invalid)
    with pytest.raises(Bm25InputError, match="got one text; wrap it in a list"):
        verify(encoder(), "a dog")
    assert verify(encoder(), []).ok


def test_batches_are_counted_on():
    verifier = Verifier(encoder(language="greek"))
    for _ in range(3):
        verifier.add(pa.array(["ένα", None, "αντίθετε"]))
    assert verifier.result.texts == 6
    assert verifier.result.no_result == [2, 5, 8]


# Different


def test_a_stopword_too_many_is_seen_and_explained(monkeypatch):
    monkeypatch_stopwords(monkeypatch, "dogs")
    found = verify(encoder(), ["no difference", None, "The dogs running, running"])
    assert found.documents == found.queries == Tally(equal=1, different=1)
    assert not found.ok
    assert found.different == 2
    document, query = found.differences
    assert (document.row, document.role, document.text) == (2, "document", "The dogs running, running")
    assert (document.length, document.oracle_length) == (2, 3)
    dog, run = document.terms  # what one side lacks comes first
    assert (dog.id, dog.terms, dog.missed) == (reference.term_id(b"dog"), (), ("dog",))
    assert [(token.form, token.term) for token in dog.tokens] == [("dogs", None)]
    assert dog.tokens[0].changes[-1].reason == "stopword (english)"
    assert (dog.weight, dog.frequency, dog.oracle_frequency) == (None, None, 1)
    assert dog.oracle_weight == reference.document_weight(1, 3, 1.2, 0.75, 256.0)
    assert (run.terms, run.missed) == (("run",), ())
    assert [(token.form, token.term) for token in run.tokens] == [("running", "run")]
    assert (run.frequency, run.oracle_frequency) == (2, 2)
    assert run.weight == reference.document_weight(2, 2, 1.2, 0.75, 256.0)
    assert run.oracle_weight == reference.document_weight(2, 3, 1.2, 0.75, 256.0)
    assert (query.role, query.length, query.oracle_length) == ("query", None, None)
    assert [(term.id, term.weight, term.oracle_weight) for term in query.terms] == [(dog.id, None, 1.0)]


def test_fastembed_is_not_told_of_a_list_that_changes_later(monkeypatch):
    ours = encoder(dialect="fastembed")
    verifier = Verifier(ours, "fastembed")
    monkeypatch_stopwords(monkeypatch, "dogs")
    verifier.add(["The dogs run"])
    (document, _) = verifier.result.differences
    assert (document.length, document.oracle_length) == (1, 2)
    assert [term.missed for term in document.terms] == [("dog",), ()]


def test_a_wrong_term_id_is_seen(monkeypatch):
    ours = encoder()
    right = Bm25Encoder.encode_documents

    def wrong(self, texts):
        vectors = right(self, texts)
        vectors.indices[-1] += 1
        return vectors

    monkeypatch.setattr(Bm25Encoder, "encode_documents", wrong)
    found = verify(ours, ["dog"])
    assert (found.documents, found.queries) == (Tally(different=1), Tally(equal=1))
    theirs, made_up = found.differences[0].terms
    assert (theirs.id, theirs.weight) == (reference.term_id(b"dog"), None)
    assert (theirs.oracle_weight, theirs.frequency, theirs.oracle_frequency) == (made_up.weight, 1, 1)
    assert (made_up.id, made_up.terms, made_up.oracle_weight) == (theirs.id + 1, (), None)


@pytest.mark.parametrize("against", ["engine", "fastembed"])
def test_one_bit_of_a_weight_is_seen(monkeypatch, against):
    right = Bm25Encoder.encode_documents

    def wrong(self, texts):
        vectors = right(self, texts)
        vectors.values.view(np.uint32)[0] ^= 1
        return vectors

    monkeypatch.setattr(Bm25Encoder, "encode_documents", wrong)
    dialect = "qdrant" if against == "engine" else against
    found = verify(encoder(dialect=dialect), ["dog cat"], against)
    assert found.documents == Tally(different=1)
    (term,) = found.differences[0].terms
    assert (term.frequency, term.oracle_frequency) == (1, 1)
    assert term.weight != term.oracle_weight


def test_another_order_is_a_difference(monkeypatch):
    right = Bm25Encoder.encode_documents

    def wrong(self, texts):
        vectors = right(self, texts)
        vectors.indices[:] = vectors.indices[::-1].copy()
        return vectors

    monkeypatch.setattr(Bm25Encoder, "encode_documents", wrong)
    found = verify(encoder(), ["dog cat"])  # two terms with one weight
    assert found.documents == Tally(different=1)
    assert found.differences[0].terms == ()


def test_only_the_first_differences_are_explained(monkeypatch):
    monkeypatch_stopwords(monkeypatch, "dogs")
    found = verify(encoder(), ["dogs"] * 10, show=3)
    assert (found.different, len(found.differences)) == (20, 3)
    assert verify(encoder(), ["dogs"] * 10, show=0).differences == []


# Two terms with one id


def colliding(number, term_id=12345):
    first = reference.term_with_id(term_id, number, ALPHABET).decode()
    second = reference.term_with_id(term_id, number + 10_000, ALPHABET).decode()
    assert first != second
    return first, second


BARE = {"stopwords": {}, "stemmer": {"type": "none"}}


@pytest.mark.parametrize("against", ["engine", "fastembed"])
def test_shared_ids_are_counted_apart(against):
    first, second = colliding(0)
    options = {**BARE, "dialect": "qdrant" if against == "engine" else against}
    text = f"{first} {second} {second} dog"
    found = verify(encoder(**options), [text, f"{first} {first}", "dog"], against)
    assert (found.documents, found.queries) == (Tally(equal=2, shared_ids=1), Tally(equal=3))
    assert found.ok


def test_a_text_with_shared_ids_may_differ_all_the_same(monkeypatch):
    first, second = colliding(0)
    monkeypatch_stopwords(monkeypatch, "dogs")
    found = verify(encoder(stemmer={"type": "none"}), [f"{first} {second} dogs"])
    assert found.documents == Tally(different=1)
    assert ((first, second) if first < second else (second, first)) in [
        term.terms for term in found.differences[0].terms
    ]


def test_a_wrong_weight_of_a_shared_id_is_a_difference(monkeypatch):
    first, second = colliding(0)
    right = Bm25Encoder.encode_documents

    def wrong(self, texts):
        vectors = right(self, texts)
        vectors.values[:] *= 1.5
        return vectors

    monkeypatch.setattr(Bm25Encoder, "encode_documents", wrong)
    assert verify(encoder(**BARE), [f"{first} {second}"]).documents == Tally(different=1)


# What cannot be compared


def test_k3_is_left_out_of_queries():
    found = verify(encoder(k3=8.0), ["dog dog cat"])
    assert found.ok
    assert found.queries.equal == 1
    (note,) = found.notes
    assert "compared without k3 (it is 8)" in note


@pytest.mark.parametrize("against", ["engine", "fastembed"])
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"synonyms": {"tv": ["television"]}}, r"synonyms \(1 words\)"),
        ({"protected_words": ["skies"]}, "protected_words"),
        ({"stemmer": {"type": "snowball", "language": "polish"}, "stopwords": {}}, "stemmer 'polish'"),
    ],
)
def test_extensions_are_named(against, options, name):
    dialect = "qdrant" if against == "engine" else against
    with pytest.raises(Bm25ConfigError, match=f"no equivalent of {name}"):
        verify(encoder(dialect=dialect, **options), ["dog"], against)


def test_the_dialect_has_to_be_that_of_the_oracle():
    with pytest.raises(Bm25ConfigError, match="add --dialect fastembed"):
        verify(encoder(), ["dog"], "fastembed")
    with pytest.raises(Bm25ConfigError, match=r"no equivalent of dialect 'fastembed'.*--against fastembed"):
        verify(encoder(dialect="fastembed"), ["dog"])
    with pytest.raises(Bm25ConfigError, match="unknown oracle 'lucene'; allowed: engine, fastembed"):
        verify(encoder(), ["dog"], "lucene")


def test_fastembed_has_no_armenian():
    options = {"stemmer": {"type": "snowball", "language": "armenian"}, "stopwords": {}}
    with pytest.raises(Bm25ConfigError, match="FastEmbed has no equivalent of stemmer 'armenian'"):
        verify(encoder(dialect="fastembed", **options), ["dog"], "fastembed")


@pytest.mark.parametrize(
    ("against", "module", "extra"),
    [("engine", "qdrant_edge", "edge"), ("fastembed", "fastembed.sparse.bm25", "fastembed")],
)
def test_a_missing_package_is_named(monkeypatch, against, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    dialect = "qdrant" if against == "engine" else against
    with pytest.raises(MissingExtraError, match=rf"pip install 'bm25-engine\[{extra}\]'"):
        verify(encoder(dialect=dialect), ["dog"], against)


@pytest.mark.parametrize("against", ["engine", "fastembed"])
def test_words_that_the_oracle_cannot_stem(against):
    dialect = "qdrant" if against == "engine" else against
    texts = ["θάλασσα", "το ΑΝΤΊΘΕΤΕ δρόμος", "δρόμος"]
    found = verify(encoder(dialect=dialect, language="greek"), texts, against)
    assert found.documents == found.queries == Tally(equal=2, no_result=1)
    assert found.no_result == [1]
    assert found.ok


def test_words_that_neither_side_can_stem():
    texts = ["今天天气很好 αντίθετε", None, "θάλασσα", "今天天气很好"]
    found = verify(encoder(tokenizer="multilingual", language="greek"), texts)
    assert found.documents == found.queries == Tally(equal=2, no_result=1)
    assert found.no_result == [0]


def test_another_version_of_the_engine_is_noted(monkeypatch):
    monkeypatch.setattr("bm25.oracles.version", lambda package: "99.0")
    found = verify(encoder(), ["dog"])
    assert found.oracle == "qdrant-edge-py 99.0"
    assert "has the rules of qdrant-edge-py 0.9.0, not 99.0" in found.notes[0]


def test_where_terms_are_unknown_ids_are_explained(monkeypatch):
    monkeypatch.setattr(Bm25Config, "has_terms", False)
    monkeypatch_stopwords(monkeypatch, "dogs")
    (document, _) = verify(encoder(), ["dogs run"]).differences
    assert [(term.terms, term.missed, term.tokens) for term in document.terms] == [((), (), ())] * 2
    assert [(term.frequency, term.oracle_frequency) for term in document.terms] == [(None, 1), (1, 1)]


def test_a_shared_id_is_recognised_without_terms_too():
    encoder = Bm25Encoder(
        Bm25Config(tokenizer="multilingual", stemmer={"type": "none"}, stopwords={}), threads=1
    )
    found = verify(encoder, ["bbxjw bhxjt bhxjt zz"] * 8)
    assert (found.documents.equal, found.documents.shared_ids, found.documents.different) == (0, 8, 0)
