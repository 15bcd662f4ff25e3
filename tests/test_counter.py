import threading

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bm25.counter
from bm25 import Bm25Config
from bm25.analysis.analyzer import Analyzer
from bm25.counter import NEW_BYTES, SurfaceFormCounter, _Scratch
from bm25.csr import Counted, CsrBuilder
from bm25.inputs import as_arrow
from bm25.vocabulary import Vocabulary
from tests import reference
from tests.conftest import REDUCED
from tests.strategies import examples, nasty_bytes

BARE = Bm25Config(lowercase=False, stopwords={}, stemmer={"type": "none"})


def counter_of(config=BARE, threads=1, **options):
    words = Vocabulary(Analyzer(config, "document"), **options)
    return SurfaceFormCounter(words, threads)


def counted(counter, texts):
    with np.errstate(over="ignore"):
        built = counter.count(as_arrow(texts))
    return built.indptr.tolist(), built.term_ids.tolist(), built.values.tolist(), built.lengths.tolist()


def expected(texts, mode="word"):
    forms = [reference.forms((text or "").encode(), mode) for text in texts]
    return reference.counts([[reference.term_id(form) for form in document] for document in forms])


ascii_texts = st.lists(
    st.none() | nasty_bytes.map(lambda data: bytes(b & 127 for b in data).decode()), max_size=8
)


@pytest.mark.parametrize("tokenizer", ["word", "whitespace"])
@given(texts=ascii_texts)
@examples(60)
def test_ascii_texts_against_the_twin(tokenizer, texts):
    config = Bm25Config.from_dict({**BARE.to_dict(), "tokenizer": tokenizer})
    counter = counter_of(config)
    for _ in range(2):
        assert counted(counter, texts) == expected(texts, tokenizer)


@pytest.mark.parametrize("threads", [1, 3])
def test_texts_of_many_parts_stay_in_order(threads, monkeypatch):
    monkeypatch.setattr(bm25.counter, "CHUNK", 2000)
    size = 2000 if not REDUCED else 50
    texts = [f"text{i} " + "filler " * (i % 50) for i in range(size)] + ["x " * 3000, "", None]
    array = pa.chunked_array([texts[: size // 3], [], texts[size // 3 :]], pa.string())
    counter = counter_of(threads=threads)
    assert counted(counter, array) == expected(texts)
    assert (counter._pool is None) is (threads == 1)


def test_weights_are_made_of_the_counts_of_each_part():
    texts = [f"a a text{i} b" for i in range(50_000 if not REDUCED else 50)]
    seen = []

    def weigh(part):
        seen.append(len(part.lengths))
        return (part.values * 10).astype(np.float32)

    counter = counter_of()
    with np.errstate(over="ignore"):
        plain, weighed = counter.count(as_arrow(texts)), counter.count(as_arrow(texts), weigh)
    assert weighed.values.dtype == np.float32
    assert np.array_equal(weighed.values, plain.values * 10)
    assert np.array_equal(weighed.term_ids, plain.term_ids)
    assert sum(seen) == len(texts)


def test_a_form_larger_than_the_list_of_new_forms():
    size = NEW_BYTES + 1000 if not REDUCED else 3000
    texts = ["before", f"a {'x' * size} b", "after", "x" * size]
    counter, result = counter_of(), expected(texts)
    for _ in range(2):
        assert counted(counter, texts) == result


def test_an_error_in_a_worker_is_raised_and_the_counter_goes_on():
    counter = counter_of(threads=2)
    texts = ["word " * 1000] * (600 if not REDUCED else 3)

    def fail(part):
        raise ZeroDivisionError

    with np.errstate(over="ignore"), pytest.raises(ZeroDivisionError):
        counter.count(as_arrow(texts), fail)
    assert counted(counter, ["a b"]) == expected(["a b"])


def test_scratch_arrays_are_used_again_unless_they_are_huge(monkeypatch):
    scratch = _Scratch()
    array = scratch.array("name", np.uint32, 5000)
    assert (array.dtype, array.any()) == (np.uint32, False)
    assert scratch.array("name", np.uint32, 10) is array
    larger = scratch.array("name", np.uint32, len(array) + 1)
    assert len(larger) > len(array)
    assert scratch.array("name", np.uint32, 10) is larger
    monkeypatch.setattr(_Scratch, "KEPT", 1 << 16)
    huge = scratch.array("name", np.uint32, 1 << 20)
    assert len(huge) >= 1 << 20
    assert scratch.array("name", np.uint32, 10) is larger


def test_each_thread_has_scratch_of_its_own():
    counter = counter_of()
    counted(counter, ["a"])
    found = []
    thread = threading.Thread(target=lambda: found.append(getattr(counter._scratch, "value", None)))
    thread.start()
    thread.join()
    assert found == [None]


# The builder


def part_of(documents):
    indptr, ids, frequencies, lengths = reference.counts(documents)
    return Counted(
        np.array(indptr, np.int64), np.array(ids, np.uint32), np.array(frequencies, np.uint32),
        np.array(lengths, np.uint32), [],
    )  # fmt: skip


@given(
    st.lists(st.lists(st.lists(st.integers(0, 2**31), max_size=20), max_size=4), max_size=8),
    st.integers(0, 3),
)
@examples(100)
def test_parts_are_joined(parts, guess):
    documents = [document for part in parts for document in part]
    # The sizes only steer how memory grows: no guess, however wrong, may change the result.
    sizes = [guess * len(part) for part in parts]
    built = CsrBuilder(len(documents), np.uint32, sum(sizes))
    for part, size in zip(parts, sizes, strict=True):
        built.append(part_of(part), size)
    result = [built.indptr, built.term_ids, built.values, built.lengths]
    assert [array.dtype for array in result] == [np.int64, np.uint32, np.uint32, np.uint32]
    assert tuple(array.tolist() for array in result) == reference.counts(documents)


def test_little_memory_is_held_beyond_what_is_used():
    built = CsrBuilder(2, np.float32, 10_000)
    built.append(part_of([list(range(5000))]), 1)
    built.append(part_of([[]]), 9999)
    base = built.values if built.values.base is None else built.values.base
    assert base.nbytes < 1.3 * 5000 * 4 + 10_000


def test_a_tiny_first_part_is_no_estimate_of_the_rest():
    # A short text before texts of a megabyte each is a part of its own: one entry in two bytes would
    # make terabytes of what is to come.
    built = CsrBuilder(2, np.uint32, 1 << 40)
    built.append(part_of([[1]]), 2)
    assert built._term_ids.nbytes < 1 << 30
    assert (built.term_ids.tolist(), built.values.tolist()) == ([1], [1])


def test_the_builder_collects_the_blocks_of_all_parts():
    built = CsrBuilder(2, np.uint32, 2)
    built.append(part_of([[1]])._replace(blocks=["one"]), 1)
    built.append(part_of([[2]])._replace(blocks=["two", "three"]), 1)
    assert built.blocks == ["one", "two", "three"]
