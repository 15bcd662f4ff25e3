"""Qdrant's own encoder, from the package `qdrant-edge-py`: the oracle, and the backend for whole texts.

It is optional, the extra `edge`, and imported when first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from bm25.config import Bm25Config, StopwordsSet
from bm25.errors import Bm25ConfigError, MissingExtraError

__all__ = [
    "ENGINE_VERSION", "MULTILINGUAL", "engine_encoder", "frequency_encoder", "is_panic", "qdrant_edge",
]  # fmt: skip

ENGINE_VERSION = "0.9.0"
"""The version of `qdrant-edge-py` whose rules this package has. Its BM25 is that of Qdrant 1.20."""


MULTILINGUAL = "the tokenizer 'multilingual'"


def qdrant_edge(purpose: str) -> ModuleType:
    """Return the module `qdrant_edge`.

    Args:
        purpose: what needs it, the beginning of the message of the error.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import qdrant_edge
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs Qdrant's engine, the package qdrant-edge-py: pip install 'bm25-engine[edge]'"
        ) from error
    return qdrant_edge


def engine_encoder(config: Bm25Config, purpose: str, **options: float) -> Any:
    """Return the engine's encoder, a `qdrant_edge.Bm25`, with the options of a configuration.

    Args:
        config: one without extensions but k3, which concerns none of the engine's options.
        purpose: what needs it, the beginning of the message where the package is missing.
        options: k, b or avg_len instead of the configuration's.

    Raises:
        Bm25ConfigError: the configuration has something that the engine does not.
        MissingExtraError: the package is not installed.
    """
    unknown = [what for what in config.extensions if not what.startswith("k3=")]
    if unknown:
        raise Bm25ConfigError(f"Qdrant's engine has no equivalent of {', '.join(unknown)}")
    engine = qdrant_edge(purpose)
    values = {"k": config.k, "b": config.b, "avg_len": config.avg_len, **options}
    return engine.Bm25(
        engine.Bm25Config(
            **values,
            tokenizer=getattr(engine.TokenizerType, str(config.tokenizer).capitalize()),
            language=config.language,
            lowercase=config.lowercase,
            ascii_folding=config.ascii_folding,
            stopwords=_stopwords(engine, config.stopwords),
            stemmer=_stemmer(engine, config.stemmer),
            min_token_len=config.min_token_len,
            max_token_len=config.max_token_len,
        )
    )


def frequency_encoder(config: Bm25Config, purpose: str) -> Any:
    """Return the engine's encoder with b = 0 and a huge k: a document's value of a term is its frequency.

    tf * (k + 1) / (tf + k) is tf once k is so large that adding to it changes nothing; in float32, exact
    below 2^24.
    """
    return engine_encoder(config, purpose, k=1e300, b=0.0)


def is_panic(error: BaseException) -> bool:
    """Tell whether an exception is a panic of the engine's, which is none of Python's `Exception`s."""
    return type(error).__name__ == "PanicException"


def _stopwords(engine: Any, stopwords: str | StopwordsSet | Mapping[str, Any] | None) -> Any:
    if isinstance(stopwords, str):
        return getattr(engine.Language, stopwords.capitalize())
    if isinstance(stopwords, StopwordsSet):
        languages = {getattr(engine.Language, name.capitalize()) for name in stopwords.languages}
        return engine.StopwordsSet(languages, set(stopwords.custom))
    return None


def _stemmer(engine: Any, stemmer: Mapping[str, str] | None) -> Any:
    if stemmer is None:
        return None
    if stemmer["type"] == "none":
        return engine.DisabledStemmer()
    return engine.SnowballParams(getattr(engine.SnowballLanguage, stemmer["language"].capitalize()))
