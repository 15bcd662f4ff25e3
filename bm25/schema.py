"""The JSON Schema of a configuration, made from the code that checks it.

A server, an editor or a form can check options with it before they reach Python. What a schema cannot say
(that a plug-in is registered, that synonyms have no cycle) only `Bm25Config` checks.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from bm25.analysis.languages import (
    ALIASES,
    FASTEMBED_LANGUAGES,
    STEMMER_LANGUAGES,
    STOPWORD_LANGUAGES,
)
from bm25.config import Bm25Config
from bm25.options import DIALECTS, MAX_TOKEN_LEN, STEMMERS, TOKENIZERS

__all__ = ["SCHEMA_ID", "config_schema"]

SCHEMA_ID = "urn:bm25-engine:config:1"


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what `Bm25Config.from_dict` takes."""
    described = _option_descriptions()
    properties = {}
    for field in fields(Bm25Config):
        schema = _OPTIONS[field.name]
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        assert default is not MISSING
        # null means "not given" for every option, as it does for Qdrant.
        properties[field.name] = {
            "description": described[field.name],
            "anyOf": [schema, {"type": "null"}],
            "default": default,
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Bm25Config",
        "description": "Options of the BM25 model. All but k3, dialect, filters, synonyms and "
        "protected_words are Qdrant's.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "allOf": [_FASTEMBED, _MULTILINGUAL],
        "$defs": {
            "language": {"enum": _with_aliases(STOPWORD_LANGUAGES)},
            "stemmer_language": {"enum": _with_aliases(STEMMERS)},
            "word": {"type": "string", "pattern": r"^\S+$"},
            "plugin": {
                "type": "object",
                "properties": {
                    "type": {"const": "plugin"},
                    "name": {"type": "string"},
                    "version": {"type": ["string", "null"]},
                },
                "required": ["type", "name"],
                "additionalProperties": False,
            },
        },
    }


def _with_aliases(languages: tuple[str, ...]) -> list[str]:
    return sorted({*languages, *(alias for alias, name in ALIASES.items() if name in languages)})


def _option_descriptions() -> dict[str, str]:
    """Return what the docstring of `Bm25Config` says of each option."""
    described: dict[str, str] = {}
    name = ""
    lines = (Bm25Config.__doc__ or "").partition("Args:\n")[2].split("\n\n")[0].split("\n")
    for line in lines:
        head, colon, rest = line.strip().partition(": ")
        if colon and head in Bm25Config.__dataclass_fields__ and not line.startswith(" " * 12):
            name, line = head, rest
        described[name] = f"{described.get(name, '')} {line.strip()}".strip().replace("``", "`")
    return described


_LENGTH = {"type": "integer", "minimum": 0, "maximum": MAX_TOKEN_LEN}
_STRINGS = {"type": "array", "items": {"type": "string"}}
_PLUGIN = {"$ref": "#/$defs/plugin"}
_WORD = {"$ref": "#/$defs/word"}
_LANGUAGE = {"$ref": "#/$defs/language"}

_OPTIONS: dict[str, dict[str, Any]] = {
    "k": {"type": "number", "minimum": 0},
    "b": {"type": "number", "minimum": 0, "maximum": 1},
    "avg_len": {"type": "number", "exclusiveMinimum": 0},
    "tokenizer": {"anyOf": [{"enum": list(TOKENIZERS)}, _PLUGIN]},
    "language": {"enum": _with_aliases(tuple(sorted({*STOPWORD_LANGUAGES, *FASTEMBED_LANGUAGES})))},
    "lowercase": {"type": "boolean"},
    "ascii_folding": {"type": "boolean"},
    "stopwords": {
        "anyOf": [
            _LANGUAGE,
            {
                "type": "object",
                "properties": {
                    "languages": {"anyOf": [{"type": "array", "items": _LANGUAGE}, {"type": "null"}]},
                    "custom": {"anyOf": [_STRINGS, {"type": "null"}]},
                },
                "additionalProperties": False,
            },
        ]
    },
    "stemmer": {
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "type": {"const": "snowball"},
                    "language": {"$ref": "#/$defs/stemmer_language"},
                },
                "required": ["type", "language"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"type": {"const": "none"}, "language": {"type": "null"}},
                "required": ["type"],
                "additionalProperties": False,
            },
            _PLUGIN,
        ]
    },
    "min_token_len": _LENGTH,
    "max_token_len": _LENGTH,
    "k3": {"type": "number", "minimum": 0},
    "dialect": {"enum": list(DIALECTS)},
    "filters": {"type": "array", "items": _PLUGIN},
    "synonyms": {
        "type": "object",
        "propertyNames": _WORD,
        "additionalProperties": {"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}]},
    },
    "protected_words": {"type": "array", "items": _WORD},
}

_FASTEMBED = {
    "if": {"properties": {"dialect": {"const": "fastembed"}}, "required": ["dialect"]},
    "then": {
        "properties": {
            "language": {"enum": [*_with_aliases(FASTEMBED_LANGUAGES), None]},
            "tokenizer": {"enum": ["word", None]},
            "lowercase": {"enum": [True, None]},
            "ascii_folding": {"enum": [False, None]},
            "min_token_len": {"type": "null"},
        }
    },
    "else": {"properties": {"language": {"enum": [*_with_aliases(STOPWORD_LANGUAGES), None]}}},
}

_MULTILINGUAL = {
    "if": {"properties": {"tokenizer": {"const": "multilingual"}}, "required": ["tokenizer"]},
    "then": {
        "properties": {
            "filters": {"anyOf": [{"maxItems": 0}, {"type": "null"}]},
            "synonyms": {"anyOf": [{"maxProperties": 0}, {"type": "null"}]},
            "protected_words": {"anyOf": [{"maxItems": 0}, {"type": "null"}]},
            "stemmer": {
                "properties": {
                    "type": {"enum": ["snowball", "none"]},
                    "language": {"enum": [*_with_aliases(STEMMER_LANGUAGES), None]},
                }
            },
        }
    },
}
