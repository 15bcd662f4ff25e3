"""Real words of every language, one by one and together. `python -m tests.parity.report` counts them."""

import pytest

from bm25 import Bm25Config, Bm25Encoder
from bm25.analysis.languages import STEMMER_LANGUAGES, STOPWORD_LANGUAGES
from tests.oracle import assert_documents_equal, assert_equal, assert_queries_equal
from tests.parity.strategies import TOKENIZERS
from tests.parity.words import stopwords, words

LANGUAGES = sorted({*STEMMER_LANGUAGES, *STOPWORD_LANGUAGES})
FORMS = {"as it is": str, "title case": str.title, "capitals": str.upper}
WORDS_IN_A_TEXT = 200
A_PART = 8_000


# By module, so that the tests of one language follow one another and its words are read once.
@pytest.fixture(scope="module", params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture(scope="module", params=FORMS)
def form(request):
    return FORMS[request.param]


def options_for(language):
    """The language itself, or for the two without a list, their stemmer."""
    if language in STOPWORD_LANGUAGES:
        return {"language": language}
    return {"stopwords": {}, "stemmer": {"type": "snowball", "language": language}}


def together(sample):
    return [" ".join(sample[i : i + WORDS_IN_A_TEXT]) for i in range(0, len(sample), WORDS_IN_A_TEXT)]


def test_enough_words(language):
    assert len(words(language)) >= (20_000 if language in STEMMER_LANGUAGES else 1_000)


def test_words(language, form):
    sample = [form(word) for word in words(language)]
    encoder = Bm25Encoder(Bm25Config(**options_for(language)), threads=1)
    assert_documents_equal(encoder, sample)
    assert_documents_equal(encoder, together(sample))
    # Under `word` a query's terms are those of the document: together finds what alone would.
    assert_queries_equal(encoder, together(sample))
    assert_queries_equal(encoder, sample[::10])


def test_words_with_other_options(language):
    """Less common options, over a part of the words."""
    sample = list(words(language)[:: max(1, len(words(language)) // A_PART)])
    texts = [*sample, *map(str.title, sample), *together(sample)]
    for options in (
        {"tokenizer": "whitespace"},
        {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 6},
        {"tokenizer": "code"},
        {"ascii_folding": True},
        {"lowercase": False},
        {"min_token_len": 3, "max_token_len": 8},
    ):
        encoder = Bm25Encoder(Bm25Config(**options_for(language), **options), threads=1)
        assert_documents_equal(encoder, texts)
        assert_queries_equal(encoder, texts, singly=False)


@pytest.mark.parametrize(
    ("lowercase", "tokenizer"),
    [*((True, name) for name in TOKENIZERS), (False, "word"), (False, "whitespace")],
)
@pytest.mark.parametrize("language", STOPWORD_LANGUAGES, indirect=True, scope="module")
def test_stopwords(language, tokenizer, lowercase):
    listed = stopwords(language)
    near = [*listed, *map(str.title, listed), *map(str.upper, listed), *(f"{word}x" for word in listed)]
    mixed = [pair for pairs in zip(listed, words(language), strict=False) for pair in pairs]
    texts = [*near, " ".join(listed), " ".join(mixed), ", ".join(near)]
    common = {"tokenizer": tokenizer, "lowercase": lowercase}
    assert_equal(Bm25Encoder(Bm25Config(language=language, **common), threads=1), texts)
    # The list of one language, the stemmer of another.
    for stemmer in ({"type": "none"}, {"type": "snowball", "language": "english"}):
        options = {"stopwords": language, "stemmer": stemmer, **common}
        assert_equal(Bm25Encoder(Bm25Config(**options), threads=1), texts)
        union = {"languages": [language, "russian"], "custom": list(words(language)[:50])}
        assert_equal(Bm25Encoder(Bm25Config(**{**options, "stopwords": union}), threads=1), texts)
