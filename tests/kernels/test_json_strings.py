import json
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bm25.kernels.json_strings import DIGITS, FIRST, SLACK, STRING, take_texts
from tests.kernels.helpers import call
from tests.strategies import examples, nasty_text


def taken(body, first=FIRST):
    """The texts of a body, as bytes, and what is left of it; None where it cannot be."""
    data = np.frombuffer(body + bytes(SLACK), np.uint8)
    many = len(body) // STRING
    room = len(data) + DIGITS * many
    rest, texts = np.full(room + 16, 7, np.uint8), np.full(len(data) + 16, 7, np.uint8)
    offsets = np.full(many + 3, -7, np.int64)
    found, size = call(
        take_texts, data, np.uint64(first), rest[:room], texts[: len(data)], offsets[: many + 1]
    )
    assert (rest[room:] == 7).all(), "written beyond what is left"
    assert (texts[len(data) :] == 7).all(), "written beyond the texts"
    assert (offsets[many + 1 :] == -7).all(), "written beyond the offsets"
    if found < 0:
        assert (found, size) == (-1, 0)
        return None
    bounds = offsets[: found + 1].tolist()
    return [texts[a:b].tobytes() for a, b in pairwise(bounds)], rest[:size].tobytes()


# Lone surrogates are no texts.
texts = st.lists(
    st.one_of(nasty_text, st.text(st.sampled_from('\\"/\b\f\n\r\t\x7f\xe9\u20ac\U0001f600 a'), max_size=30)),
    max_size=6,
).map(lambda found: [text.encode("utf-8", "replace").decode() for text in found])


@given(texts, st.booleans(), st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (" ,\t", "\r\n : ")]))
@examples(200)
def test_texts_and_what_is_left(texts, ascii, indent, separators):
    value = {"a": [{"x": 'a"data"\\', "data": text, "data ": text} for text in texts], "data": [1, "data"]}
    body = json.dumps(value, ensure_ascii=ascii, indent=indent, separators=separators).encode()
    found, rest = taken(body)
    assert [text.decode() for text in found] == texts
    expected = json.loads(body)
    for number, one in enumerate(expected["a"]):
        one["data"] = FIRST + number
    assert json.loads(rest) == expected


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)
_VALUE = re.compile(rb"[ \t\n\r]*:[ \t\n\r]*(?=\")")
_ESCAPES = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+|\\(?:[^u])?", re.DOTALL)


def reference(body, first=FIRST):
    """What `taken` returns, by expressions and the standard library."""
    texts, rest, at = [], b"", 0
    while found := _STRING.search(body, at):
        rest += body[at : found.end()]
        at = found.end()
        value = _VALUE.match(body, at) if found[0] == b'"data"' else None
        if value is None:
            continue
        string = _STRING.match(body, value.end())
        if len(string[0]) < 2 or string[0][-1:] != b'"' or re.search(rb"[\x00-\x1f]", string[0]):
            return None
        try:
            texts.append(
                _ESCAPES.sub(lambda escapes: json.loads(b'"%b"' % escapes[0]).encode(), string[0][1:-1])
            )
        except ValueError:
            return None
        rest += b":%d" % (first + len(texts) - 1)
        at = string.end()
    return texts, rest + body[at:]


PIECES = [
    b'"data"', b'"data":"', b":", b'"', b"\\", b"\\u", b"d83d", b"dE00", b"0041", b" ", b"{", b"\\n", b"\x00",
    b"\xff", b"abcdefgh", b"\xe2\x82\xac",
]  # fmt: skip


@given(st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=16).map(b"".join))
@example(b'"data":"\\ud83d\\')
@example(b'"data":"\\u004')
@example(b'"data":"\\')
@example(b'"data":"\\"')
@example(b'"data')
@example(b'"data":')
@example(b'"\\')
@examples(800)
def test_bytes_of_any_kind(body):
    assert taken(body) == reference(body)


@pytest.mark.parametrize("text", [
    b'"', b'"\n"', b'"\x1f"', b'"\x00"', b'"\\x"', b'"\\u12"', b'"\\u12g4"', b'"\\ud800"', b'"\\udc00"',
    b'"\\ud800\\u0041"', b'"\\ud800\\n"', b'"\\ud800abcdefg"', b'"\\udbff\\udbff"', b'"\\"', b'"abcdefgh\\"',
])  # fmt: skip
def test_what_is_no_string(text):
    for spaces in range(9):
        assert taken(b'{"data":' + b" " * spaces + text + b"}") is None
        assert taken(b'{"data":' + b" " * spaces + text) is None


@pytest.mark.parametrize("size", [*range(20), 63, 64, 65, 1000])
def test_texts_of_every_length(size):
    for text in ("a" * size, "a" * size + "\n", "\u20ac" * size, '"' * size, "\U0001f600" * size):
        body = json.dumps({"data": text}).encode()
        assert taken(body) == ([text.encode()], b'{"data":1000000000000000000}')


def test_keys_spelled_otherwise_are_left():
    body = b'{"d\\u0061ta":"a","Data":"b","data ":"c","x":"data","y":["data","d"],"data":1}'
    assert taken(body) == ([], body)


def test_literal():
    body = b'[{"data" : "a\\u00e9\\ud83d\\ude00\\/","model":"m"},{"data":""}] '
    assert taken(body, 1234567890123456789) == (
        ["aé😀/".encode(), b""],
        b'[{"data":1234567890123456789,"model":"m"},{"data":1234567890123456790}] ',
    )
