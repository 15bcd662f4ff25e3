"""Text for terminals and logs: how wide it is, and what cannot be shown."""

from __future__ import annotations

import unicodedata

__all__ = ["display_width", "padded", "printable"]


def padded(text: str, size: int, *, right: bool = False) -> str:
    """Return the text with spaces before or behind it, as wide as `size` columns."""
    space = " " * (size - display_width(text))
    return space + text if right else text + space


def display_width(text: str) -> int:
    """Return the columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(char) in ("Mn", "Me")
        else 2
        if unicodedata.east_asian_width(char) in "WF"
        else 1
        for char in text
    )


def printable(text: str, encoding: str = "utf-8") -> str:
    """Return the text with control characters, joiners and what an encoding lacks escaped."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )
    return shown.encode(encoding, "backslashreplace").decode(encoding)
