"""Values of single options: checked, and brought into the one form that a configuration keeps.

Every error names the option by its path, the value, and what is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from bm25 import plugins
from bm25.analysis.languages import (
    EXTRA_STEMMERS,
    FASTEMBED_LANGUAGES,
    STEMMER_LANGUAGES,
    STOPWORD_LANGUAGES,
    canonical,
    nearest,
)
from bm25.analysis.unicode import whitespace_characters
from bm25.errors import Bm25ConfigError

__all__ = [
    "DIALECTS", "MAX_TOKEN_LEN", "STEMMERS", "TOKENIZERS", "StopwordsSet", "boolean", "choice", "filters",
    "language", "length", "number", "only_keys", "protected_words", "stemmer", "stopwords", "synonyms",
    "tokenizer",
]  # fmt: skip

TOKENIZERS = ("word", "whitespace", "prefix", "multilingual", "code")
DIALECTS = ("qdrant", "fastembed")
STEMMERS = tuple(sorted({*STEMMER_LANGUAGES, *EXTRA_STEMMERS}))

MAX_TOKEN_LEN = 2**31 - 1

Plugin = Mapping[str, str]
"""``{"type": "plugin", "name": ..., "version": ...}``."""


@dataclass(frozen=True, slots=True)
class StopwordsSet:
    """Stopwords of several languages and of one's own: the object form of Qdrant's `stopwords`."""

    languages: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, list[str]]:
        """Return Qdrant's JSON shape."""
        return {"languages": list(self.languages), "custom": list(self.custom)}


def number(name: str, value: Any, constraint: str, holds: Callable[[float], bool]) -> float:
    """Return a finite number for which `holds`, as a float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise Bm25ConfigError(f"{name} must be a number, got {type(value).__name__} {value!r}")
    try:
        result = float(value) + 0.0  # -0.0 is 0.0
    except OverflowError:
        result = math.inf
    if not math.isfinite(result) or not holds(result):
        raise Bm25ConfigError(f"{name} must be {constraint}, got {value!r:.80}")
    return result


def boolean(name: str, value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise Bm25ConfigError(f"{name} must be true or false, got {type(value).__name__} {value!r}")
    return value


def length(name: str, value: Any) -> int | None:
    """Return a token length in characters, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise Bm25ConfigError(f"{name} must be an integer, got {type(value).__name__} {value!r}")
    result = int(value)
    if not 0 <= result <= MAX_TOKEN_LEN:
        raise Bm25ConfigError(f"{name} must be in [0, {MAX_TOKEN_LEN}], got {value}")
    return result


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return one of some names."""
    if value not in allowed:
        raise Bm25ConfigError(
            f"{name}: unknown {name} {value!r}{nearest(value, allowed)}; allowed: {', '.join(allowed)}"
        )
    return str(value)


def tokenizer(value: Any) -> str | Plugin:
    """Return the name of a tokenizer, or a plug-in."""
    if isinstance(value, Mapping):
        return _plugin("tokenizer", value)
    return choice("tokenizer", value, TOKENIZERS)


def language(value: Any, dialect: str) -> str:
    """Return the full name of a language that the dialect has."""
    if dialect == "fastembed":
        if value in ("armenian", "hy"):
            raise Bm25ConfigError(
                f"language: {value!r} is none of FastEmbed's, which has no Armenian stemmer"
            )
        return canonical(value, FASTEMBED_LANGUAGES, path="language")
    try:
        return canonical(value, STOPWORD_LANGUAGES, path="language")
    except Bm25ConfigError:
        stemmers = [name for name in STEMMERS if name not in STOPWORD_LANGUAGES]
        try:
            name = canonical(value, tuple(stemmers), path="language")
        except Bm25ConfigError:
            pass
        else:
            raise Bm25ConfigError(
                f"language: {name} has no stopword list, which is what language chooses; for its stemmer "
                f'use stemmer={{"type": "snowball", "language": "{name}"}}, with stopwords={{}} or words '
                "of your own"
            ) from None
        raise


def stopwords(value: Any) -> str | StopwordsSet | None:
    """Return the name of a language, a set of words, or None."""
    if value is None:
        return None
    if isinstance(value, str):
        return canonical(value, STOPWORD_LANGUAGES, path="stopwords")
    if isinstance(value, StopwordsSet):
        value = value.to_dict()
    if not isinstance(value, Mapping):
        raise Bm25ConfigError(
            'stopwords must be a language or {"languages": [...], "custom": [...]}, '
            f"got {type(value).__name__} {value!r}"
        )
    only_keys("stopwords", value, ("languages", "custom"))
    names = _strings("stopwords.languages", value.get("languages"))
    custom = _strings("stopwords.custom", value.get("custom"))
    languages = {
        canonical(name, STOPWORD_LANGUAGES, path=f"stopwords.languages[{i}]") for i, name in enumerate(names)
    }
    return StopwordsSet(tuple(sorted(languages)), tuple(sorted(set(custom))))


def stemmer(value: Any) -> Mapping[str, str] | None:
    """Return a stemmer in Qdrant's object form, a plug-in, or None."""
    if value is None:
        return None
    shape = '{"type": "snowball", "language": "german"} or {"type": "none"}'
    if not isinstance(value, Mapping):
        raise Bm25ConfigError(f"stemmer must be {shape}, got {type(value).__name__} {value!r}")
    kinds = ("snowball", "none", "plugin")
    kind = value.get("type")
    if kind == "plugin":
        return _plugin("stemmer", value)
    only_keys("stemmer", value, ("type", "language"))
    if kind == "none":
        if value.get("language") is not None:
            raise Bm25ConfigError(
                f'stemmer.language {value["language"]!r} contradicts stemmer.type "none"; drop one of them'
            )
        return MappingProxyType({"type": "none"})
    if kind != "snowball":
        raise Bm25ConfigError(
            f"stemmer.type: unknown stemmer {kind!r}{nearest(kind, kinds)}; allowed: {', '.join(kinds)}"
        )
    if "language" not in value:
        raise Bm25ConfigError(f"stemmer.language is missing; stemmer must be {shape}")
    name = canonical(value["language"], STEMMERS, path="stemmer.language")
    return MappingProxyType({"type": "snowball", "language": name})


def filters(value: Any) -> tuple[Plugin, ...]:
    """Return the plug-ins that lowercased tokens go through, in order."""
    if value is None:
        return ()
    if isinstance(value, str | Mapping) or not isinstance(value, list | tuple):
        raise Bm25ConfigError(f"filters must be a list of plug-ins, got {type(value).__name__} {value!r}")
    return tuple(_plugin(f"filters[{i}]", item) for i, item in enumerate(value))


def synonyms(value: Any, normal: Callable[[str], str]) -> Mapping[str, tuple[str, ...]] | None:
    """Return a map from a word to the words that stand for it, every chain followed to its end.

    A word on its own right side stays: ``{"car": ["car", "vehicle"]}`` adds a word.

    Args:
        value: an object of words and lists of words.
        normal: what the pipeline does to a word before it looks for synonyms.

    Raises `Bm25ConfigError` for a cycle, which it spells out.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Bm25ConfigError(
            'synonyms must be an object like {"tv": ["television"]}, '
            f"got {type(value).__name__} {value!r:.80}"
        )
    rules: dict[str, tuple[str, ...]] = {}
    for word, others in value.items():
        path = f"synonyms[{word!r}]"
        left = normal(_word("synonyms", word))
        listed = [others] if isinstance(others, str) else _strings(path, others)
        right = tuple(normal(_word(f"{path}[{i}]", other)) for i, other in enumerate(listed))
        if not right:
            raise Bm25ConfigError(f"{path} is empty; to drop a word, make it a stopword")
        if rules.setdefault(left, right) != right:
            raise Bm25ConfigError(f"{path}: there are two rules for {left!r}, and they differ")
    return MappingProxyType(_followed(rules)) if rules else None


def _followed(rules: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    leads_to = {word: [other for other in rules[word] if other in rules and other != word] for word in rules}
    try:
        order = list(TopologicalSorter(leads_to).static_order())
    except CycleError as error:
        cycle = " => ".join(reversed(error.args[1]))
        raise Bm25ConfigError(f"synonyms: {cycle} is a cycle; drop one of these rules") from None
    ends: dict[str, tuple[str, ...]] = {}
    for word in order:
        found = [ends[other] if other in leads_to[word] else (other,) for other in rules[word]]
        ends[word] = tuple(dict.fromkeys(chain.from_iterable(found)))
    return {word: ends[word] for word in sorted(ends)}


def protected_words(value: Any, normal: Callable[[str], str]) -> tuple[str, ...]:
    """Return the words that are never stemmed, sorted."""
    words = _strings("protected_words", value)
    return tuple(sorted({normal(_word(f"protected_words[{i}]", word)) for i, word in enumerate(words)}))


def only_keys(path: str, value: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    """Refuse keys that an object does not have."""
    for key in value:
        if key not in allowed:
            raise Bm25ConfigError(
                f"{path}: unknown key {key!r}{nearest(key, allowed)}; allowed: {', '.join(allowed)}"
            )


def _plugin(path: str, value: Any) -> Plugin:
    shape = '{"type": "plugin", "name": "..."}'
    if not isinstance(value, Mapping):
        raise Bm25ConfigError(f"{path} must be {shape}, got {type(value).__name__} {value!r}")
    only_keys(path, value, ("type", "name", "version"))
    if value.get("type") != "plugin":
        raise Bm25ConfigError(f'{path}.type must be "plugin", got {value.get("type")!r}')
    for key in ("name", "version"):
        given = value.get(key)
        if not (isinstance(given, str) or (key == "version" and given is None)):
            raise Bm25ConfigError(f"{path}.{key} must be a string, got {type(given).__name__} {given!r}")
    try:
        found = plugins.find(value["name"], value.get("version"))
    except Bm25ConfigError as error:
        raise Bm25ConfigError(f"{path}: {error}") from None
    return MappingProxyType({"type": "plugin", "name": found.name, "version": found.version})


def _strings(path: str, value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise Bm25ConfigError(f"{path} must be a list of strings, got {type(value).__name__} {value!r}")
    for i, item in enumerate(value):
        _text(f"{path}[{i}]", item)
    return list(value)


def _text(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Bm25ConfigError(f"{path} must be a string, got {type(value).__name__} {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Bm25ConfigError(
            f"{path} is not valid Unicode: lone surrogate at position {error.start}"
        ) from None
    return value


def _word(path: str, value: Any) -> str:
    if not _text(path, value) or not whitespace_characters().isdisjoint(value):
        raise Bm25ConfigError(f"{path} must be one word without white space, got {value!r}")
    return str(value)
