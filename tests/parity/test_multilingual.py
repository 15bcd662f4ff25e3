"""The tokenizer `multilingual`: both its paths, by the tables and through the engine itself."""

import random
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder
from bm25.analysis.languages import STOPWORD_LANGUAGES
from bm25.analysis.multilingual import character_kinds
from bm25.multilingual import MultilingualCounter
from tests import corpora
from tests.oracle import assert_documents_equal, assert_equal, assert_queries_equal
from tests.parity.strategies import SPECIAL, WORDS, configs, texts
from tests.parity.test_paragraphs import language_of, python_documentation
from tests.parity.words import message_files, translations

PLAIN = {"stopwords": {}, "stemmer": {"type": "none"}}
OPTIONS = {
    "plain": PLAIN,
    "as-is": {"lowercase": False, **PLAIN},
    "folding": {"ascii_folding": True, "lowercase": False, "stopwords": {"custom": ["x", "й", "cafe"]}},
    "german": {"language": "german", "min_token_len": 2, "max_token_len": 7},
}
options = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)

KINDS = character_kinds()
EVERY = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
SUPPORTED = [char for char in EVERY if ord(char) < len(KINDS) and KINDS[ord(char)]]
# Of the neutral ones most are unassigned: all others, and some of those.
NOTABLE = [char for char in SUPPORTED if KINDS[ord(char)] != 1] + [
    char
    for i, char in enumerate(c for c in SUPPORTED if KINDS[ord(c)] == 1)
    if ord(char) < 0x3000 or i % 16 == 0
]
LETTERS = "zяβשकকக가აሀ"


def encoder(**options):
    return Bm25Encoder(Bm25Config(tokenizer="multilingual", **options), threads=2)


class Paths:
    """How many texts were counted, and how many of them by the engine."""

    def __init__(self):
        self.texts = self.by_engine = 0

    @property
    def own(self):
        return 1 - self.by_engine / self.texts


@pytest.fixture
def paths(monkeypatch):
    seen = Paths()
    count_part, by_engine = MultilingualCounter.count_part, MultilingualCounter._by_engine

    def counting(self, texts, weigh):
        seen.texts += len(texts.starts)
        return count_part(self, texts, weigh)

    def asking(self, texts, rows, weigh):
        seen.by_engine += len(rows)
        return by_engine(self, texts, rows, weigh)

    monkeypatch.setattr(MultilingualCounter, "count_part", counting)
    monkeypatch.setattr(MultilingualCounter, "_by_engine", asking)
    return seen


def check(one, sample, joined=20):
    assert_documents_equal(one, sample)
    assert_queries_equal(one, sample, singly=False)
    together = [" ".join(sample[i : i + joined]) for i in range(0, len(sample), joined)]
    assert_documents_equal(one, together)
    assert_queries_equal(one, together[::10])


# Every code point


def test_every_code_point_alone(paths):
    one = encoder(**PLAIN)
    assert_documents_equal(one, EVERY[::3] + EVERY[1::3][:20_000])
    assert paths.by_engine < paths.texts - len(SUPPORTED) / 4


@options
def test_supported_code_points_alone(options, paths):
    check(encoder(**options), SUPPORTED if options is PLAIN else NOTABLE)
    assert paths.own == 1.0


@pytest.mark.parametrize("letter", LETTERS)
def test_supported_code_points_between_letters(letter, paths):
    """Within a word, at its ends, with a digit, at a change of script, and after a word of another script."""
    patterns = (
        "{0}{1}{0}",
        "{1}{0} {0}{1}",
        "{0}1{1} 2{1}{0}",
        "{2}{1}{0}",
        "{2} {1}{0}",
        "{1}{1}3 {0}",
        "{2}{1} {1}1{0}",
    )
    others = {letter: LETTERS[(LETTERS.index(letter) + 1) % len(LETTERS)]}
    sample = [
        patterns[(i + shift) % len(patterns)].format(letter, char, others[letter])
        for shift in (0, 3)
        for i, char in enumerate(NOTABLE)
    ]
    one = encoder(**OPTIONS["as-is" if letter in "zβ" else "plain"])
    assert_documents_equal(one, sample)
    assert paths.own == 1.0
    assert_queries_equal(one, sample[::50])


# Real text


@cache
def messages():
    """Distinct translated messages by locale."""
    found = {}
    for file in message_files():
        found.setdefault(file.parts[-3], []).extend(translations(file))
    return {locale: list(dict.fromkeys(texts)) for locale, texts in found.items() if texts}


OWN = ("de", "fr", "es", "pl", "tr", "vi", "ru", "uk", "bg", "el", "he", "ko", "hi", "ta", "bn", "ka")


@pytest.mark.parametrize("locale", OWN)
def test_messages_of_a_language_take_the_own_path(locale, paths):
    language = language_of(locale)
    one = encoder(**({"language": language} if language in STOPWORD_LANGUAGES else PLAIN))
    sample = messages()[locale]
    assert len(sample) > 100
    check(one, sample[:4000])
    assert paths.own > 0.9


def test_messages_of_all_locales(paths):
    sample = list(dict.fromkeys(text for each in messages().values() for text in each))
    assert len(messages()) > 100
    check(encoder(**PLAIN), sample[::4])
    assert 0.5 < paths.own < 1


@pytest.mark.parametrize("joint", [" ", "", "-", "\n"], ids=ascii)
def test_messages_of_random_languages_together(joint, paths):
    rng = random.Random(joint)
    by_locale = list(messages().values())
    own = [messages()[locale] for locale in OWN if locale in messages()]
    sample = [
        joint.join(rng.choice(rng.choice(group)) for _ in range(rng.randint(2, 6)))
        for group, size in ((by_locale, 600), (own, 2400))
        for _ in range(size)
    ]
    assert_documents_equal(encoder(**PLAIN), sample)
    assert_queries_equal(encoder(), sample[::20])
    assert 0.3 < paths.own < 1


def test_english_takes_the_own_path(paths):
    sample = python_documentation()[::4]
    one = encoder()
    assert_documents_equal(one, sample)
    assert paths.own > 0.99
    assert_queries_equal(one, sample[::10])


@options
def test_source_code(options, paths):
    folder = Path(__file__).resolve().parents[2]
    sample = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("bm25/**/*.py"))]
    lines = [line for text in sample for line in text.split("\n")]
    one = encoder(**options)
    assert_documents_equal(one, [*sample, *lines])
    assert_queries_equal(one, lines[::10])
    assert paths.own > 0.99


@pytest.mark.parametrize("name", corpora.LANGUAGES)
def test_collections(name, paths):
    documents, queries = corpora.documents(name), corpora.queries(name)
    one = encoder(language=corpora.LANGUAGES[name])
    assert_documents_equal(one, documents[:2000])
    assert_queries_equal(one, queries[:500])
    if name != "xquad-ar":
        assert paths.own > 0.9


# Random text


def characters(first, last):
    return [chr(code) for code in range(first, last + 1) if not 0xD800 <= code < 0xE000]


PUNCTUATION = list(" .,-_'\"()123$<=>^|~«»„“’‘…—№°·¡\xa0")
MARKS = characters(0x300, 0x345) + list("\u200c\u200d\u00ad\ufe0f")
ASCII = characters(0, 127)
SCRIPTS = {
    "Latin": [*characters(0x80, 0x24F), *"abcXYZ"],
    "Cyrillic": characters(0x400, 0x52F),
    "Greek": characters(0x370, 0x3FF),
    "polytonic Greek": characters(0x1F00, 0x1FFF) + characters(0x370, 0x3FF),
    "sigmas": list("σςΣϲβά\u0301 \x01"),
    "Hebrew": characters(0x590, 0x5FF),
    "Devanagari": characters(0x900, 0x97F),
    "Bengali": characters(0x980, 0x9FF),
    "Tamil": characters(0xB80, 0xBFF),
    "Hangul": characters(0xAC00, 0xD7A3)[::7] + characters(0x1100, 0x11FF),
    "Georgian": characters(0x10A0, 0x10FF),
    "Ethiopic": characters(0x1200, 0x139F),
    "Armenian": characters(0x530, 0x58F),
    "Khmer": characters(0x1780, 0x17FF),
    "half and full width": characters(0xFF60, 0xFFEF),
    "Han and Kana": list("世界日本語の私は東京テスト中国"),
    "Thai": characters(0xE00, 0xE7F),
    "Arabic": characters(0x600, 0x6FF),
    "emoji": [*characters(0x1F300, 0x1F64F), *"👩🏽‍❤️🇩🇪"],
}
BY_ENGINE = {"Armenian", "Han and Kana", "Thai", "Arabic", "polytonic Greek", "half and full width", "Khmer"}
MIXED = [*SCRIPTS.values(), PUNCTUATION, MARKS, ASCII]


def random_texts(alphabets, count, seed):
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        chosen = rng.sample(alphabets, rng.randint(1, min(3, len(alphabets))))
        size = rng.randint(0, rng.choice((6, 40, 80)))
        found.append("".join(rng.choice(rng.choice(chosen)) for _ in range(size)))
    return found


@pytest.mark.parametrize("script", SCRIPTS)
def test_random_text_of_one_script(script, paths):
    letters = SCRIPTS[script]
    sample = random_texts([letters, letters, PUNCTUATION, MARKS], 700, script)
    for options in OPTIONS.values():
        assert_documents_equal(encoder(**options), sample)
    assert_queries_equal(encoder(), sample[::5])
    if script not in BY_ENGINE:
        assert paths.own > 0.2


@options
def test_random_ascii(options, paths):
    alphabets = [ASCII, list("abcXYZ019_.-' "), list("aB1 "), list("a$<=>^|~\x01\x7f\v\f ")]
    sample = random_texts(alphabets, 5000, 1)
    one = encoder(**options)
    assert_documents_equal(one, sample)
    assert_queries_equal(one, sample[::10])
    assert paths.own == 1.0


@options
def test_random_text_of_several_scripts(options, paths):
    one = encoder(**options)
    supported = [letters for script, letters in SCRIPTS.items() if script not in BY_ENGINE]
    sample = random_texts([*supported, PUNCTUATION, MARKS, ASCII], 3000, 2)
    sample += random_texts(MIXED, 1000, 3) + random_texts([characters(0, 0xFFFF), ASCII, PUNCTUATION], 500, 4)
    sample += random_texts([characters(0, 0x1FFFF), ASCII], 500, 5)
    assert_documents_equal(one, sample)
    assert_queries_equal(one, sample[::10])
    assert 0.2 < paths.own < 1


@options
def test_random_supported_text(options, paths):
    """Letters, separators and neutral characters of all scripts, that nothing goes to the engine."""
    kinds = [kind for kind, count in Counter(KINDS).items() if kind != 0]
    alphabets = [[char for char in SUPPORTED if KINDS[ord(char)] == kind] for kind in kinds]
    alphabets += [[*"1a$ "], [*"мжA2 -"], [*"βς3. "], [*" "]]
    sample = random_texts(alphabets, 4000, 6)
    assert_documents_equal(encoder(**options), sample)
    assert paths.own == 1.0


pieces = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(SPECIAL),
    st.sampled_from(
        ["世界", "日本語", "ไทย", "مرحبا", "3d", "2мир", "x=1", "a|b", "c\x01d", "—1", "«", "»", "।"]
    ),
    st.text(st.sampled_from(PUNCTUATION), max_size=4),
    st.text(st.sampled_from(NOTABLE), max_size=4),
    st.sampled_from(sorted(SCRIPTS)).flatmap(
        lambda name: st.text(st.sampled_from(SCRIPTS[name]), max_size=8)
    ),
)
mixed = st.lists(st.tuples(pieces, st.sampled_from(["", "", " ", " ", "\n"])), max_size=12).map(
    lambda parts: "".join(piece + joint for piece, joint in parts)
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(config=configs(), sample=st.lists(texts | mixed, min_size=1, max_size=6))
def test_random_configurations(config, sample):
    multilingual = Bm25Config.from_dict({**config.to_dict(), "tokenizer": "multilingual"})
    assert_equal(Bm25Encoder(multilingual, threads=1), sample)


@settings(max_examples=800, deadline=None)
@given(sample=st.lists(mixed, min_size=1, max_size=4))
def test_random_mixtures(sample):
    assert_equal(ONE, sample)


ONE = encoder(**PLAIN)
