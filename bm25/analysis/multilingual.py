"""The `multilingual` tokenizer, where it is a function of single surface forms.

Qdrant's engine segments Chinese, Japanese and Thai with dictionaries, and for that looks at whole texts. In
the scripts that separate their words it does something simpler, character by character: it cuts at a
change of script, splits at separators, brings each character into a normal form (NFKD; lowercase; without
accents in some scripts), and drops what has no letter. That is here; which texts it is exact for,
`kernels/scripts.py` decides. All tables come from the engine, by `scripts/derive_multilingual.py`.

Normal forms are decomposed, so `й` and Hangul syllables have other term ids than under `word`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from bm25.analysis import unicode

__all__ = ["SPACE", "CharacterKinds", "character_kinds", "split_words"]

SPACE = "\x1f"
"""Stands for a space within a word, until words are no longer joined by spaces; in no word otherwise."""


class CharacterKinds(NamedTuple):
    """What a character is, as a number; `kernels/scripts.py` has the same ones.

    Characters of the first script have the number `script`, of the next one more, and so on. `separator` is
    added to that of a script for its separators, and stands alone for those of no script.
    """

    unsupported: int = 0
    neutral: int = 1
    script: int = 2
    separator: int = 128


def character_kinds() -> bytes:
    """Return what each code point is, from 0 to the last that is supported, as a byte."""
    kinds = CharacterKinds()
    tables = _tables()
    scripts = enumerate(tables["scripts"].values(), kinds.script)
    numbered = [(kinds.neutral, tables["neutral"]), *scripts, (kinds.separator, tables["separators"])]
    result = bytearray(1 + max(last for _, ranges in numbered for _, last in ranges))
    for number, ranges in numbered:
        for first, last in ranges:
            for code in range(first, last + 1):
                result[code] += number
    return bytes(result)


def split_words(text: str) -> str:
    """Split surface forms, one a line, into normalised words separated by spaces; lines may become empty.

    A no-break space is not where the engine splits, and becomes a common space: `SPACE` here.

    Exact for forms of the supported scripts; of other characters it makes something or other.
    """
    if text.isascii():
        return "\n".join([line if line.isalpha() else _ascii_word(line) for line in text.lower().split("\n")])
    return "\n".join([" ".join(_words(line)) for line in text.split("\n")])


def _ascii_word(form: str) -> str:
    form = form.translate(_CONTROLS)
    return form if _ASCII_LETTER.search(form) else ""


_CONTROLS = dict.fromkeys([*range(1, 9), *range(0x0E, 0x20), 0x7F])
_ASCII_LETTER = re.compile("[A-Za-z]")


def _words(form: str) -> list[str]:
    if form.isascii():
        word = _ascii_word(form.lower())
        return [word] if word else []
    patterns = _patterns()
    found = []
    for run in patterns.run.finditer(form):
        script = run.lastgroup
        for piece in patterns.piece.findall(run[0]):
            word = patterns.normal[script](piece)
            if patterns.letter.search(word):
                found.append(word)
    return found


class _Patterns(NamedTuple):
    """Compiled once: `run` has one group per script, `normal` what is done to a piece in a run of it."""

    run: re.Pattern[str]
    piece: re.Pattern[str]
    letter: re.Pattern[str]
    normal: dict[str | None, Callable[[str], str]]


@cache
def _patterns() -> _Patterns:
    tables = _tables()
    scripts = {name: unicode.character_class(ranges) for name, ranges in tables["scripts"].items()}
    scripted = "".join(scripts.values())
    # Characters of no script stay with the run before them, leading ones join the first run.
    runs = "|".join(
        f"(?P<{name}>[{inside}](?:[{inside}]|[^{scripted}])*)" for name, inside in scripts.items()
    )
    return _Patterns(
        run=re.compile(f"[^{scripted}]*(?:{runs})|[^{scripted}]+"),
        piece=re.compile(f"[^{unicode.character_class(tables['separators'])}]+"),
        letter=re.compile(f"[^{unicode.non_letter_class()}]"),
        normal={
            None: _normalizer({}),
            **{name: _normalizer(table) for name, table in tables["normal"].items()},
            "Greek": _greek(_normalizer(tables["normal"]["Greek"])),
        },
    )


class _NormalForms(dict[int, str]):
    """A table for `str.translate`, in which Hangul syllables are found by arithmetic."""

    def __missing__(self, code: int) -> str:
        if not 0xAC00 <= code <= 0xD7A3:
            raise LookupError(code)
        index = code - 0xAC00
        letters = [0x1100 + index // 588, 0x1161 + index % 588 // 28]
        if index % 28:
            letters.append(0x11A7 + index % 28)
        return self.setdefault(code, "".join(map(chr, letters)))


def _normalizer(table: dict[str, str]) -> Callable[[str], str]:
    forms = _NormalForms({int(code, 16): form.replace(" ", SPACE) for code, form in table.items()})
    return lambda piece: piece.translate(forms)


def _greek(normal: Callable[[str], str]) -> Callable[[str], str]:
    def normalize(piece: str) -> str:
        word = normal(piece)
        # Only at the end is the final sigma made a common one, and only if no accent follows it.
        if word.endswith("ς") and piece.translate(_CONTROLS).endswith(("ς", "ϲ")):
            return word[:-1] + "σ"
        return word

    return normalize


@cache
def _tables() -> dict[str, Any]:
    data = files("bm25.analysis") / "data" / "multilingual.json"
    tables: dict[str, Any] = json.loads(data.read_text(encoding="utf-8"))
    return tables
