"""`extent`: how much an analysis of texts would yield, counted before it is made.

A short text can yield a lot: a token has as many prefixes as characters, a synonym may stand for thousands of
words, and each row of an analysis repeats the form that it came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from bm25.analysis.analyzer import Analyzer, Role
from bm25.analysis.steps import MAX_PREFIXES, Filter, StemByPlugin

if TYPE_CHECKING:
    from bm25.config import Bm25Config

__all__ = ["Extent", "extent", "has_growth"]


class Extent(NamedTuple):
    """What texts yield at most, before stems: some are longer than their words, of `ß` comes `ss`.

    Attributes:
        tokens: their number, those that are dropped and repeats included.
        shown: the characters of a list that has for each token its form, and what it became.
        made: the characters of the terms, repeats included.
    """

    tokens: int
    shown: int
    made: int


def has_growth(config: Bm25Config) -> bool:
    """Tell whether texts may have more tokens, or longer terms, than they have characters."""
    return config.tokenizer == "prefix" or bool(config.synonyms) or bool(config.filters)


def extent(config: Bm25Config, role: Role, texts: Iterable[str]) -> Extent:
    """Return the extent of an analysis of texts.

    Args:
        config: of the analysis; not for the tokenizer `multilingual`.
        role: of the texts.
        texts: valid Unicode.
    """
    # The roles differ in prefixes, counted here, and in stopwords, which only make less of a text. The
    # analyzer of documents would warn of the options.
    analyzer = Analyzer(config, "query")
    pieces = _pieces(analyzer, texts)
    growth = _Growth(config, role)
    tokens = shown = made = 0
    for (piece, count), words in zip(pieces.items(), _words(analyzer, list(pieces)), strict=True):
        rows = characters = extra = 0
        for word in words:
            results, length, said = growth.of(word)
            rows += results
            characters += length
            extra += results * said
        rows = max(rows, 1)  # one that says why the piece is dropped
        tokens += count * rows
        shown += count * (characters + extra + rows * len(piece))
        made += count * characters
    return Extent(tokens, shown, made)


class _Growth:
    """What one token becomes through synonyms and prefixes."""

    def __init__(self, config: Bm25Config, role: Role) -> None:
        self._synonyms = config.synonyms or {}
        self._prefixes = config.tokenizer == "prefix" and role == "document"
        self._shortest = 1 if config.min_token_len is None else config.min_token_len
        self._longest = config.longest_token
        self._known: dict[str, tuple[int, int, int]] = {}

    def of(self, token: str) -> tuple[int, int, int]:
        """Return how many results there are, their characters, and those that each row says besides."""
        found = self._known.get(token)
        if found is None:
            found = self._known[token] = self._of(token)
        return found

    def _of(self, token: str) -> tuple[int, int, int]:
        others = self._synonyms.get(token)
        # Each row with a synonym spells the whole rule out.
        said = len(token) + (sum(map(len, others)) + len(others) if others else 0)
        results = length = 0
        for other in others or (token,):
            number, characters = self._made(len(other))
            results += number
            length += characters
        return results, length, said

    def _made(self, length: int) -> tuple[int, int]:
        """Return how many terms come of a token of some length, and their characters."""
        longest = length if self._longest is None else min(length, self._longest)
        number = longest - self._shortest + 1
        # Of too many the step itself says what to do, and of none that the token is dropped.
        if not self._prefixes or longest > MAX_PREFIXES or number < 1:
            return 1, length
        return number, number * (self._shortest + longest) // 2


def _pieces(analyzer: Analyzer, texts: Iterable[str]) -> Counter[str]:
    """Return what stands between separators, and how often."""
    forms: Counter[str] = Counter()
    for text in texts:
        forms.update(analyzer.surface_forms(text))
    pieces: Counter[str] = Counter()
    for form, count in forms.items():
        if form.isascii():
            pieces[form] += count
        else:
            for start, end in analyzer.tokenizer.spans(form):
                pieces[form[start:end]] += count
    return pieces


def _words(analyzer: Analyzer, pieces: list[str]) -> list[list[str]]:
    """Return for each piece its tokens as the step of synonyms gets them."""
    if not pieces:
        return []
    text = analyzer.tokenizer.split("\n".join(pieces))
    for step in analyzer.text_steps:
        text = step(text)
    found = [[word for word in line.split(" ") if word] for line in text.split("\n")]
    for filter_ in analyzer.token_steps:
        if isinstance(filter_, Filter) and not isinstance(filter_, StemByPlugin):
            found = [filter_(words, range(len(words)))[0] for words in found]
    return found
