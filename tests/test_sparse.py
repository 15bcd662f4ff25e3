import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import models

from bm25 import Bm25Encoder, Bm25InputError, SparseVectors
from bm25.rows import COLUMNS
from tests.strategies import examples

rows_of_entries = st.lists(
    st.none()
    | st.dictionaries(st.integers(0, 2**31), st.floats(0, 1e6, width=32), max_size=6).map(
        lambda row: sorted(row.items())
    ),
    max_size=8,
)


def vectors_of(rows):
    """Vectors of rows given as lists of (id, weight), None for a null text."""
    entries = [entry for row in rows for entry in row or ()]
    valid = np.array([row is not None for row in rows])
    return SparseVectors(
        np.cumsum([0, *(len(row or ()) for row in rows)]).astype(np.int64),
        np.array([term_id for term_id, _ in entries], np.uint32),
        np.array([weight for _, weight in entries], np.float32),
        None if valid.all() else valid,
    )


EXAMPLE = [[(3, 1.5), (2**31, 0.25)], None, [], [(0, 2.0)]]


def test_rows():
    vectors = vectors_of(EXAMPLE)
    assert len(vectors) == 4
    found = [(indices.tolist(), values.tolist()) for indices, values in vectors]
    assert found == [([3, 2**31], [1.5, 0.25]), ([], []), ([], []), ([0], [2.0])]
    assert vectors[-1][0].tolist() == [0]
    assert vectors[-4][0].tolist() == [3, 2**31]
    assert vectors[np.int64(0)][1].tolist() == [1.5, 0.25]
    assert (vectors[0][0].dtype, vectors[1][1].dtype) == (np.uint32, np.float32)


@pytest.mark.parametrize("row", [4, -5, 2**40])
def test_a_row_out_of_range(row):
    with pytest.raises(IndexError, match=f"row {row} is out of range for 4 rows"):
        vectors_of(EXAMPLE)[row]
    with pytest.raises(IndexError, match="row 0 is out of range for 0 rows"):
        vectors_of([])[0]


def test_repr():
    assert repr(vectors_of(EXAMPLE)) == "<SparseVectors of 4 texts, 1 of them null, 3 entries>"
    assert repr(vectors_of([[(1, 1.0)]])) == "<SparseVectors of 1 texts, 1 entries>"


def test_equality():
    same = vectors_of(EXAMPLE)
    assert same == vectors_of(EXAMPLE)
    different = [
        EXAMPLE[:3],
        [*EXAMPLE, []],
        [[(3, 1.5), (2**31 - 1, 0.25)], *EXAMPLE[1:]],
        [[(3, 1.5), (2**31, 0.5)], *EXAMPLE[1:]],
        [EXAMPLE[0], [], [], EXAMPLE[3]],
        [EXAMPLE[0], None, None, EXAMPLE[3]],
        [EXAMPLE[0], None, EXAMPLE[3], []],
    ]
    for rows in different:
        assert same != vectors_of(rows)
    all_valid = vectors_of([[(1, 1.0)], []])
    assert all_valid == SparseVectors(
        all_valid.indptr, all_valid.indices, all_valid.values, np.array([True, True])
    )
    assert same != EXAMPLE
    assert (same == 3) is False
    with pytest.raises(TypeError, match="unhashable"):
        hash(same)


# Arrow


@given(rows_of_entries)
@examples(100)
def test_arrow_round_trip(rows):
    vectors = vectors_of(rows)
    array = vectors.to_arrow()
    assert array.type == pa.struct([("indices", pa.list_(pa.uint32())), ("values", pa.list_(pa.float32()))])
    array.validate(full=True)
    expected = [
        None if row is None else {"indices": [i for i, _ in row], "values": [v for _, v in row]}
        for row in rows
    ]
    assert array.to_pylist() == expected
    again = SparseVectors.from_arrow(array)
    assert again == vectors
    assert [a.dtype for a in (again.indptr, again.indices, again.values)] == [np.int64, np.uint32, np.float32]


@given(rows_of_entries, st.integers(0, 8), st.integers(0, 8))
@examples(100)
def test_slices_and_chunks_of_arrow(rows, start, size):
    array = vectors_of(rows).to_arrow()
    assert SparseVectors.from_arrow(array.slice(start, size)) == vectors_of(rows[start : start + size])
    chunks = pa.chunked_array([array.slice(0, start), array.slice(start)], array.type)
    assert SparseVectors.from_arrow(chunks) == vectors_of(rows)
    assert SparseVectors.from_arrow(pa.chunked_array([], array.type)) == vectors_of([])


def test_other_kinds_of_lists_are_read():
    vectors = vectors_of(EXAMPLE)
    for make in (pa.large_list, pa.list_):
        kind = pa.struct([("indices", make(pa.uint32())), ("values", make(pa.float32()))])
        assert SparseVectors.from_arrow(vectors.to_arrow().cast(kind)) == vectors


def test_parquet(tmp_path):
    import pyarrow.parquet as pq

    vectors = Bm25Encoder(threads=1).encode_documents(["one dog", None, "", "two cats and a dog"])
    pq.write_table(pa.table({"vector": vectors.to_arrow()}), tmp_path / "vectors.parquet")
    assert SparseVectors.from_arrow(pq.read_table(tmp_path / "vectors.parquet")["vector"]) == vectors


def test_lists_are_large_from_two_to_the_31_entries_on():
    # Bytes that are reserved and never touched stand for the ids.
    values = np.empty(2**31, np.uint8)
    for last, kind in ((2**31 - 1, pa.list_(pa.uint8())), (2**31, pa.large_list(pa.uint8()))):
        vectors = SparseVectors(np.array([0, last]), values, values)
        array = vectors._to_list(vectors.indices)
        assert (array.type, len(array), array.value_lengths().to_pylist()) == (kind, 1, [last])


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1]),
        pa.array([[1]]),
        pa.array([{"indices": [1]}]),
        pa.array([{"values": [1.0], "indices": [1]}]),
        pa.array([{"indices": [1], "values": [1.0], "more": 1}]),
        pa.array([{"indices": 1, "values": 1.0}]),
        pa.array([{"indices": ["a"], "values": [1.0]}]),
        pa.array([{"indices": [1.5], "values": [1.0]}]),
        pa.nulls(2),
    ],
    ids=lambda array: str(array.type),
)
def test_other_arrow_types_are_refused(array):
    with pytest.raises(Bm25InputError, match="expected an Arrow array of struct<indices: list<item: uint32>"):
        SparseVectors.from_arrow(array)


@pytest.mark.parametrize(
    ("indices", "values"),
    [(pa.int64(), pa.float64()), (pa.uint32(), pa.float64()), (pa.int32(), pa.float32())],
)
def test_other_numbers_are_converted_or_refused_but_never_kept(indices, values):
    kind = pa.struct([("indices", pa.list_(indices)), ("values", pa.list_(values))])
    array = pa.array([{"indices": [1, 2], "values": [0.5, 1.5]}], kind)
    try:
        vectors = SparseVectors.from_arrow(array)
    except Bm25InputError:
        return
    assert (vectors.indices.dtype, vectors.values.dtype) == (np.uint32, np.float32)


def test_nulls_inside_a_vector_are_refused():
    kind = vectors_of([]).to_arrow().type
    for row in ({"indices": [1, None], "values": [1.0, 2.0]}, {"indices": [1], "values": [None]}):
        with pytest.raises(Bm25InputError):
            SparseVectors.from_arrow(pa.array([row], kind))


def test_lists_of_unequal_length_are_refused():
    kind = vectors_of([]).to_arrow().type
    with pytest.raises(Bm25InputError, match="indices and values differ in length in some row"):
        SparseVectors.from_arrow(pa.array([{"indices": [1, 2], "values": [1.0]}], kind))
    rows = [{"indices": [1, 2], "values": [1.0]}, {"indices": [1], "values": [1.0, 2.0]}]
    with pytest.raises(Bm25InputError, match="differ in length"):
        SparseVectors.from_arrow(pa.array(rows, kind))


def test_what_is_no_arrow_array_is_refused():
    with pytest.raises(Bm25InputError, match="expected an Arrow array"):
        SparseVectors.from_arrow([{"indices": [1], "values": [1.0]}])


# scipy, Qdrant, pickle


@given(rows_of_entries)
@examples(50)
def test_scipy(rows):
    vectors = vectors_of(rows)
    matrix = vectors.to_scipy()
    assert matrix.shape == (len(rows), COLUMNS) == (len(rows), 2**31 + 1)
    assert matrix.dtype == np.float32
    assert matrix.has_canonical_format
    for i, row in enumerate(rows):
        part = slice(matrix.indptr[i], matrix.indptr[i + 1])
        assert matrix.indices[part].tolist() == [term_id for term_id, _ in row or ()]
        assert matrix.data[part].tolist() == [np.float32(weight) for _, weight in row or ()]


def test_qdrant():
    assert vectors_of(EXAMPLE).to_qdrant() == [
        models.SparseVector(indices=[3, 2**31], values=[1.5, 0.25]),
        models.SparseVector(indices=[], values=[]),
        models.SparseVector(indices=[], values=[]),
        models.SparseVector(indices=[0], values=[2.0]),
    ]
    assert vectors_of([]).to_qdrant() == []


def test_pickling():
    for rows in ([], EXAMPLE, EXAMPLE[2:]):
        again = pickle.loads(pickle.dumps(vectors_of(rows)))
        assert again == vectors_of(rows)
        assert (again.valid is None) == (vectors_of(rows).valid is None)
