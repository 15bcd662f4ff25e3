"""The `code` tokenizer: identifiers, their parts, and the whole beside its parts.

`getUserName` becomes get, User, Name and getUserName; `snake_case` becomes snake, case and snakecase. What
begins with an ASCII digit is a number, whole, without its underscores. The rules are the engine's, found by
comparing terms; `scripts/derive_unicode.py` derives the two tables of characters.
"""

from __future__ import annotations

import re
from functools import cache

from bm25.analysis.unicode import numeric_class, uppercase_class

__all__ = ["split_identifiers"]

DIGITS = frozenset("0123456789")


def split_identifiers(text: str, *, wholes: bool) -> str:
    """Split the identifiers of lines into their parts, all separated by spaces.

    Args:
        text: identifiers, runs of alphanumeric characters and underscores, split by spaces and line feeds.
        wholes: whether an identifier of several parts is kept beside them; the engine keeps it only
            when it lowercases.
    """
    return "\n".join(
        [line if _is_one_part(line) else _parts_of_line(line, wholes) for line in text.split("\n")]
    )


def _is_one_part(line: str) -> bool:
    """Tell, quickly and only for some, that a line is one identifier of one part."""
    return line.isascii() and line.islower() and "_" not in line and " " not in line


def _parts_of_line(line: str, wholes: bool) -> str:
    return " ".join([part for word in line.split(" ") if word for part in _parts(word, wholes)])


def _parts(identifier: str, wholes: bool) -> list[str]:
    if identifier[0] in DIGITS:
        return [identifier.replace("_", "")]
    boundary = _boundary(identifier.isascii())
    found: list[str] = []
    pieces = [piece for piece in identifier.split("_") if piece]
    for piece in pieces:
        parts = boundary.sub(" ", piece).split(" ")
        found += parts
        if wholes and len(parts) > 1:
            found.append(piece)
    if wholes and len(pieces) > 1:
        found.append("".join(pieces))
    return found


@cache
def _boundary(ascii_only: bool) -> re.Pattern[str]:
    """Return a pattern that matches, empty, between two parts of a word.

    A part begins at a capital after something else, and at the last of several capitals if a letter that
    is none follows: `HTTPServer`. A single s does not count, it is a plural: `URLs`, `IDsOf`.
    """
    if ascii_only:
        upper, other = "A-Z", "[a-z]"
    else:
        upper = uppercase_class()
        other = f"[^{upper}{numeric_class()}]"
    return re.compile(f"(?<=[^{upper}])(?=[{upper}])|(?<=[{upper}])(?=[{upper}](?:(?!s){other}|s{other}))")
