"""Other encoders that vectors are compared with: Qdrant's engine, and FastEmbed's `Qdrant/bm25`.

Both are optional packages, imported when first asked for. Neither is told anything by ours but the options
and the stopwords, and neither needs a network.
"""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from bm25.analysis import stopwords
from bm25.analysis.greek import may_panic
from bm25.analysis.languages import FASTEMBED_LANGUAGES, STOPWORD_LANGUAGES
from bm25.config import Bm25Config
from bm25.engine import ENGINE_VERSION, engine_encoder, frequency_encoder, is_panic
from bm25.errors import Bm25ConfigError, MissingExtraError
from bm25.options import MAX_TOKEN_LEN

__all__ = ["ORACLES", "EngineOracle", "FastEmbedOracle", "Oracle", "Vector", "oracle"]

ORACLES = ("engine", "fastembed")

Array = np.ndarray[Any, Any]


class Vector(NamedTuple):
    """Ids (uint32) and weights (float32), in the order in which they are compared."""

    ids: Array
    weights: Array


class Oracle(ABC):
    """An encoder of one configuration.

    Attributes:
        name: its package and version.
        note: what to know of it, or None.
    """

    name: str
    note: str | None = None

    @abstractmethod
    def document(self, text: str) -> Vector | None:
        """Return the document vector of a text, None where the encoder has no result."""

    @abstractmethod
    def query(self, text: str) -> Vector | None:
        """Return the query vector of a text, None where the encoder has no result."""

    @abstractmethod
    def frequencies(self, text: str) -> Vector | None:
        """Return ids and term frequencies instead of weights, exact up to 2**24."""


def oracle(name: str, config: Bm25Config) -> Oracle:
    """Return one of `ORACLES` with the options of a configuration.

    Raises:
        Bm25ConfigError: the configuration has something that the oracle does not; k3 is left out.
        MissingExtraError: its package is not installed.
    """
    if name == "engine":
        return EngineOracle(config)
    if name == "fastembed":
        return FastEmbedOracle(config)
    raise Bm25ConfigError(f"against: unknown oracle {name!r}; allowed: {', '.join(ORACLES)}")


class EngineOracle(Oracle):
    """Qdrant's engine, the package `qdrant-edge-py`. Some Greek words make it panic: no result."""

    def __init__(self, config: Bm25Config) -> None:
        if config.dialect != "qdrant":
            raise Bm25ConfigError(
                f"Qdrant's engine has no equivalent of dialect {config.dialect!r}; compare with the other "
                f"oracle (--against {config.dialect})"
            )
        purpose = "a comparison with Qdrant's engine"
        self._encoder = engine_encoder(config, purpose)
        self._counter = frequency_encoder(config, purpose)
        installed = version("qdrant-edge-py")
        self.name = f"qdrant-edge-py {installed}"
        if installed != ENGINE_VERSION:
            self.note = f"this package has the rules of qdrant-edge-py {ENGINE_VERSION}, not {installed}"

    def document(self, text: str) -> Vector | None:
        """Return the document vector of a text."""
        return _engine_vector(self._encoder.embed_document, text)

    def query(self, text: str) -> Vector | None:
        """Return the query vector of a text."""
        return _engine_vector(self._encoder.embed_query, text)

    def frequencies(self, text: str) -> Vector | None:
        """Return ids and term frequencies."""
        return _engine_vector(self._counter.embed_document, text)


def _engine_vector(embed: Any, text: str) -> Vector | None:
    try:
        vector = embed(text)
    except BaseException as error:
        if not is_panic(error):
            raise
        return None
    # float32 -> Python float -> float32 keeps every bit.
    return Vector(np.array(vector.indices, np.uint32), np.array(vector.values, np.float32))


class FastEmbedOracle(Oracle):
    """FastEmbed, with this package's stopword lists in place of a download.

    Its ids have no order and its weights are float64: they are compared ascending, as the float32 that Qdrant
    stores. Greek words that might end the process are not put to it: no result.
    """

    def __init__(self, config: Bm25Config) -> None:
        if config.dialect != "fastembed":
            raise Bm25ConfigError(
                f"FastEmbed's vectors are not those of dialect {config.dialect!r}; "
                "add --dialect fastembed (dialect='fastembed')"
            )
        unknown = [what for what in config.extensions if not what.startswith(("k3=", "dialect "))]
        if config.stemmer_language not in (None, *FASTEMBED_LANGUAGES) and not unknown:
            unknown = [f"stemmer {config.stemmer_language!r}"]
        if unknown:
            raise Bm25ConfigError(f"FastEmbed has no equivalent of {', '.join(unknown)}")
        self._fragile = config.stemmer_language == "greek"
        self._encoder = _fastembed(config, k=config.k, b=config.b)
        # With b = 0 nothing depends on the length, and with a k this large a weight is the frequency.
        self._counter = _fastembed(config, k=1e300, b=0.0)
        self.name = f"fastembed {version('fastembed')}"

    def document(self, text: str) -> Vector | None:
        """Return the document vector of a text."""
        return self._vector(self._encoder.embed, text)

    def query(self, text: str) -> Vector | None:
        """Return the query vector of a text."""
        return self._vector(self._encoder.query_embed, text)

    def frequencies(self, text: str) -> Vector | None:
        """Return ids and term frequencies."""
        return self._vector(self._counter.embed, text)

    def _vector(self, embed: Any, text: str) -> Vector | None:
        # What it stems begins with a word's beginning: lowercasing may split further, into later pieces.
        if self._fragile and any(map(may_panic, re.findall(r"\w+", text.lower()))):
            return None
        (embedding,) = embed([text])
        order = np.argsort(embedding.indices)
        with np.errstate(over="ignore"):
            weights = embedding.values[order].astype(np.float32)
        return Vector(embedding.indices[order].astype(np.uint32), weights)


def _fastembed(config: Bm25Config, *, k: float, b: float) -> Any:
    try:
        from fastembed.sparse.bm25 import Bm25
    except ImportError as error:
        raise MissingExtraError(
            "a comparison with FastEmbed needs the package fastembed: pip install 'bm25-engine[fastembed]'"
        ) from error
    stemmer = config.stemmer_language
    options: dict[str, Any] = {} if stemmer is not None else {"disable_stemmer": True}
    words = {word.lower() for word in config.custom_stopwords}
    for name in config.stopword_languages:
        words |= {word.lower() for word in stopwords.load(name)}
    if config.stopwords is not None:
        options["stopwords"] = words
        if "stopwords" not in inspect.signature(Bm25).parameters:  # it would take and forget them
            raise Bm25ConfigError(
                f"fastembed {version('fastembed')} has no option stopwords; install a newer one, "
                "or leave the option out"
            )
    # The language decides which stemmer there is, and the name of the file of stopwords.
    language = stemmer or config.language
    with TemporaryDirectory(prefix="bm25-fastembed-") as folder:
        Path(folder, "mock.file").touch()
        if config.language in STOPWORD_LANGUAGES:
            Path(folder, f"{language}.txt").write_text("\n".join(sorted(words)), encoding="utf-8")
        return Bm25(
            "Qdrant/bm25",
            cache_dir=folder,
            specific_model_path=folder,
            language=language,
            k=k,
            b=b,
            avg_len=config.avg_len,
            token_max_length=MAX_TOKEN_LEN if config.longest_token is None else config.longest_token,
            **options,
        )
