import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, plugins
from bm25.analysis.analyzer import Analyzer
from bm25.analysis.trace import Change, TextAnalysis, Token, VectorEntry, trace
from bm25.errors import PluginError
from bm25.hashing import term_id
from tests.strategies import examples, nasty_text


def halves(token):
    """A plug-in that splits, keeps, changes and drops."""
    if token.startswith("q") or token.split() != [token]:  # what `str.split` takes for white space
        return []
    return [token[: len(token) // 2], token[len(token) // 2 :], token]


@pytest.fixture(scope="module", autouse=True)
def _plugins():
    plugins.register("trace-halves", halves, version="3")
    yield
    plugins.unregister("trace-halves")


PLUGIN = {"type": "plugin", "name": "trace-halves"}
SYNONYMS = {"running": ["jogging", "sport"], "cats": ["cat", "cats"], "a": ["ab"], "get": ["fetch"]}
OPTIONS = {
    "default": {},
    "folding": {"ascii_folding": True, "min_token_len": 2, "max_token_len": 6, "language": "german"},
    "as it is": {"lowercase": False, "stopwords": {}, "stemmer": {"type": "none"}},
    "whitespace": {"tokenizer": "whitespace", "ascii_folding": True},
    "prefix": {"tokenizer": "prefix"},
    "prefix lengths": {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4, "synonyms": SYNONYMS},
    "code": {"tokenizer": "code", "synonyms": SYNONYMS},
    "code as it is": {"tokenizer": "code", "lowercase": False, "ascii_folding": True},
    "words": {"synonyms": SYNONYMS, "protected_words": ["running", "jogging"], "max_token_len": 9},
    "fastembed": {"dialect": "fastembed"},
    "fastembed words": {"dialect": "fastembed", "synonyms": SYNONYMS, "max_token_len": 8},
    "tokenizer": {"tokenizer": PLUGIN},
    "filters": {"filters": [PLUGIN, PLUGIN], "max_token_len": 5},
    "stemmer": {"stemmer": PLUGIN, "protected_words": ["cats"], "tokenizer": "code"},
}


def tokens_of(text, role="document", **options):
    return trace(Analyzer(Bm25Config(**options), role), text)


def shown(text, role="document", **options):
    """Tokens as (form, start, changes, term), a change as (step, after, reason)."""
    return [
        (
            token.form,
            token.start,
            [(change.step, change.after, change.reason) for change in token.changes],
            token.term,
        )
        for token in tokens_of(text, role, **options)
    ]


words = st.lists(
    st.sampled_from(
        [
            "running",
            "cats",
            "a",
            "The",
            "getUserNames",
            "HTTP_URLs_of",
            "__",
            "1_0",
            "quick",
            "q",
            "İi",
            "é—x",
            "_",
        ]
    ),
    max_size=8,
).map(" ".join)


@pytest.mark.parametrize("role", ["document", "query"])
@pytest.mark.parametrize("name", OPTIONS)
@given(text=st.one_of(nasty_text, st.tuples(words, nasty_text, words).map(" ".join)))
@examples(60)
def test_what_is_shown_is_what_happens(name, role, text):
    analyzer = Analyzer(Bm25Config(**OPTIONS[name]), role)
    tokens = trace(analyzer, text)
    kept = [token for token in tokens if token.term is not None]
    # The same terms in the same order, and nothing of the text left out but separators.
    assert [token.term for token in kept] == list(
        analyzer.analyze("\n".join(analyzer.surface_forms(text))).terms
    ) or not analyzer.surface_forms(text)
    assert [token.term_id for token in kept] == [term_id(token.term) for token in kept]
    done = 0
    for start, end in sorted({(token.start, token.end) for token in tokens}):
        assert done <= start < end <= len(text)
        between = text[done:start]
        assert not trace(analyzer, between)
        done = end
    assert not trace(analyzer, text[done:])
    for token in tokens:
        assert token.form == text[token.start : token.end]
        current = token.form
        for change in token.changes:
            assert change.before == current
            current = change.after
        assert token.term == current
        assert (token.term_id is None) == (token.term is None)


@pytest.mark.parametrize("name", OPTIONS)
@given(text=nasty_text)
@examples(40)
def test_spans_are_where_the_tokenizer_splits(name, text):
    tokenizer = Analyzer(Bm25Config(**OPTIONS[name]), "document").tokenizer
    for form in Analyzer(Bm25Config(**OPTIONS[name]), "document").surface_forms(text):
        parts = [form[start:end] for start, end in tokenizer.spans(form)]
        assert "" not in parts
        apart = [token for part in parts for token in tokenizer.split(part).split(" ") if token]
        assert [token for token in tokenizer.split(form).split(" ") if token] == apart


def test_a_sentence():
    assert shown("The quick Foxes are internationally—known", max_token_len=5) == [
        ("The", 0, [("lowercase", "the", None), ("stopwords", None, "stopword (english)")], None),
        ("quick", 4, [], "quick"),
        ("Foxes", 10, [("lowercase", "foxes", None), ("stemmer", "fox", "snowball, english")], "fox"),
        ("are", 16, [("stopwords", None, "stopword (english)")], None),
        (
            "internationally",
            20,
            [
                ("stemmer", "intern", "snowball, english"),
                ("length", None, "6 characters, at most 5 are allowed"),
            ],
            None,
        ),
        ("known", 36, [], "known"),
    ]


def test_own_stopwords_and_folding():
    options = {"ascii_folding": True, "stopwords": {"languages": ["german"], "custom": ["der", "grosse"]}}
    assert shown("die Größe der", stemmer={"type": "none"}, **options) == [
        ("die", 0, [("stopwords", None, "stopword (german)")], None),
        (
            "Größe",
            4,
            [
                ("ascii_folding", "Grosse", None),
                ("lowercase", "grosse", None),
                ("stopwords", None, "stopword (custom)"),
            ],
            None,
        ),
        ("der", 10, [("stopwords", None, "stopword (german, custom)")], None),
    ]


def test_identifiers():
    parts = "parts of an identifier"
    assert shown("x.getURLs(__, 1_0)", tokenizer="code") == [
        ("x", 0, [], "x"),
        ("getURLs", 2, [("tokenizer", "get", parts)], "get"),
        (
            "getURLs",
            2,
            [
                ("tokenizer", "URLs", parts),
                ("lowercase", "urls", None),
                ("stemmer", "url", "snowball, english"),
            ],
            "url",
        ),
        (
            "getURLs",
            2,
            [
                ("tokenizer", "getURLs", parts),
                ("lowercase", "geturls", None),
                ("stemmer", "geturl", "snowball, english"),
            ],
            "geturl",
        ),
        ("__", 10, [("tokenizer", None, "underscores only")], None),
        ("1_0", 14, [("tokenizer", "10", "number without underscores")], "10"),
    ]


def test_prefixes():
    options = {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 3}
    reason = "prefixes from 2 characters to 3 characters"
    assert shown("the x word", **options) == [
        ("the", 0, [("stopwords", None, "stopword (english)")], None),
        ("x", 4, [("prefix", None, "1 character, a prefix has at least 2")], None),
        ("word", 6, [("prefix", "wo", reason)], "wo"),
        ("word", 6, [("prefix", "wor", reason)], "wor"),
    ]
    assert shown("the x word", "query", **options) == [
        ("the", 0, [], "the"),
        ("x", 4, [("prefix", None, "1 character, a prefix has at least 2")], None),
        ("word", 6, [("prefix", "wor", "the longest prefix, up to 3 characters")], "wor"),
    ]


def test_synonyms_and_protected_words():
    options = {"synonyms": {"tv": ["television", "tv"]}, "protected_words": ["news", "tv"]}
    rule = "tv => television tv"
    assert shown("TV news", **options) == [
        (
            "TV",
            0,
            [
                ("lowercase", "tv", None),
                ("synonyms", "television", rule),
                ("stemmer", "televis", "snowball, english"),
            ],
            "televis",
        ),
        (
            "TV",
            0,
            [("lowercase", "tv", None), ("synonyms", "tv", rule), ("stemmer", "tv", "protected word")],
            "tv",
        ),
        ("news", 3, [("stemmer", "news", "protected word")], "news"),
    ]
    assert shown("news", stemmer={"type": "none"}, **options) == [("news", 0, [], "news")]


def test_fastembed():
    assert shown("İst d_x _ running", dialect="fastembed") == [
        ("İst", 0, [("lowercase", "i", None), ("stopwords", None, "stopword (english)")], None),
        ("İst", 0, [("lowercase", "st", None)], "st"),
        ("d_x", 4, [], "d_x"),
        ("_", 8, [("stopwords", None, "stopword (punctuation)")], None),
        ("running", 10, [("stemmer", "run", "snowball, english")], "run"),
    ]


def test_plug_ins():
    reason = "plug-in 'trace-halves', version '3'"
    assert shown("abc\u3000q", tokenizer=PLUGIN) == [
        ("abc", 0, [("tokenizer", "a", reason), ("stopwords", None, "stopword (english)")], None),
        ("abc", 0, [("tokenizer", "bc", reason)], "bc"),
        ("abc", 0, [("tokenizer", "abc", reason)], "abc"),
        ("q", 4, [("tokenizer", None, reason)], None),
    ]
    assert shown("qq", filters=[PLUGIN]) == [("qq", 0, [("filter trace-halves", None, reason)], None)]
    assert shown("qq", stemmer=PLUGIN, protected_words=["qq"]) == [
        ("qq", 0, [("stemmer", "qq", "protected word")], "qq")
    ]


@pytest.mark.parametrize("name", OPTIONS)
def test_separators_beyond_ascii_are_counted_in_offsets(name):
    text = "\u3000\u3000one\u2003\u3000\u2003two\u3000 \u3000three\u3000"
    spans = {(token.form, token.start, token.end) for token in tokens_of(text, **OPTIONS[name])}
    assert spans == {("one", 2, 5), ("two", 8, 11), ("three", 14, 19)}


def test_nothing():
    for text in ("", " ", "—…", "\u3000"):
        assert tokens_of(text) == []


def test_an_analysis_puts_terms_and_weights_together():
    tokens = [
        Token("B", 0, 1, (Change("lowercase", "B", "b"),), "b", 7),
        Token("the", 2, 5, (Change("stopwords", "the", None, "stopword"),), None),
        Token("a", 6, 7, (), "a", 7),
        Token("c", 8, 9, (), "c", 3),
    ]
    analysis = TextAnalysis.build("B the a c", "document", tokens, {7: 1.5, 3: 1.25})
    assert analysis.length == 3
    assert analysis.vector == (VectorEntry(3, 1.25, 1, ("c",)), VectorEntry(7, 1.5, 2, ("a", "b")))
    assert [token.weight for token in analysis.tokens] == [1.5, None, 1.5, 1.25]
    assert [token.shared_with for token in analysis.tokens] == [("a",), (), ("b",), ()]
    assert json.loads(json.dumps(analysis.to_dict())) == {
        "text": "B the a c",
        "role": "document",
        "length": 3,
        "tokens": [
            {
                "form": "B",
                "start": 0,
                "end": 1,
                "changes": [{"step": "lowercase", "before": "B", "after": "b", "reason": None}],
                "term": "b",
                "term_id": 7,
                "weight": 1.5,
                "shared_with": ["a"],
            },
            {
                "form": "the",
                "start": 2,
                "end": 5,
                "changes": [{"step": "stopwords", "before": "the", "after": None, "reason": "stopword"}],
                "term": None,
                "term_id": None,
                "weight": None,
                "shared_with": [],
            },
            {
                "form": "a",
                "start": 6,
                "end": 7,
                "changes": [],
                "term": "a",
                "term_id": 7,
                "weight": 1.5,
                "shared_with": ["b"],
            },
            {
                "form": "c",
                "start": 8,
                "end": 9,
                "changes": [],
                "term": "c",
                "term_id": 3,
                "weight": 1.25,
                "shared_with": [],
            },
        ],
        "vector": [
            {"term_id": 3, "weight": 1.25, "frequency": 1, "terms": ["c"]},
            {"term_id": 7, "weight": 1.5, "frequency": 2, "terms": ["a", "b"]},
        ],
    }


@pytest.mark.parametrize("weights", [{}, {1: 1.0}, {1: 1.0, 2: 1.0, 3: 1.0}])
def test_a_vector_of_other_terms_is_noticed(weights):
    tokens = [Token("a", 0, 1, (), "a", 1), Token("b", 2, 3, (), "b", 2)]
    with pytest.raises(PluginError, match="now these terms and now others"):
        TextAnalysis.build("a b", "document", tokens, weights)
