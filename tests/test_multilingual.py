import pickle
import sys
import threading
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

import bm25.counter
import bm25.multilingual
from bm25 import Bm25Config, Bm25Encoder
from bm25.errors import Bm25ConfigError, Bm25InputError, MissingExtraError
from bm25.multilingual import MultilingualCounter
from tests.conftest import REDUCED
from tests.oracle import assert_equal, oracle_documents, oracle_queries

# Of each path: as they are, with blanks, by the engine; and what has no terms.
SIMPLE = ["the quick brown fox", "Straße mir мир", "λόγος λόγος", "한국어 שלום"]
BLANKS = ["мир 3d 4x", "d 3мир $мир", "слово 😀word"]
ENGINE = ["世界 hello", "日本語のテキスト", "ภาษาไทย", "مرحبا بالعالم", "мир 世 3d"]
EMPTY = ["", " ", "123", "«»", None]
MIXED = [text for group in zip(SIMPLE, [*BLANKS, ""], ENGINE, EMPTY, strict=False) for text in group]
MIXED += [*ENGINE, None]

PLAIN = Bm25Config(tokenizer="multilingual", stopwords={}, stemmer={"type": "none"})
GREEK = Bm25Config(tokenizer="multilingual", language="greek")
PANICS = "αντίθετε"


def encoder(threads=1, **options):
    return Bm25Encoder(Bm25Config(tokenizer="multilingual", **options), threads=threads)


def rows(vectors):
    return [(ids.tolist(), values.tolist()) for ids, values in (vectors[i] for i in range(len(vectors)))]


def arrow(*texts):
    """An array of bytes that may be no UTF-8."""
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(texts)))


@pytest.fixture
def by_engine(monkeypatch):
    """The rows that the engine was asked about."""
    seen = []
    original = MultilingualCounter._by_engine

    def asking(self, texts, rows, weigh):
        seen.extend(texts.first + row for row in rows)
        return original(self, texts, rows, weigh)

    monkeypatch.setattr(MultilingualCounter, "_by_engine", asking)
    return seen


@pytest.mark.parametrize("texts", [SIMPLE, BLANKS, ENGINE, EMPTY[:-1], MIXED, MIXED[::-1]], ids=len)
def test_both_paths_are_the_oracle(texts):
    texts = [text for text in texts if text is not None]
    assert_equal(encoder(), texts)
    assert_equal(Bm25Encoder(PLAIN, threads=1), texts)


def test_which_path_a_text_takes(by_engine):
    texts = [*SIMPLE, *BLANKS, *ENGINE, *EMPTY]
    encoder().encode_documents(texts)
    first = len(SIMPLE) + len(BLANKS)
    assert sorted(by_engine) == list(range(first, first + len(ENGINE)))


@pytest.mark.parametrize("kind", ["encode_documents", "encode_queries"])
def test_order_in_one_batch_is_kept(kind):
    one = encoder()
    together = rows(getattr(one, kind)(MIXED))
    assert together == [rows(getattr(one, kind)([text]))[0] for text in MIXED]
    order = np.random.default_rng(1).permutation(len(MIXED))
    assert rows(getattr(one, kind)([MIXED[i] for i in order])) == [together[i] for i in order]


def test_nulls_are_null_and_empty_texts_are_empty():
    vectors = encoder().encode_documents(["a", None, "世", None, "", "мир 3d"])
    assert vectors.valid.tolist() == [True, False, True, False, True, True]
    assert [len(vectors[i][0]) for i in (1, 3, 4)] == [0, 0, 0]
    assert vectors.to_arrow().null_count == 2
    assert rows(encoder().encode_documents([])) == []
    assert encoder().count_documents([None, None]).lengths.tolist() == [0, 0]


@pytest.mark.parametrize("chunk", [1, 30, 1 << 20])
@pytest.mark.parametrize("threads", [1, 2])
def test_parts_and_threads_change_nothing(threads, chunk, monkeypatch):
    texts = MIXED * (20 if not REDUCED else 1)
    expected = rows(encoder().encode_documents(texts))
    counted = encoder().count_documents(texts)
    monkeypatch.setattr(bm25.counter, "CHUNK", chunk)
    again = encoder(threads)
    assert rows(again.encode_documents(texts)) == expected
    counts = again.count_documents(pa.chunked_array([texts[:7], [], texts[7:]], pa.string()))
    for name in ("indptr", "term_ids", "frequencies", "lengths"):
        assert np.array_equal(getattr(counts, name), getattr(counted, name))


def test_several_megabytes():
    size = 3000 if not REDUCED else 20
    texts = [
        f"{text} {i} " + "слово word 4x " * 40
        for i in range(size)
        for text in ("мир", "x", "世" * (i % 9 == 0))
    ]
    expected = oracle_documents(PLAIN, texts)
    for threads in (1, 2):
        found = Bm25Encoder(PLAIN, threads=threads).encode_documents(texts)
        assert np.array_equal(found.indptr, expected.indptr)
        assert np.array_equal(found.indices, expected.indices)
        assert np.array_equal(found.values.view(np.uint32), expected.values.view(np.uint32))


def test_counts_by_hand():
    counts = Bm25Encoder(PLAIN, threads=1).count_documents(
        ["мир a МИР b a мир", "世界 a 世界 a a", None, "3d 3"]
    )
    frequencies = [sorted(counts.frequencies[a:b]) for a, b in pairwise(counts.indptr)]
    assert frequencies == [[1, 2, 3], [2, 3], [], [1]]
    assert counts.lengths.tolist() == [6, 5, 0, 1]
    assert counts.frequencies.dtype == counts.lengths.dtype == counts.term_ids.dtype == np.uint32
    assert counts.terms is None
    assert pickle.loads(pickle.dumps(counts)).terms is None


@pytest.mark.parametrize(
    "options", [{}, {"k": 0.9, "b": 0.3, "avg_len": 7.0}, {"language": "russian", "k3": 8.0}]
)
def test_weighing_counts_is_encoding(options):
    one = encoder(**options)
    assert rows(one.weigh(one.count_documents(MIXED))) == rows(one.encode_documents(MIXED))
    assert one.weigh(one.count_documents(MIXED)).valid.tolist() == [text is not None for text in MIXED]


@pytest.mark.parametrize("k3", [None, 0.0, 8.0])
def test_one_query_equals_queries_together(k3):
    texts = [text for text in MIXED if text is not None] + ["世界 a 世界 a a мир", "a a b 3мир"]
    one = encoder(k3=k3)
    assert [(i.tolist(), v.tolist()) for i, v in map(one.encode_query, texts)] == rows(
        one.encode_queries(texts)
    )
    expected = oracle_queries(Bm25Config(tokenizer="multilingual"), texts)
    assert one.encode_queries(texts).indices.tolist() == expected.indices.tolist()
    for text in texts:
        ids, values = one.encode_query(text)
        assert (ids.dtype, values.dtype) == (np.uint32, np.float32)


def test_query_weights_by_hand():
    for text in ("x x x мир", "x x x 世"):
        for _, values in (encoder(k3=2.0).encode_query(text), encoder(k3=2.0).encode_queries([text])[0]):
            assert sorted(values.tolist()) == [1.0, np.float32(3 * 3 / (2 + 3))]


@pytest.mark.parametrize("text", [None, 1, b"x"])
def test_a_query_that_is_no_string(text):
    with pytest.raises(Bm25InputError, match="a query must be a string, got"):
        encoder().encode_query(text)


def test_a_lone_surrogate():
    with pytest.raises(Bm25InputError, match=r"lone surrogate '\\udc00' at position 1"):
        encoder().encode_query("a\udc00")
    with pytest.raises(Bm25InputError, match=r"texts\[1\] is not valid Unicode"):
        encoder().encode_documents(["a", "世\udc00"])


def test_batches():
    one = encoder()
    expected = rows(one.encode_documents(MIXED))
    assert [row for batch in one.encode_batches(MIXED) for row in rows(batch)] == expected
    batches = [pa.record_batch({"text": pa.array(part)}) for part in (MIXED[:3], MIXED[3:])]
    assert [row for batch in one.encode_batches(batches) for row in rows(batch)] == expected


def test_pickles():
    one = encoder(language="russian")
    again = pickle.loads(pickle.dumps(one))
    assert again.config == one.config
    assert rows(again.encode_documents(MIXED)) == rows(one.encode_documents(MIXED))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_uses_the_encoder_of_its_parent():
    import multiprocessing

    one = encoder(threads=2)
    expected = rows(one.encode_documents(MIXED))
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe()
    child = context.Process(target=lambda: sender.send(rows(one.encode_documents(MIXED))))
    child.start()
    assert receiver.poll(60)
    assert receiver.recv() == expected
    child.join()


def test_threads_share_an_encoder():
    one, found = encoder(), []
    expected = rows(encoder().encode_documents(MIXED))
    workers = [
        threading.Thread(target=lambda: found.append(rows(one.encode_documents(MIXED)))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [expected] * 4


# Errors


@pytest.mark.parametrize("ask", ["encode_documents", "encode_queries", "count_documents", "encode_query"])
def test_a_missing_extra_is_named_at_once(ask, monkeypatch):
    monkeypatch.setitem(sys.modules, "qdrant_edge", None)
    with pytest.raises(MissingExtraError, match=r"the tokenizer 'multilingual' needs .*bm25-engine\[edge\]"):
        # A text that the engine would not even be asked about.
        getattr(encoder(), ask)("a" if ask == "encode_query" else ["a"])


BAD = [b"\xff", b"a\xc3", b"\xe4\xb8", b"\xd0\xbc 1\xffz", "世".encode() + b"\xff", b"\xed\xa0\x80"]


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize(
    "others", [SIMPLE, BLANKS, ENGINE, [*SIMPLE, *BLANKS, *ENGINE]], ids=["s", "b", "e", "all"]
)
@pytest.mark.parametrize("kind", ["encode_documents", "count_queries"])
def test_invalid_utf8_is_named_by_its_row(kind, others, bad):
    good = [text.encode() for text in others]
    array = pa.chunked_array([arrow(*good), arrow(*good, bad, *good)])
    with pytest.raises(Bm25InputError, match=rf"^texts\[{2 * len(good)}\] is not valid UTF-8: "):
        getattr(encoder(), kind)(array)


@pytest.mark.parametrize(
    "bad", [b"\xd0\xbc \xc0\xb3z", b"\xd0\xbc \xe0\x80\xb3z", b"z \xc0\xb3\xd0\xbc"], ids=repr
)
def test_invalid_utf8_is_not_blanked_out(bad):
    # An overlong digit, in the place where a digit would make way for a blank.
    with pytest.raises(
        Bm25InputError, match=r"^texts\[1\] is not valid UTF-8: invalid start byte|continuation"
    ):
        encoder().encode_documents(arrow(b"a", bad))


@pytest.mark.parametrize("kind", ["encode_documents", "count_documents", "encode_queries", "count_queries"])
def test_a_panic_of_the_engine_names_the_row(kind):
    texts = [*SIMPLE, *BLANKS, "世界", f"世界 {PANICS}", "θάλασσα"]
    with pytest.raises(Bm25InputError, match=r"^texts\[8\]: Qdrant's engine fails on this text: "):
        getattr(Bm25Encoder(GREEK, threads=1), kind)(texts)


def test_a_panic_of_the_engine_in_a_query():
    with pytest.raises(Bm25InputError, match=r"^Qdrant's engine fails on the query '世界"):
        Bm25Encoder(GREEK, threads=1).encode_query(f"世界 {PANICS}")


def test_a_frequency_that_a_float_does_not_hold(monkeypatch):
    monkeypatch.setattr(bm25.multilingual, "MAX_FREQUENCY", 5)
    texts = ["a " * 9, "世界", "x 世界", "世 " + "a " * 4, "世 " + "b b b b b c", "世"]
    one = Bm25Encoder(PLAIN, threads=1)
    assert one.count_documents(texts[:4]).frequencies.max() == 9
    with pytest.raises(
        Bm25InputError, match=r"^texts\[4\]: a term occurs 5 times or more, .*; split the text$"
    ):
        encoder().count_documents(texts)
    encoder().encode_documents(texts)  # which needs no count


def test_analyze_is_refused():
    with pytest.raises(Bm25ConfigError, match="tokenizer 'multilingual' has no steps to show"):
        encoder().analyze("a")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"synonyms": {"a": ["b"]}}, "synonyms"),
        ({"protected_words": ["a"]}, "protected_words"),
        ({"synonyms": {"a": ["b"]}, "protected_words": ["a"]}, "synonyms, protected_words"),
        ({"dialect": "fastembed"}, "multilingual\" does not go with dialect 'fastembed'"),
    ],
)
def test_options_that_it_cannot_have(options, what):
    with pytest.raises(Bm25ConfigError, match=what):
        encoder(**options)
