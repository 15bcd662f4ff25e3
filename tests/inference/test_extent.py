"""`extent`: never less than what the analysis then yields, and of the same size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder, plugins
from bm25.inference.extent import Extent, extent, has_growth

NO_STEMMER = {"stemmer": {"type": "none"}}
CONFIGS = [
    {},
    {"ascii_folding": True},
    {"language": "german", **NO_STEMMER},
    {"lowercase": False},
    {"tokenizer": "whitespace"},
    {"tokenizer": "code"},
    {"tokenizer": "prefix", **NO_STEMMER},
    {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4, **NO_STEMMER},
    {"tokenizer": "prefix", "min_token_len": 0, **NO_STEMMER},
    {"synonyms": {"b": ["c", "bb", "ccc"], "ab": ["b"]}, **NO_STEMMER},
    {"synonyms": {"b": ["c", "bb", "ccc"]}, "tokenizer": "prefix", **NO_STEMMER},
    {"dialect": "fastembed"},
]
TEXTS = st.text(st.sampled_from("aabbcABC12 _.-·—ÄİKß\u00a0\x01"), max_size=40)


@pytest.mark.parametrize("role", ["document", "query"])
@pytest.mark.parametrize("options", CONFIGS, ids=str)
@given(text=TEXTS)
def test_no_analysis_is_larger(options, role, text):
    config = Bm25Config.from_dict(options)
    found = extent(config, role, [text])
    tokens = Bm25Encoder(config, threads=1).analyze(text, role=role).tokens
    assert found.tokens >= len(tokens)
    assert found.made >= sum(len(token.term or "") for token in tokens)
    assert found.shown >= sum(len(token.form) + len(token.term or "") for token in tokens)


@pytest.mark.parametrize(
    ("options", "role", "text", "expected"),
    [
        ({}, "document", "", (0, 0, 0)),
        # form, token and term
        ({}, "document", "fox fox a", (3, 21, 7)),
        ({}, "query", "ä—ö", (2, 6, 2)),
        # dropped before it is a token: the form alone
        ({"tokenizer": "code"}, "document", "__", (1, 2, 0)),
        # get, Name and getname, each with the form
        ({"tokenizer": "code"}, "document", "getName", (3, 3 * 7 + 2 * 14, 14)),
        # f, fo, fox: each with the form and the token
        ({"tokenizer": "prefix"}, "document", "fox", (3, 6 + 3 * 6, 6)),
        ({"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 2}, "document", "foxes", (1, 12, 2)),
        ({"tokenizer": "prefix"}, "query", "fox", (1, 9, 3)),
        # Both rows have the rule: "tv => tele vision", for 2 + 12 characters.
        ({"synonyms": {"tv": ["tele", "vision"]}}, "document", "tv", (2, 10 + 2 * 14 + 2 * 2, 10)),
    ],
)
def test_extents(options, role, text, expected):
    assert extent(Bm25Config.from_dict(options), role, [text]) == Extent(*expected)


def test_several_texts_add_up():
    config = Bm25Config(tokenizer="prefix")
    one, other = extent(config, "document", ["fox foxes"]), extent(config, "document", ["fox"])
    assert extent(config, "document", ["fox foxes", "fox"]) == tuple(map(sum, zip(one, other, strict=True)))


def test_what_is_large_is_counted_without_being_made():
    words = [f"w{i}" for i in range(1000)]
    config = Bm25Config(synonyms={"aa": words, "bb": ["aa", "cc"]})
    assert extent(config, "document", ["aa bb " * 100_000]).tokens == 100_000 * 2001
    config = Bm25Config(tokenizer="prefix")
    assert extent(config, "document", [" ".join(["a" * 1000] * 100_000)]).tokens == 100_000_000


def test_a_token_with_too_many_prefixes_is_left_to_the_step():
    assert extent(Bm25Config(tokenizer="prefix"), "document", ["a" * 1001]).tokens == 1


def test_filters_count():
    plugins.register("repeat", lambda token: [token] * 5, version="1")
    try:
        config = Bm25Config(filters=[{"type": "plugin", "name": "repeat"}], synonyms={"fox": ["a", "b"]})
        assert extent(config, "document", ["fox dog"]).tokens == 15
        assert has_growth(Bm25Config(filters=[{"type": "plugin", "name": "repeat"}]))
    finally:
        plugins.unregister("repeat")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"tokenizer": "code"}, False),
        ({"tokenizer": "prefix"}, True),
        ({"synonyms": {"tv": ["television"]}}, True),
    ],
)
def test_some_configurations_make_more_of_a_text(options, expected):
    assert has_growth(Bm25Config.from_dict(options)) is expected
