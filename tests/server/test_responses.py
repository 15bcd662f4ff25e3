import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.inference.errors import InferenceError, OverloadedError
from bm25.server.responses import error_body, json_bytes
from tests.strategies import examples


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
@examples(300)
def test_float32_survives(values):
    array = np.array(values, np.float32)
    read = np.array(json.loads(json_bytes(array)), np.float32)
    assert read.view(np.uint32).tolist() == array.view(np.uint32).tolist()


def test_a_million_float32_of_every_exponent_survive():
    bits = np.random.default_rng(5).integers(
        0, 0x7F80_0000, 1_000_000, np.uint32
    )  # all that are finite, positive
    array = bits.view(np.float32)
    assert np.array_equal(np.array(json.loads(json_bytes(array)), np.float32).view(np.uint32), bits)


def test_every_float32_near_one_survives():
    bits = np.arange(0x3F80_0000 - 300_000, 0x3F80_0000 + 300_000, dtype=np.uint32)
    array = bits.view(np.float32)
    assert np.array_equal(np.array(json.loads(json_bytes(array)), np.float32).view(np.uint32), bits)


def test_literal_bytes():
    value = {"indices": np.array([0, 2**32 - 1], np.uint32), "values": np.array([0.1, 1.6832038], np.float32)}
    assert json_bytes(value) == b'{"indices":[0,4294967295],"values":[0.1,1.6832038]}'
    assert json_bytes(np.array([], np.float32)) == b"[]"
    assert json_bytes(np.arange(8, dtype=np.float32)[2:4]) == b"[2.0,3.0]"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/inference", {"error": "no"}),
        ("/nowhere", {"error": "no"}),
        ("/embed_sparse", {"error": "no", "error_type": "Overloaded"}),
    ],
)
def test_shapes_of_errors(path, expected):
    assert json.loads(error_body(path, OverloadedError("no"))) == expected


def test_openais_shape_of_errors():
    error = json.loads(error_body("/v1/embeddings", InferenceError("no", status=500)))["error"]
    assert error["message"] == "no"
