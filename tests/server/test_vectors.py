import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder, SparseVectors
from bm25.server.responses import json_bytes
from bm25.server.vectors import vectors_json
from tests.strategies import examples, nasty_text


def as_the_library(vectors):
    return json_bytes([{"indices": indices, "values": values} for indices, values in vectors])[1:-1]


@given(st.lists(nasty_text, max_size=6), st.floats(0.01, 100), st.sampled_from(["documents", "queries"]))
@examples(60)
def test_the_same_bytes_as_the_library(texts, k, role):
    encoder = Bm25Encoder(Bm25Config(k=k, k3=k), threads=1)
    vectors = getattr(encoder, f"encode_{role}")(texts)
    assert bytes(vectors_json(vectors)) == as_the_library(vectors)


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 70_000])
def test_weights_that_are_all_distinct(size):
    values = np.random.default_rng(size).integers(0, 0x7F80_0000, size, np.uint32).view(np.float32)
    ids = np.sort(np.random.default_rng(size).integers(0, 2**32, size, np.uint32))
    vectors = SparseVectors(np.array([0, size // 2, size]), ids, values)
    text = bytes(vectors_json(vectors))
    assert text == as_the_library(vectors)
    read = np.array([one for row in json.loads(b"[" + text + b"]") for one in row["values"]], np.float32)
    assert np.array_equal(read.view(np.uint32), values.view(np.uint32))


def test_what_stands_around_them():
    vectors = Bm25Encoder().encode_documents(["a dog", "two cats"])
    assert bytes(vectors_json(vectors, b"[", b"],")) == b"[" + as_the_library(vectors) + b"],"
    assert bytes(vectors_json(Bm25Encoder().encode_documents([]), b"[", b"],")) == b"[],"


def test_no_vectors_and_empty_ones():
    assert bytes(vectors_json(Bm25Encoder().encode_documents([]))) == b""
    empty = b'{"indices":[],"values":[]}'
    assert bytes(vectors_json(Bm25Encoder().encode_documents([""]))) == empty
    assert bytes(vectors_json(Bm25Encoder().encode_documents(["", None, "the"]))) == b",".join([empty] * 3)


def test_slices_of_larger_arrays():
    vectors = Bm25Encoder().encode_documents(["a dog", "two cats", "three birds"])
    part = SparseVectors(vectors.indptr[1:], vectors.indices, vectors.values)
    assert bytes(vectors_json(part)) == as_the_library(part)
