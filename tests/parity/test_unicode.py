"""Arbitrary Unicode, under arbitrary configurations."""

import random
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder
from bm25.analysis import unicode
from bm25.analysis.languages import STEMMER_LANGUAGES
from tests.oracle import assert_documents_equal, assert_equal, assert_queries_equal
from tests.parity.strategies import TOKENIZERS, configs, texts

PLAIN = {"stemmer": {"type": "none"}, "stopwords": {}}
EVERY = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
MEGABYTE = 1 << 20

# Around sigma, whose lowercase depends on what is beside it.
PATTERNS = ("{}", "a{}b", "AΣ{}", "AΣ{}A", "{}Σ", "A{}Σ", "A.Σ{}", "{0}{0}Σ")

OPTIONS = {
    "word": PLAIN,
    "whitespace": {"tokenizer": "whitespace", **PLAIN},
    "word-folding": {"ascii_folding": True, **PLAIN},
    "whitespace-folding": {"tokenizer": "whitespace", "ascii_folding": True, **PLAIN},
    "whitespace-folding-as-is": {
        "tokenizer": "whitespace", "ascii_folding": True, "lowercase": False, **PLAIN,
    },
    "word-as-is": {"lowercase": False, **PLAIN},
    "word-german": {"language": "german"},
    "prefix": {"tokenizer": "prefix", **PLAIN},
    "prefix-folding": {"tokenizer": "prefix", "ascii_folding": True, "min_token_len": 2, **PLAIN},
    "code": {"tokenizer": "code", **PLAIN},
    "code-folding": {"tokenizer": "code", "ascii_folding": True, **PLAIN},
    "code-as-is": {"tokenizer": "code", "lowercase": False, **PLAIN},
    "word-length-1": {"max_token_len": 1, **PLAIN},
    "whitespace-length-2": {"tokenizer": "whitespace", "min_token_len": 2, **PLAIN},
}  # fmt: skip


def encoder(**options):
    return Bm25Encoder(Bm25Config(**options), threads=1)


def notable_code_points():
    """All that has case, combines, or is no plain letter; both sides of every class boundary; a sample."""
    found = {c for c in EVERY if unicodedata.category(c) not in ("Lo", "So", "Co", "Cn")}
    for ranges in (unicode.alphanumeric_ranges(), unicode.whitespace_ranges()):
        for first, last in ranges:
            found.update(chr(code) for code in (first - 1, first, last, last + 1) if 0 < code < 0x110000)
    found.update(random.Random(0).sample(EVERY, 10_000))
    return sorted(c for c in found if not 0xD800 <= ord(c) < 0xE000)


NOTABLE = notable_code_points()


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(config=configs(), sample=st.lists(texts, min_size=1, max_size=6))
def test_random_configurations(config, sample):
    assert_equal(Bm25Encoder(config, threads=1), sample)


DEFAULT = encoder()
FOLDING_WHITESPACE = encoder(tokenizer="whitespace", ascii_folding=True)


@settings(max_examples=1500, deadline=None)
@given(text=texts)
def test_random_texts(text):
    for each in (DEFAULT, FOLDING_WHITESPACE):
        assert_equal(each, [text])


@pytest.mark.parametrize(
    ("options", "pattern"),
    [("word", "{}"), ("whitespace", "AΣ{}A"), ("word-folding", "a{}b")],
)
def test_every_code_point(options, pattern):
    sample = [pattern.format(c) for c in EVERY]
    one = encoder(**OPTIONS[options])
    assert_documents_equal(one, sample)
    assert_queries_equal(one, sample, singly=False)


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ("prefix", "Σ{}"), ("code", "a{}b"), ("code", "A{}B"), ("code", "a_{0}1{0}s{0}_"),
        ("code-as-is", "1{0}Ab AB{0}sx"),
    ],
)  # fmt: skip
def test_every_code_point_among_others(options, pattern):
    """Many in one text: each token differs from the others by its code point."""
    # What no plane has a character at is left out of the long patterns.
    some = (
        EVERY
        if len(pattern) < 5
        else [c for c in EVERY if c < "\U00032400" or "\U000dffff" < c < "\U000e0200"]
    )
    sample = [pattern.format(c) for c in some]
    sample = [" ".join(sample[i : i + 300]) for i in range(0, len(sample), 300)]
    one = encoder(**OPTIONS[options])
    assert_documents_equal(one, sample)
    assert_queries_equal(one, sample, singly=False)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("options", OPTIONS)
def test_notable_code_points(options, pattern):
    sample = [pattern.format(c) for c in NOTABLE]
    one = encoder(**OPTIONS[options])
    assert_documents_equal(one, sample)
    assert_queries_equal(one, sample, singly=pattern == "{}")


@pytest.mark.parametrize("language", STEMMER_LANGUAGES)
def test_notable_code_points_at_the_ends_of_words(language):
    """Stemmers cut words by characters: theirs may be of one to four bytes."""
    endings = ("ing", "ations", "ιας", "ости", "انها", "ություն", "ார்கள்", "leri")
    sample = [f"{c}{ending} word{ending}{c}" for i, c in enumerate(NOTABLE) for ending in (endings[i % 8],)]
    one = encoder(stemmer={"type": "snowball", "language": language}, stopwords={})
    assert_documents_equal(one, sample)
    assert_queries_equal(one, sample[::10])


LONG = {
    "ascii": "a", "accents": "É", "sigma": "AΣ", "emoji": "😀", "digits": "1a", "marks": "Ǆ\u0301",
    "english": "running",
}  # fmt: skip


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("repeated", LONG.values(), ids=LONG)
def test_token_of_up_to_a_megabyte(tokenizer, repeated):
    size = MEGABYTE if tokenizer in ("word", "whitespace") else MEGABYTE // 8
    token = repeated * (size // len(repeated.encode()))
    options = {"tokenizer": tokenizer, "language": "german", "ascii_folding": True}
    # All prefixes of such a token would be half a terabyte.
    limits = (20, 300) if tokenizer == "prefix" else (None, MEGABYTE)
    sample = [f"before {token} after {token}ing", "before after"]
    assert_equal(encoder(**options, max_token_len=limits[0]), sample)
    assert_equal(encoder(**options, max_token_len=limits[1]), [token])


def test_all_prefixes_of_a_long_token():
    assert_equal(encoder(tokenizer="prefix"), [f"before {'Aé' * 500} after", "Aé" * 500])


def test_long_token_of_tatweel():
    """The Arabic stemmer, the engine's too, takes time by the square of what it removes: no megabyte."""
    token = "ـ" * 10_000
    assert_equal(encoder(language="arabic"), [token, f"كتا{token}ب {token}"])


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize(
    "text",
    ["", " ", "\n", "\t\n\v\f\r ", "\0", "\0 \0", "...", "_", "\u2003", "\u3000\u2028", "\x85", "\xa0" * 100,
     "-" * 100_000, " " * 100_000, "\u3000" * 100_000, "😀" * 1000, "\x1c\x1d\x1e\x1f", "\u200b", "\ufeff"],
    ids=lambda text: ascii(text[:4]),
)  # fmt: skip
def test_only_separators(tokenizer, text):
    one = encoder(tokenizer=tokenizer)
    assert_equal(one, [text])
    assert_equal(one, [text, "a", text, "", f"a{text}b", f"{text}a", f"a{text}", text])


def test_no_texts():
    assert_equal(encoder(), [])


@pytest.mark.parametrize("text", ["ـ", "ـ كتاب ـ", "ـ\u064b", "ـa"])
@pytest.mark.parametrize(
    "limits",
    [{}, {"min_token_len": 0}, {"min_token_len": 1}, {"min_token_len": 2}, {"max_token_len": 0},
     {"max_token_len": 3}, {"min_token_len": 0, "max_token_len": 0}],
)  # fmt: skip
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_token_that_becomes_empty(text, limits, tokenizer):
    assert_equal(encoder(language="arabic", tokenizer=tokenizer, **limits), [text])


def test_nul_under_whitespace():
    one = encoder(tokenizer="whitespace", **PLAIN)
    assert_equal(one, ["\0", "a \0 b", "a\0b", "\0\0", "\0a \0"])
    assert len(one.encode_documents(["\0"])[0][0]) == 1
    assert len(one.encode_query("\0")[0]) == 0


@pytest.mark.parametrize(
    "custom", ["The", "the", "running", "run", "É", "e", "Σ", "ς", "ΑΣ", "", " ", "a b", "\0", "\n"]
)
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_custom_stopwords(custom, lowercase, tokenizer):
    sample = ["The the THE running run É é e E Σ σ ς ΑΣ ας a b a\0b \0 Running"]
    sample += sample[0].split(" ")
    for folding in (False, True):
        options = {"lowercase": lowercase, "tokenizer": tokenizer, "ascii_folding": folding}
        assert_equal(encoder(stopwords={"custom": [custom]}, **options), sample)
        assert_equal(encoder(stopwords={"languages": ["english"], "custom": [custom]}, **options), sample)
