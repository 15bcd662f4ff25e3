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
    # One pass over all lines finds the parts of those that are one identifier, in ASCII: nearly all.
    marked = _boundary(True).sub(" ", text).split("\n")
    return "\n".join(
        [
            _parts_of_identifier(line, parts, wholes)
            if line.isascii() and " " not in line
            else _parts_of_line(line, wholes)
            for line, parts in zip(text.split("\n"), marked, strict=True)
        ]
    )


def _parts_of_line(line: str, wholes: bool) -> str:
    boundary = _boundary(False)
    found = [_parts_of_identifier(word, boundary.sub(" ", word), wholes) for word in line.split(" ")]
    return " ".join([parts for parts in found if parts])


def _parts_of_identifier(identifier: str, marked: str, wholes: bool) -> str:
    """Return the parts of an identifier separated by spaces, given it with spaces where case splits it."""
    if "_" not in identifier:
        if len(marked) == len(identifier) or identifier[0] in DIGITS:
            return identifier
        return f"{marked} {identifier}" if wholes else marked
    if identifier[0] in DIGITS:
        return identifier.replace("_", "")
    pieces = [piece for piece in marked.split("_") if piece]
    if not wholes:
        return " ".join(pieces)
    found = [f"{piece} {piece.replace(' ', '')}" if " " in piece else piece for piece in pieces]
    if len(pieces) > 1:
        found.append(identifier.replace("_", ""))
    return " ".join(found)


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
        other = f"[^{upper}{numeric_class()}_ \\n]"
    after_other = f"(?<=[^{upper}_ \\n])(?=[{upper}])"
    last_of_several = f"(?<=[{upper}])(?=[{upper}](?:(?!s){other}|s{other}))"
    return re.compile(f"{after_other}|{last_of_several}")
