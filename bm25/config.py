"""`Bm25Config`: what decides a vector. Qdrant's option names and defaults, strict and frozen."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from bm25.analysis.languages import STEMMER_LANGUAGES, STOPWORD_LANGUAGES, canonical, nearest
from bm25.analysis.unicode import lower
from bm25.errors import Bm25ConfigError

__all__ = ["RULES_VERSION", "TOKENIZERS", "Bm25Config", "StopwordsSet"]

TOKENIZERS = ("word", "whitespace")

RULES_VERSION = 1
"""Raised whenever a release maps some text to other term ids than the one before it did."""

MAX_TOKEN_LEN = 2**31 - 1


@dataclass(frozen=True, slots=True)
class StopwordsSet:
    """Stopwords of several languages and of one's own: the object form of Qdrant's `stopwords`."""

    languages: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, list[str]]:
        """Return Qdrant's JSON shape."""
        return {"languages": list(self.languages), "custom": list(self.custom)}


@dataclass(frozen=True, kw_only=True)
class Bm25Config:
    """Options of the BM25 model. Names, shapes and defaults are those of Qdrant's `Bm25Config`.

    Args:
        k: saturation of the term frequency; finite, at least 0.
        b: normalisation by document length, from 0 (none) to 1 (full).
        avg_len: the mean document length that lengths are compared with, in tokens; above 0.
        tokenizer: ``"word"`` (split at everything that is not alphanumeric) or ``"whitespace"``.
        language: a language with a stopword list, by name or alias (``"german"``, ``"de"``). It
            chooses the stopwords and, where the language has one, the stemmer.
        lowercase: lowercase tokens before stopwords and stemming.
        ascii_folding: replace letters with accents by their ASCII form, before lowercasing.
        stopwords: None for the list of `language`; the name of another language; or
            ``{"languages": [...], "custom": [...]}``, where both empty means no stopwords.
        stemmer: None for the stemmer of `language`; ``{"type": "snowball", "language": "german"}``;
            or ``{"type": "none"}``.
        min_token_len: drop tokens with fewer characters than this, counted after stemming.
        max_token_len: drop tokens with more characters than this, counted after stemming.
        k3: not an option of Qdrant's: weight of a query term by its count in the query, qtf, as
            ``(k3 + 1) * qtf / (k3 + qtf)`` (Robertson and Walker 1999, Okapi at TREC-8, the third
            component of BM25). None gives every query term the weight 1.0, as Qdrant does.

    Raises:
        Bm25ConfigError: a value of the wrong type or out of range; it names the option, the value
            and what is allowed.
    """

    k: float = 1.2
    b: float = 0.75
    avg_len: float = 256.0
    tokenizer: str = "word"
    language: str = "english"
    lowercase: bool = True
    ascii_folding: bool = False
    stopwords: str | StopwordsSet | Mapping[str, Any] | None = None
    stemmer: Mapping[str, str] | None = None
    min_token_len: int | None = None
    max_token_len: int | None = None
    k3: float | None = None

    def __new__(cls, **options: Any) -> Bm25Config:
        """Refuse unknown names before `__init__` would, with an error that says what is allowed."""
        _only_options(cls, options)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        values = {
            "k": _number("k", self.k, "finite and >= 0", lambda x: x >= 0),
            "b": _number("b", self.b, "in [0.0, 1.0]", lambda x: 0 <= x <= 1),
            "avg_len": _number("avg_len", self.avg_len, "finite and > 0", lambda x: x > 0),
            "tokenizer": _tokenizer(self.tokenizer),
            "language": canonical(self.language, STOPWORD_LANGUAGES, path="language"),
            "lowercase": _boolean("lowercase", self.lowercase),
            "ascii_folding": _boolean("ascii_folding", self.ascii_folding),
            "stopwords": _stopwords(self.stopwords),
            "stemmer": _stemmer(self.stemmer),
            "min_token_len": _length("min_token_len", self.min_token_len),
            "max_token_len": _length("max_token_len", self.max_token_len),
            "k3": None if self.k3 is None else _number("k3", self.k3, "finite and >= 0", lambda x: x >= 0),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.max_token_len is not None and (self.min_token_len or 0) > self.max_token_len:
            raise Bm25ConfigError(
                f"min_token_len {self.min_token_len} is above max_token_len {self.max_token_len}: "
                "no token could pass both"
            )

    @classmethod
    def tuned(cls, **options: Any) -> Bm25Config:
        """Return the recommended preset, k=1.5, b=0.75, k3=8, with `options` laid over it."""
        return cls.from_dict({"k": 1.5, "b": 0.75, "k3": 8.0, **options})

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> Bm25Config:
        """Build a configuration from a JSON object; an unknown key is an error that names it."""
        if not isinstance(options, Mapping):
            raise Bm25ConfigError(f"options must be an object, got {type(options).__name__} {options!r}")
        _only_options(cls, options)
        # null in JSON means "not given", as it does for Qdrant.
        return cls(**{key: value for key, value in options.items() if value is not None})

    def to_dict(self) -> dict[str, Any]:
        """Return every option as JSON values; `from_dict` reads it back to an equal configuration."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.stopwords, StopwordsSet):
            values["stopwords"] = self.stopwords.to_dict()
        if self.stemmer is not None:
            values["stemmer"] = dict(self.stemmer)
        return values

    def to_qdrant_options(self) -> dict[str, Any]:
        """Return Qdrant's REST shape, options that have their default left out.

        Raises `Bm25ConfigError` where an extension of ours has no equivalent there.
        """
        if self.k3 is not None:
            raise Bm25ConfigError(
                f"k3={self.k3} has no equivalent among Qdrant's options: Qdrant gives every query term "
                "the weight 1.0; use k3=None"
            )
        default = Bm25Config().to_dict()
        return {key: value for key, value in self.to_dict().items() if value != default[key]}

    @property
    def stopword_languages(self) -> tuple[str, ...]:
        """The languages whose lists are removed, sorted."""
        if self.stopwords is None:
            return (self.language,)
        if isinstance(self.stopwords, str):
            return (self.stopwords,)
        assert isinstance(self.stopwords, StopwordsSet)
        return self.stopwords.languages

    @property
    def custom_stopwords(self) -> tuple[str, ...]:
        """The user's own stopwords, sorted."""
        return self.stopwords.custom if isinstance(self.stopwords, StopwordsSet) else ()

    @property
    def stemmer_language(self) -> str | None:
        """The language whose stemmer is applied, or None for none."""
        if self.stemmer is None:
            return self.language if self.language in STEMMER_LANGUAGES else None
        return self.stemmer.get("language")

    @property
    def analysis_fingerprint(self) -> str:
        """32 hexadecimal digits over all that decides which term ids a text gets, however it was said."""
        return _fingerprint(self._analysis())

    @property
    def vector_fingerprint(self) -> str:
        """32 hexadecimal digits over the analysis and k, b, k3 and avg_len: all that decides a vector."""
        weights = {"k": self.k, "b": self.b, "k3": self.k3, "avg_len": self.avg_len}
        return _fingerprint({**self._analysis(), **weights})

    def _analysis(self) -> dict[str, Any]:
        # Resolved values, so that two ways of saying the same thing have one fingerprint.
        custom = {lower(word) if self.lowercase else word for word in self.custom_stopwords}
        return {
            "rules_version": RULES_VERSION,
            "tokenizer": self.tokenizer,
            "lowercase": self.lowercase,
            "ascii_folding": self.ascii_folding,
            "stopword_languages": list(self.stopword_languages),
            "custom_stopwords": sorted(custom),
            "stemmer": self.stemmer_language,
            "min_token_len": self.min_token_len or 0,
            "max_token_len": self.max_token_len,
        }

    def __hash__(self) -> int:
        return hash(self.vector_fingerprint)

    def __reduce__(self) -> tuple[Any, ...]:
        return Bm25Config.from_dict, (self.to_dict(),)


def _only_options(cls: type[Bm25Config], options: Mapping[str, Any]) -> None:
    names = [field.name for field in fields(cls)]
    for key in options:
        if key not in names:
            raise Bm25ConfigError(f"unknown option {key!r}{nearest(key, names)}; allowed: {', '.join(names)}")


def _fingerprint(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def _number(name: str, value: Any, constraint: str, holds: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise Bm25ConfigError(f"{name} must be a number, got {type(value).__name__} {value!r}")
    try:
        number = float(value) + 0.0  # -0.0 is 0.0
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or not holds(number):
        raise Bm25ConfigError(f"{name} must be {constraint}, got {value!r:.80}")
    return number


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Bm25ConfigError(f"{name} must be true or false, got {type(value).__name__} {value!r}")
    return value


def _length(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise Bm25ConfigError(f"{name} must be an integer, got {type(value).__name__} {value!r}")
    length = int(value)
    if not 0 <= length <= MAX_TOKEN_LEN:
        raise Bm25ConfigError(f"{name} must be in [0, {MAX_TOKEN_LEN}], got {value}")
    return length


def _tokenizer(value: Any) -> str:
    if value not in TOKENIZERS:
        raise Bm25ConfigError(
            f"tokenizer: unknown tokenizer {value!r}{nearest(value, TOKENIZERS)}; "
            f"allowed: {', '.join(TOKENIZERS)}"
        )
    return str(value)


def _stopwords(value: Any) -> str | StopwordsSet | None:
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
    _only_keys("stopwords", value, ("languages", "custom"))
    languages = _strings("stopwords.languages", value.get("languages"))
    custom = _strings("stopwords.custom", value.get("custom"))
    return StopwordsSet(
        tuple(
            sorted(
                {
                    canonical(name, STOPWORD_LANGUAGES, path=f"stopwords.languages[{i}]")
                    for i, name in enumerate(languages)
                }
            )
        ),
        tuple(sorted(set(custom))),
    )


def _stemmer(value: Any) -> Mapping[str, str] | None:
    if value is None:
        return None
    shape = '{"type": "snowball", "language": "german"} or {"type": "none"}'
    if not isinstance(value, Mapping):
        raise Bm25ConfigError(f"stemmer must be {shape}, got {type(value).__name__} {value!r}")
    _only_keys("stemmer", value, ("type", "language"))
    kind = value.get("type")
    if kind == "none":
        if value.get("language") is not None:
            raise Bm25ConfigError(
                f'stemmer.language {value["language"]!r} contradicts stemmer.type "none"; drop one of them'
            )
        return MappingProxyType({"type": "none"})
    if kind != "snowball":
        raise Bm25ConfigError(
            f"stemmer.type: unknown stemmer {kind!r}{nearest(kind, ('snowball', 'none'))}; "
            "allowed: snowball, none"
        )
    if "language" not in value:
        raise Bm25ConfigError(f"stemmer.language is missing; stemmer must be {shape}")
    language = canonical(value["language"], STEMMER_LANGUAGES, path="stemmer.language")
    return MappingProxyType({"type": "snowball", "language": language})


def _only_keys(path: str, value: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in value:
        if key not in allowed:
            raise Bm25ConfigError(
                f"{path}: unknown key {key!r}{nearest(key, allowed)}; allowed: {', '.join(allowed)}"
            )


def _strings(path: str, value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise Bm25ConfigError(f"{path} must be a list of strings, got {type(value).__name__} {value!r}")
    for i, item in enumerate(value):
        if not isinstance(item, str):
            raise Bm25ConfigError(f"{path}[{i}] must be a string, got {type(item).__name__} {item!r}")
        try:
            item.encode()
        except UnicodeEncodeError as error:
            raise Bm25ConfigError(
                f"{path}[{i}] is not valid Unicode: lone surrogate at position {error.start}"
            ) from None
    return list(value)
