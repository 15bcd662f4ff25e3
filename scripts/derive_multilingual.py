"""Derive bm25/analysis/data/multilingual.json: what the `multilingual` tokenizer does to single characters.

    python scripts/derive_multilingual.py            write the file
    python scripts/derive_multilingual.py --check    exit with 1 unless the file equals a fresh derivation

Needs the oracle and Python 3.11, whose Unicode tables propose normal forms, and takes half a minute. The
tokenizer looks at whole texts, but what it does to a text of the scripts below is decided character by
character. The file says which characters those are; every entry is what the engine does with that code point
between two letters of the script. A code point whose effect is not one of the expected ones is left out of
all tables, and texts that contain it are given to the engine.

Tables: ranges are [first, last], maps go from hexadecimal code point to string, identities are left out.

    separators   what splits a run of characters into tokens; some belong to a script all the same
    neutral      what belongs to no script and is part of a token beside letters, without being a letter
    scripts      the characters of each script; another script's character begins a new token
    normal       per script, what its characters and the neutral ones become. Hangul syllables are checked
                 and left out: they become their letters, by Unicode's arithmetic
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator

import oracle
import tables

LETTERS = {
    "Latin": "z", "Cyrillic": "я", "Greek": "β", "Hebrew": "ש", "Devanagari": "क", "Bengali": "ক",
    "Tamil": "க", "Hangul": "ᄀ", "Georgian": "ა", "Ethiopic": "ሀ",
}  # fmt: skip
"""A letter of each script that is its own normal form."""

LAST_BLOCK = 0x1FB00  # beyond it are no symbols that stand in ordinary text

ARMENIAN = (range(0x530, 0x590), range(0xFB13, 0xFB18))
"""Of no script where the engine cuts text, but of one where it detects the script of the whole text. What
becomes of a text with one of these characters depends on its other characters."""

_ENGINE = oracle.tokenizer("multilingual")


def derive() -> dict[str, object]:
    """All tables, ready to be written."""
    script_of, separators, neutral = _classes()
    normal: dict[str, dict[int, str]] = {script: {} for script in LETTERS}
    for code in sorted(script_of.keys() - separators):
        found = _normal(script_of[code], code)
        if found is None:
            del script_of[code]
        elif found != chr(code) and not 0xAC00 <= code <= 0xD7A3:
            normal[script_of[code]][code] = found
    for code in sorted(neutral):
        forms = {script: _normal(script, code) for script in LETTERS}
        if any(form is None or _has_letter(form) for form in forms.values()):
            neutral.discard(code)
            continue
        for script, form in forms.items():
            if form != chr(code):
                normal[script][code] = str(form)
    return {
        "oracle": oracle.name_and_version(),
        "separators": tables.ranges(separators),
        "neutral": tables.ranges(neutral),
        "scripts": {
            script: tables.ranges(code for code, other in script_of.items() if other == script)
            for script in LETTERS
        },
        "normal": {
            script: {f"{code:x}": form for code, form in sorted(table.items())}
            for script, table in normal.items()
        },
    }


def _classes() -> tuple[dict[int, str], set[int], set[int]]:
    """(script of each code point that has one, separators, other neutral characters)."""
    script_of: dict[int, str] = {}
    separators: set[int] = set()
    neutral: set[int] = set()
    for code in oracle.code_points():
        if code >= LAST_BLOCK:
            break
        if any(code in block for block in ARMENIAN):
            continue
        char = chr(code)
        effects = {script: _effect(script, char) for script in ("Latin", "Cyrillic")}
        if set(effects.values()) == {"joins"}:
            neutral.add(code)
        elif set(effects.values()) == {"splits"}:
            separators.add(code)
        elif "cuts" in effects.values():
            if set(effects.values()) == {"cuts"}:
                effects = {script: _effect(script, char) for script in LETTERS}
            own = {script: effect for script, effect in effects.items() if effect != "cuts"}
            if len(own) == 1 and set(own.values()) <= {"joins", "splits"}:
                (script_of[code],) = own
                if own[script_of[code]] == "splits":
                    separators.add(code)
    return script_of, separators, neutral


def _effect(script: str, char: str) -> str:
    """What a character does between letters of a script: joins them, splits them, or cuts the run."""
    letter = LETTERS[script]
    found = _tokens(f"{letter}{char}1{letter}")
    alone, numbered = oracle.term_id(letter), oracle.term_id(f"1{letter}")
    if found.get(alone, 0) >= 2:
        return "cuts"  # the digit stays with what stands before it, so the second letter is alone
    if found.get(alone) == 1 and found.get(numbered) == 1:
        return "splits"
    return "joins" if sum(found.values()) == 1 and alone not in found else "unexpected"


def _normal(script: str, code: int) -> str | None:
    """What a character becomes in a run of a script; None if nothing expected explains what is seen."""
    letter, char = LETTERS[script], chr(code)
    contexts = [f"{letter}{{}}{letter}", f"{letter}{{}}1", f"{letter}1{{}}{letter}"]
    seen = [_tokens(context.format(char)) for context in contexts]
    for form in _candidates(char):
        terms = [oracle.term_id(context.format(form)) for context in contexts]
        if seen == [{term: 1} for term in terms]:
            return form
    return None


def _candidates(char: str) -> Iterator[str]:
    decomposed = unicodedata.normalize("NFKD", char)
    lowered = "".join(piece.lower() for piece in decomposed)
    yield char
    yield ""
    for form in (decomposed, lowered, char.lower()):
        spelled = form.replace("æ", "ae").replace("œ", "oe")
        for spelling in (form, spelled):
            yield spelling
            yield "".join(piece for piece in spelling if unicodedata.category(piece) != "Mn")


def _has_letter(form: str) -> bool:
    """Whether the engine keeps a token of a digit and these characters: it drops what has no letter."""
    return any(_tokens(f"1{char}") for char in form)


def _tokens(text: str) -> dict[int, int]:
    vector = _ENGINE.embed_document(text)
    return dict(zip(vector.indices, map(round, vector.values), strict=True))


if __name__ == "__main__":
    sys.exit(tables.main("multilingual.json", __doc__, derive))
