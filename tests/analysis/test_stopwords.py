import hashlib
import json
from pathlib import Path

import pytest
import qdrant_edge

from bm25.analysis import stopwords, unicode
from bm25.analysis.languages import STOPWORD_LANGUAGES
from bm25.errors import Bm25ConfigError, Bm25Error

FOLDER = Path(__file__).resolve().parents[2] / "stopwords"
SUMS = json.loads((FOLDER / "sums.json").read_text(encoding="utf-8"))


def engine(**options):
    """The `whitespace` tokenizer without a stemmer, so that only stopwords can drop a token."""
    return qdrant_edge.Bm25(
        qdrant_edge.Bm25Config(
            tokenizer=qdrant_edge.TokenizerType.Whitespace, stemmer=qdrant_edge.DisabledStemmer(), **options
        )
    )


def stopwords_of(*languages):
    return qdrant_edge.StopwordsSet({getattr(qdrant_edge.Language, name.capitalize()) for name in languages})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(stopwords, "_folder", lambda: tmp_path)
    stopwords.load.cache_clear()
    yield tmp_path
    stopwords.load.cache_clear()


def test_there_is_a_sum_for_every_language():
    assert set(SUMS) == set(STOPWORD_LANGUAGES)
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(STOPWORD_LANGUAGES)


@pytest.mark.parametrize("language", STOPWORD_LANGUAGES)
def test_list_matches_its_sum(language):
    words = sorted(stopwords.load(language))
    digest = hashlib.sha256("\n".join(words).encode()).hexdigest()
    assert {"count": len(words), "sha256_of_sorted_utf8_lines": digest} == SUMS[language]


@pytest.mark.parametrize("language", STOPWORD_LANGUAGES)
def test_file_is_sorted_and_ends_with_a_newline(language):
    lines = (FOLDER / f"{language}.txt").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert lines == sorted(set(lines))
    assert set(lines) == stopwords.load(language)


@pytest.mark.parametrize("language", STOPWORD_LANGUAGES)
def test_engine_drops_exactly_the_words_of_the_list(language):
    words = stopwords.load(language)
    others = frozenset().union(*map(stopwords.load, STOPWORD_LANGUAGES))
    tokens = {word for word in others if word.split() == [word]}
    for lowercase in (True, False):
        keep = engine(lowercase=lowercase, stopwords=qdrant_edge.StopwordsSet())
        drop = engine(lowercase=lowercase, stopwords=stopwords_of(language))
        assert all(keep.embed_document(token).indices for token in tokens)
        assert {token for token in tokens if not drop.embed_document(token).indices} == words & tokens


@pytest.mark.parametrize("language", STOPWORD_LANGUAGES)
def test_words_are_lowercase(language):
    assert all(unicode.lower(word) == word for word in stopwords.load(language))


@pytest.mark.parametrize(
    ("language", "count", "members", "strangers"),
    [
        ("english", 179, {"the", "don't", "ourselves"}, {"The", "he'd", "", "hello"}),
        ("german", 232, {"und", "für"}, {"fuer"}),
        ("japanese", 149, {"これ", "私", "対し"}, {"彼女", "なく"}),
        ("catalan", 279, {"d", "des de"}, {"des  de"}),
        ("basque", 258, {"zein", "zein ", "gainera \t"}, set()),
        ("azerbaijani", 165, {"onların "}, {"onların"}),
        ("hinglish", 1036, {"aadi"}, set()),
        ("slovene", 1784, {"ampak"}, set()),
        ("turkish", 53, {"şu"}, set()),
    ],
)
def test_known_words(language, count, members, strangers):
    words = stopwords.load(language)
    assert len(words) == count
    assert members <= words
    assert not strangers & words


def test_the_same_list_is_returned_again():
    assert stopwords.load("english") is stopwords.load("english")


@pytest.mark.parametrize("language", ["klingon", "English", "en", "", "../english", "armenian"])
def test_unknown_language(language):
    with pytest.raises(Bm25ConfigError, match="no stopword list for") as caught:
        stopwords.load(language)
    assert repr(language) in str(caught.value)
    assert "turkish" in str(caught.value)


def test_unknown_language_suggests_the_nearest():
    with pytest.raises(Bm25ConfigError, match="did you mean 'german'"):
        stopwords.load("germann")


def test_missing_file_is_an_error(folder):
    with pytest.raises(Bm25Error, match="cannot read the stopword list of english") as caught:
        stopwords.load("english")
    assert not isinstance(caught.value, Bm25ConfigError)


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n"])
def test_empty_file_is_an_error(folder, content):
    (folder / "english.txt").write_bytes(content)
    with pytest.raises(Bm25Error, match="is empty"):
        stopwords.load("english")


def test_invalid_utf8_is_an_error(folder):
    (folder / "english.txt").write_bytes(b"the\n\xff\n")
    with pytest.raises(Bm25Error, match="cannot read"):
        stopwords.load("english")


def test_line_endings_of_a_checkout_do_not_matter(folder):
    (folder / "english.txt").write_bytes(b"the\r\nand\r\n")
    assert stopwords.load("english") == {"the", "and"}


def test_a_failure_is_not_remembered(folder):
    with pytest.raises(Bm25Error):
        stopwords.load("english")
    (folder / "english.txt").write_bytes(b"the\n")
    assert stopwords.load("english") == {"the"}


def test_the_list_inside_a_package_comes_first(tmp_path, monkeypatch):
    (tmp_path / "stopwords").mkdir()
    monkeypatch.setattr(stopwords, "files", lambda package: tmp_path)
    assert stopwords._folder() == tmp_path / "stopwords"
    monkeypatch.setattr(stopwords, "files", lambda package: tmp_path / "nothing")
    assert stopwords._folder() == FOLDER
