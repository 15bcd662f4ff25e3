"""Text that is hard on a tokenizer, for Hypothesis."""

from __future__ import annotations

import unicodedata

from hypothesis import settings
from hypothesis import strategies as st

from tests.conftest import REDUCED

ASCII_SEPARATORS = "".join(chr(code) for code in range(128) if not chr(code).isalnum())
WHITESPACE = " \t\n\v\f\r"
NEAR_WHITESPACE = (
    "\x00\x07\x08\x0e\x1c\x1d\x1e\x1f\x7f\x80\x84\x85\x86\xa0\u1680\u2000\u200a\u200b"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
SIGMAS = "Σσς"
CASE_IGNORABLE = "'.:^`·\u00ad\u0301\u200d’\ufe0f𑂹ªᵃʰͅ"
SPECIAL = "İıIiſKÅẞßŉǰΐﬁﬆ\u0307\u0300\u0345ــ\u0640\u200d\u200c\u2060½⑽Ⅷⓐ²हिन्दीไทย中文字한국"
EMOJI = ("👩‍👩‍👧", "🏳️‍🌈", "😀", "🇩🇪", "❤️", "👍🏽")
RTL = ("שלום", "مرحبا", "\u202eabc\u202c", "مُحَمَّد")
LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257)


def examples(count: int) -> settings:
    """How many examples a test tries; few where the JIT is off."""
    return settings(max_examples=min(count, 10) if REDUCED else count)


def valid_characters(**options: object) -> st.SearchStrategy[str]:
    """Any character but a lone surrogate."""
    return st.characters(exclude_categories=["Cs"], **options)


@st.composite
def sized_tokens(draw: st.DrawFn) -> str:
    """A token of a length in bytes at which the kernels change their ways, ASCII or nearly so."""
    size = draw(st.sampled_from(LENGTHS))
    alphabet = draw(st.sampled_from(["a", "ab", "abcdefghijklmnopqrstuvwxyz", "0aZ"]))
    # Much alike, so that forms differ in one byte only.
    token = list(draw(st.sampled_from(alphabet)) * size)
    for _ in range(draw(st.integers(0, 2))):
        token[draw(st.integers(0, size - 1))] = draw(st.sampled_from("bcXY9"))
    if size >= 2 and draw(st.booleans()):
        return "".join(token[:-2]) + draw(st.sampled_from("äéßΣσςж"))
    return "".join(token)


pieces = st.one_of(
    st.text(valid_characters(), max_size=12),
    st.text(valid_characters(min_codepoint=0x10000), max_size=4),
    st.text(st.sampled_from(SIGMAS + CASE_IGNORABLE + "aA1"), max_size=8),
    st.text(st.sampled_from(SPECIAL), max_size=6),
    st.text(st.sampled_from(ASCII_SEPARATORS), max_size=4),
    st.text(st.sampled_from(WHITESPACE + NEAR_WHITESPACE + "ab"), max_size=6),
    st.sampled_from(EMOJI + RTL),
    st.sampled_from(["the", "The", "THE", "running", "cats", "don't", "e\u0301", "ﬁre", "ÉCOLE", "naïve"]),
    sized_tokens(),
    st.builds(
        unicodedata.normalize, st.just("NFD"), st.text(valid_characters(max_codepoint=0x2FF), max_size=6)
    ),
)

nasty_text = st.lists(
    st.tuples(pieces, st.sampled_from([" ", " ", "", "-", "\n", "\u3000", "\0"])), max_size=25
).map(lambda parts: "".join(piece + separator for piece, separator in parts))

nasty_texts = st.lists(nasty_text, max_size=6)

# Bytes as the kernels see them: any, but mostly such that tokens of all lengths come up.
nasty_bytes = st.one_of(
    st.binary(max_size=300),
    nasty_text.map(str.encode),
    st.lists(
        st.tuples(
            st.integers(0, 140),
            st.sampled_from(b"aZ09\x80\xff_"),
            st.integers(0, 70),
            st.sampled_from(b" \t\0-_\x7f"),
        ),
        max_size=12,
    ).map(lambda runs: b"".join(bytes([a]) * n + bytes([b]) * m for n, a, m, b in runs)),
)
