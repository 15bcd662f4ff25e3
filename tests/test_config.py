import dataclasses
import json
import math
import pickle
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import models

from bm25 import Bm25Config, Bm25ConfigError
from bm25.analysis.languages import ALIASES, STEMMER_LANGUAGES, STOPWORD_LANGUAGES
from bm25.config import StopwordsSet
from bm25.options import MAX_TOKEN_LEN, STEMMERS
from tests.oracle import oracle
from tests.strategies import examples

DEFAULTS = {
    "k": 1.2,
    "b": 0.75,
    "avg_len": 256.0,
    "tokenizer": "word",
    "language": "english",
    "lowercase": True,
    "ascii_folding": False,
    "stopwords": None,
    "stemmer": None,
    "min_token_len": None,
    "max_token_len": None,
    "k3": None,
    "dialect": "qdrant",
    "filters": [],
    "synonyms": None,
    "protected_words": [],
}

# Option, a value that is not its default, and the value kept.
OTHERS = [
    ("k", 1.5, 1.5),
    ("k", 0, 0.0),
    ("b", 0.5, 0.5),
    ("b", 1, 1.0),
    ("avg_len", 100, 100.0),
    ("tokenizer", "whitespace", "whitespace"),
    ("language", "german", "german"),
    ("language", "de", "german"),
    ("language", "hi-en", "hinglish"),
    ("lowercase", False, False),
    ("ascii_folding", True, True),
    ("stopwords", "german", "german"),
    ("stopwords", "de", "german"),
    ("stopwords", {}, StopwordsSet()),
    ("stopwords", {"languages": ["fr", "de", "german"]}, StopwordsSet(("french", "german"))),
    ("stopwords", {"custom": ["b", "a", "b"]}, StopwordsSet((), ("a", "b"))),
    ("stopwords", {"languages": None, "custom": ("a",)}, StopwordsSet((), ("a",))),
    ("stopwords", StopwordsSet(("de",), ("x",)), StopwordsSet(("german",), ("x",))),
    ("stemmer", {"type": "none"}, {"type": "none"}),
    ("stemmer", {"type": "none", "language": None}, {"type": "none"}),
    ("stemmer", {"type": "snowball", "language": "hy"}, {"type": "snowball", "language": "armenian"}),
    ("min_token_len", 2, 2),
    ("min_token_len", 0, 0),
    ("max_token_len", 40, 40),
    ("max_token_len", 0, 0),
    ("k3", 8, 8.0),
    ("k3", 0.0, 0.0),
    ("tokenizer", "prefix", "prefix"),
    ("tokenizer", "code", "code"),
    ("tokenizer", "multilingual", "multilingual"),
]


def test_defaults_are_those_of_qdrant():
    assert Bm25Config().to_dict() == DEFAULTS
    assert [field.name for field in dataclasses.fields(Bm25Config)] == list(DEFAULTS)


@pytest.mark.parametrize(("option", "value", "kept"), OTHERS)
def test_every_option(option, value, kept):
    config = Bm25Config(**{option: value})
    assert getattr(config, option) == kept
    kind = MappingProxyType if isinstance(kept, dict) else type(kept)  # nothing of it can be changed
    assert type(getattr(config, option)) is kind
    others = {name: default for name, default in config.to_dict().items() if name != option}
    assert others == {name: default for name, default in DEFAULTS.items() if name != option}


@pytest.mark.parametrize(("option", "value", "kept"), OTHERS)
def test_round_trip_through_json(option, value, kept):
    config = Bm25Config(**{option: value})
    again = Bm25Config.from_dict(json.loads(json.dumps(config.to_dict(), allow_nan=False)))
    assert again == config
    assert hash(again) == hash(config)
    assert again.vector_fingerprint == config.vector_fingerprint
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize(("option", "value", "kept"), [case for case in OTHERS if case[0] != "k3"])
def test_qdrant_takes_its_options(option, value, kept):
    config = Bm25Config(**{option: value})
    options = config.to_qdrant_options()
    assert set(options) == {option}
    parsed = models.Bm25Config.model_validate_json(json.dumps(options))
    assert parsed.model_dump(mode="json", exclude_none=True)[option] == options[option]
    oracle(config)


def test_qdrant_options_leave_defaults_out():
    assert Bm25Config().to_qdrant_options() == {}
    assert Bm25Config(language="english", k=1.2, lowercase=True).to_qdrant_options() == {}
    options = Bm25Config(stopwords=StopwordsSet(), stemmer={"type": "none"}).to_qdrant_options()
    assert options == {"stopwords": {"languages": [], "custom": []}, "stemmer": {"type": "none"}}


def test_qdrant_knows_every_language():
    for name in STOPWORD_LANGUAGES:
        options = Bm25Config(stopwords=name).to_qdrant_options()
        assert options == {"stopwords": name}
        models.Bm25Config(**options)
    for name in STEMMER_LANGUAGES:
        models.Bm25Config(**Bm25Config(stemmer={"type": "snowball", "language": name}).to_qdrant_options())


@pytest.mark.parametrize("k3", [0.0, 8.0])
def test_k3_has_no_equivalent_in_qdrant(k3):
    with pytest.raises(Bm25ConfigError, match=rf"k3={k3} has no equivalent"):
        Bm25Config(k3=k3).to_qdrant_options()


def test_tuned():
    assert Bm25Config.tuned() == Bm25Config(k=1.5, b=0.75, k3=8.0)
    assert Bm25Config.tuned(k=2, language="de") == Bm25Config(k=2.0, b=0.75, k3=8.0, language="german")


@pytest.mark.parametrize("option", ["k", "b", "avg_len", "k3"])
@pytest.mark.parametrize(
    "value", ["1.2", True, math.nan, math.inf, -math.inf, -1, -1e-9, [1], 1j, Decimal("1.2"), 10**400, None]
)
def test_what_is_no_number_or_out_of_range_is_refused(option, value):
    if value is None and option == "k3":
        assert Bm25Config(k3=None).k3 is None
        return
    with pytest.raises(Bm25ConfigError, match=f"^{option} must be") as caught:
        Bm25Config(**{option: value})
    assert isinstance(caught.value, ValueError)
    if value != 10**400:
        assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [np.float32(1.5), np.float64(1.5), Fraction(3, 2), np.int64(1), 1])
def test_numbers_of_other_types(value):
    config = Bm25Config(k=value, avg_len=value)
    assert type(config.k) is float
    assert config == Bm25Config(k=float(value), avg_len=float(value))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("b", 1.5, r"b must be in \[0.0, 1.0\], got 1.5"),
        ("avg_len", 0, "avg_len must be finite and > 0, got 0"),
        ("k", -1, "k must be finite and >= 0, got -1"),
        ("k3", -0.5, "k3 must be finite and >= 0, got -0.5"),
        ("lowercase", 1, "lowercase must be true or false, got int 1"),
        ("lowercase", None, "lowercase must be true or false, got NoneType None"),
        ("ascii_folding", "yes", "ascii_folding must be true or false, got str 'yes'"),
        ("min_token_len", -1, f"min_token_len must be in \\[0, {MAX_TOKEN_LEN}\\], got -1"),
        ("max_token_len", 2**31, f"max_token_len must be in \\[0, {MAX_TOKEN_LEN}\\], got {2**31}"),
        ("min_token_len", True, "min_token_len must be an integer, got bool True"),
        ("max_token_len", 2.0, "max_token_len must be an integer, got float 2.0"),
        ("max_token_len", "3", "max_token_len must be an integer, got str '3'"),
        ("tokenizer", "words", r"unknown tokenizer 'words' \(did you mean 'word'\?\); allowed: word, whites"),
        ("tokenizer", "Word", "did you mean 'word'"),
        ("tokenizer", None, "unknown tokenizer None"),
        ("tokenizer", [], r"unknown tokenizer \[\]"),
        ("language", "germann", r"language: unknown language 'germann' \(did you mean 'german'\?\)"),
        ("language", "English", "did you mean 'english'"),
        ("language", "klingon", "unknown language 'klingon'.*allowed: arabic, .*turkish"),
        ("language", "armenian", 'language: armenian has no stopword list.*use stemmer=.*"armenian"'),
        ("language", "pl", 'language: polish has no stopword list.*use stemmer=.*"polish"'),
        (
            "dialect",
            "fastembd",
            r"unknown dialect 'fastembd' \(did you mean 'fastembed'\?\); allowed: qdrant, ",
        ),
        ("dialect", None, "unknown dialect None; allowed: qdrant, fastembed"),
        ("tokenizer", "multi", "allowed: word, whitespace, prefix, multilingual, code"),
        ("language", "", "unknown language ''"),
        ("language", None, "unknown language None"),
        ("language", ["german"], r"unknown language \['german'\]"),
        ("stopwords", "Frensh", "stopwords: unknown language 'Frensh'.*did you mean 'french'"),
        ("stopwords", ["the"], 'stopwords must be a language or {"languages"'),
        ("stopwords", 3, "got int 3"),
        ("stopwords", {"language": []}, r"stopwords: unknown key 'language' \(did you mean 'languages'\?\)"),
        ("stopwords", {"languages": "german"}, "stopwords.languages must be a list of strings, got str"),
        ("stopwords", {"languages": ["de", "xx"]}, r"stopwords.languages\[1\]: unknown language 'xx'"),
        ("stopwords", {"languages": ["de", 3]}, r"stopwords.languages\[1\] must be a string, got int 3"),
        ("stopwords", {"custom": "the"}, "stopwords.custom must be a list of strings, got str 'the'"),
        ("stopwords", {"custom": ["a", None]}, r"stopwords.custom\[1\] must be a string, got NoneType None"),
        (
            "stopwords",
            {"custom": ["a", "b\ud800"]},
            r"stopwords.custom\[1\] is not valid Unicode.*position 1",
        ),
        ("stemmer", "german", "stemmer must be .*snowball.* got str 'german'"),
        ("stemmer", {}, "stemmer.type: unknown stemmer None"),
        ("stemmer", {"type": "snowbal", "language": "german"}, r"did you mean 'snowball'\?"),
        ("stemmer", {"type": "snowball"}, "stemmer.language is missing"),
        ("stemmer", {"type": "snowball", "language": "germn"}, "stemmer.language: unknown.*'german'"),
        ("stemmer", {"type": "snowball", "language": "japanese"}, "unknown language 'japanese'"),
        ("stemmer", {"type": "none", "language": "german"}, "'german' contradicts stemmer.type"),
        ("stemmer", {"type": "none", "lang": "german"}, "stemmer: unknown key 'lang'.*'language'"),
    ],
)
def test_errors_name_the_option_the_value_and_what_is_allowed(option, value, message):
    with pytest.raises(Bm25ConfigError, match=message):
        Bm25Config(**{option: value})
    if value is not None:
        with pytest.raises(Bm25ConfigError, match=message):
            Bm25Config.from_dict({option: value})


@pytest.mark.parametrize(("shortest", "longest"), [(5, 4), (1, 0)])
def test_limits_that_no_token_can_pass(shortest, longest):
    with pytest.raises(Bm25ConfigError, match=f"min_token_len {shortest} is above max_token_len {longest}"):
        Bm25Config(min_token_len=shortest, max_token_len=longest)
    Bm25Config(min_token_len=longest, max_token_len=shortest)
    Bm25Config(min_token_len=shortest, max_token_len=shortest)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"avglen": 3}, r"unknown option 'avglen' \(did you mean 'avg_len'\?\); allowed: k, b, avg_len, "),
        ({"K": 1}, "unknown option 'K'"),
        ({"zzz": 1}, "unknown option 'zzz'; allowed: k, b"),
        ({"min_token_length": 1}, "did you mean 'min_token_len'"),
        ({3: 1}, "unknown option 3"),
        ([("k", 1)], "options must be an object, got list"),
        ("k", "options must be an object, got str 'k'"),
    ],
)
def test_from_dict_is_strict(options, message):
    with pytest.raises(Bm25ConfigError, match=message):
        Bm25Config.from_dict(options)


def test_null_in_json_is_not_given():
    assert Bm25Config.from_dict(dict.fromkeys(DEFAULTS)) == Bm25Config()
    assert Bm25Config.from_dict({}) == Bm25Config()


@pytest.mark.parametrize(("alias", "name"), sorted(ALIASES.items()))
def test_aliases(alias, name):
    if name in STOPWORD_LANGUAGES:
        assert Bm25Config(language=alias) == Bm25Config(language=name)
        assert Bm25Config(stopwords=alias) == Bm25Config(stopwords=name)
    if name in STEMMER_LANGUAGES:
        stemmer = Bm25Config(stemmer={"type": "snowball", "language": alias}).stemmer
        assert stemmer == {"type": "snowball", "language": name}


def test_it_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Bm25Config().k = 2.0


def test_what_it_was_built_from_can_change_and_it_does_not():
    stemmer, custom = {"type": "snowball", "language": "german"}, ["a"]
    config = Bm25Config(stemmer=stemmer, stopwords={"custom": custom})
    stemmer["language"] = "french"
    custom.append("b")
    config.to_dict()["stemmer"]["language"] = "dutch"
    config.to_dict()["stopwords"]["custom"].append("c")
    assert config.stemmer_language == "german"
    assert config.custom_stopwords == ("a",)


def test_its_stemmer_cannot_be_changed():
    config = Bm25Config(stemmer={"type": "snowball", "language": "german"})
    with pytest.raises(TypeError):
        config.stemmer["language"] = "french"


# What the options resolve to


@pytest.mark.parametrize(
    ("options", "languages", "custom", "stemmer"),
    [
        ({}, ("english",), (), "english"),
        ({"language": "jp"}, ("japanese",), (), None),
        ({"language": "basque"}, ("basque",), (), None),
        ({"stopwords": "german"}, ("german",), (), "english"),
        ({"language": "german", "stopwords": {}}, (), (), "german"),
        ({"stopwords": {"languages": ["fr"], "custom": ["x"]}}, ("french",), ("x",), "english"),
        ({"stemmer": {"type": "none"}}, ("english",), (), None),
        ({"stemmer": {"type": "snowball", "language": "ta"}}, ("english",), (), "tamil"),
    ],
)
def test_resolved_languages(options, languages, custom, stemmer):
    config = Bm25Config(**options)
    assert config.stopword_languages == languages
    assert config.custom_stopwords == custom
    assert config.stemmer_language == stemmer


# Fingerprints: stores and collections hold them, so they never change while the rules do not.

PINNED = [
    ({}, "c5499ae1f27b79ef2fb93b8d8b06a473", "e5f8011c2164427b93be9d05a2a415c6"),
    ({"language": "german"}, "7ebb143c5edf61db752c0a7607be8675", "7fc6afaa3f92e38a39c24b9d4007adb3"),
    ({"tokenizer": "whitespace"}, "0aa05bf855b84dbd35c0fe4bc3fb9d0a", "d4caf4d64182fd729a4f66ff4d82cebb"),
    ({"lowercase": False}, "fa8ef9c2a7b2d2b823d1df30ee6bb063", "13feb057e164f181e467d274190fd348"),
    ({"ascii_folding": True}, "7bdbc7e5e39abfe2d4bab6eceebb7290", "d74ea9cb15c13dba33b27f0f33cef75a"),
    ({"min_token_len": 2}, "f4d06ea2636a47e3bfab9ca2d685605f", "22f659cd34ea1b958f1cfa3556ad1c70"),
    ({"max_token_len": 20}, "059326967d6773513092493799f7e9b0", "f1550a7f893a5cc06b7f6601c0dadc24"),
    (
        {"stopwords": {"languages": ["de", "en"], "custom": ["foo"]}},
        "555cef4f7e3cd296e1584d3fd0626a68",
        "11ed194cdc0272c2ab7d790a4c700a7c",
    ),
    ({"stemmer": {"type": "none"}}, "458c7ff2f7d08a4159d3b1860fd132da", "9ee1393aa38ce64426aeb431e910ec78"),
    ({"k": 1.5}, "c5499ae1f27b79ef2fb93b8d8b06a473", "93fc86388235ec060de66db16f66aaf9"),
    ({"b": 0.5}, "c5499ae1f27b79ef2fb93b8d8b06a473", "6c52bf84c8040dd09bbbfb776f8a5675"),
    ({"avg_len": 100.0}, "c5499ae1f27b79ef2fb93b8d8b06a473", "0019543771637d7d4fdbb7ffc4b452cf"),
    ({"k3": 8.0}, "c5499ae1f27b79ef2fb93b8d8b06a473", "34941cb64e20455a79bf5fa30b32fa87"),
    ({"tokenizer": "prefix"}, "a2b9df79de433f89939f91bb02b7ab09", "290283b7904fd937d5b12ef76e9482fb"),
    (
        {"tokenizer": "prefix", "min_token_len": 3, "max_token_len": 8},
        "27de7c4e43731e5aae06d62dc12417ab",
        "14757fbeee9bcd9124cd3fc5e267ff40",
    ),
    ({"tokenizer": "code"}, "346c086909ccd631840ffce4461a4e12", "0df3d87abe63b968e3da3216e0388ef4"),
    ({"tokenizer": "multilingual"}, "f5f606697726b41c2b952bab8b27127d", "e0e07cfc7f807fc415693ca1c7161b9b"),
    ({"dialect": "fastembed"}, "0b77b354bdcb40224472f8c74f3a13ec", "9cf866e7841ff29eb57782287d3e0fb0"),
    (
        {"dialect": "fastembed", "language": "german", "max_token_len": 20},
        "95a6fce4bc5c1b51dc580d86587bf2cf",
        "48d20271ccf49037e6a08326ad7fe663",
    ),
    (
        {"dialect": "fastembed", "stemmer": {"type": "none"}},
        "708b30f160da201b1e0b163b29a6e8f0",
        "31708cb1075859e2a024072a4e9081ac",
    ),
    (
        {"synonyms": {"tv": ["television"], "É": ["e", "x"]}},
        "9c6c02945ed5ef2f1845f21d0e2fd23e",
        "112a8de4cbb6704cb75052d58587c80e",
    ),
    (
        {"protected_words": ["news", "Ämter"]},
        "07159ef64ef9d995a8a6be677a67f7bd",
        "fb5340b95852ad3861440483f4c2ac4d",
    ),
    (
        {"stemmer": {"type": "snowball", "language": "polish"}, "stopwords": {}},
        "ff14268f90fbb8acd08e845a7a1afa9a",
        "bf87d87f349c4369b404cc8c993f3edc",
    ),
]  # those of plug-ins are in test_options.py


@pytest.mark.parametrize(("options", "analysis", "vectors"), PINNED)
def test_pinned_fingerprints(options, analysis, vectors):
    config = Bm25Config(**options)
    assert (config.analysis_fingerprint, config.vector_fingerprint) == (analysis, vectors)


def test_options_that_matter_have_fingerprints_of_their_own():
    assert len({analysis for _, analysis, _ in PINNED}) == len(PINNED) - 4
    assert len({vectors for _, _, vectors in PINNED}) == len(PINNED)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"language": "en"}),
        ({}, {"stopwords": "english"}),
        ({}, {"stopwords": {"languages": ["english"]}}),
        ({}, {"stemmer": {"type": "snowball", "language": "en"}}),
        ({}, {"min_token_len": 0}),
        ({"language": "japanese"}, {"language": "japanese", "stemmer": {"type": "none"}}),
        (
            {"stopwords": {}},
            {"language": "german", "stopwords": {}, "stemmer": {"type": "snowball", "language": "en"}},
        ),
        ({"stopwords": {"custom": ["b", "a", "a"]}}, {"stopwords": {"custom": {"a", "b"}}}),
        ({"k": 1}, {"k": 1.0}),
        ({"k": 0.0, "b": 0.0}, {"k": -0.0, "b": -0.0}),
        # With lowercase on, so is the list.
        ({"stopwords": {"custom": ["Foo", "ÄRA"]}}, {"stopwords": {"custom": ["foo", "ära"]}}),
    ],
)
def test_two_ways_of_saying_the_same_have_one_fingerprint(one, other):
    assert Bm25Config(**one).vector_fingerprint == Bm25Config(**other).vector_fingerprint
    assert Bm25Config(**one).analysis_fingerprint == Bm25Config(**other).analysis_fingerprint


def test_case_of_custom_stopwords_matters_without_lowercase():
    one, other = (Bm25Config(lowercase=False, stopwords={"custom": [word]}) for word in ("Foo", "foo"))
    assert one.analysis_fingerprint != other.analysis_fingerprint


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "k": st.floats(0, 10),
            "b": st.floats(0, 1),
            "avg_len": st.floats(1e-3, 1e6),
            "k3": st.none() | st.floats(0, 100),
            "tokenizer": st.sampled_from(["word", "whitespace", "prefix", "code"]),
            "synonyms": st.dictionaries(
                st.sampled_from(["a", "É", "tv"]),
                st.lists(st.sampled_from(["b", "c", "É"]), min_size=1, max_size=3).map(tuple) | st.just("x"),
                max_size=2,
            ),
            "protected_words": st.lists(st.sampled_from(["a", "b", "Running"]), max_size=3),
            "language": st.sampled_from([*STOPWORD_LANGUAGES, "de", "en"]),
            "lowercase": st.booleans(),
            "ascii_folding": st.booleans(),
            "stopwords": st.fixed_dictionaries(
                {},
                optional={
                    "languages": st.lists(st.sampled_from(STOPWORD_LANGUAGES), max_size=3),
                    "custom": st.lists(
                        st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=3
                    ),
                },
            ),
            "stemmer": st.just({"type": "none"})
            | st.sampled_from(STEMMERS).map(lambda name: {"type": "snowball", "language": name}),
            "min_token_len": st.none() | st.integers(0, 4),
            "max_token_len": st.none() | st.integers(4, 40),
        },
    )
)
@examples(200)
def test_any_configuration_survives_json_and_hashes_as_it_compares(options):
    config = Bm25Config(**options)
    again = Bm25Config.from_dict(json.loads(json.dumps(config.to_dict(), allow_nan=False)))
    assert again == config
    assert hash(again) == hash(config)
    assert (again.analysis_fingerprint, again.vector_fingerprint) == (
        config.analysis_fingerprint,
        config.vector_fingerprint,
    )
    assert len(config.vector_fingerprint) == 32
    assert set(config.vector_fingerprint) <= set("0123456789abcdef")


def test_equal_configurations_have_equal_hashes_though_zero_has_a_sign():
    assert Bm25Config(k=-0.0) == Bm25Config(k=0.0)
    assert hash(Bm25Config(k=-0.0)) == hash(Bm25Config(k=0.0))
