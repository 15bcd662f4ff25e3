import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder, Bm25InputError, TermCounts
from bm25.counts import TYPE
from bm25.rows import COLUMNS
from bm25.terms import TermBlock, TermDictionary
from tests import reference
from tests.strategies import examples

documents_of_ids = st.lists(
    st.none() | st.lists(st.integers(0, 2**31) | st.integers(0, 3), max_size=8), max_size=8
)


def counts_of(documents, **options):
    """Counts of documents given as ids with repeats, None for a null text."""
    indptr, ids, frequencies, lengths = reference.counts([document or [] for document in documents])
    valid = np.array([document is not None for document in documents], bool)
    return TermCounts(
        np.array(indptr, np.int64), np.array(ids, np.uint32), np.array(frequencies, np.uint32),
        np.array(lengths, np.uint32), None if valid.all() else valid, **options,
    )  # fmt: skip


EXAMPLE = [[3, 2**31, 3], None, [], [0]]


def test_rows():
    counts = counts_of(EXAMPLE)
    assert len(counts) == 4
    found = [(ids.tolist(), frequencies.tolist()) for ids, frequencies in counts]
    assert found == [([3, 2**31], [2, 1]), ([], []), ([], []), ([0], [1])]
    assert counts[-1][0].tolist() == [0]
    with pytest.raises(IndexError, match="row 4 is out of range for 4 rows"):
        counts[4]
    assert repr(counts) == "<TermCounts of 4 texts, 1 of them null, 3 entries>"


def test_equality():
    same = counts_of(EXAMPLE)
    assert same == counts_of(EXAMPLE)
    for documents in (
        [[3, 2**31, 2**31], *EXAMPLE[1:]],
        EXAMPLE[:3],
        [EXAMPLE[0], [], [], [0]],
        [[4], None, [], [0]],
    ):
        assert same != counts_of(documents)
    other = counts_of(EXAMPLE)
    other.lengths[0] += 1
    assert same != other
    assert same != EXAMPLE
    with pytest.raises(TypeError, match="unhashable"):
        hash(same)


@given(documents_of_ids)
@examples(100)
def test_arrow_round_trip(documents):
    counts = counts_of(documents)
    array = counts.to_arrow()
    array.validate(full=True)
    assert array.type == pa.struct(
        [("term_ids", pa.list_(pa.uint32())), ("frequencies", pa.list_(pa.uint32())), ("length", pa.uint32())]
    )
    assert [row and row["length"] for row in array.to_pylist()] == [
        None if document is None else len(document) for document in documents
    ]
    again = TermCounts.from_arrow(array)
    assert again == counts
    assert again.terms is None
    arrays = (again.indptr, again.term_ids, again.frequencies, again.lengths)
    assert [a.dtype for a in arrays] == [np.int64, np.uint32, np.uint32, np.uint32]


@given(documents_of_ids, st.integers(0, 8), st.integers(0, 8))
@examples(50)
def test_slices_and_chunks_of_arrow(documents, start, size):
    array = counts_of(documents).to_arrow()
    assert TermCounts.from_arrow(array.slice(start, size)) == counts_of(documents[start : start + size])
    chunks = pa.chunked_array([array.slice(0, start), array.slice(start)], array.type)
    assert TermCounts.from_arrow(chunks) == counts_of(documents)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1]),
        pa.array([{"term_ids": [1], "frequencies": [1]}]),
        pa.array([{"term_ids": 1, "frequencies": 1, "length": 1}]),
        pa.array([{"term_ids": [1], "frequencies": [1], "length": "1"}]),
    ],
    ids=lambda array: str(array.type),
)
def test_other_arrow_types_are_refused(array):
    with pytest.raises(Bm25InputError, match="expected an Arrow array of struct<term_ids"):
        TermCounts.from_arrow(array)


def test_lists_of_unequal_length_are_refused():
    array = pa.array([{"term_ids": [1, 2], "frequencies": [1], "length": 1}], counts_of([]).to_arrow().type)
    with pytest.raises(Bm25InputError, match="term_ids and frequencies differ in length in some row"):
        TermCounts.from_arrow(array)


def test_other_numbers_are_converted_or_refused_but_never_kept():
    kind = pa.struct(
        [("term_ids", pa.list_(pa.int64())), ("frequencies", pa.list_(pa.int64())), ("length", pa.int64())]
    )
    try:
        counts = TermCounts.from_arrow(pa.array([{"term_ids": [1], "frequencies": [2], "length": 2}], kind))
    except Bm25InputError:
        return
    dtypes = [counts.term_ids.dtype, counts.frequencies.dtype, counts.lengths.dtype]
    assert dtypes == [np.uint32] * 3


@given(documents_of_ids)
@examples(50)
def test_scipy(documents):
    counts = counts_of(documents)
    matrix = counts.to_scipy()
    assert matrix.shape == (len(documents), COLUMNS)
    assert matrix.dtype == np.uint32
    assert matrix.data.tolist() == counts.frequencies.tolist()
    assert matrix.indices.tolist() == counts.term_ids.tolist()


# Terms


def block_of(*terms):
    return TermBlock(
        np.array([reference.term_id(term.encode()) for term in terms], np.uint32), "\n".join(terms).encode()
    )


def test_terms_are_built_once_and_only_when_asked_for():
    calls = []

    def terms(among):
        calls.append(1)
        return TermDictionary.from_blocks([block_of("a", "b", "c")], among=among)

    a, c = (reference.term_id(term) for term in (b"a", b"c"))
    counts = counts_of([[a, c, c], [a]], terms=terms)
    assert calls == []
    assert dict(counts.terms) == {a: "a", c: "c"}
    assert counts.terms is counts.terms is counts.terms_among(np.array([a], np.uint32))
    assert calls == [1]


def test_terms_of_distinct_ids_that_are_known():
    a, c = (reference.term_id(term) for term in (b"a", b"c"))
    counts = counts_of(
        [[a, c], [a]], terms=lambda among: TermDictionary.from_arrow(among, pa.array(["x", "y"]))
    )
    assert counts.terms_among(np.array(sorted([a, c]), np.uint32)) == dict(
        zip(sorted([a, c]), "xy", strict=True)
    )
    assert counts.terms is counts.terms_among(np.array([], np.uint32))


def test_terms_of_an_encoder_are_those_of_the_texts_though_it_learns_more():
    encoder = Bm25Encoder(Bm25Config(stopwords={}, stemmer={"type": "none"}), threads=1)
    counts = encoder.count_documents(["a b"])
    encoder.encode_documents(["c d"])
    assert sorted(counts.terms.values()) == ["a", "b"]


def test_a_dictionary_can_be_given():
    terms = TermDictionary.from_blocks([block_of("a")])
    assert counts_of([[1]], terms=terms).terms is terms
    assert counts_of([[1]]).terms is None


@pytest.mark.parametrize("asked", [True, False])
def test_pickling(asked):
    counts = Bm25Encoder(threads=1).count_documents(["one dog", None, "ä·ö dogs"])
    if asked:
        assert counts.terms
    again = pickle.loads(pickle.dumps(counts))
    assert again == counts
    assert again.valid.tolist() == [True, False, True]
    assert dict(again.terms) == dict(counts.terms)
    assert sorted(again.terms.values()) == sorted(["one", "dog", "ä", "ö"])
    assert pickle.loads(pickle.dumps(counts_of([[1]]))).terms is None


@pytest.mark.parametrize(
    ("ids", "frequencies"),
    [([5, 5], [1, 1]), ([7, 5], [1, 1]), ([5, 2**31 + 1], [1, 1]), ([5], [0])],
)
def test_what_no_encoder_makes_is_not_read(ids, frequencies):
    row = {"term_ids": ids, "frequencies": frequencies, "length": 2}
    good = {"term_ids": [2**31], "frequencies": [1], "length": 1}
    with pytest.raises(Bm25InputError, match=r"row 2: term id \d+ with frequency \d: term ids must ascend"):
        TermCounts.from_arrow(pa.array([good, {"term_ids": [], "frequencies": [], "length": 0}, row], TYPE))
    assert len(TermCounts.from_arrow(pa.array([good, good], TYPE))) == 2
