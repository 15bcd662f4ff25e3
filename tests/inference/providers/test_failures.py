import json

import pytest

from bm25.inference.errors import OverloadedError
from bm25.inference.providers.failures import LONGEST_MESSAGE, explanation, refusal
from bm25.inference.providers.keys import Key


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "why", "type": "x"}}, "why"),
        ({"error": "why", "error_type": "Validation"}, "why"),
        ({"message": "why", "id": "1"}, "why"),
        ({"detail": "why"}, "why"),
        ({"detail": [{"loc": ["body"], "msg": "why"}, {"msg": "else"}]}, "why"),
        ({"object": "error", "message": "why"}, "why"),
        ({"error": None, "message": "why"}, "why"),
        ("why", "why"),
        ({"error": {"code": 7}}, ""),
        ({"error": 7}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_where_the_reason_is(body, said):
    assert explanation(json.dumps(body).encode(), None) == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ""),
        (b"why\r\n  so\x00\x1b[31m", "why so [31m"),
        (b"<!DOCTYPE html><html>", ""),
        (b"  <html>", ""),
        (b"\xff why", "� why"),
        (b"[" * 100_000, "[" * (LONGEST_MESSAGE - 3) + "..."),
    ],
)
def test_what_is_no_json(content, said):
    assert explanation(content, None) == said


def test_the_key_is_removed_before_the_text_is_cut():
    key = Key("sk-0123456789")
    assert explanation(("x" * 290 + " sk-0123456789").encode(), key).endswith("x [key]")
    assert "sk-01" not in explanation(("x" * 295 + "sk-0123456789").encode(), key)


def test_an_overload_without_a_body():
    failure = refusal("openai", 429, {"retry-after": "7"}, b"", None)
    assert failure.passing
    assert isinstance(failure.error, OverloadedError)
    assert str(failure.error) == "openai answered 429"
    assert failure.error.retry_after == "7"
