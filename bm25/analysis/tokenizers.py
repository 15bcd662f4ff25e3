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
from bm25.analysis.code import split_identifiers
from bm25.analysis.unicode import separators_beyond_ascii
from bm25.config import Bm25Config
from bm25.plugins import Plugin

__all__ = ["SURFACE_FORMS", "Tokenizer", "tokenizer"]

SURFACE_FORMS = {
    "word": re.compile("[0-9A-Za-z\x80-\U0010ffff]+"),
    "identifier": re.compile("[0-9A-Z_a-z\x80-\U0010ffff]+"),
    "whitespace": re.compile("[^\t\n\v\f\r ]+"),
}
"""Surface forms by kind, for one text at a time. The kernels find the same ones."""


class Tokenizer(NamedTuple):
    """How one tokenizer splits.

    Attributes:
        name: what a configuration calls it.
        forms: the kind of surface form, a key of `SURFACE_FORMS`.
        split: from surface forms, one a line, to lines of tokens separated by spaces. Tokens keep the
            characters of the text: folding and lowercasing come later.
        pieces: how the text of a form is bounded, as `split` but without the rules that take a bounded piece
            apart; the two are one where there are no such rules.
    """

    name: str
    forms: str
    split: Callable[[str], str]
    pieces: Callable[[str], str]


def tokenizer(config: Bm25Config) -> Tokenizer:
    """Return the tokenizer of a configuration that works on surface forms (all but `multilingual`)."""
    if isinstance(config.tokenizer, Mapping):
        plugin = plugins.find(config.tokenizer["name"], config.tokenizer["version"])
        return Tokenizer(plugin.name, "whitespace", partial(_split_by_plugin, plugin), _at_whitespace)
    if config.dialect == "fastembed":
        return Tokenizer("word", "identifier", _at_fastembed_separators, _at_fastembed_separators)
    if config.tokenizer == "code":
        split = partial(_split_code, wholes=config.lowercase)
        return Tokenizer("code", "identifier", split, _at_word_separators)
    if config.tokenizer == "whitespace":
        return Tokenizer("whitespace", "whitespace", _at_whitespace, _at_whitespace)
    return Tokenizer(config.tokenizer, "word", _at_word_separators, _at_word_separators)


def _at_word_separators(text: str) -> str:
    return text if text.isascii() else separators_beyond_ascii("word").sub(" ", text)


def _at_whitespace(text: str) -> str:
    return text if text.isascii() else separators_beyond_ascii("whitespace").sub(" ", text)


# FastEmbed's `\w` is that of the running Python, and so are the vectors of its collections.
_FASTEMBED_SEPARATORS = re.compile(r"[^\w\n]+")


def _at_fastembed_separators(text: str) -> str:
    return text if text.isascii() else _FASTEMBED_SEPARATORS.sub(" ", text)


def _split_code(text: str, *, wholes: bool) -> str:
    return split_identifiers(_at_word_separators(text), wholes=wholes)


def _split_by_plugin(plugin: Plugin, text: str) -> str:
    lines = _at_whitespace(text).split("\n")
    return "\n".join(
        [" ".join([token for piece in line.split(" ") if piece for token in plugin(piece)]) for line in lines]
    )
