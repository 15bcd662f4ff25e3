"""Keys of providers: where a request has them, and how they are kept out of what is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from bm25.inference.errors import AuthenticationError, InvalidRequestError

__all__ = ["SUFFIX", "Key", "scrub", "take_key"]

SUFFIX = "-api-key"

# White space and control characters would end the header that a key is sent in.
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")
_WORD = re.compile(r"[^\s\"'<>(){}\[\],;]+")

# A piece of a key of this length tells too much; providers echo keys with the middle part masked.
_PIECE = 6


class Key:
    """A key that does not show itself.

    Attributes:
        value: the key; for the Authorization header and nothing else.
    """

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Key(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not stored")


def take_key(
    options: Mapping[str, Any], keys: Mapping[str, str], header: str | None, place: str
) -> tuple[Key | None, dict[str, Any]]:
    """Return the key for an input, and its options without it.

    An option is more specific than a header, so it comes first. Names are compared in lowercase.

    Args:
        options: of the input.
        keys: of the request, by the name of the header.
        header: where the provider's key is looked for; None for a server that wants none.
        place: the path of the input.

    Raises:
        AuthenticationError: there is no key, or it is none that a header can hold.
        InvalidRequestError: the options hold the key of another provider, which is not sent to this one.
    """
    rest, value, where = {}, None, "the request header"
    for name, option in options.items():
        if not name.lower().endswith(SUFFIX):
            rest[name] = option
        elif name.lower() == header:
            value, where = option, f"{place}.options"
        else:
            takes = f"takes {header!r}" if header else "takes no key"
            raise InvalidRequestError(
                f"{place}.options: {name[:80]!r} is the key of another service; this model {takes}"
            )
    if header is None:
        return None, rest
    if value is None:
        value = keys.get(header)
    if value is None or value == "":
        raise AuthenticationError(
            f"{place}: model needs a key; send it in the request header {header!r}, or in the input's "
            "options under the same name"
        )
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise AuthenticationError(
            f"{place}: what {where} has for {header!r} is no key; use printable ASCII without white space"
        )
    return Key(value), rest


def scrub(text: str, key: Key | None) -> str:
    """Return a text with each word that holds the key, or a good part of it, replaced by `[key]`."""
    if key is None:
        return text
    value = key.value
    text = text.replace(value, "[key]")
    pieces = {value[i : i + _PIECE] for i in range(len(value) - _PIECE + 1)}

    def hidden(match: re.Match[str]) -> str:
        word = match[0]
        found = any(word[i : i + _PIECE] in pieces for i in range(len(word) - _PIECE + 1))
        return "[key]" if found else word

    return _WORD.sub(hidden, text)
