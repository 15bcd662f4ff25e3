import copy
import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, plugins
from bm25.analysis.languages import ALIASES, EXTRA_STEMMERS, FASTEMBED_LANGUAGES, STOPWORD_LANGUAGES
from bm25.errors import Bm25ConfigError
from bm25.options import STEMMERS, TOKENIZERS
from bm25.schema import SCHEMA_ID, config_schema
from tests.strategies import examples

ROOT = Path(__file__).parents[1]
SCHEMA = config_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PLUGIN = {"type": "plugin", "name": "schema-test"}


@pytest.fixture(autouse=True, scope="module")
def plugin():
    plugins.register("schema-test", str, version="1")
    yield
    plugins.unregister("schema-test")


def accepted(options):
    try:
        Bm25Config.from_dict(options)
    except Bm25ConfigError:
        return False
    return True


def test_it_is_a_valid_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == SCHEMA_ID == "urn:bm25-engine:config:1"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_the_checked_in_file_is_what_the_code_says():
    file = ROOT / "docs" / "reference" / "config.schema.json"
    assert file.read_bytes().decode() == json.dumps(SCHEMA, indent=2) + "\n", "bm25 schema > " + str(file)


def test_every_option_is_described_with_its_default():
    default = json.loads(json.dumps(Bm25Config().to_dict()))
    assert list(SCHEMA["properties"]) == list(default)
    assert {name: option["default"] for name, option in SCHEMA["properties"].items()} == default
    for name, option in SCHEMA["properties"].items():
        assert len(option["description"]) > 20, name
        assert "``" not in option["description"]
    assert SCHEMA["properties"]["k"]["description"] == "saturation of the term frequency; finite, at least 0."


# What both take and refuse

languages = sorted({*STOPWORD_LANGUAGES, *ALIASES, *FASTEMBED_LANGUAGES})
words = st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"]), min_size=1, max_size=4)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 9), st.sampled_from([0, 1, 0.5])
)
lengths = st.integers(0, 9) | st.sampled_from([-1, 2**31 - 1, 2**31, 2.5, True])
stopwords = st.sampled_from(languages) | st.fixed_dictionaries(
    {},
    optional={
        "languages": st.none() | st.lists(st.sampled_from(languages), max_size=2),
        "custom": st.none()
        | st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=2),
    },
)
plugin_objects = st.sampled_from([PLUGIN, {**PLUGIN, "version": "1"}, {**PLUGIN, "version": None}])
stemmers = st.one_of(
    st.sampled_from([*STEMMERS, *ALIASES]).map(lambda name: {"type": "snowball", "language": name}),
    st.sampled_from([{"type": "none"}, {"type": "none", "language": None}, {"type": "snowball"}]),
    plugin_objects,
)
VALUES = {
    "k": numbers,
    "b": numbers,
    "avg_len": numbers,
    "tokenizer": st.sampled_from(TOKENIZERS) | plugin_objects,
    "language": st.sampled_from(languages),
    "lowercase": st.booleans(),
    "ascii_folding": st.booleans(),
    "stopwords": stopwords,
    "stemmer": stemmers,
    "min_token_len": lengths,
    "max_token_len": lengths,
    "k3": numbers,
    "dialect": st.sampled_from(["qdrant", "fastembed"]),
    "filters": st.lists(plugin_objects, max_size=2),
    "synonyms": st.dictionaries(words, words | st.lists(words, max_size=2), max_size=2),
    "protected_words": st.lists(words, max_size=3),
}
some_options = st.fixed_dictionaries({}, optional={name: st.none() | each for name, each in VALUES.items()})
anything = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3),
    st.sampled_from([1.5, -0.5, "", "word", "a b", "x\t", "german"]),
    st.sampled_from([[], {}, [1], ["a"], [None], [[]], {"type": "none"}]),
    st.sampled_from([{"type": "plugin"}, {"a": "b"}, {"a": []}]),
    st.sampled_from([{"languages": "german"}, {"custom": ["a", 1]}, {"languages": ["xx"]}, {"a": "b c"}]),
    st.sampled_from([{"type": "snowball", "language": "greek", "more": 1}, {**PLUGIN, "x": 1}]),
    st.sampled_from([[PLUGIN, {}], "German"]),
)  # fmt: skip
NAMES = [*VALUES, "K", "max_len", "tokeniser", ""]


def is_known_exception(options):
    """Whether only the code can tell that options are refused: what a schema has no words for."""
    shortest, longest = options.get("min_token_len"), options.get("max_token_len")
    if longest is not None and (shortest or 0) > longest:
        return True
    if options.get("tokenizer") == "multilingual":
        # A stemmer of one's own, or one that Qdrant lacks.
        stemmer = options.get("stemmer") or {}
        if stemmer.get("type") == "plugin" or stemmer.get("language") in EXTRA_STEMMERS:
            return True
    # Cycles, and two rules for words that become the same.
    return len(options.get("synonyms") or {}) > 1


def check(options):
    before = copy.deepcopy(options)
    by_schema, by_code = VALIDATOR.is_valid(options), accepted(options)
    assert options == before
    if by_code:
        assert by_schema, [error.message for error in VALIDATOR.iter_errors(options)]
    elif by_schema:
        assert is_known_exception(options)


@given(some_options)
@examples(600)
def test_both_take_the_same_options(options):
    check(options)


@given(st.dictionaries(st.sampled_from(NAMES), anything, max_size=2), some_options)
@examples(600)
def test_both_refuse_the_same_options(wrong, options):
    check({**options, **wrong})
    check(wrong)


@pytest.mark.parametrize("name", VALUES)
@given(value=anything)
@examples(60)
def test_both_agree_on_one_value(name, value):
    check({name: value})


@given(some_options)
@examples(100)
def test_what_a_configuration_writes_is_valid(options):
    if accepted(options):
        written = json.loads(json.dumps(Bm25Config.from_dict(options).to_dict()))
        assert VALIDATOR.is_valid(written)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"k": 0, "b": 1, "avg_len": 1e-300, "k3": 0.0},
        {"tokenizer": "multilingual", "filters": [], "synonyms": {}, "protected_words": []},
        {"language": "de", "stopwords": "fr", "stemmer": {"type": "snowball", "language": "ru"}},
        {"dialect": "fastembed", "language": "english", "tokenizer": None, "min_token_len": None},
        {"synonyms": {"tv": "television", "a": ["b", "c"]}, "protected_words": ["GmbH"]},
        {"tokenizer": PLUGIN, "stemmer": PLUGIN, "filters": [PLUGIN, {**PLUGIN, "version": "1"}]},
        {"min_token_len": 2, "max_token_len": 2},
    ],
)
def test_taken_by_both(options):
    assert accepted(options)
    assert VALIDATOR.is_valid(options)


@pytest.mark.parametrize(
    "options",
    [
        [], None, "word", {"kk": 1}, {"k": -1}, {"k": "1"}, {"k": True}, {"b": 1.01}, {"avg_len": 0},
        {"k3": -0.1}, {"tokenizer": "words"}, {"language": "German"}, {"language": "tamil"}, {"lowercase": 1},
        {"stopwords": ["a"]}, {"stopwords": {"words": []}}, {"stopwords": {"languages": ["tamil"]}},
        {"stemmer": "german"}, {"stemmer": {}}, {"stemmer": {"type": "snowball"}},
        {"stemmer": {"type": "none", "language": "german"}}, {"min_token_len": -1}, {"max_token_len": 2**31},
        {"max_token_len": 1.5}, {"dialect": "elastic"}, {"filters": PLUGIN}, {"filters": ["a"]},
        {"synonyms": []}, {"synonyms": {"a": []}}, {"synonyms": {"a b": "c"}}, {"synonyms": {"a": "b c"}},
        {"synonyms": {"": "c"}}, {"protected_words": "a"},
        {"protected_words": ["a b"]}, {"protected_words": [""]},
        {"dialect": "fastembed", "tokenizer": "code"}, {"dialect": "fastembed", "lowercase": False},
        {"dialect": "fastembed", "min_token_len": 1}, {"dialect": "fastembed", "language": "chinese"},
        {"tokenizer": "multilingual", "synonyms": {"a": "b"}},
        {"tokenizer": "multilingual", "stemmer": PLUGIN},
        {"tokenizer": "multilingual", "stemmer": {"type": "snowball", "language": "polish"}},
        {"tokenizer": "multilingual", "filters": [PLUGIN]},
        {"tokenizer": "multilingual", "protected_words": ["a"]},
    ],
    ids=str,
)  # fmt: skip
def test_refused_by_both(options):
    assert not accepted(options)
    assert not VALIDATOR.is_valid(options)


@pytest.mark.parametrize(
    "options",
    [
        {"min_token_len": 3, "max_token_len": 2},
        {"filters": [{"type": "plugin", "name": "nobody-registered-this"}]},
        {"filters": [{**PLUGIN, "version": "2"}]},
        {"synonyms": {"a": "b", "b": "a"}},
        {"synonyms": {"A": "b", "a": "c"}},
        {"stopwords": {"custom": ["\ud800"]}},
        {"protected_words": ["\ud800"]},
        {"k": 10**400},
        {"min_token_len": 2.0},  # an integer to JSON Schema
        {"protected_words": ["a\n"]},  # in Python `$` matches before a line feed at the end too
    ],
    ids=ascii,
)
def test_refused_by_the_code_alone(options):
    assert not accepted(options)
    assert VALIDATOR.is_valid(options)


def test_refused_by_the_schema_alone():
    # White space to a regular expression of Python's, and to no tokenizer.
    options = {"protected_words": ["a\x1cb"]}
    assert accepted(options)
    assert not VALIDATOR.is_valid(options)
