"""Stemmers: the Snowball rules of Qdrant's engine, whichever package has them exactly.

The newest Snowball rules are not the engine's (`added` becomes `add` there, `ad` in the engine), so the
package that serves a language is chosen by comparison with the engine, and its version is pinned.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from bm25.analysis.greek import may_panic
from bm25.analysis.languages import EXTRA_STEMMERS

__all__ = ["SPARE_DIGITS", "Stemmer", "stemmer"]

Stemmer = Callable[[list[str]], list[str]]

SPARE_DIGITS = frozenset({"english", "french", "german", "italian", "portuguese", "russian", "spanish"})
"""Languages whose rules leave a lowercase token of ASCII letters and digits alone if it ends in a digit.

They strip suffixes of letters only. Danish, Dutch and Finnish do not belong here: they also undouble what
stands at the end, digits among it.
"""

# The engine's own rules, compiled from the same source, are in py-rust-stemmers; it lacks Armenian. What
# the engine lacks has the rules of the pinned snowballstemmer.
_PYTHON_ONLY = frozenset({"armenian", *EXTRA_STEMMERS})


def stemmer(language: str) -> Stemmer:
    """Return a function from tokens to their stems, one for each, safe to call from any thread.

    Args:
        language: one that the engine has, or one of `languages.EXTRA_STEMMERS`.
    """
    if language in _PYTHON_ONLY:
        return _python_stemmer(language)

    from py_rust_stemmers import SnowballStemmer

    stem_words: Stemmer = SnowballStemmer(language).stem_words
    return _surviving(stem_words, _python_stemmer(language)) if language == "greek" else stem_words


def _surviving(stem_words: Stemmer, otherwise: Stemmer) -> Stemmer:
    """Return a stemmer that gives tokens on which `stem_words` would panic to another one."""

    def stem_all(tokens: list[str]) -> list[str]:
        risky = [number for number, token in enumerate(tokens) if may_panic(token)]
        if not risky:
            return stem_words(tokens)
        safe = tokens.copy()
        for number in risky:
            safe[number] = ""
        stems = stem_words(safe)
        for number, stem in zip(risky, otherwise([tokens[number] for number in risky]), strict=True):
            stems[number] = stem
        return stems

    return stem_all


def _python_stemmer(language: str) -> Stemmer:
    # `snowballstemmer.stemmer()` would hand out PyStemmer where that is installed, with other rules.
    module = import_module(f"snowballstemmer.{language}_stemmer")
    make = getattr(module, f"{language.capitalize()}Stemmer")

    def stem_all(tokens: list[str]) -> list[str]:
        stem_word = make().stemWord  # an object for each call: it keeps the word it works on
        return [stem_word(token) for token in tokens]

    return stem_all
