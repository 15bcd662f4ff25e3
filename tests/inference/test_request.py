import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.inference.errors import InvalidRequestError, TooLargeError
from bm25.inference.request import InferenceRequest, decode_request, request_from_dict
from tests.strategies import examples

ONE = {"data": "x", "data_type": "text", "model": "bm25", "options": None}

SHAPES = [
    ({}, "the request: object missing required field inputs"),
    ([], "the request: expected object, got array"),
    (7, "the request: expected object, got int"),
    ({"inputs": None}, "inputs: expected array, got null"),
    ({"inputs": "x"}, "inputs: expected array, got str"),
    ({"inputs": [1]}, "inputs[0]: expected object, got int"),
    ({"inputs": [ONE, {"data": "x"}]}, "inputs[1]: object missing required field model"),
    ({"inputs": [{"model": "bm25"}]}, "inputs[0]: object missing required field data"),
    ({"inputs": [{**ONE, "model": None}]}, "inputs[0].model: expected str, got null"),
    ({"inputs": [{**ONE, "data_type": 1}]}, "inputs[0].data_type: expected str, got int"),
    ({"inputs": [{**ONE, "options": "k"}]}, "inputs[0].options: expected object | null, got str"),
    ({"inputs": [], "token": 5}, "token: expected str | null, got int"),
    ({"inputs": [], "inference": "Search"}, "inference: unknown purpose 'Search'; allowed: update"),
]


@pytest.mark.parametrize(("request_", "message"), SHAPES, ids=lambda value: str(value)[:60])
def test_a_wrong_shape_is_named_by_its_place(request_, message):
    for read in (request_from_dict, lambda value: decode_request(json.dumps(value).encode())):
        with pytest.raises(InvalidRequestError) as caught:
            read(request_)
        assert str(caught.value).startswith(message)
        assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nothing", b'{"inputs":[}', b'{"inputs":[]}x', b"\xff",
     b'{"inputs":[{"data":"\xff","model":"m"}]}',
     b'{"inputs":[{"data":"\\ud800","model":"m"}]}', b'{"inputs":[{"data":NaN,"model":"m"}]}'],
)  # fmt: skip
def test_what_is_no_json(body):
    with pytest.raises(InvalidRequestError, match=r"^the request is not valid JSON: "):
        decode_request(body)


@pytest.mark.parametrize("depth", [5_000, 1_000_000])
@pytest.mark.parametrize("around", ["%s", '{"inputs":[{"data":%s,"model":"m"}]}', '{"inputs":[],"more":%s}'])
@pytest.mark.parametrize("closed", [True, False])
def test_deep_nesting_is_refused(depth, around, closed):
    nested = "[" * depth + "]" * (depth if closed else 0)
    with pytest.raises((InvalidRequestError, TooLargeError)):
        decode_request((around % nested).encode())


def test_fields_that_are_not_ours_are_let_through_and_cannot_set_ours():
    body = {"inputs": [{**ONE, "new": 1, "position": 7, " position": 8}], "version": 2}
    for request in (decode_request(json.dumps(body).encode()), request_from_dict(body)):
        assert request.inputs[0].position == 0
        assert request == InferenceRequest(request.inputs)


@given(st.lists(st.sampled_from(["a", "b"]), max_size=5), st.sampled_from([None, "update", "search"]))
@examples(30)
def test_a_request_is_read_as_it_is(texts, purpose):
    body = {"inputs": [{**ONE, "data": text} for text in texts], "inference": purpose, "token": None}
    request = decode_request(json.dumps(body).encode())
    assert [(one.data, one.model, one.options, one.position) for one in request.inputs] == [
        (text, "bm25", None, i) for i, text in enumerate(texts)
    ]
    assert request.inference == purpose
    assert request_from_dict(body) == request
