"""`Bm25Config`: what decides a vector. Qdrant's option names and defaults, strict and frozen."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bm25 import options as check
from bm25.analysis.languages import EXTRA_STEMMERS, STEMMER_LANGUAGES, STOPWORD_LANGUAGES, nearest
from bm25.analysis.unicode import fold, lower
from bm25.errors import Bm25ConfigError, Bm25ConfigWarning
from bm25.options import StopwordsSet

__all__ = ["RULES_VERSION", "Bm25Config", "StopwordsSet"]

TUNED = {"k": 1.5, "b": 0.75, "k3": 8.0}
"""What `Bm25Config.tuned` sets."""

RULES_VERSION = 1
"""Raised whenever a release maps some text to other term ids than the one before it did."""

FASTEMBED_MAX_TOKEN_LEN = 40


@dataclass(frozen=True, kw_only=True)
class Bm25Config:
    """Options of the BM25 model. Names, shapes and defaults are those of Qdrant's `Bm25Config`.

    Args:
        k: saturation of the term frequency; finite, at least 0.
        b: normalisation by document length, from 0 (none) to 1 (full).
        avg_len: the mean document length that lengths are compared with, in tokens; above 0.
        tokenizer: ``"word"`` (split at everything that is not alphanumeric), ``"whitespace"``,
            ``"prefix"`` (every prefix of a word, for search as one types), ``"code"`` (identifiers and
            their parts), ``"multilingual"`` (segments Chinese, Japanese, Thai ...; whole texts, no
            terms), or ``{"type": "plugin", "name": ...}``.
        language: a language with a stopword list, by name or alias (``"german"``, ``"de"``). It
            chooses the stopwords and, where the language has one, the stemmer.
        lowercase: lowercase tokens before stopwords and stemming.
        ascii_folding: replace letters with accents by their ASCII form, before lowercasing.
        stopwords: None for the list of `language`; the name of another language; or
            ``{"languages": [...], "custom": [...]}``, where both empty means no stopwords.
        stemmer: None for the stemmer of `language`; ``{"type": "snowball", "language": "german"}``;
            ``{"type": "none"}``; or ``{"type": "plugin", "name": ...}``.
        min_token_len: drop tokens with fewer characters than this, counted after stemming. Under
            ``"prefix"`` the length of the shortest prefix, 1 if not given.
        max_token_len: drop tokens with more characters than this, counted after stemming. Under
            ``"prefix"`` the length of the longest prefix.
        k3: not an option of Qdrant's: weight of a query term by its count in the query, qtf, as
            ``(k3 + 1) * qtf / (k3 + qtf)`` (Robertson and Walker 1999, Okapi at TREC-8, the third
            component of BM25). None gives every query term the weight 1.0, as Qdrant does.
        dialect: ``"qdrant"``, or ``"fastembed"`` for the vectors of FastEmbed's `Qdrant/bm25`.
        filters: not an option of Qdrant's: plug-ins that lowercased tokens go through, in order.
        synonyms: not an option of Qdrant's: words and what stands for each, ``{"tv": ["television"]}``;
            looked up between stopwords and stemming, chains of rules followed to their end.
        protected_words: not an option of Qdrant's: words that are never stemmed.

    Plug-ins are functions registered by `bm25.plugins.register`; ``"version"`` may be given to insist on
    one. Words of `synonyms` and `protected_words` are folded and lowercased as tokens are.

    Warns:
        Bm25ConfigWarning: the stemmer is of one language, the stopwords are of another by default.

    Raises:
        Bm25ConfigError: a value of the wrong type or out of range; it names the option, the value
            and what is allowed.
    """

    k: float = 1.2
    b: float = 0.75
    avg_len: float = 256.0
    tokenizer: str | Mapping[str, str] = "word"
    language: str = "english"
    lowercase: bool = True
    ascii_folding: bool = False
    stopwords: str | StopwordsSet | Mapping[str, Any] | None = None
    stemmer: Mapping[str, str] | None = None
    min_token_len: int | None = None
    max_token_len: int | None = None
    k3: float | None = None
    dialect: str = "qdrant"
    filters: Sequence[Mapping[str, str]] = ()
    synonyms: Mapping[str, Sequence[str]] | None = None
    protected_words: Sequence[str] = ()

    def __new__(cls, **options: Any) -> Bm25Config:
        """Refuse unknown names before `__init__` would, with an error that says what is allowed."""
        _only_options(cls, options)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        def keep(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        keep("k", check.number("k", self.k, "finite and >= 0", lambda x: x >= 0))
        keep("b", check.number("b", self.b, "in [0.0, 1.0]", lambda x: 0 <= x <= 1))
        keep("avg_len", check.number("avg_len", self.avg_len, "finite and > 0", lambda x: x > 0))
        keep("tokenizer", check.tokenizer(self.tokenizer))
        keep("dialect", check.choice("dialect", self.dialect, check.DIALECTS))
        keep("language", check.language(self.language, self.dialect))
        keep("lowercase", check.boolean("lowercase", self.lowercase))
        keep("ascii_folding", check.boolean("ascii_folding", self.ascii_folding))
        keep("stopwords", check.stopwords(self.stopwords))
        keep("stemmer", check.stemmer(self.stemmer))
        keep("min_token_len", check.length("min_token_len", self.min_token_len))
        keep("max_token_len", check.length("max_token_len", self.max_token_len))
        if self.k3 is not None:
            keep("k3", check.number("k3", self.k3, "finite and >= 0", lambda x: x >= 0))
        keep("filters", check.filters(self.filters))
        keep("synonyms", check.synonyms(self.synonyms, self._normal))
        keep("protected_words", check.protected_words(self.protected_words, self._normal))
        self._check_together()

    def _normal(self, word: str) -> str:
        return self._lower(fold(word) if self.ascii_folding else word)

    def _lower(self, word: str) -> str:
        if self.dialect == "fastembed":
            return word.lower()  # the running Python's, as FastEmbed has it
        return lower(word) if self.lowercase else word

    def _check_together(self) -> None:
        if self.max_token_len is not None and (self.min_token_len or 0) > self.max_token_len:
            raise Bm25ConfigError(
                f"min_token_len {self.min_token_len} is above max_token_len {self.max_token_len}: "
                "no token could pass both"
            )
        plug_ins = [name for name in ("filters", "synonyms", "protected_words") if getattr(self, name)]
        if isinstance(self.stemmer, Mapping) and self.stemmer["type"] == "plugin":
            plug_ins.append("stemmer of your own")
        extra = self.stemmer_language in EXTRA_STEMMERS
        if self.tokenizer == "multilingual" and (plug_ins or extra):
            what = ", ".join(plug_ins) or f"stemmer {self.stemmer_language!r}"
            raise Bm25ConfigError(
                f"tokenizer 'multilingual' cannot be used with {what}: it works on whole texts in Qdrant's "
                "engine, which yields ids without terms. Use another tokenizer or Qdrant's own options"
            )
        if self.dialect == "fastembed":
            self._check_fastembed()
        if (
            self.stopwords is None
            and self.stemmer_language not in (None, self.language)
            and self.stopword_languages
        ):
            warnings.warn(
                f"the stemmer is {self.stemmer_language}'s and the stopwords are {self.language}'s, because "
                f"language is {self.language!r}; give language, or stopwords (stopwords={{}} for none)",
                Bm25ConfigWarning,
                stacklevel=4,
            )

    def _check_fastembed(self) -> None:
        fixed = {"tokenizer": "word", "lowercase": True, "ascii_folding": False, "min_token_len": None}
        options = self.to_dict()
        for name, value in fixed.items():
            if options[name] != value:
                given = json.dumps(options[name])
                kept = "not an option" if value is None else f"always {json.dumps(value)}"
                raise Bm25ConfigError(
                    f"{name} {given} does not go with dialect 'fastembed', where it is {kept}; "
                    "use dialect 'qdrant', or drop the option"
                )

    @classmethod
    def tuned(cls, **options: Any) -> Bm25Config:
        """Return the recommended preset, k=1.5, b=0.75, k3=8, with `options` laid over it."""
        return cls.from_dict({**TUNED, **options})

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
        for name in ("tokenizer", "stemmer"):
            if isinstance(values[name], Mapping):
                values[name] = dict(values[name])
        values["filters"] = [dict(item) for item in self.filters]
        if self.synonyms is not None:
            values["synonyms"] = {word: list(others) for word, others in self.synonyms.items()}
        values["protected_words"] = list(self.protected_words)
        return values

    @property
    def extensions(self) -> tuple[str, ...]:
        """What of this configuration Qdrant has no equivalent of, in words; empty for none.

        Vectors under such a configuration are exact between our documents and queries, but no Qdrant
        server produces them by itself.
        """
        found = []
        if self.dialect != "qdrant":
            found.append(f"dialect {self.dialect!r}")
        if isinstance(self.tokenizer, Mapping):
            found.append(f"tokenizer plug-in {self.tokenizer['name']!r}")
        if self.stemmer_language in EXTRA_STEMMERS:
            found.append(f"stemmer {self.stemmer_language!r}")
        if self.stemmer is not None and self.stemmer["type"] == "plugin":
            found.append(f"stemmer plug-in {self.stemmer['name']!r}")
        found += [f"filter {item['name']!r}" for item in self.filters]
        if self.synonyms:
            found.append(f"synonyms ({len(self.synonyms)} words)")
        if self.protected_words:
            found.append(f"protected_words ({len(self.protected_words)})")
        if self.k3 is not None:
            found.append(f"k3={self.k3}")
        return tuple(found)

    def to_qdrant_options(self) -> dict[str, Any]:
        """Return Qdrant's REST shape, options that have their default left out.

        Raises `Bm25ConfigError` where an extension of ours has no equivalent there.
        """
        if self.extensions:
            verb = "has" if len(self.extensions) == 1 else "have"
            raise Bm25ConfigError(
                f"{', '.join(self.extensions)} {verb} no equivalent among Qdrant's options; "
                "see Bm25Config.extensions"
            )
        default = Bm25Config().to_dict()
        return {key: value for key, value in self.to_dict().items() if value != default[key]}

    @property
    def stopword_languages(self) -> tuple[str, ...]:
        """The languages whose lists are removed, sorted."""
        if isinstance(self.stopwords, StopwordsSet):
            return self.stopwords.languages
        if isinstance(self.stopwords, str):
            return (self.stopwords,)
        if self.dialect == "fastembed" and self.stemmer is not None and self.stemmer["type"] == "none":
            return ()  # FastEmbed's `disable_stemmer` switches the list off too
        return (self.language,) if self.language in STOPWORD_LANGUAGES else ()

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
    def shortest_token(self) -> int:
        """The least length of a token, or under `prefix` of a prefix, in characters."""
        if self.min_token_len is not None:
            return self.min_token_len
        return 1 if self.tokenizer == "prefix" or self.dialect == "fastembed" else 0

    @property
    def longest_token(self) -> int | None:
        """The greatest length of a token, in characters; None for any."""
        if self.max_token_len is None and self.dialect == "fastembed":
            return FASTEMBED_MAX_TOKEN_LEN
        return self.max_token_len

    @property
    def has_terms(self) -> bool:
        """Whether terms are known, and not only their ids: not under `multilingual`."""
        return self.tokenizer != "multilingual"

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
        # Resolved values, so that two ways of saying the same thing have one fingerprint. What an older
        # release did not have is left out at its default, so that a new option changes no fingerprint.
        custom = {self._lower(word) for word in self.custom_stopwords}
        values: dict[str, Any] = {
            "rules_version": RULES_VERSION,
            "tokenizer": _named(self.tokenizer),
            "lowercase": self.lowercase,
            "ascii_folding": self.ascii_folding,
            "stopword_languages": list(self.stopword_languages),
            "custom_stopwords": sorted(custom),
            "stemmer": self.stemmer_language,
            # Under `prefix` it matters whether it was given, see `steps.Prefixes`.
            "min_token_len": self.min_token_len if self.tokenizer == "prefix" else self.shortest_token,
            "max_token_len": self.longest_token,
        }
        if self.stemmer is not None and self.stemmer["type"] == "plugin":
            values["stemmer"] = _named(self.stemmer)
        if self.dialect != "qdrant":
            values["dialect"] = self.dialect
        if self.filters:
            values["filters"] = [_named(item) for item in self.filters]
        if self.synonyms:
            values["synonyms"] = {word: list(others) for word, others in self.synonyms.items()}
        if self.protected_words and values["stemmer"] is not None:
            values["protected_words"] = list(self.protected_words)
        return values

    def __hash__(self) -> int:
        return hash(self.vector_fingerprint)

    def __reduce__(self) -> tuple[Any, ...]:
        return Bm25Config.from_dict, (self.to_dict(),)


def _only_options(cls: type[Bm25Config], options: Mapping[str, Any]) -> None:
    names = [field.name for field in fields(cls)]
    for key in options:
        if key not in names:
            raise Bm25ConfigError(f"unknown option {key!r}{nearest(key, names)}; allowed: {', '.join(names)}")


def _named(part: str | Mapping[str, str]) -> str | list[str]:
    return part if isinstance(part, str) else ["plugin", part["name"], part["version"]]


def _fingerprint(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]
