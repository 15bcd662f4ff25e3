import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.inference import batch as module
from bm25.inference.errors import InferenceError
from bm25.inference.request import decode_request
from tests.strategies import examples, nasty_text


def decode_batch(body, most=10_000):
    return module.decode_batch(body, most)


def one(data, model="bm25", options=None, data_type="text"):
    return {"data": data, "data_type": data_type, "model": model, "options": options}


def body_of(inputs, inference="update", **rest):
    return json.dumps({"inputs": inputs, "inference": inference, "token": None, **rest}).encode()


def assert_same(body, batch):
    """A batch says what the request does that is read in the ordinary way."""
    asked = decode_request(body)
    assert batch.texts.to_pylist() == [one.data for one in asked.inputs]
    assert {one.model for one in asked.inputs} == {batch.model}
    assert {one.data_type for one in asked.inputs} == {"text"}
    assert all((one.options or None) == (batch.options or None) for one in asked.inputs)
    assert batch.purpose == ("search" if asked.inference == "search" else "update")
    assert batch.longest == max(len(one.data.encode()) for one in asked.inputs)


valid_text = nasty_text.map(lambda text: text.encode("utf-8", "replace").decode())
options = st.sampled_from([None, {}, {"language": "german"}, {"k": 1.0, "b": [1, {"x": None}]}])


@given(
    st.lists(valid_text, min_size=1, max_size=8), options, st.sampled_from(["update", "search", None]),
    st.booleans(),
)  # fmt: skip
@examples(150)
def test_texts_for_one_model(texts, given, inference, ascii):
    value = {"inputs": [one(text, options=given) for text in texts], "inference": inference}
    body = json.dumps(value, ensure_ascii=ascii).encode()
    batch = decode_batch(body)
    assert batch is not None
    assert_same(body, batch)


def test_what_may_be_left_out():
    body = b'{"inputs":[{"model":"bm25","data":"a\\nb","unknown":{"x":["y"]}},{"data":"","model":"bm25"}]}'
    batch = decode_batch(body)
    assert batch[:3] == ("bm25", "update", None)
    assert batch.texts.to_pylist() == ["a\nb", ""]
    assert batch.longest == 3


@pytest.mark.parametrize("inputs", [
    [],
    [one("a"), one("b", model="other")],
    [one("a"), one("b", options={"k": 1})],
    [one("a", options={"k": 1}), one("b", options={"k": True})],
    [one("a", options={"k": 1}), one("b", options={"k": 1.0})],
    [one("a"), one("b", data_type="image")],
    [one("a"), one(5)],
    [one("a"), one(None)],
    [one({"data": "a"})],
    [one("a", options={"data": "b"})],
    [one("a") | {"unknown": {"data": "b"}}],
    [{"data": "a"}],
    [one("\ud800")],
    [one("a", options={"k": 2**70})],
    [one("a", options={"k": 2**70}), one("b", options={"k": 1})],
])  # fmt: skip
def test_what_is_no_batch(inputs):
    assert decode_batch(body_of(inputs)) is None


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'{"inputs": 5, "data": "a"}', b'\xff{"data":"a"}',
    b'{"inputs":[{"data":"a","model":"bm25","data":"b"}]}',
    b'{"inputs":[{"data":"a","model":"bm25"}],"inference":"other"}',
    b'{"inputs":[{"data":"a","model":"bm25"}]}x',
    b'{"inputs":[{"data":"a","model":"bm25"}]}\0',
    b'{"inputs":[{"data":"a","model":"bm25","options":[]}]}',
    b'{"inputs":[{"data":"a","model":"bm25"}],"token":' + b"[" * 2000,
    b'{"inputs":[{"data":"a","model":"bm25","options":{"x":' + b'{"x":' * 5000 + b"1" + b"}" * 5002 + b"]}",
])  # fmt: skip
def test_what_is_wrong_is_no_batch(body):
    assert decode_batch(body) is None


def test_numbers_are_no_texts():
    """Not even those that stand for texts, should somebody guess them, in place of a text."""
    for number in (0, module._FIRST, module._FIRST + 1):
        body = b'{"inputs":[{"data":%d,"model":"bm25"}],"x":{"data":"a"}}' % number
        batch = decode_batch(body)
        assert batch is None or number == module._FIRST
    assert 10**18 <= module._FIRST < 2**63 - 10**12


def test_many_brackets():
    inputs = [one("a", options={"x": [[]] * 1000}) for _ in range(201)]
    assert decode_batch(body_of(inputs)) is None
    assert decode_batch(body_of([one("[{" * 150_000)] * 2)) is not None


_INPUTS = {"inputs": [one('a\u20ac "b" \\ /\n'), one(""), one("\U0001f600 c")], "token": "data"}
VALID = [json.dumps(_INPUTS, ensure_ascii=ascii).encode() for ascii in (True, False)]
PIECES = [
    b"", b'"', b"\\", b"{", b"}", b":", b",", b"data", b'"data":"x",', b"5", b"\\u00e9", b"\\ud800", b" ",
]  # fmt: skip


@given(st.data())
@examples(600)
def test_damaged_bodies(data):
    """What is read as a batch is read in the same way by the ordinary reader, which knows all errors."""
    body = bytearray(data.draw(st.sampled_from(VALID)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        piece = data.draw(st.sampled_from(PIECES) | st.binary(max_size=2))
        body[at : at + data.draw(st.integers(0, 3))] = piece
    body = bytes(body)
    batch = decode_batch(body)
    if batch is None:
        return
    try:
        batch.texts.validate(full=True)
    except Exception:
        with pytest.raises(InferenceError):
            decode_request(body)
        return
    assert_same(body, batch)


def test_too_many():
    assert decode_batch(body_of([one("a")] * 3), most=3) is not None
    assert decode_batch(body_of([one("a")] * 4), most=3) is None


@pytest.mark.parametrize("space", ["", " ", "\t", "\r\n ", "\v", "\f", "\x00", "\xa0"])
def test_space_before_and_after_the_colon(space):
    for colon in (f"{space}:", f":{space}"):
        body = f'{{"inputs":[{{"data"{colon}"a","model":"bm25"}}]}}'.encode()
        assert (decode_batch(body) is not None) == (space.strip(" \t\r\n") == "")


def test_large():
    rng = np.random.default_rng(5)
    texts = ["".join(rng.choice(list('ab \n"\\é€😀'), 300)) for _ in range(2000)]
    body = body_of([one(text) for text in texts])
    assert decode_batch(body).texts.to_pylist() == texts
