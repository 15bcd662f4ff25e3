"""The steps of the pipeline after the split, in Qdrant's order: each is one small class.

A step takes tokens and, for each, the number of the surface form it came from, and returns the same. It
looks at one token at a time, so that working on many at once gives what working on each alone gives.
`Lowercase` and `Fold` also work on tokens joined by line feeds and spaces, at the speed of C.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, compress, repeat
from typing import Protocol

from bm25.analysis import unicode
from bm25.analysis.multilingual import SPACE
from bm25.analysis.stemming import Stemmer
from bm25.analysis.tokenizers import at_fastembed_separators
from bm25.errors import Bm25InputError
from bm25.plugins import Plugin

__all__ = [
    "Filter", "Fold", "Lengths", "Lowercase", "LowercaseFastEmbed", "Prefixes", "Spaces", "Stem",
    "StemByPlugin", "Stopwords", "Synonyms", "TextStep", "TokenStep", "Tokens",
]  # fmt: skip

MAX_PREFIXES = 1000
"""Of one token. Without a bound, one token of base64 would fill the memory with its prefixes."""

Tokens = tuple[list[str], Sequence[int]]


class TextStep(Protocol):
    """A step on tokens that are still joined, by spaces within the line of a surface form."""

    name: str

    def __call__(self, text: str) -> str:
        """Return the text changed."""


class TokenStep(Protocol):
    """A step on a list of tokens."""

    name: str

    def __call__(self, tokens: list[str], owners: Sequence[int]) -> Tokens:
        """Return the tokens that remain or have come, and their owners."""

    def reason(self, token: str) -> str:
        """Say why the step changes or drops this token."""


class Fold:
    """ASCII folding."""

    name = "ascii_folding"

    def __call__(self, text: str) -> str:
        """Return the text with accents removed where the engine removes them."""
        return unicode.fold(text)


class Lowercase:
    """The engine's lowercase."""

    name = "lowercase"

    def __call__(self, text: str) -> str:
        """Return the text in lowercase."""
        return unicode.lower(text)


class LowercaseFastEmbed:
    """FastEmbed's lowercase, which is Python's, and after which it splits once more: `İ` has a dot then."""

    name = "lowercase"

    def __call__(self, text: str) -> str:
        """Return the text in lowercase, split at what is no part of a word by then."""
        return at_fastembed_separators(text.lower())


class Filter:
    """A plug-in of the user's."""

    def __init__(self, plugin: Plugin) -> None:
        self.name = f"filter {plugin.name}"
        self._plugin = plugin

    def __call__(self, tokens: list[str], owners: Sequence[int]) -> Tokens:
        """Return what the plug-in makes of each token."""
        return _several([self._plugin(token) for token in tokens], owners)

    def reason(self, token: str) -> str:
        """Name the plug-in."""
        return f"plug-in {self._plugin.name!r}, version {self._plugin.version!r}"


class Spaces:
    """Gives words of the tokenizer `multilingual` the spaces that stand within them."""

    name = "spaces"

    def __call__(self, tokens: list[str], owners: Sequence[int]) -> Tokens:
        """Return the tokens with spaces in the place of their stand-in."""
        return [token.replace(SPACE, " ") for token in tokens], owners

    def reason(self, token: str) -> str:
        """Say where the space comes from."""
        return "a no-break space"


class Stopwords:
    """Drops the words of some lists."""

    name = "stopwords"

    def __init__(self, lists: Mapping[str, frozenset[str]]) -> None:
        self.lists = lists
        self.words: frozenset[str] = frozenset().union(*lists.values())

    def __call__(self, tokens: list[str], owners: Sequence[int]) -> Tokens:
        """Return the tokens that are in no list."""
        # Stopwords are met early in a corpus; most later batches of new forms have none, and the set
        # finds that out faster than a loop does.
        if self.words.isdisjoint(tokens):
            return tokens, owners
        return _keep([token not in self.words for token in tokens], tokens, owners)

    def reason(self, token: str) -> str:
        """Name the list."""
        return f"stopword ({', '.join(name for name, words in self.lists.items() if token in words)})"


class Synonyms:
    """Replaces words by what stands for them."""

    name = "synonyms"

    def __init__(self, synonyms: Mapping[str, Sequence[str]]) -> None:
        self._synonyms = synonyms

    def __call__(self, tokens: list[str], owners: Sequence[int]) -> Tokens:
        """Return the tokens with synonyms in the place of words that have them."""
        if self._synonyms.keys().isdisjoint(tokens):
            return tokens, owners
        return _several([self._synonyms.get(token) or (token,) for token in tokens], owners)

    def reason(self, token: str) -> str:
        """Spell the rule out."""
        return f"{token} => {' '.join(self._synonyms.get(token, ()))}"


class Stem:
    """Snowball's stemmer, protected words left alone."""

    name = "stemmer"

    def __init__(self, language: str, stem: Stemmer, protected: Iterable[str] = ()) -> None:
        self._language = language
        self._stem = stem
        self._protected = frozenset(protected)

    def __call__(self, tokens: list[str], owners: Sequence[int]) -> Tokens:
        """Return the stems."""
        stems = self._stem(tokens)
        if not self._protected.isdisjoint(tokens):
            stems = [
                token if token in self._protected else stem for token, stem in zip(tokens, stems, strict=True)
            ]
        return stems, owners

    def reason(self, token: str) -> str:
        """Name the language, or say that the word is protected."""
        return "protected word" if token in self._protected else f"snowball, {self._language}"


class StemByPlugin(Filter):
    """A stemmer of the user's, protected words left alone."""

    def __init__(self, plugin: Plugin, protected: Iterable[str] = ()) -> None:
        super().__init__(plugin)
        self.name = "stemmer"
        self._protected = frozenset(protected)

    def __call__(self, tokens: list[str], owners: Sequence[int]) -> Tokens:
        """Return what the plug-in makes of each token that is not protected."""
        return _several(
            [[token] if token in self._protected else self._plugin(token) for token in tokens], owners
        )

    def reason(self, token: str) -> str:
        """Name the plug-in, or say that the word is protected."""
        return "protected word" if token in self._protected else super().reason(token)


class Lengths:
    """Drops tokens that are too short or too long, counted in characters."""

    name = "length"

    def __init__(self, shortest: int, longest: int | None) -> None:
        self._shortest = shortest
        self._longest = longest

    def __call__(self, tokens: list[str], owners: Sequence[int]) -> Tokens:
        """Return the tokens within the limits."""
        longest = self._longest if self._longest is not None else float("inf")
        return _keep([self._shortest <= len(token) <= longest for token in tokens], tokens, owners)

    def reason(self, token: str) -> str:
        """Name the limit."""
        if len(token) < self._shortest:
            return f"{_characters(token)}, at least {self._shortest} are wanted"
        return f"{_characters(token)}, at most {self._longest} are allowed"


class Prefixes:
    """The prefixes of each token from the shortest length to the longest; of a query's, the longest only."""

    name = "prefix"

    def __init__(self, shortest: int | None, longest: int | None, *, longest_only: bool) -> None:
        # Not given, the shortest prefix has one character, but a token of none, a stem of which nothing is
        # left, is still its own prefix. Given as 0, the empty prefix is one of every token's.
        self._shortest = 1 if shortest is None else shortest
        self._keeps_empty = shortest is None and (longest != 0 or longest_only)
        self._longest = longest
        self._longest_only = longest_only

    def __call__(self, tokens: list[str], owners: Sequence[int]) -> Tokens:
        """Return the prefixes."""
        shortest = self._shortest
        if self._longest_only:
            least = 0 if self._keeps_empty else shortest
            kept, owners = _keep([len(token) >= least for token in tokens], tokens, owners)
            return [token[: self._longest] for token in kept], owners
        longest = max(map(len, tokens), default=0)
        if self._longest is not None:
            longest = min(longest, self._longest)
        if longest > MAX_PREFIXES:
            token = max(tokens, key=len)
            raise Bm25InputError(
                f"a token of {len(token)} characters, {token[:40]!r}..., has more than {MAX_PREFIXES} "
                "prefixes; set max_token_len, the length of the longest prefix (20 is plenty for words)"
            )
        lengths = range(shortest, longest + 1)
        found = [[token[:n] for n in lengths[: max(0, len(token) + 1 - shortest)]] for token in tokens]
        if self._keeps_empty and "" in tokens:
            found = [prefixes if token else [token] for token, prefixes in zip(tokens, found, strict=True)]
        return _several(found, owners)

    def reason(self, token: str) -> str:
        """Say which prefixes are taken."""
        longest = "the whole word" if self._longest is None else f"{self._longest} characters"
        if len(token) < self._shortest and not (self._keeps_empty and not token):
            return f"{_characters(token)}, a prefix has at least {self._shortest}"
        if self._longest_only:
            return f"the longest prefix, up to {longest}"
        return f"prefixes from {_count(self._shortest)} to {longest}"


def _characters(token: str) -> str:
    return _count(len(token))


def _count(characters: int) -> str:
    return "1 character" if characters == 1 else f"{characters} characters"


def _keep(flags: list[bool], tokens: list[str], owners: Sequence[int]) -> Tokens:
    return list(compress(tokens, flags)), list(compress(owners, flags))


def _several(found: list[Sequence[str]] | list[list[str]], owners: Sequence[int]) -> Tokens:
    """Put what each token became into one list."""
    return (
        list(chain.from_iterable(found)),
        list(chain.from_iterable(map(repeat, owners, map(len, found)))),
    )
