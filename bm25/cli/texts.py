"""The texts of commands that take a few of them: arguments, or lines of standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from bm25.errors import Bm25ConfigError, Bm25InputError

__all__ = ["texts"]


def texts(arguments: Sequence[str], example: str) -> Iterator[str]:
    """Yield the arguments, or the lines of standard input if there are none.

    Raises:
        Bm25ConfigError: there are none, and standard input is a terminal; it shows the example.
        Bm25InputError: a text is not valid Unicode.
    """
    if not arguments and sys.stdin.isatty():
        raise Bm25ConfigError(f"no text: give one, as in {example}, or pipe lines in")
    return map(_require_unicode, arguments) if arguments else _lines()


def _lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise Bm25InputError(f"standard input: line {number}: not valid UTF-8") from None


def _require_unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # Arguments that are not valid in the locale's encoding arrive with lone surrogates.
        raise Bm25InputError(
            f"the text {text!r} is not valid Unicode; is the terminal set to UTF-8?"
        ) from None
    return text
