import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25ConfigError, Bm25Encoder, Bm25InputError, SparseVectors, TermCounts
from bm25.counter import CHUNK, NEW_FORMS
from tests import reference
from tests.conftest import REDUCED
from tests.oracle import assert_documents_equal, assert_equal, oracle_documents
from tests.strategies import examples, nasty_text, nasty_texts

CONFIGS = {
    "default": Bm25Config(),
    "whitespace": Bm25Config(tokenizer="whitespace"),
    "folding": Bm25Config(ascii_folding=True, language="german"),
    "bare": Bm25Config(lowercase=False, stopwords={}, stemmer={"type": "none"}),
    "bare whitespace": Bm25Config(
        tokenizer="whitespace", lowercase=False, stopwords={}, stemmer={"type": "none"}
    ),
    "limits": Bm25Config(min_token_len=2, max_token_len=6),
    "arabic": Bm25Config(language="arabic"),
    "armenian": Bm25Config(stemmer={"type": "snowball", "language": "armenian"}, stopwords={}),
    "weights": Bm25Config(k=0.7, b=0.31, avg_len=5.5),
    "prefix": Bm25Config(tokenizer="prefix", min_token_len=2, max_token_len=5),
    "code": Bm25Config(tokenizer="code"),
    "bare code": Bm25Config(tokenizer="code", lowercase=False, stopwords={}, stemmer={"type": "none"}),
}
SOME = ["default", "bare", "whitespace"]
configs = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)

WORD_BYTES = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BARE = CONFIGS["bare"]


def corpus(texts, words=40, distinct=5000, seed=0):
    """Texts of random words, a few of them with letters beyond ASCII."""
    rng = np.random.default_rng(seed)
    vocabulary = [f"w{i}" if i % 7 else f"ŵörd{i}·{i}" for i in range(distinct)]
    picks = (rng.pareto(0.9, (texts, words)) * 5).astype(int) % distinct
    return [" ".join(vocabulary[i] for i in row) for row in picks]


# The oracle


def test_known_vectors():
    # "the" is a stopword, "running" stems to "run"; k = 1.2, b = 0.75, avg_len = 256, two tokens:
    # 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 256)) = 1.683...
    vectors = Bm25Encoder(threads=1).encode_documents(["the running Dog"])
    ids = sorted([reference.term_id(b"run"), reference.term_id(b"dog")])
    assert vectors.indices.tolist() == ids == [243905464, 1312749093]
    weight = reference.document_weight(1, 2, 1.2, 0.75, 256.0)
    assert vectors.values.tolist() == [weight, weight]
    assert float(weight) == pytest.approx(2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 256)))


SHARED = {config.vector_fingerprint: Bm25Encoder(config, threads=1) for config in CONFIGS.values()}


@configs
@given(texts=nasty_texts)
@examples(40)
def test_nasty_texts_against_the_oracle(config, texts):
    # One encoder for all examples, so that most forms are known, and a fresh one, for which none is.
    assert_equal(SHARED[config.vector_fingerprint], texts)
    assert_documents_equal(Bm25Encoder(config, threads=1), texts)


@given(nasty_text)
@examples(50)
def test_weights_with_other_numbers_against_the_twin(text):
    config = Bm25Config(
        tokenizer="whitespace",
        lowercase=False,
        stopwords={},
        stemmer={"type": "none"},
        k=1.7,
        b=0.4,
        avg_len=3.3,
    )
    counts = SHARED[CONFIGS["bare whitespace"].vector_fingerprint].count_documents([text])
    vectors = Bm25Encoder(config, threads=1).encode_documents([text])
    expected = [
        reference.document_weight(int(tf), int(counts.lengths[0]), 1.7, 0.4, 3.3) for tf in counts.frequencies
    ]
    assert vectors.values.tolist() == expected


@configs
def test_a_corpus_of_many_new_forms_against_the_oracle(config):
    texts = corpus(2000 if not REDUCED else 20, distinct=NEW_FORMS // 2)
    assert_equal(Bm25Encoder(config, threads=2), texts)


def test_more_new_forms_than_the_list_holds_in_one_text():
    size = 3 * NEW_FORMS if not REDUCED else 300
    text = " ".join(f"form{i}" for i in range(size)) + " ära·öde form1"
    assert_equal(Bm25Encoder(BARE, threads=1), [text, "form5 " + text[:1000]])


def test_a_text_of_three_megabytes_and_a_token_of_one():
    words = corpus(1, words=500_000 if not REDUCED else 500, distinct=50_000)
    token = "x" * (1 << 20 if not REDUCED else 2000)
    texts = [words[0], token, f"a {token}é·b {token} {token}", "short"]
    assert REDUCED or len(texts[0]) > 2_000_000
    assert_documents_equal(Bm25Encoder(BARE, threads=1), texts)
    assert_documents_equal(Bm25Encoder(BARE, threads=2), texts[::-1])


# One result, however it is asked for


@pytest.mark.parametrize("name", ["default", "bare whitespace", "armenian", "prefix", "code"])
def test_threads_do_not_change_the_result(name):
    config = CONFIGS[name]
    texts = [*corpus(12_000 if not REDUCED else 30), "", None, "x" * 5000]
    one, four = Bm25Encoder(config, threads=1), Bm25Encoder(config, threads=4)
    assert len(texts) < 100 or sum(len(text or "") for text in texts) > 2 * CHUNK
    for _ in range(2):
        assert four.encode_documents(texts) == one.encode_documents(texts)
        assert four.encode_queries(texts) == one.encode_queries(texts)
        counts = four.count_documents(texts)
        assert counts == one.count_documents(texts)
        assert dict(counts.terms) == dict(one.count_documents(texts).terms)


@configs
@given(texts=nasty_texts)
@examples(15)
def test_texts_together_and_one_by_one(config, texts):
    encoder = SHARED[config.vector_fingerprint]
    together = encoder.encode_documents(texts)
    for i, text in enumerate(texts):
        alone = encoder.encode_documents([text])
        assert alone[0][0].tolist() == together[i][0].tolist()
        assert alone[0][1].tolist() == together[i][1].tolist()


@configs
@given(texts=st.lists(st.none() | nasty_text, max_size=5))
@examples(30)
def test_weighing_counts_is_encoding(config, texts):
    encoder = SHARED[config.vector_fingerprint]
    counts = encoder.count_documents(texts)
    assert encoder.weigh(counts) == encoder.encode_documents(texts)
    assert counts.lengths.tolist() == [int(counts[i][1].sum()) for i in range(len(texts))]
    other = Bm25Encoder(Bm25Config.from_dict({**config.to_dict(), "avg_len": 7.5}), threads=1)
    assert encoder.weigh(counts, avg_len=7.5) == other.encode_documents(texts)


@pytest.mark.parametrize("avg_len", [0, -1, float("nan"), "7", True])
def test_weighing_by_a_length_that_is_none(avg_len):
    encoder = Bm25Encoder(threads=1)
    with pytest.raises(Bm25ConfigError, match="avg_len must be"):
        encoder.weigh(encoder.count_documents(["a"]), avg_len=avg_len)


@pytest.mark.parametrize("k3", [None, 0.0, 8.0, 0.37])
@pytest.mark.parametrize(
    "name", ["default", "whitespace", "bare whitespace", "folding", "limits", "prefix", "code"]
)
def test_a_query_alone_equals_queries_together(name, k3):
    config = Bm25Config.from_dict({**CONFIGS[name].to_dict(), "k3": k3})
    encoder = Bm25Encoder(config, threads=1)

    @given(texts=st.lists(nasty_text.map(lambda text: text + " " + text[: len(text) // 2]), max_size=4))
    @examples(20)
    def check(texts):
        vectors = encoder.encode_queries(texts)
        for i, text in enumerate(texts):
            indices, values = encoder.encode_query(text)
            assert (indices.dtype, values.dtype) == (np.uint32, np.float32)
            assert indices.tolist() == vectors[i][0].tolist()
            assert values.view(np.uint32).tolist() == vectors[i][1].view(np.uint32).tolist()

    check()


@pytest.mark.parametrize(
    "name", ["default", "whitespace", "bare whitespace", "folding", "limits", "prefix", "code"]
)
@pytest.mark.parametrize("options", [{}, {"k": 0.7, "b": 0.31, "avg_len": 11.5}])
def test_a_document_alone_equals_documents_together(name, options):
    encoder = Bm25Encoder(Bm25Config.from_dict({**CONFIGS[name].to_dict(), **options}), threads=1)

    @given(texts=st.lists(nasty_text.map(lambda text: text + " " + text[: len(text) // 2]), max_size=4))
    @examples(20)
    def check(texts):
        vectors = encoder.encode_documents(texts)
        for i, text in enumerate(texts):
            indices, values = encoder.encode_document(text)
            assert (indices.dtype, values.dtype) == (np.uint32, np.float32)
            assert indices.tolist() == vectors[i][0].tolist()
            assert values.view(np.uint32).tolist() == vectors[i][1].view(np.uint32).tolist()

    check()


@pytest.mark.parametrize("options", [{"dialect": "fastembed"}, {"tokenizer": "multilingual"}])
def test_a_document_alone_in_the_other_ways(options):
    encoder = Bm25Encoder(Bm25Config(**options), threads=1)
    for text in ("the dogs run and run", "", "東京の天気 dogs"):
        indices, values = encoder.encode_document(text)
        expected = encoder.encode_documents([text])[0]
        assert indices.tolist() == expected[0].tolist()
        assert values.view(np.uint32).tolist() == expected[1].view(np.uint32).tolist()
    with pytest.raises(Bm25InputError, match="a document must be a string, got NoneType"):
        encoder.encode_document(None)


def test_lengths_of_what_was_encoded():
    encoder = Bm25Encoder(threads=1)
    vectors = encoder.encode_documents(["the dogs and a dog", None, "", "cat"])
    assert vectors.lengths.tolist() == [2, 0, 0, 1]
    assert encoder.weigh(encoder.count_documents(["dog dog"])).lengths.tolist() == [2]
    assert type(vectors).from_arrow(vectors.to_arrow()).lengths is None


def test_other_options_share_what_was_learnt_where_term_ids_stay():
    encoder = Bm25Encoder(Bm25Config(language="german"), threads=1)
    encoder.encode_documents(["die Häuser"])
    lighter = encoder.with_options(k=0.5, avg_len=7)
    assert lighter.config == Bm25Config(language="german", k=0.5, avg_len=7)
    assert lighter._documents is encoder._documents
    fresh = Bm25Encoder(lighter.config)
    texts = ["die Häuser am Fluss"]
    assert lighter.encode_documents(texts) == fresh.encode_documents(texts)
    other = encoder.with_options(language="english")
    assert other._documents is not encoder._documents
    assert encoder.with_options(language=None).config == Bm25Config()
    with pytest.raises(Bm25ConfigError, match="unknown option 'kk'"):
        encoder.with_options(kk=1)


def test_query_weights_by_hand():
    encoder = Bm25Encoder(Bm25Config(k3=8.0, stopwords={}, stemmer={"type": "none"}), threads=1)
    vector = encoder.encode_query("b a b b a c b")
    expected = {b"a": 9 * 2 / 10, b"b": 9 * 4 / 12, b"c": 1.0}
    weights = dict(zip(*(array.tolist() for array in vector), strict=True))
    assert weights == {reference.term_id(term): np.float32(weight) for term, weight in expected.items()}
    plain = Bm25Encoder(Bm25Config(stopwords={}, stemmer={"type": "none"}), threads=1)
    assert plain.encode_query("b a b b")[1].tolist() == [1.0, 1.0]


# Nulls and nothing


@pytest.mark.parametrize(
    "texts",
    [[], pa.array([], pa.string()), pa.chunked_array([], pa.string())],
    ids=lambda value: type(value).__name__,
)
def test_no_texts(texts):
    encoder = Bm25Encoder(threads=2)
    vectors, counts = encoder.encode_documents(texts), encoder.count_documents(texts)
    assert len(vectors) == len(counts) == len(encoder.encode_queries(texts)) == 0
    assert vectors.indptr.tolist() == counts.indptr.tolist() == [0]
    assert (vectors.indices.dtype, vectors.values.dtype) == (np.uint32, np.float32)
    assert (counts.term_ids.dtype, counts.frequencies.dtype) == (np.uint32, np.uint32)
    assert counts.lengths.dtype == np.uint32
    assert dict(counts.terms) == {}


def test_null_and_empty_texts():
    encoder = Bm25Encoder(threads=1)
    texts = [None, "", "the", "dog", None, " - "]
    for encode in (encoder.encode_documents, encoder.encode_queries, encoder.count_documents):
        rows = encode(texts)
        assert rows.valid.tolist() == [False, True, True, True, False, True]
        assert np.diff(rows.indptr).tolist() == [0, 0, 0, 1, 0, 0]
        assert encode(texts[1:4]).valid is None
        assert encode([None]).valid.tolist() == [False]
    assert encoder.count_documents(texts).lengths.tolist() == [0, 0, 0, 1, 0, 0]


def test_dtypes():
    encoder = Bm25Encoder(threads=1)
    vectors, counts = encoder.encode_documents(["a dog"]), encoder.count_documents(["a dog"])
    assert (vectors.indptr.dtype, vectors.indices.dtype, vectors.values.dtype) == (
        np.int64,
        np.uint32,
        np.float32,
    )
    assert [counts.indptr.dtype, counts.term_ids.dtype] == [np.int64, np.uint32]
    assert [counts.frequencies.dtype, counts.lengths.dtype] == [np.uint32, np.uint32]
    indices, values = encoder.encode_query("")
    assert (len(indices), indices.dtype, values.dtype) == (0, np.uint32, np.float32)


def test_results_do_not_share_memory_with_the_next_call():
    encoder = Bm25Encoder(threads=1)
    texts, others = corpus(50), corpus(50, seed=1)
    vectors, counts = encoder.encode_documents(texts), encoder.count_documents(texts)
    kept = [array.copy() for array in (vectors.indices, vectors.values, counts.frequencies, counts.term_ids)]
    encoder.encode_documents(others)
    encoder.count_documents(others)
    now = [vectors.indices, vectors.values, counts.frequencies, counts.term_ids]
    assert all(map(np.array_equal, kept, now))


# Terms


@configs
@given(texts=nasty_texts)
@examples(30)
def test_terms_have_the_ids_they_are_found_under(config, texts):
    counts = SHARED[config.vector_fingerprint].count_documents(texts)
    assert list(counts.terms) == sorted(set(counts.term_ids.tolist()))
    for term_id, term in counts.terms.items():
        assert reference.term_id(term.encode()) == term_id


def test_terms_of_forms_that_are_not_kept():
    long = "x" * 300
    counts = Bm25Encoder(BARE, threads=1).count_documents([f"short {long} {long}é·ö"])
    assert sorted(counts.terms.values()) == sorted(["short", long, long + "é", "ö"])
    assert sorted(pickle.loads(pickle.dumps(counts)).terms.values()) == sorted(counts.terms.values())


def colliding(count, wanted):
    """Distinct words with one id."""
    found = []
    number = 0
    while len(found) < count:
        word = reference.term_with_id(wanted, number, WORD_BYTES)
        found.append(word.decode())
        number = sum(WORD_BYTES.index(byte) * 62**i for i, byte in enumerate(word[:4])) + 1
    assert len(set(found)) == count
    return found


@pytest.mark.parametrize("wanted", [0, 1, 2**31 - 1, 2**31, 123456789])
def test_terms_that_share_an_id_are_counted_as_one_and_told(wanted):
    one, other, third = colliding(3, wanted)
    encoder = Bm25Encoder(BARE, threads=1)
    counts = encoder.count_documents([f"{one} {other} {one} unlike", other, third])
    assert dict(zip(*(array.tolist() for array in counts[0]), strict=True))[wanted] == 3
    assert counts.lengths.tolist() == [4, 1, 1]
    assert counts.terms.collisions == {wanted: tuple(sorted([one, other, third]))}
    assert counts.terms[wanted] == min(one, other, third)
    weights = encoder.encode_documents([f"{one} {other} {one} unlike"])
    expected = reference.document_weight(3, 4, 1.2, 0.75, 256.0)
    assert dict(zip(*(array.tolist() for array in weights[0]), strict=True))[wanted] == expected
    # The engine has the same ids; it keeps the weight of one of the two terms.
    theirs = oracle_documents(BARE, [f"{one} {other} {one} unlike"])
    assert theirs.indices.tolist() == weights.indices.tolist()
    single = [reference.document_weight(tf, 4, 1.2, 0.75, 256.0) for tf in (1, 2)]
    assert theirs.values[theirs.indices == wanted][0] in single
    indices, values = Bm25Encoder(Bm25Config.from_dict({**BARE.to_dict(), "k3": 8.0})).encode_query(
        f"{one} {other}"
    )
    assert (indices.tolist(), values.tolist()) == ([wanted], [np.float32(1.8)])


def test_random_words_that_share_an_id_are_found():
    # 150,000 words make some five pairs likely: the birthday paradox, 150,000**2 / 2 / 2**31.
    if REDUCED:
        pytest.skip("takes a compiler")
    words = [f"q{i}" for i in range(150_000)]
    counts = Bm25Encoder(BARE, threads=1).count_documents(words)
    by_id = {}
    for word, term_id in zip(words, counts.term_ids.tolist(), strict=True):
        by_id.setdefault(term_id, []).append(word)
    shared = {term_id: tuple(sorted(group)) for term_id, group in by_id.items() if len(group) > 1}
    assert shared
    assert counts.terms.collisions == shared


def test_terms_do_not_tell_of_other_texts():
    one, other = sorted(colliding(2, 77))
    encoder = Bm25Encoder(BARE, threads=1)
    encoder.encode_documents([one])
    counts = encoder.count_documents([other])
    assert dict(counts.terms) == {77: other}
    assert counts.terms.collisions == {}


SHARING = [*colliding(3, 77), *colliding(2, 2**31), *colliding(2, 0), "alone", "ä", "x" * 300]
ARROW_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]


@given(data=st.data())
@examples(100)
def test_terms_are_those_of_the_texts_whatever_the_vocabulary_has_seen_and_kept(data):
    batches = st.lists(st.none() | st.lists(st.sampled_from(SHARING), max_size=5).map(" ".join), max_size=6)
    encoder = Bm25Encoder(BARE, threads=1)
    encoder._documents.vocabulary.max_forms = data.draw(st.sampled_from([0, 2, 100]))
    counts = []
    for texts in data.draw(st.lists(batches, min_size=1, max_size=4)):
        chunk = pa.array(texts, pa.string()).cast(data.draw(st.sampled_from(ARROW_TYPES)))
        cut = data.draw(st.integers(0, len(texts)))
        array = pa.chunked_array([chunk.slice(0, cut), chunk.slice(cut)])
        if data.draw(st.booleans()):
            encoder.encode_documents(array)
        counts.append((texts, encoder.count_documents(array)))
        if data.draw(st.booleans()):
            encoder._documents.vocabulary._forget()
    for texts, counted in data.draw(st.permutations(counts)):
        expected = {}
        for word in sorted({word for text in texts if text for word in text.split()}):
            expected.setdefault(reference.term_id(word.encode()), []).append(word)
        terms = counted.terms
        assert list(terms.items()) == [(i, expected[i][0]) for i in sorted(expected)]
        assert terms.collisions == {i: tuple(group) for i, group in expected.items() if len(group) > 1}


@pytest.mark.parametrize("texts", [pa.chunked_array([], pa.string()), [], [""], [None]], ids=str)
def test_terms_of_nothing_after_everything_was_forgotten(texts):
    encoder = Bm25Encoder(BARE, threads=1)
    counts = encoder.count_documents(texts)
    encoder._documents.vocabulary._forget()
    assert len(counts.terms) == 0


def crowded_words(count):
    """Words whose ids all have the same high bits, so that counting them takes the path of sorting."""
    return [reference.term_with_id(5 * i, 7919 * i, WORD_BYTES).decode() for i in range(count)]


def test_texts_of_crafted_words_leave_the_following_ones_alone():
    words = crowded_words(90)
    crafted = " ".join(words + words[:30])
    texts = ["first text", crafted, "a text that follows", "and one more of them", crafted, words[0]]
    assert_documents_equal(Bm25Encoder(BARE, threads=1), texts)


# Batches


def vectors_of(batches):
    return [(v.indptr.tolist(), v.indices.tolist(), v.values.tolist()) for v in batches]


def test_batches_of_texts_are_grouped():
    encoder = Bm25Encoder(threads=1)
    texts = [f"text number {i}" if i % 10 else None for i in range(10_000 if not REDUCED else 50)]
    parts = list(encoder.encode_batches(iter(texts)))
    assert [len(part) for part in parts] == ([4096, 4096, 1808] if not REDUCED else [50])
    whole = encoder.encode_documents(texts)
    assert np.array_equal(np.concatenate([part.indices for part in parts]), whole.indices)
    assert np.array_equal(np.concatenate([part.values for part in parts]), whole.values)
    assert np.array_equal(np.concatenate([part.valid for part in parts]), whole.valid)


def test_batches_of_large_texts_are_bounded_by_size():
    encoder = Bm25Encoder(threads=1)
    texts = ["x " * 1_500_000] * 7 if not REDUCED else ["x"] * 7
    assert [len(part) for part in encoder.encode_batches(texts)] == ([3, 3, 1] if not REDUCED else [7])


def test_batches_are_consumed_as_they_are_asked_for():
    seen = []

    def source():
        for i in range(3):
            seen.append(i)
            yield [f"text {i}"]

    batches = Bm25Encoder(threads=1).encode_batches(source())
    assert seen == []
    next(batches)
    assert seen == [0]


def test_batches_of_every_kind():
    encoder = Bm25Encoder(threads=1)
    rows = ["one dog", "two dogs", None, ""]
    expected = vectors_of([encoder.encode_documents(rows)] * 2)
    array = pa.array(rows)
    record_batch = pa.record_batch({"text": array})
    sources = [
        [rows, rows],
        [tuple(rows), np.array(rows, object)],
        [array, array.cast(pa.string_view())],
        [pa.chunked_array([array]), pd.Series(rows)],
        [record_batch, record_batch],
        pa.RecordBatchReader.from_batches(record_batch.schema, [record_batch, record_batch]),
        [pa.table({"text": array})] * 2,
    ]
    for source in sources:
        assert vectors_of(encoder.encode_batches(source)) == expected
    mixed = list(encoder.encode_batches(["one dog", "two dogs", array, None, "", record_batch]))
    assert [len(part) for part in mixed] == [2, 4, 2, 4]
    assert list(encoder.encode_batches([])) == []
    assert list(encoder.encode_batches(pa.RecordBatchReader.from_batches(record_batch.schema, []))) == []


def test_batches_by_column():
    encoder = Bm25Encoder(threads=1)
    batch = pa.record_batch({"id": [1, 2], "text": ["one dog", None], "title": ["x", "y"]})
    expected = vectors_of([encoder.encode_documents(["one dog", None])])
    assert vectors_of(encoder.encode_batches([batch], column="text")) == expected
    assert vectors_of(encoder.encode_batches(pa.table(batch).to_reader(), column="text")) == expected
    with pytest.raises(Bm25InputError, match=r"have 3 columns \(id, text, title\); say which .*column="):
        list(encoder.encode_batches([batch]))
    with pytest.raises(
        Bm25InputError, match="no column 'body' in the record batch; its columns: id, text, title"
    ):
        list(encoder.encode_batches([batch], column="body"))
    with pytest.raises(Bm25InputError, match="got an Arrow array of int64"):
        list(encoder.encode_batches([batch], column="id"))


def test_one_text_is_no_stream_of_texts():
    # Its characters would each be encoded as a text.
    with pytest.raises(Bm25InputError):
        list(Bm25Encoder(threads=1).encode_batches("one text"))


def test_a_table_is_encoded_by_its_column_and_not_as_a_stream_of_columns():
    encoder = Bm25Encoder(threads=1)
    table = pa.table({"id": ["a", "b"], "text": ["one dog", "two cats"]})
    try:
        parts = list(encoder.encode_batches(table, column="text"))
    except Bm25InputError:
        return
    assert vectors_of(parts) == vectors_of([encoder.encode_documents(["one dog", "two cats"])])


def test_an_error_in_a_batch_comes_when_its_turn_has_come():
    batches = Bm25Encoder(threads=1).encode_batches([["a dog"], ["ok", 3]])
    assert len(next(batches)) == 1
    with pytest.raises(Bm25InputError, match=r"texts\[1\]"):
        next(batches)


# Errors


@pytest.mark.parametrize("text", [None, 3, b"text", ["text"]])
def test_a_query_that_is_not_a_string(text):
    with pytest.raises(Bm25InputError, match=f"a query must be a string, got {type(text).__name__}"):
        Bm25Encoder(threads=1).encode_query(text)


@pytest.mark.parametrize("config", [CONFIGS[name] for name in SOME], ids=SOME)
@pytest.mark.parametrize("text", ["dog\ud800", "\udfff", "a dog \ud83d cat", "dog \ud800\udc00 dog"])
def test_a_lone_surrogate_in_a_query(config, text):
    encoder = Bm25Encoder(config, threads=1)
    for _ in range(2):
        with pytest.raises(Bm25InputError, match="not valid Unicode: lone surrogate"):
            encoder.encode_query(text)
        with pytest.raises(Bm25InputError, match=r"texts\[1\] is not valid Unicode: lone surrogate"):
            encoder.encode_queries(["dog", text])
        encoder.encode_query("a dog")


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
def test_threads_that_are_no_number(threads):
    with pytest.raises(Bm25ConfigError, match="threads must be an integer of at least 1"):
        Bm25Encoder(threads=threads)


@pytest.mark.parametrize("config", [{"k": 1.2}, "english", Bm25Config])
def test_a_configuration_that_is_none(config):
    with pytest.raises(Bm25ConfigError, match="config must be a Bm25Config, got"):
        Bm25Encoder(config)


# Sharing between threads, processes and pickles


def test_pickling():
    encoder = Bm25Encoder(Bm25Config(language="german", k3=8.0), threads=3)
    encoder.encode_documents(["Häuser"])
    again = pickle.loads(pickle.dumps(encoder))
    assert (again.config, again.threads) == (encoder.config, 3)
    assert again.encode_documents(["Häuser"]) == encoder.encode_documents(["Häuser"])
    assert again.encode_query("Häuser")[0].tolist() == encoder.encode_query("Häuser")[0].tolist()
    assert "german" in repr(again)
    assert "threads=3" in repr(again)


def test_threads_are_as_many_as_cores_unless_told():
    assert Bm25Encoder().threads == len(os.sched_getaffinity(0))
    assert Bm25Encoder(threads=7).threads == 7


def run_in_threads(count, work):
    """Run work(i) in threads that start together; raise what any raised."""
    barrier, errors = threading.Barrier(count), []

    def target(i):
        try:
            barrier.wait(30)
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=target, args=(i,)) for i in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


@pytest.mark.parametrize("name", ["bare", "default", "whitespace"])
def test_many_threads_on_a_cold_encoder(name):
    config = CONFIGS[name]
    texts = [corpus(400 if not REDUCED else 5, distinct=40_000, seed=seed) for seed in range(6)]
    expected = [oracle_documents(config, part) for part in texts]
    encoder = Bm25Encoder(config, threads=2)

    def work(i):
        for turn in range(len(texts)):
            part = (i + turn) % len(texts)
            vectors = encoder.encode_documents(texts[part])
            assert np.array_equal(vectors.indices, expected[part].indices)
            assert np.array_equal(vectors.values, expected[part].values)
            assert np.array_equal(vectors.indptr, expected[part].indptr)

    run_in_threads(6, work)
    counts = encoder.count_documents([text for part in texts for text in part])
    assert all(reference.term_id(term.encode()) == term_id for term_id, term in counts.terms.items())


def test_many_threads_asking_the_same_queries():
    texts = corpus(200 if not REDUCED else 20, words=5)
    encoder = Bm25Encoder(threads=1)
    vectors = Bm25Encoder(threads=1).encode_queries(texts)

    def work(i):
        for number, text in enumerate(texts):
            assert encoder.encode_query(text)[0].tolist() == vectors[number][0].tolist()

    run_in_threads(4, work)


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
# From Python 3.12 on a fork while other threads run is warned of; it is what is tested here.
may_fork = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def in_child(work, timeout=20):
    """Run work() in a fork of this process; return whether it ended well and in time."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


@forks
@may_fork
@pytest.mark.parametrize("threads", [1, 2])
def test_a_fork_while_another_thread_encodes(threads):
    encoder = Bm25Encoder(threads=threads)
    texts = ["one dog", "two cats", *corpus(2000 if not REDUCED else 20)]
    expected = Bm25Encoder(threads=1).encode_documents(texts)
    stop = threading.Event()

    def background():
        seed = 0
        while not stop.is_set():
            seed += 1
            encoder.encode_documents([f"{text} n{seed}x{i}" for i, text in enumerate(corpus(100, seed=seed))])

    thread = threading.Thread(target=background)
    thread.start()
    try:
        for _ in range(8):
            assert in_child(lambda: encoder.encode_documents(texts) == expected)
            time.sleep(0.01)
    finally:
        stop.set()
        thread.join()
    assert encoder.encode_documents(texts) == expected


@forks
@may_fork
def test_a_fork_while_another_thread_resolves(monkeypatch):
    encoder = Bm25Encoder(threads=1)
    encoder.encode_documents(["warm"])
    analyzer = encoder._documents.vocabulary.analyzer
    inside, analyze = threading.Event(), analyzer.analyze

    def slowly(text):
        inside.set()
        time.sleep(0.3)
        return analyze(text)

    monkeypatch.setattr(analyzer, "analyze", slowly)
    thread = threading.Thread(target=encoder.encode_documents, args=(["something new"],))
    thread.start()
    assert inside.wait(10)
    assert in_child(lambda: len(encoder.encode_documents(["a dog, and more"]).indices) == 1)
    thread.join()


@forks
@may_fork
def test_a_fork_while_another_thread_prepares_its_encoder(monkeypatch):
    # The lock of `functools.cached_property`, which all instances share, does not survive a fork.
    import bm25.encoder

    inside, go_on, prepare = threading.Event(), threading.Event(), bm25.encoder._counter

    def slowly(*arguments):
        if threading.current_thread() is not threading.main_thread() and os.getpid() == parent:
            inside.set()
            go_on.wait(30)
        return prepare(*arguments)

    parent = os.getpid()
    monkeypatch.setattr(bm25.encoder, "_counter", slowly)
    thread = threading.Thread(target=Bm25Encoder(threads=1).encode_documents, args=(["a dog"],))
    thread.start()
    try:
        assert inside.wait(10)
        assert in_child(
            lambda: len(Bm25Encoder(threads=1).encode_documents(["a dog"]).indices) == 1, timeout=5
        )
    finally:
        go_on.set()
        thread.join()


def encode_in_worker(arguments):
    encoder, texts = arguments
    return encoder.encode_documents(texts)


@forks
@may_fork
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes(method, monkeypatch):
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    monkeypatch.setenv("PYTHONPATH", root)
    encoder, texts = Bm25Encoder(threads=2), corpus(3000 if not REDUCED else 20)
    expected = encoder.encode_documents(texts)
    with multiprocessing.get_context(method).Pool(1) as pool:
        results = pool.map(encode_in_worker, [(encoder, texts)] * 2)
    assert results == [expected, expected]


@forks
@may_fork
def test_a_child_uses_the_encoder_of_its_parent_with_threads_of_its_own():
    encoder, texts = Bm25Encoder(threads=2), corpus(6000 if not REDUCED else 20)
    expected = encoder.encode_documents(texts)  # starts the parent's threads
    assert in_child(lambda: encoder.encode_documents(texts) == expected)
    assert encoder.encode_documents(texts) == expected


@pytest.mark.skipif(REDUCED, reason="its warnings are errors, and without the JIT there are some")
def test_it_ends_with_the_program():
    code = """
        from bm25 import Bm25Encoder
        encoder = Bm25Encoder(threads=3)
        texts = ["some words " * 50] * 9000
        assert len(encoder.encode_documents(texts)) == 9000
        print("done")
    """
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "done\n", "")


def test_memory_of_an_encoder_is_given_back():
    def once():
        encoder = Bm25Encoder(threads=2)
        encoder.encode_documents(corpus(3000 if not REDUCED else 20))
        encoder.encode_query("a dog")

    once()
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(3):
            once()
        gc.collect()
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 2 << 20


def test_what_it_returns():
    encoder = Bm25Encoder(threads=1)
    assert isinstance(encoder.encode_documents(["a"]), SparseVectors)
    assert isinstance(encoder.encode_queries(["a"]), SparseVectors)
    assert isinstance(encoder.count_documents(["a"]), TermCounts)
    assert encoder.count_queries(["dog dog cat"]).frequencies.tolist() in ([2, 1], [1, 2])


def test_warmup_compiles_and_keeps_nothing():
    Bm25Encoder.warmup()
    assert dict(Bm25Encoder(threads=1).count_documents(["word1"]).terms) == {
        reference.term_id(b"word1"): "word1"
    }
