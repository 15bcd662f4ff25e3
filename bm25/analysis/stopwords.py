"""The stopword lists of Qdrant's engine, word for word.

They are derived and checked by `scripts/derive_stopwords.py`. All words are lowercase already. Some
contain whitespace and therefore equal no token; they are kept because the lists are the engine's.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from bm25.analysis.languages import STOPWORD_LANGUAGES, nearest
from bm25.errors import Bm25ConfigError, Bm25Error

__all__ = ["load"]


@cache
def load(language: str) -> frozenset[str]:
    """Return the list of a language, given by its canonical name.

    Raises `Bm25ConfigError` for a language without a list, and `Bm25Error` if the installation lacks the
    file, which must never pass for an empty list.
    """
    if language not in STOPWORD_LANGUAGES:
        raise Bm25ConfigError(
            f"no stopword list for {language!r}{nearest(language, STOPWORD_LANGUAGES)}; "
            f"there are lists for {', '.join(STOPWORD_LANGUAGES)}"
        )
    file = _folder() / f"{language}.txt"
    try:
        words = frozenset(file.read_text(encoding="utf-8").split("\n")) - {""}
    except (OSError, UnicodeDecodeError) as error:
        raise Bm25Error(f"cannot read the stopword list of {language}: {error}") from error
    if not words:
        raise Bm25Error(f"the stopword list of {language} is empty: {file}")
    return words


def _folder() -> Traversable:
    """The folder of the lists: inside an installed package, at the root of a source checkout."""
    inside = files("bm25") / "stopwords"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[2] / "stopwords"
