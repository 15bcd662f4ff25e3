"""Unicode as Qdrant's engine sees it: what a token is made of, its lowercase, its ASCII folding.

The tables in `data/unicode.json` are derived from the engine by `scripts/derive_unicode.py`, because a
term id must not depend on the Unicode version of the running Python. CPython's own routines are used
where they agree with the tables, since they are much faster.

`lower` and `fold` take one token, or many joined by newlines: no replacement crosses a newline, which
is neither cased nor case-ignorable, so the result is that of the single tokens joined by newlines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

__all__ = [
    "alphanumeric_ranges",
    "character_class",
    "fold",
    "lower",
    "non_letter_class",
    "numeric_class",
    "separators_beyond_ascii",
    "uppercase_class",
    "whitespace_characters",
    "whitespace_ranges",
]

Ranges = tuple[tuple[int, int], ...]
"""Code points in ascending order, as (first, last) pairs."""

_LAST = 0x10FFFF


class _Tables(NamedTuple):
    alphanumeric: Ranges
    whitespace: Ranges
    cased: Ranges
    case_ignorable: Ranges
    lowercase: dict[str, str]
    ascii_folding: dict[str, str]
    uppercase: Ranges
    numeric: Ranges


def alphanumeric_ranges() -> Ranges:
    """The code points that the `word` tokenizer keeps in a token."""
    return _tables().alphanumeric


def whitespace_ranges() -> Ranges:
    """The code points at which the `whitespace` tokenizer splits."""
    return _tables().whitespace


@cache
def whitespace_characters() -> frozenset[str]:
    """The characters at which the `whitespace` tokenizer splits."""
    return _chars(whitespace_ranges())


def uppercase_class() -> str:
    """The inside of a character class: what begins a part of an identifier under `code`."""
    return character_class(_tables().uppercase)


def numeric_class() -> str:
    """The inside of a character class: alphanumeric, and neither uppercase nor a letter, under `code`."""
    return character_class(_tables().numeric)


def non_letter_class() -> str:
    """The inside of a character class: all that is not alphabetic."""
    return character_class(_complement(alphanumeric_ranges())) + numeric_class()


def separators_beyond_ascii(split: Literal["word", "whitespace"]) -> re.Pattern[str]:
    """Return a pattern that matches one or more separators, those of ASCII left out.

    Under `word` separators are all characters that are not alphanumeric, else white space only. ASCII
    separators bound a surface form and are in none; what else splits it is found by this.
    """
    return _word_separators() if split == "word" else _whitespace()


@cache
def _word_separators() -> re.Pattern[str]:
    # `re` looks a character of plane 0 up in a bitmap, but compares it with each later range in turn.
    # So the later planes are one range here, and a hit there is put to the real test afterwards. Naming
    # the class twice instead of repeating it once lets `re` skip quickly to its first character.
    beyond_ascii = _split(_complement(alphanumeric_ranges()), at=0x80)[1]
    plane_0, later = _split(beyond_ascii, at=0x10000)
    largest_first = sorted(later, key=lambda r: r[0] - r[1])  # emoji are in one of the largest
    probable = f"[{character_class(plane_0)}{character_class([(0x10000, _LAST)])}]"
    later_alphanumeric = f"[^{character_class([(0, 0xFFFF)])}{character_class(largest_first)}]"
    separator = f"{probable}(?<!{later_alphanumeric})"
    return re.compile(f"{separator}(?:{separator})*")


@cache
def _whitespace() -> re.Pattern[str]:
    whitespace = f"[{character_class(_split(whitespace_ranges(), at=0x80)[1])}]"
    return re.compile(f"{whitespace}{whitespace}*")


def lower(text: str) -> str:
    """Lowercase of a token, or of tokens joined by newlines, equal to Rust's `str::to_lowercase`."""
    if text.isascii():
        return text.lower()
    # Without capital sigmas no character depends on its neighbours.
    if "Σ" in text:
        text = _sigma_not_medial().sub(_lower_sigma, text).replace("Σ", "σ")
    deviant = _deviant_pattern()
    if deviant is None or deviant.search(text) is None:
        return text.lower()
    lowercase = _tables().lowercase
    return "".join(
        lowercase.get(piece, piece) if deviant.match(piece) else piece.lower()
        for piece in deviant.split(text)
    )


def fold(text: str) -> str:
    """ASCII folding of a token, or of tokens joined by newlines; what has no folding stays as it is."""
    if text.isascii():
        return text
    # Faster than `str.translate`, which looks up every character, unless most have a folding.
    return _foldable_pattern().sub(_folding, text)


def _folding(match: re.Match[str]) -> str:
    return _tables().ascii_folding[match[0]]


@cache
def _tables() -> _Tables:
    raw = json.loads((files("bm25.analysis") / "data" / "unicode.json").read_text(encoding="utf-8"))
    return _Tables(
        alphanumeric=_ranges(raw["alphanumeric"]),
        whitespace=_ranges(raw["whitespace"]),
        cased=_ranges(raw["cased"]),
        case_ignorable=_ranges(raw["case_ignorable"]),
        lowercase=_map(raw["lowercase"]),
        ascii_folding=_map(raw["ascii_folding"]),
        uppercase=_ranges(raw["uppercase"]),
        numeric=_ranges(raw["numeric"]),
    )


def _ranges(raw: list[list[int]]) -> Ranges:
    return tuple((first, last) for first, last in raw)


def _map(raw: dict[str, str]) -> dict[str, str]:
    return {chr(int(code, 16)): string for code, string in raw.items()}


def _complement(ranges: Ranges) -> Ranges:
    starts = [0, *(last + 1 for _, last in ranges)]
    ends = [*(first - 1 for first, _ in ranges), _LAST]
    return tuple((first, last) for first, last in zip(starts, ends, strict=True) if first <= last)


def _split(ranges: Ranges, at: int) -> tuple[Ranges, Ranges]:
    """The parts of `ranges` below a code point, and from it on."""
    below = tuple((first, min(last, at - 1)) for first, last in ranges if first < at)
    return below, tuple((max(first, at), last) for first, last in ranges if last >= at)


def _merged(code_points: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending code points as ranges."""
    first = last = -1
    for code in code_points:
        if code != last + 1 and first >= 0:
            yield first, last
        if code != last + 1 or first < 0:
            first = code
        last = code
    if first >= 0:
        yield first, last


def character_class(ranges: Iterable[tuple[int, int]]) -> str:
    """The inside of a character class."""
    return "".join(rf"\U{first:08x}-\U{last:08x}" for first, last in ranges)


def _chars(ranges: Ranges) -> frozenset[str]:
    return frozenset(chr(code) for first, last in ranges for code in range(first, last + 1))


@cache
def _foldable_pattern() -> re.Pattern[str]:
    return re.compile(f"[{character_class(_merged(map(ord, _tables().ascii_folding)))}]")


@cache
def _sigma_not_medial() -> re.Pattern[str]:
    """A capital sigma that no cased character follows, case-ignorable ones not counted."""
    tables = _tables()
    return re.compile(f"Σ(?![{character_class(tables.case_ignorable)}]*[{character_class(tables.cased)}])")


def _lower_sigma(match: re.Match[str]) -> str:
    """Final sigma if a cased character precedes, case-ignorable ones not counted."""
    text = match.string
    cased, case_ignorable = _sigma_neighbours()
    before = match.start() - 1
    while before >= 0 and text[before] in case_ignorable:
        before -= 1
    return "ς" if before >= 0 and text[before] in cased else "σ"


@cache
def _sigma_neighbours() -> tuple[frozenset[str], frozenset[str]]:
    tables = _tables()
    return _chars(tables.cased), _chars(tables.case_ignorable)


@cache
def _deviant_pattern() -> re.Pattern[str] | None:
    """One character, captured, that the running Python lowercases otherwise than the engine."""
    lowercase = _tables().lowercase
    # Blocks without case, most of them, are passed over at once. Beyond plane 1, Unicode has no case.
    blocks = ("".join(map(chr, range(first, first + 256))) for first in range(0, 0x20000, 256))
    changed = {char for block in blocks if block.lower() != block for char in block if char.lower() != char}
    deviant = sorted(c for c in changed.union(lowercase) if c.lower() != lowercase.get(c, c))
    return re.compile(f"([{character_class(_merged(map(ord, deviant)))}])") if deviant else None
