"""`Analyzer`: what every tokenizer option means, applied once to each distinct surface form.

A surface form is a run of bytes between ASCII separators. Everything beyond ASCII counts as part of
it, so that the compiled loop needs no Unicode tables; the exact split happens here, and a form may
yield no term, one, or several.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import compress
from typing import Literal, NamedTuple

from bm25.analysis import stopwords, unicode
from bm25.analysis.stemming import SPARE_DIGITS, Stemmer, stemmer
from bm25.config import Bm25Config

__all__ = ["Analysis", "Analyzer", "Role"]

Role = Literal["document", "query"]

# Surface forms by tokenizer, for one text at a time; the kernels find the same ones.
_SURFACE = {
    "word": re.compile("[0-9A-Za-z\x80-\U0010ffff]+"),
    "whitespace": re.compile("[^\t\n\v\f\r ]+"),
}


class Analysis(NamedTuple):
    """Terms in order of appearance, and for each the number of the surface form it came from."""

    terms: list[str]
    owners: Sequence[int]


class Analyzer:
    """The pipeline of one configuration in one role. Immutable, and safe to share between threads.

    Attributes:
        surface_forms: a function from one text to its surface forms.
        digits_end_terms: whether a form of ASCII letters and digits that ends in a digit is, in
            lowercase, its own term.
    """

    def __init__(self, config: Bm25Config, role: Role) -> None:
        self.config = config
        self.role = role
        self.surface_forms = _SURFACE[config.tokenizer].findall
        self._separators = unicode.separators_beyond_ascii(config.tokenizer)
        self._stopwords = self._all_stopwords()
        language = config.stemmer_language
        self._stem: Stemmer | None = None if language is None else stemmer(language)
        self._shortest = config.min_token_len or 0
        self._longest = config.max_token_len
        self.digits_end_terms = (
            config.lowercase
            and (language is None or language in SPARE_DIGITS)
            and self._shortest <= 1
            and self._longest is None
            and not any(word.endswith(tuple("0123456789")) for word in self._stopwords)
        )

    def analyze(self, text: str) -> Analysis:
        """Return the terms of surface forms, given one a line."""
        # The order is Qdrant's: split, fold, lowercase, stopwords, stem, limits. The first three work
        # on all forms at once, at the speed of C.
        if not text.isascii():
            text = self._separators.sub(" ", text)
        if self.config.ascii_folding:
            text = unicode.fold(text)
        if self.config.lowercase:
            text = unicode.lower(text)
        tokens, owners = _tokens(text)
        # Stopwords are met early in a corpus; most later batches of new forms have none, and the set
        # finds that out faster than a loop does.
        if not self._stopwords.isdisjoint(tokens):
            tokens, owners = _keep([token not in self._stopwords for token in tokens], tokens, owners)
        if self._stem is not None:
            tokens = self._stem(tokens)
        if self._shortest > 0 or self._longest is not None:
            longest = self._longest if self._longest is not None else float("inf")
            fits = [self._shortest <= len(token) <= longest for token in tokens]
            tokens, owners = _keep(fits, tokens, owners)
        return Analysis(tokens, owners)

    def _all_stopwords(self) -> frozenset[str]:
        words = set(self.config.custom_stopwords)
        for language in self.config.stopword_languages:
            words |= stopwords.load(language)
        if self.config.lowercase:
            words = {unicode.lower(word) for word in words}
        if self.config.tokenizer == "whitespace" and self.role == "query":
            words.add("\0")  # the engine drops this one token from queries and keeps it in documents
        return frozenset(words)


def _tokens(text: str) -> tuple[list[str], Sequence[int]]:
    lines = text.split("\n")
    if " " not in text:
        return lines, range(len(lines))
    # Few lines are split further; what lies between them is taken over whole.
    tokens: list[str] = []
    owners: list[int] = []
    done = 0
    for number in [i for i, line in enumerate(lines) if " " in line]:
        pieces = [piece for piece in lines[number].split(" ") if piece]
        tokens += lines[done:number] + pieces
        owners += [*range(done, number), *[number] * len(pieces)]
        done = number + 1
    tokens += lines[done:]
    owners += range(done, len(lines))
    return tokens, owners


def _keep(flags: list[bool], tokens: list[str], owners: Sequence[int]) -> tuple[list[str], Sequence[int]]:
    return list(compress(tokens, flags)), list(compress(owners, flags))
