"""Names of languages: those with a stopword list, those with a stemmer, and their ISO 639 aliases.

Two tables are Qdrant's own. They overlap but neither contains the other: Armenian and Tamil have a
stemmer and no list, Japanese has a list and no stemmer. A third names the stemmers that Qdrant lacks.
"""

from __future__ import annotations

from difflib import get_close_matches

from bm25.errors import Bm25ConfigError

__all__ = [
    "ALIASES", "EXTRA_STEMMERS", "FASTEMBED_LANGUAGES", "STEMMER_LANGUAGES", "STOPWORD_LANGUAGES",
    "canonical", "nearest",
]  # fmt: skip

STOPWORD_LANGUAGES = (
    "arabic", "azerbaijani", "basque", "bengali", "catalan", "chinese", "danish", "dutch", "english",
    "finnish", "french", "german", "greek", "hebrew", "hinglish", "hungarian", "indonesian", "italian",
    "japanese", "kazakh", "nepali", "norwegian", "portuguese", "romanian", "russian", "slovene",
    "spanish", "swedish", "tajik", "turkish",
)  # fmt: skip

STEMMER_LANGUAGES = (
    "arabic", "armenian", "danish", "dutch", "english", "finnish", "french", "german", "greek",
    "hungarian", "italian", "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish",
    "tamil", "turkish",
)  # fmt: skip

EXTRA_STEMMERS = (
    "basque", "catalan", "czech", "esperanto", "estonian", "hindi", "indonesian", "irish", "lithuanian",
    "nepali", "persian", "polish", "porter", "serbian", "sesotho", "yiddish",
)  # fmt: skip
"""Snowball's stemmers that Qdrant lacks. No Qdrant server produces their vectors by itself."""

FASTEMBED_LANGUAGES = tuple(name for name in STEMMER_LANGUAGES if name != "armenian")

ALIASES = {
    "ar": "arabic", "az": "azerbaijani", "eu": "basque", "bn": "bengali", "ca": "catalan",
    "zh": "chinese", "da": "danish", "nl": "dutch", "en": "english", "fi": "finnish", "fr": "french",
    "de": "german", "el": "greek", "he": "hebrew", "hi-en": "hinglish", "hu": "hungarian",
    "id": "indonesian", "it": "italian", "jp": "japanese", "kk": "kazakh", "ne": "nepali",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sl": "slovene",
    "es": "spanish", "sv": "swedish", "tg": "tajik", "tr": "turkish", "hy": "armenian", "ta": "tamil",
    "cs": "czech", "eo": "esperanto", "et": "estonian", "ga": "irish", "hi": "hindi", "lt": "lithuanian",
    "fa": "persian", "pl": "polish", "sr": "serbian", "st": "sesotho", "yi": "yiddish",
}  # fmt: skip


def canonical(name: str, allowed: tuple[str, ...], *, path: str) -> str:
    """Return the full name of a language given by name or alias; `path` says where it stood.

    Names are lowercase only, as in Qdrant. Raises `Bm25ConfigError` naming the value, the
    nearest valid name and all that is allowed.
    """
    full = ALIASES.get(name, name) if isinstance(name, str) else name
    if full in allowed:
        return full
    known = [*allowed, *(alias for alias, language in ALIASES.items() if language in allowed)]
    raise Bm25ConfigError(
        f"{path}: unknown language {name!r}{nearest(name, known)}; allowed: {', '.join(allowed)}"
    )


def nearest(name: object, known: list[str] | tuple[str, ...]) -> str:
    """Return `" (did you mean 'german'?)"` when a known name is near, else an empty string."""
    matches = get_close_matches(str(name).lower(), known, n=1, cutoff=0.6)
    return f" (did you mean {matches[0]!r}?)" if matches else ""
