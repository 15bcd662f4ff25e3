"""Files of words: synonyms and protected words, as people write them by hand.

Both are UTF-8 text, one entry a line; empty lines are skipped, and comments: a `#` at the beginning of a line
or after white space, and what follows.
"""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

from bm25.errors import Bm25ConfigError

__all__ = ["read_synonyms", "read_words"]


_COMMENT = re.compile(r"(?:^|\s)#.*")


def read_synonyms(path: str | PathLike[str]) -> dict[str, list[str]]:
    """Read rules for `Bm25Config.synonyms`, in the notation of Solr and Elasticsearch.

    ``car, auto, automobile`` replaces each of these words by the first. ``tv => television`` replaces the
    words on the left, separated by commas, by all those on the right, separated by commas or spaces; a word
    that shall stay stands on both sides: ``car => car vehicle``. Words on the left are single words, because
    a rule looks at one token at a time.

    Raises:
        Bm25ConfigError: the file cannot be read, or a line is no rule; it names the line.
    """
    rules: dict[str, list[str]] = {}
    for number, line in _lines(path):
        words, right = _rule(line, where := f"{path}: line {number}")
        for word in words:
            if rules.setdefault(word, right) != right:
                raise Bm25ConfigError(
                    f"{where}: there is another rule for {word!r} above; put them in one line"
                )
    return rules


def read_words(path: str | PathLike[str]) -> list[str]:
    """Read words, one a line, as for `Bm25Config.protected_words`.

    Raises:
        Bm25ConfigError: the file cannot be read, or a line has several words; it names the line.
    """
    words = []
    for number, line in _lines(path):
        words.append(_one_word(line, f"{path}: line {number}"))
    return words


def _rule(line: str, where: str) -> tuple[list[str], list[str]]:
    left, arrow, right = line.partition("=>")
    words = [_one_word(part, where) for part in left.split(",")]
    if arrow:
        others = right.replace(",", " ").split()
        if not others or "=>" in right:
            raise Bm25ConfigError(f"{where}: words are expected after =>, as in: tv => television")
        return words, others
    if len(words) == 1:
        raise Bm25ConfigError(
            f"{where}: {words[0]!r} has no synonym; write a rule like: car, auto, automobile; "
            "or: tv => television"
        )
    return words[1:], words[:1]


def _one_word(text: str, where: str) -> str:
    parts = text.split()
    if len(parts) != 1:
        got = f"{text.strip()!r}" if parts else "none"
        raise Bm25ConfigError(
            f"{where}: one word is expected, got {got}; a rule looks at one token at a time"
        )
    return parts[0]


def _lines(path: str | PathLike[str]) -> list[tuple[int, str]]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Bm25ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Bm25ConfigError(f"{path}: line {line}: not valid UTF-8") from None
    lines = [(number, _COMMENT.sub("", line).strip()) for number, line in enumerate(text.split("\n"), 1)]
    return [(number, line) for number, line in lines if line]
