"""Real paragraphs: translated messages in a hundred languages, Python's documentation, test collections."""

import ast
import pydoc_data.topics
import sysconfig
import warnings
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest

from bm25 import Bm25Config, Bm25Encoder
from bm25.analysis.languages import ALIASES, STEMMER_LANGUAGES, STOPWORD_LANGUAGES
from tests import corpora
from tests.oracle import assert_documents_equal, assert_equal, assert_queries_equal
from tests.parity.words import message_files, translations

_PRIMARY = {"nb": "no", "nn": "no", "ja": "jp"}

OPTIONS = {
    "word": {},
    "whitespace": {"tokenizer": "whitespace"},
    "prefix": {"tokenizer": "prefix", "min_token_len": 3, "max_token_len": 8},
    "code": {"tokenizer": "code"},
    "folding": {"ascii_folding": True, "avg_len": 20.0},
    "as-is": {"lowercase": False, "stopwords": {}, "k": 0.9, "b": 0.4},
}


@pytest.fixture(params=OPTIONS)
def options(request):
    return OPTIONS[request.param]


def encoder_for(language, options):
    if language in STOPWORD_LANGUAGES:
        return Bm25Encoder(Bm25Config(**{"language": language, **options}))
    stemmer = {"type": "snowball", "language": language}
    return Bm25Encoder(Bm25Config(**{"stopwords": {}, **options, "stemmer": stemmer}))


def language_of(locale):
    """The language whose options suit a locale; English for those that have none."""
    primary = locale.replace("@", "_").split("_")[0]
    language = ALIASES.get(_PRIMARY.get(primary, primary), "english")
    return language if language in {*STEMMER_LANGUAGES, *STOPWORD_LANGUAGES} else "english"


@cache
def messages_by_language():
    found = {}
    for file in message_files():
        found.setdefault(language_of(file.parts[-3]), []).extend(translations(file))
    return {language: list(dict.fromkeys(texts)) for language, texts in found.items()}


@cache
def python_documentation():
    """The reference and every docstring of the standard library, its test suites left out."""
    texts = list(pydoc_data.topics.topics.values())
    folder = Path(sysconfig.get_path("stdlib"))
    for file in sorted(folder.rglob("*.py")):
        if {"test", "tests", "idle_test", "site-packages", "lib2to3"} & set(file.relative_to(folder).parts):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in somebody else's strings
            tree = ast.parse(file.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    texts.append(text)
    return texts


def test_messages_are_in_many_languages():
    assert len({file.parts[-3] for file in message_files()}) > 100
    assert sum(map(len, messages_by_language().values())) > 100_000


@pytest.mark.parametrize("language", sorted({language_of(file.parts[-3]) for file in message_files()}))
def test_translated_messages(language, options):
    texts = messages_by_language()[language]
    one = encoder_for(language, options)
    assert_documents_equal(one, texts)
    assert_documents_equal(one, [" ".join(texts[i : i + 50]) for i in range(0, len(texts), 50)])
    assert_queries_equal(one, texts, singly=False)
    assert_queries_equal(one, texts[::10])


def test_messages_in_many_scripts_at_once(options):
    """Ten languages in one text, with a blank between them and with none."""
    by_language = [texts[::40] for texts in messages_by_language().values()]
    mixed = [text for texts in zip_longest(*by_language, fillvalue="") for text in texts if text]
    one = encoder_for("english", options)
    for joint in (" ", ""):
        assert_equal(one, [joint.join(mixed[i : i + 10]) for i in range(0, len(mixed), 10)])


def test_python_documentation(options):
    texts = python_documentation()
    assert len(texts) > 5_000
    one = encoder_for("english", options)
    assert_documents_equal(one, texts)
    assert_queries_equal(one, texts)


def test_one_long_text(options):
    assert_equal(encoder_for("english", options), ["\n\n".join(python_documentation())])


@pytest.mark.parametrize("name", corpora.LANGUAGES)
def test_collections(name, options):
    documents, queries = corpora.documents(name), corpora.queries(name)
    one = encoder_for(corpora.LANGUAGES[name], options)
    assert_equal(one, documents)
    assert_equal(one, queries)
