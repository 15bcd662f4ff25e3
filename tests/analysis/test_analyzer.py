import warnings
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bm25 import Bm25Config, plugins
from bm25.analysis.analyzer import Analyzer, roles_differ
from bm25.analysis.languages import FASTEMBED_LANGUAGES, STOPWORD_LANGUAGES
from bm25.errors import Bm25ConfigWarning
from bm25.options import MAX_TOKEN_LEN, STEMMERS
from tests.conftest import REDUCED
from tests.strategies import examples, nasty_text

PLUGIN = {"type": "plugin", "name": "order"}
ENGLISH = {"type": "snowball", "language": "english"}
PLAIN = {"stopwords": {}, "stemmer": {"type": "none"}}


@pytest.fixture(autouse=True, scope="module")
def plugin():
    plugins.register("order", lambda token: f"{token}+", version="1")
    yield
    plugins.unregister("order")


def terms(text, role="document", **options):
    analyzer = Analyzer(Bm25Config(**options), role)
    return analyzer.analyze("\n".join(analyzer.surface_forms(text))).terms


def names(role="document", **options):
    analyzer = Analyzer(Bm25Config(**options), role)
    return [step.name for step in (*analyzer.text_steps, *analyzer.token_steps)]


# The order of the pipeline, by name and by what it does


@pytest.mark.parametrize(
    ("options", "role", "expected"),
    [
        ({}, "document", ["lowercase", "stopwords", "stemmer"]),
        ({"lowercase": False, **PLAIN}, "document", []),
        (
            {
                "ascii_folding": True, "filters": [PLUGIN, PLUGIN], "synonyms": {"a": ["b"]},
                "protected_words": ["x"], "min_token_len": 1,
            },
            "document",
            ["ascii_folding", "lowercase", "filter order", "filter order", "stopwords", "synonyms", "stemmer",
             "length"],
        ),
        ({"stemmer": PLUGIN, "max_token_len": 3}, "query", ["lowercase", "stopwords", "stemmer", "length"]),
        ({"tokenizer": "prefix"}, "document", ["lowercase", "stopwords", "stemmer", "prefix"]),
        ({"tokenizer": "prefix"}, "query", ["lowercase", "stemmer", "prefix"]),
        ({"tokenizer": "code"}, "document", ["lowercase", "stopwords", "stemmer"]),
        ({"tokenizer": "whitespace", **PLAIN}, "document", ["lowercase"]),
        ({"tokenizer": "whitespace", **PLAIN}, "query", ["lowercase", "stopwords"]),
        ({"tokenizer": PLUGIN, **PLAIN}, "query", ["lowercase"]),
        ({"dialect": "fastembed"}, "document", ["lowercase", "stopwords", "length", "stemmer", "length"]),
        (
            {"dialect": "fastembed", "stemmer": {"type": "none"}, "synonyms": {"a": ["b"]}},
            "query",
            ["lowercase", "stopwords", "synonyms", "length", "length"],
        ),
    ],
)  # fmt: skip
def test_steps_in_order(options, role, expected):
    assert names(role, **options) == expected


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        # Folding comes before lowercasing: İ is folded to I, and not lowercased to i with a dot first.
        ({"ascii_folding": True, **PLAIN}, "İ", ["i"]),
        # Lowercasing before stopwords, stopwords before stemming.
        ({}, "THE running", ["run"]),
        ({"stopwords": {"custom": ["run"]}}, "running run", ["run"]),
        # Folding before stopwords too.
        ({"ascii_folding": True}, "thé", []),
        # Lengths are counted after stemming, in characters.
        ({"max_token_len": 3}, "running éàü", ["run", "éàü"]),
        ({"min_token_len": 4}, "running éàüö", ["éàüö"]),
        # Filters see lowercase and can make stopwords; synonyms come after stopwords and are stemmed.
        ({"filters": [PLUGIN], "stopwords": {"custom": ["x+"]}}, "X Y", ["y+"]),
        ({"synonyms": {"tv": ["the", "Televisions"]}}, "the TV", ["the", "televis"]),
        ({"synonyms": {"running": ["sprinting"]}}, "runs running", ["run", "sprint"]),
        ({"synonyms": {"the": ["thee"]}}, "the", []),
        # Protected words are looked up after synonyms.
        ({"synonyms": {"tv": ["televisions"]}, "protected_words": ["Televisions"]}, "TV", ["televisions"]),
        ({"protected_words": ["running"], "max_token_len": 3}, "running runs", ["run"]),
        # A whole of `code` passes the rest of the pipeline like any other token.
        ({"tokenizer": "code", "stopwords": {"custom": ["getname"]}}, "getName", ["get", "name"]),
        ({"tokenizer": "code", "max_token_len": 5}, "getNames", ["get", "name"]),
        # Prefixes are taken of stems.
        ({"tokenizer": "prefix"}, "running the", ["r", "ru", "run"]),
        # FastEmbed measures before stemming, and drops empty stems.
        ({"dialect": "fastembed", "max_token_len": 5}, "running runs", ["run"]),
        ({"dialect": "fastembed", "language": "arabic"}, "ـ كتاب", ["كتاب"]),
    ],
)
def test_what_the_order_means(options, text, expected):
    assert terms(text, **options) == expected


def test_prefixes_of_a_query():
    options = {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4}
    assert terms("the running a television", "query", **options) == ["the", "run", "tele"]
    assert terms("the running a television", **options) == ["ru", "run", "te", "tel", "tele"]


def test_nul_of_a_query():
    options = {"tokenizer": "whitespace", **PLAIN}
    assert terms("a \0 \0b", **options) == ["a", "\0", "\0b"]
    assert terms("a \0 \0b", "query", **options) == ["a", "\0b"]


ROLES = [
    *({"tokenizer": name} for name in ("word", "code", "prefix", "whitespace", PLUGIN)),
    {"dialect": "fastembed"},
    {"synonyms": {"running": ["sprint", "the"]}, "filters": [PLUGIN], "protected_words": ["cats"]},
]


@pytest.mark.parametrize("options", ROLES, ids=str)
@given(text=nasty_text)
@examples(60)
def test_roles_that_do_not_differ_have_one_map(options, text):
    if not roles_differ(Bm25Config(**options)):
        assert terms(text, **options) == terms(text, "query", **options)


def test_which_roles_differ():
    assert [roles_differ(Bm25Config(**options)) for options in ROLES] == [
        False, False, True, True, False, False, False,
    ]  # fmt: skip


# The promise that lets compiled code pass over forms that end in a digit


def some_options():
    """Configurations, many of which promise nothing."""
    for language in (*STOPWORD_LANGUAGES, "none"):
        for tokenizer in ("word", "whitespace"):
            stopwords = {} if language == "none" else language
            yield {"tokenizer": tokenizer, "stopwords": stopwords, "stemmer": {"type": "none"}}
    for language, tokenizer in product(STEMMERS, ("word", "whitespace", "code", "prefix")):
        stemmer = {"type": "snowball", "language": language}
        yield {"tokenizer": tokenizer, "stopwords": {}, "stemmer": stemmer}
    for language in FASTEMBED_LANGUAGES:
        yield {"dialect": "fastembed", "language": language}
    yield {"dialect": "fastembed", "stemmer": {"type": "none"}, "max_token_len": 3}
    for more in (
        {"lowercase": False}, {"ascii_folding": True}, {"min_token_len": 1}, {"min_token_len": 2},
        {"max_token_len": 3}, {"max_token_len": 0}, {"filters": [PLUGIN]}, {"stemmer": PLUGIN},
        {"tokenizer": PLUGIN}, {"synonyms": {"tv2": ["x"]}}, {"synonyms": {"tv": ["x2"]}},
        {"stopwords": {"custom": ["a1"]}}, {"stopwords": {"custom": ["A1"]}}, {"protected_words": ["a1"]},
        {"stopwords": {"custom": ["x"]}},
    ):  # fmt: skip
        yield more
        if more.get("tokenizer") != PLUGIN:
            yield {**more, "tokenizer": "whitespace"}


OPTIONS = list(some_options())

plain_forms = st.builds(
    lambda stem, digit: stem + digit,
    st.one_of(
        st.text("abcdeinstyABCXYZ0123456789", max_size=12),
        st.sampled_from(["a", "A", "tv", "TV", "running", "getName", "ies", "ations", "heiten", "x" * 300]),
    ),
    st.sampled_from("0123456789"),
)


@given(
    options=st.sampled_from(OPTIONS), role=st.sampled_from(["document", "query"]), forms=st.lists(plain_forms)
)
@examples(700)
def test_forms_that_end_in_a_digit_are_their_own_terms(options, role, forms):
    analyzer = analyzer_of(options, role)
    assume(analyzer.longest_plain > 0)
    forms = [form for form in forms if len(form) <= analyzer.longest_plain]
    if not forms:
        return
    found = analyzer.analyze("\n".join(forms))
    assert found.terms == [form.lower() for form in forms]
    assert list(found.owners) == list(range(len(forms)))


ANALYZERS = {}


def analyzer_of(options, role):
    key = f"{options} {role}"
    if key not in ANALYZERS:
        ANALYZERS[key] = Analyzer(Bm25Config(**options), role)
    return ANALYZERS[key]


@pytest.mark.parametrize(
    ("options", "longest"),
    [
        ({}, MAX_TOKEN_LEN),
        ({"tokenizer": "whitespace", "language": "german"}, MAX_TOKEN_LEN),
        ({"max_token_len": 3}, 3),
        ({"min_token_len": 1}, MAX_TOKEN_LEN),
        ({"dialect": "fastembed"}, 40),
        ({"dialect": "fastembed", "max_token_len": 7}, 7),
        ({"synonyms": {"tv": ["television2"]}}, MAX_TOKEN_LEN),
        ({"protected_words": ["a1"]}, MAX_TOKEN_LEN),
        # Where it cannot be said.
        ({"lowercase": False}, 0),
        ({"tokenizer": "code"}, 0),
        ({"tokenizer": "prefix"}, 0),
        ({"tokenizer": PLUGIN}, 0),
        ({"filters": [PLUGIN]}, 0),
        ({"stemmer": PLUGIN}, 0),
        ({"synonyms": {"mp3": ["music"]}}, 0),
        ({"stopwords": {"custom": ["A1"]}}, 0),
        ({"min_token_len": 2}, 0),
        ({"language": "danish"}, 0),
        ({"stopwords": {}, "stemmer": {"type": "snowball", "language": "polish"}}, 0),
    ],
)
def test_longest_plain(options, longest):
    assert Analyzer(Bm25Config(**options), "document").longest_plain == longest


def test_the_promise_is_made_often_enough_to_be_tested():
    promised = [options for options in OPTIONS if analyzer_of(options, "document").longest_plain]
    assert 60 < len(promised) < len(OPTIONS) - 60


# Many forms at once


@pytest.mark.parametrize("role", ["document", "query"])
@given(options=st.sampled_from(OPTIONS[:: 1 if not REDUCED else 10]), text=nasty_text)
@examples(400)
def test_forms_are_analyzed_each_by_itself(options, role, text):
    analyzer = analyzer_of(options, role)
    forms = analyzer.surface_forms(text)
    assume(forms)
    together = analyzer.analyze("\n".join(forms))
    alone = [(term, number) for number, form in enumerate(forms) for term in analyzer.analyze(form).terms]
    assert list(zip(together.terms, together.owners, strict=True)) == alone


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"synonyms": {"wi-fi": "wlan"}},
            "synonyms: 'wi-fi' never comes: the tokenizer makes 'wi' and 'fi' of",
        ),
        ({"synonyms": {"the": "a"}}, r"synonyms: 'the' never comes: it is a stopword \(english\)"),
        ({"protected_words": ["C#"]}, "protected_words: 'c#' never comes: the tokenizer makes 'c' of it"),
        ({"protected_words": ["--"]}, "protected_words: '--' never comes: the tokenizer makes nothing of it"),
        (
            {"tokenizer": "code", "synonyms": {"user_id": "uid"}},
            "the tokenizer makes 'user' and 'id' and 'userid'",
        ),
    ],
)
def test_words_that_never_come_are_warned_of(options, message):
    with pytest.warns(Bm25ConfigWarning, match=message):
        Analyzer(Bm25Config(**options), "document")


@pytest.mark.parametrize(
    "options",
    [
        {"synonyms": {"tv": "television", "Straße": "weg"}, "protected_words": ["news"]},
        {"tokenizer": "whitespace", "synonyms": {"wi-fi": "wlan"}, "protected_words": ["C#"]},
        {"tokenizer": "code", "synonyms": {"userid": "uid"}},
        {"dialect": "fastembed", "synonyms": {"user_id": "uid"}},
        {"tokenizer": "prefix", "synonyms": {"tv": "television"}},
    ],
)
def test_words_that_come_are_not(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Analyzer(Bm25Config(**options), "document")
