"""Options that Qdrant lacks: dialects, plug-ins, synonyms, protected words, extra stemmers."""

import json
import pickle
import re
import warnings
from types import MappingProxyType

import pytest

from bm25 import Bm25Config, Bm25ConfigError, plugins
from bm25.analysis.languages import ALIASES, EXTRA_STEMMERS, FASTEMBED_LANGUAGES
from bm25.errors import Bm25ConfigWarning

PLUGIN = {"type": "plugin", "name": "shout"}
FOUND = {"type": "plugin", "name": "shout", "version": "2"}


def shout(token):
    return token.upper()


@pytest.fixture(autouse=True)
def plugin():
    plugins.register("shout", shout, version="2")
    yield
    plugins.unregister("shout")


def snowball(language):
    return {"type": "snowball", "language": language}


# Option, a value, the value kept, and what `extensions` says of it.
EXTENSIONS = [
    ("dialect", "fastembed", "fastembed", "dialect 'fastembed'"),
    ("tokenizer", PLUGIN, FOUND, "tokenizer plug-in 'shout'"),
    ("tokenizer", FOUND, FOUND, "tokenizer plug-in 'shout'"),
    ("stemmer", PLUGIN, FOUND, "stemmer plug-in 'shout'"),
    ("stemmer", snowball("pl"), snowball("polish"), "stemmer 'polish'"),
    ("filters", [PLUGIN], (FOUND,), "filter 'shout'"),
    ("filters", (FOUND,), (FOUND,), "filter 'shout'"),
    ("synonyms", {"TV": ["Television", "set"]}, {"tv": ("television", "set")}, "synonyms (1 words)"),
    ("synonyms", {"b": "x", "a": ("y",)}, {"a": ("y",), "b": ("x",)}, "synonyms (2 words)"),
    ("protected_words", ["Dogs", "cats", "dogs"], ("cats", "dogs"), "protected_words (2)"),
    ("protected_words", {"É"}, ("é",), "protected_words (1)"),
    ("k3", 8, 8.0, "k3=8.0"),
]
extensions = pytest.mark.parametrize(("option", "value", "kept", "said"), EXTENSIONS)


@extensions
def test_every_option(option, value, kept, said):
    config = Bm25Config(**{option: value})
    found = getattr(config, option)
    assert found == kept
    assert type(found) is (MappingProxyType if isinstance(kept, dict) else type(kept))
    others, defaults = config.to_dict(), Bm25Config().to_dict()
    assert others.pop(option) != defaults.pop(option)
    assert others == defaults


@extensions
def test_round_trips(option, value, kept, said):
    config = Bm25Config(**{option: value})
    again = Bm25Config.from_dict(json.loads(json.dumps(config.to_dict(), allow_nan=False)))
    assert again == config == pickle.loads(pickle.dumps(config))
    assert hash(again) == hash(config)
    assert again.analysis_fingerprint == config.analysis_fingerprint
    assert config != Bm25Config()
    assert config.vector_fingerprint != Bm25Config().vector_fingerprint


@extensions
def test_extensions(option, value, kept, said):
    config = Bm25Config(**{option: value})
    assert config.extensions == (said,)
    with pytest.raises(Bm25ConfigError, match=f"^{re.escape(said)} has no equivalent among Qdrant's options"):
        config.to_qdrant_options()


def test_several_extensions():
    config = Bm25Config(
        tokenizer=PLUGIN, stemmer=snowball("polish"), stopwords={}, filters=[PLUGIN, PLUGIN], k3=1.5,
        synonyms={"a": ["b"]}, protected_words=["c"],
    )  # fmt: skip
    assert config.extensions == (
        "tokenizer plug-in 'shout'", "stemmer 'polish'", "filter 'shout'", "filter 'shout'",
        "synonyms (1 words)", "protected_words (1)", "k3=1.5",
    )  # fmt: skip
    with pytest.raises(Bm25ConfigError, match=r"tokenizer plug-in 'shout', .*, k3=1.5 have no equivalent"):
        config.to_qdrant_options()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tokenizer": "prefix"},
        {"tokenizer": "prefix", "min_token_len": 1},
        {"tokenizer": "code"},
        {"tokenizer": "multilingual"},
        {"language": "german"},
        {"stemmer": snowball("armenian")},
        {"stemmer": {"type": "none"}},
        {"synonyms": {}},
        {"filters": []},
        {"protected_words": ()},
        {"k": 2.0, "b": 0.5, "avg_len": 9},
    ],
    ids=str,
)
def test_what_qdrant_has_is_no_extension(options):
    config = Bm25Config(**options)
    assert config.extensions == ()
    assert Bm25Config(**config.to_qdrant_options()) == config


# Errors


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("tokenizer", {}, 'tokenizer.type must be "plugin", got None'),
        ("tokenizer", {"type": "word"}, "tokenizer.type must be \"plugin\", got 'word'"),
        ("tokenizer", {"type": "plugin"}, "tokenizer.name must be a string, got NoneType None"),
        (
            "tokenizer",
            {"type": "plugin", "nam": "shout"},
            r"tokenizer: unknown key 'nam' \(did you mean 'name'",
        ),
        ("tokenizer", {**PLUGIN, "version": 2}, "tokenizer.version must be a string, got int 2"),
        (
            "tokenizer",
            {**PLUGIN, "name": "shot"},
            r"tokenizer: unknown plug-in 'shot' \(did you mean 'shout'\?\)",
        ),
        (
            "stemmer",
            {**PLUGIN, "name": "zzz"},
            "stemmer: unknown plug-in 'zzz'; known: .*shout.*bm25.plugins.reg",
        ),
        (
            "stemmer",
            {**PLUGIN, "version": "1"},
            "stemmer: plug-in 'shout' is version '2' here.*'1' is asked for",
        ),
        (
            "stemmer",
            {**PLUGIN, "language": "german"},
            "stemmer: unknown key 'language'.*allowed: type, name, vers",
        ),
        (
            "stemmer",
            {"type": "plug-in"},
            "stemmer.type: unknown stemmer 'plug-in' .*'plugin'.*snowball, none, plug",
        ),
        (
            "stemmer",
            snowball("polski"),
            "stemmer.language: unknown language 'polski' .*'polish'.*allowed: arabic, ",
        ),
        ("filters", "shout", "filters must be a list of plug-ins, got str 'shout'"),
        ("filters", PLUGIN, "filters must be a list of plug-ins, got dict"),
        ("filters", [PLUGIN, "shout"], r"filters\[1\] must be .*plugin.*, got str 'shout'"),
        ("filters", [{**PLUGIN, "name": "x"}], r"filters\[0\]: unknown plug-in 'x'"),
        ("filters", [PLUGIN, {**PLUGIN, "version": "3"}], r"filters\[1\]: plug-in 'shout' is version '2'"),
        ("synonyms", ["a", "b"], "synonyms must be an object .*, got list"),
        ("synonyms", {"a": []}, r"synonyms\['a'\] is empty; to drop a word, make it a stopword"),
        ("synonyms", {"a": 3}, r"synonyms\['a'\] must be a list of strings, got int 3"),
        ("synonyms", {"a": ["b", None]}, r"synonyms\['a'\]\[1\] must be a string, got NoneType None"),
        ("synonyms", {"a": ["b c"]}, r"synonyms\['a'\]\[0\] must be one word without white space, got 'b c'"),
        ("synonyms", {"a": [""]}, r"synonyms\['a'\]\[0\] must be one word"),
        ("synonyms", {"a b": ["c"]}, "synonyms must be one word without white space, got 'a b'"),
        ("synonyms", {" a": ["c"]}, "synonyms must be one word without white space, got ' a'"),
        (
            "synonyms",
            {"a": ["b\ud800"]},
            r"synonyms\['a'\]\[0\] is not valid Unicode: lone surrogate at position 1",
        ),
        ("synonyms", {3: ["b"]}, "synonyms must be a string, got int 3"),
        (
            "synonyms",
            {"a": ["b"], "A": ["c"]},
            r"synonyms\['A'\]: there are two rules for 'a', and they differ",
        ),
        ("synonyms", {"a": ["b"], "b": ["a"]}, "synonyms: (a => b => a|b => a => b) is a cycle; drop one"),
        (
            "synonyms",
            {"a": ["x", "b"], "b": ["c"], "c": ["A"]},
            r"synonyms: (\w) => \w => \w => \1 is a cycle",
        ),
        ("protected_words", "dogs", "protected_words must be a list of strings, got str 'dogs'"),
        ("protected_words", ["a", 3], r"protected_words\[1\] must be a string, got int 3"),
        (
            "protected_words",
            ["a", "b c"],
            r"protected_words\[1\] must be one word without white space, got 'b c'",
        ),
        ("protected_words", ["\udfff"], r"protected_words\[0\] is not valid Unicode"),
    ],
)
def test_errors_name_the_option_the_value_and_what_is_allowed(option, value, message):
    for make in (lambda options: Bm25Config(**options), Bm25Config.from_dict):
        with pytest.raises(Bm25ConfigError, match=f"^{message}"):
            make({option: value})


def test_one_rule_may_be_given_twice():
    assert Bm25Config(synonyms={"a": ["b"], "A": ["B"]}).synonyms == {"a": ("b",)}


# Synonyms


@pytest.mark.parametrize(
    ("rules", "followed"),
    [
        ({"a": ["b"], "b": ["c"]}, {"a": ("c",), "b": ("c",)}),
        (
            {"a": ["b", "x"], "b": ["c", "d"], "d": ["e"]},
            {"a": ("c", "e", "x"), "b": ("c", "e"), "d": ("e",)},
        ),
        ({"car": ["car", "vehicle"]}, {"car": ("car", "vehicle")}),
        (
            {"auto": ["car"], "car": ["car", "vehicle"]},
            {"auto": ("car", "vehicle"), "car": ("car", "vehicle")},
        ),
        ({"a": ["b", "b", "c"], "c": ["b"]}, {"a": ("b",), "c": ("b",)}),
        ({"a": ["a"]}, {"a": ("a",)}),
    ],
)
def test_chains_of_synonyms_are_followed_to_their_end(rules, followed):
    config = Bm25Config(synonyms=rules)
    assert config.synonyms == followed
    assert list(config.synonyms) == sorted(followed)
    # What is kept is what an equal configuration is built from.
    assert Bm25Config(synonyms=config.synonyms) == config


def test_words_are_folded_and_lowercased_as_tokens_are():
    words = {"synonyms": {"É": ["İ"]}, "protected_words": ["Öl"]}
    plain, folded, as_is = (
        Bm25Config(**words, **options) for options in ({}, {"ascii_folding": True}, {"lowercase": False})
    )
    assert (plain.synonyms, plain.protected_words) == ({"é": ("i\u0307",)}, ("öl",))
    assert (folded.synonyms, folded.protected_words) == ({"e": ("i",)}, ("ol",))
    assert (as_is.synonyms, as_is.protected_words) == ({"É": ("İ",)}, ("Öl",))


def test_nothing_can_be_changed():
    rules, words, filters = {"a": ["b"]}, ["c"], [dict(PLUGIN)]
    config = Bm25Config(synonyms=rules, protected_words=words, filters=filters, tokenizer=PLUGIN)
    before = config.to_dict()
    rules["a"].append("z")
    words.append("z")
    filters[0]["name"] = "z"
    given_out = config.to_dict()
    given_out["synonyms"]["a"].append("z")
    given_out["filters"][0]["name"] = "z"
    given_out["tokenizer"]["name"] = "z"
    given_out["protected_words"].append("z")
    assert config.to_dict() == before
    for mapping in (config.synonyms, config.filters[0], config.tokenizer):
        with pytest.raises(TypeError):
            mapping["a"] = "z"


# Stemmers


@pytest.mark.parametrize("language", EXTRA_STEMMERS)
def test_extra_stemmers_by_name_and_alias(language):
    config = Bm25Config(stopwords={}, stemmer=snowball(language))
    assert config.stemmer_language == language
    for alias in [alias for alias, name in ALIASES.items() if name == language]:
        assert Bm25Config(stopwords={}, stemmer=snowball(alias)) == config


@pytest.mark.parametrize("language", ["catalan", "basque", "indonesian", "nepali"])
def test_a_language_with_a_list_and_an_extra_stemmer_has_none_by_default(language):
    """As Qdrant has it: choosing the language must not change what the engine does."""
    config = Bm25Config(language=language)
    assert config.stemmer_language is None
    assert config.extensions == ()


# The warning


@pytest.mark.parametrize(
    "options",
    [
        {"stemmer": snowball("german")},
        {"stemmer": snowball("polish")},
        {"language": "german", "stemmer": snowball("english")},
        {"language": "japanese", "stemmer": snowball("english")},
        {"dialect": "fastembed", "stemmer": snowball("dutch")},
        {"stemmer": snowball("porter")},
    ],
    ids=str,
)
def test_a_stemmer_and_stopwords_of_two_languages_are_warned_of(options):
    stemmer, language = options["stemmer"]["language"], options.get("language", "english")
    message = (
        f"the stemmer is {stemmer}'s and the stopwords are {language}'s, because language is '{language}'"
    )
    with pytest.warns(Bm25ConfigWarning, match=message) as caught:
        Bm25Config(**options)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"language": "german"},
        {"language": "german", "stemmer": snowball("german")},
        {"language": "de", "stemmer": snowball("de")},
        {"language": "japanese"},
        {"language": "basque"},
        {"stemmer": {"type": "none"}},
        {"stemmer": PLUGIN},
        {"stemmer": snowball("german"), "stopwords": {}},
        {"stemmer": snowball("german"), "stopwords": "english"},
        {"stemmer": snowball("german"), "stopwords": {"languages": ["french"]}},
        {"dialect": "fastembed", "language": "tamil"},
        {"dialect": "fastembed", "language": "tamil", "stemmer": snowball("german")},
        {"dialect": "fastembed", "stemmer": {"type": "none"}},
    ],
    ids=str,
)
def test_and_nothing_else_is(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Bm25Config(**options)


# Options that do not go together


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"filters": [PLUGIN]}, "filters"),
        ({"synonyms": {"a": ["b"]}}, "synonyms"),
        ({"protected_words": ["a"]}, "protected_words"),
        ({"stemmer": PLUGIN}, "stemmer of your own"),
        ({"stemmer": snowball("polish")}, "stemmer 'polish'"),
        ({"synonyms": {"a": ["b"]}, "protected_words": ["a"]}, "synonyms, protected_words"),
    ],
)
def test_multilingual_works_on_whole_texts(options, what):
    Bm25Config(**options, tokenizer="word")
    with pytest.raises(
        Bm25ConfigError, match=f"tokenizer 'multilingual' cannot be used with {what}: .*whole te"
    ):
        Bm25Config(**options, tokenizer="multilingual")


def test_only_multilingual_knows_no_terms():
    assert not Bm25Config(tokenizer="multilingual").has_terms
    assert all(
        Bm25Config(tokenizer=name).has_terms for name in ("word", "whitespace", "prefix", "code", PLUGIN)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"tokenizer": "whitespace"},
            'tokenizer "whitespace" does not go with dialect \'fastembed\'.*always "word"',
        ),
        ({"tokenizer": "multilingual"}, "tokenizer \"multilingual\" does not go with dialect 'fastembed'"),
        (
            {"tokenizer": PLUGIN},
            'tokenizer {"type": "plugin", .*shout.* does not go with dialect \'fastembed\'',
        ),
        (
            {"lowercase": False},
            "lowercase false does not go with dialect 'fastembed', where it is always true",
        ),
        ({"ascii_folding": True}, "ascii_folding true does not go with dialect 'fastembed'.*always false"),
        (
            {"min_token_len": 2},
            "min_token_len 2 does not go with dialect 'fastembed', where it is not an option",
        ),
        ({"language": "japanese"}, "language: unknown language 'japanese'.*allowed: arabic, danish"),
        (
            {"language": "armenian"},
            "language: 'armenian' is none of FastEmbed's, which has no Armenian",
        ),
    ],
)
def test_what_fastembed_does_not_have(options, message):
    with pytest.raises(Bm25ConfigError, match=f"^{message}"):
        Bm25Config(dialect="fastembed", **options)


@pytest.mark.parametrize("language", FASTEMBED_LANGUAGES)
def test_languages_of_fastembed(language):
    config = Bm25Config(dialect="fastembed", language=language)
    assert config.stemmer_language == language
    assert config.stopword_languages == (() if language == "tamil" else (language,))
    disabled = Bm25Config(dialect="fastembed", language=language, stemmer={"type": "none"})
    assert (disabled.stemmer_language, disabled.stopword_languages) == (None, ())


@pytest.mark.parametrize(
    ("options", "shortest", "longest"),
    [
        ({}, 0, None),
        ({"tokenizer": "prefix"}, 1, None),
        ({"tokenizer": "prefix", "min_token_len": 0}, 0, None),
        ({"tokenizer": "prefix", "min_token_len": 3, "max_token_len": 5}, 3, 5),
        ({"tokenizer": "code"}, 0, None),
        ({"dialect": "fastembed"}, 1, 40),
        ({"dialect": "fastembed", "max_token_len": 7}, 1, 7),
    ],
)
def test_limits_of_length(options, shortest, longest):
    config = Bm25Config(**options)
    assert (config.shortest_token, config.longest_token) == (shortest, longest)


# Fingerprints, with the literal ones in test_config.py


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"synonyms": {}}),
        ({}, {"synonyms": None, "filters": [], "protected_words": []}),
        ({"synonyms": {"a": ["b"], "b": ["c"]}}, {"synonyms": {"b": ["c"], "a": ["c"]}}),
        ({"dialect": "fastembed"}, {"dialect": "fastembed", "max_token_len": 40}),
        ({"filters": [PLUGIN]}, {"filters": [FOUND]}),
        ({"stemmer": {"type": "none"}}, {"stemmer": {"type": "none"}, "protected_words": ["a"]}),
        ({"protected_words": ["A", "b"]}, {"protected_words": ["b", "a", "a"]}),
    ],
)
def test_two_ways_of_saying_the_same_have_one_fingerprint(one, other):
    assert Bm25Config(**one).analysis_fingerprint == Bm25Config(**other).analysis_fingerprint


def test_what_differs_has_fingerprints_that_differ():
    options = [
        {}, {"filters": [PLUGIN]}, {"filters": [PLUGIN, PLUGIN]}, {"stemmer": PLUGIN}, {"tokenizer": PLUGIN},
        {"synonyms": {"a": ["b"]}}, {"synonyms": {"a": ["b", "c"]}}, {"synonyms": {"a": ["c", "b"]}},
        {"protected_words": ["a"]}, {"protected_words": ["a", "b"]}, {"stemmer": snowball("polish")},
        {"stemmer": snowball("porter")}, {"dialect": "fastembed"}, {"max_token_len": 40, "min_token_len": 1},
        {"tokenizer": "prefix"}, {"tokenizer": "code"}, {"tokenizer": "multilingual"},
        {"tokenizer": "prefix", "min_token_len": 1},  # where an empty stem is dropped
    ]  # fmt: skip
    assert len({Bm25Config(**each).analysis_fingerprint for each in options}) == len(options)


@pytest.mark.parametrize(
    ("options", "analysis", "vectors"),
    [
        ({"tokenizer": PLUGIN}, "1e8e048e47eef41568f7b86109687db2", "833d6101c54a9b13c131d08d251d6e37"),
        ({"stemmer": PLUGIN}, "70cac44656fa77009bd45fcd75b9c2d9", "2e3e160b8d88e49cb6f1ea6727f4f24e"),
        (
            {"filters": [PLUGIN, PLUGIN]},
            "76354fc5c0a633db3ef50713a8406119",
            "bb49ab8a5c3e1781a98027ed6c50a261",
        ),
    ],
)
def test_pinned_fingerprints_of_plugins(options, analysis, vectors):
    config = Bm25Config(**options)
    assert (config.analysis_fingerprint, config.vector_fingerprint) == (analysis, vectors)
    # The version is a part of it, the function is not: only its name and version can be told.
    plugins.unregister("shout")
    plugins.register("shout", str.lower, version="2")
    assert Bm25Config(**options).analysis_fingerprint == analysis
    plugins.unregister("shout")
    plugins.register("shout", str.lower, version="3")
    assert Bm25Config(**options).analysis_fingerprint != analysis
