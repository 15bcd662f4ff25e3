"""Tokenizers: how text becomes surface forms, and how a surface form is split into tokens.

A surface form is what stands between ASCII separators, and is all that the compiled loop finds; `forms`
says which bytes those are. The exact split, by characters beyond ASCII and by the tokenizer's own rules, is
`split`, and happens once for each distinct form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from bm25 import plugins
from bm25.analysis.code import DIGITS, split_identifiers
from bm25.analysis.multilingual import split_words
from bm25.analysis.unicode import separators_beyond_ascii
from bm25.config import Bm25Config
from bm25.plugins import Plugin

__all__ = ["SURFACE_FORMS", "Tokenizer", "at_fastembed_separators", "tokenizer"]

SURFACE_FORMS = {
    "word": re.compile("[0-9A-Za-z\x80-\U0010ffff]+"),
    "identifier": re.compile("[0-9A-Z_a-z\x80-\U0010ffff]+"),
    "whitespace": re.compile("[^\t\n\v\f\r ]+"),
    "multilingual": re.compile(r"[^\0\t\n\r !-#%-/:;?@\[-\]_`{}]+"),
}
"""Surface forms by kind, for one text at a time. The kernels find the same ones."""


class Tokenizer(NamedTuple):
    """How one tokenizer splits.

    Attributes:
        name: what a configuration calls it.
        forms: the kind of surface form, a key of `SURFACE_FORMS`.
        split: from surface forms, one a line, to lines of tokens separated by spaces. Tokens keep the
            characters of the text: folding and lowercasing come later.
        spans: from one surface form to the (start, end) of its parts between separators, which is all there
            is to `split` but the rules that take such a part apart.
        reason: says what those rules do with a part.
    """

    name: str
    forms: str
    split: Callable[[str], str]
    spans: Callable[[str], list[tuple[int, int]]]
    reason: Callable[[str], str] = lambda _: "taken as it is"


def tokenizer(config: Bm25Config) -> Tokenizer:
    """Return the tokenizer of a configuration; `multilingual` as far as it works on surface forms."""
    if isinstance(config.tokenizer, Mapping):
        plugin = plugins.find(config.tokenizer["name"], config.tokenizer["version"])
        split = partial(_split_by_plugin, plugin)
        return Tokenizer(
            plugin.name, "whitespace", split, _whitespace_spans, partial(_reason_of_plugin, plugin)
        )
    if config.dialect == "fastembed":
        return Tokenizer("word", "identifier", at_fastembed_separators, _fastembed_spans)
    if config.tokenizer == "code":
        split = partial(_split_code, wholes=config.lowercase)
        return Tokenizer("code", "identifier", split, _word_spans, _reason_of_code)
    if config.tokenizer == "multilingual":
        return Tokenizer("multilingual", "multilingual", split_words, _word_spans)
    if config.tokenizer == "whitespace":
        return Tokenizer("whitespace", "whitespace", _at_whitespace, _whitespace_spans)
    return Tokenizer(config.tokenizer, "word", _at_word_separators, _word_spans)


def _at_word_separators(text: str) -> str:
    return text if text.isascii() else separators_beyond_ascii("word").sub(" ", text)


def _at_whitespace(text: str) -> str:
    return text if text.isascii() else separators_beyond_ascii("whitespace").sub(" ", text)


# FastEmbed's `\w` is that of the running Python, and so are the vectors of its collections.
_FASTEMBED_SEPARATORS = re.compile(r"[^\w\n]+")


def at_fastembed_separators(text: str) -> str:
    """Return text with a space for each run of characters that FastEmbed takes for no part of a word."""
    return text if text.isascii() else _FASTEMBED_SEPARATORS.sub(" ", text)


def _split_code(text: str, *, wholes: bool) -> str:
    return split_identifiers(_at_word_separators(text), wholes=wholes)


def _split_by_plugin(plugin: Plugin, text: str) -> str:
    lines = _at_whitespace(text).split("\n")
    return "\n".join(
        [" ".join([token for piece in line.split(" ") if piece for token in plugin(piece)]) for line in lines]
    )


def _word_spans(form: str) -> list[tuple[int, int]]:
    return [(0, len(form))] if form.isascii() else _between(separators_beyond_ascii("word"), form)


def _whitespace_spans(form: str) -> list[tuple[int, int]]:
    return [(0, len(form))] if form.isascii() else _between(separators_beyond_ascii("whitespace"), form)


def _fastembed_spans(form: str) -> list[tuple[int, int]]:
    return [(0, len(form))] if form.isascii() else _between(_FASTEMBED_SEPARATORS, form)


def _between(separators: re.Pattern[str], form: str) -> list[tuple[int, int]]:
    found = [separator.span() for separator in separators.finditer(form)]
    starts = [0, *(end for _, end in found)]
    ends = [*(start for start, _ in found), len(form)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def _reason_of_code(identifier: str) -> str:
    if not identifier.strip("_"):
        return "underscores only"
    return "number without underscores" if identifier[0] in DIGITS else "parts of an identifier"


def _reason_of_plugin(plugin: Plugin, _: str) -> str:
    return f"plug-in {plugin.name!r}, version {plugin.version!r}"
