import pickle

import pytest

from bm25.inference.errors import AuthenticationError, InvalidRequestError
from bm25.inference.providers.keys import Key, scrub, take_key

VALUE = "sk-0123456789abcdef"


def test_a_key_does_not_show_itself():
    key = Key(VALUE)
    assert VALUE not in f"{key} {key!r} {[key]} {key!a:.100}"
    with pytest.raises(TypeError, match="not stored"):
        pickle.dumps(key)


def test_keys_are_equal_by_value():
    assert {Key(VALUE), Key(VALUE), Key("other")} == {Key("other"), Key(VALUE)}
    assert Key(VALUE) != VALUE


def test_the_option_is_taken_out():
    key, rest = take_key({"a-api-key": VALUE, "x": 1}, {"a-api-key": "other"}, "a-api-key", "inputs[0]")
    assert (key, rest) == (Key(VALUE), {"x": 1})


def test_the_header():
    key, rest = take_key({"x": 1}, {"a-api-key": VALUE}, "a-api-key", "inputs[0]")
    assert (key, rest) == (Key(VALUE), {"x": 1})


def test_options_are_not_changed():
    options = {"a-api-key": VALUE}
    take_key(options, {}, "a-api-key", "inputs[0]")
    assert options == {"a-api-key": VALUE}


def test_none_is_wanted():
    assert take_key({"x": 1}, {"a-api-key": VALUE}, None, "inputs[0]") == (None, {"x": 1})
    with pytest.raises(InvalidRequestError, match="takes no key"):
        take_key({"a-api-key": VALUE}, {}, None, "inputs[0]")


def test_where_a_bad_key_is():
    with pytest.raises(
        AuthenticationError, match=r"^inputs\[0\]: what the request header has for 'a-api-key'"
    ):
        take_key({}, {"a-api-key": "a b"}, "a-api-key", "inputs[0]")
    with pytest.raises(
        AuthenticationError, match=r"^inputs\[0\]: what inputs\[0\]\.options has for 'a-api-key'"
    ):
        take_key({"a-api-key": 1}, {"a-api-key": VALUE}, "a-api-key", "inputs[0]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {VALUE} is wrong", "key [key] is wrong"),
        (f"key '{VALUE}': wrong", "key '[key]': wrong"),
        (f"{VALUE}{VALUE}", "[key][key]"),
        ("key sk-012****cdef is wrong", "key [key] is wrong"),
        ("key sk-0****cdef is wrong", "key sk-0****cdef is wrong"),
        ("ends in abcdef", "ends in [key]"),
        (f"http://a/?key={VALUE}&x=1", "http://a/?key=[key]&x=1"),
        (f"/v1/{VALUE[:-1]}", "[key]"),
        ("nothing of it", "nothing of it"),
        ("", ""),
    ],
)
def test_scrub(text, shown):
    assert scrub(text, Key(VALUE)) == shown


def test_scrub_a_short_key():
    assert scrub("key abc is wrong", Key("abc")) == "key [key] is wrong"
    assert scrub("no key", None) == "no key"
