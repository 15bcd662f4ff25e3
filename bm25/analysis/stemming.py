"""Stemmers: the Snowball rules of Qdrant's engine, whichever package has them exactly.

The newest Snowball rules are not the engine's (`added` becomes `add` there, `ad` in the engine), so the
package that serves a language is chosen by comparison with the engine, and its version is pinned.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module

__all__ = ["SPARE_DIGITS", "Stemmer", "stemmer"]

Stemmer = Callable[[list[str]], list[str]]

SPARE_DIGITS = frozenset({"english", "french", "german", "italian", "portuguese", "russian", "spanish"})
"""Languages whose rules leave a lowercase token of ASCII letters and digits alone if it ends in a digit.

They strip suffixes of letters only. Danish, Dutch and Finnish do not belong here: they also undouble what
stands at the end, digits among it.
"""

# The engine's own rules, compiled from the same source; it lacks Armenian.
_PYTHON_ONLY = frozenset({"armenian"})


def stemmer(language: str) -> Stemmer:
    """Return a function from tokens to their stems, one for each, safe to call from any thread."""
    if language not in _PYTHON_ONLY:
        from py_rust_stemmers import SnowballStemmer

        stem_words: Stemmer = SnowballStemmer(language).stem_words
        return stem_words
    # `snowballstemmer.stemmer()` would hand out PyStemmer where that is installed, with other rules.
    module = import_module(f"snowballstemmer.{language}_stemmer")
    stem_word = getattr(module, f"{language.capitalize()}Stemmer")().stemWord
    lock = threading.Lock()  # the object keeps the word it works on

    def stem_all(tokens: list[str]) -> list[str]:
        with lock:
            return [stem_word(token) for token in tokens]

    return stem_all
