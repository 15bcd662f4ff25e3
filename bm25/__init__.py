"""BM25 sparse vectors for Qdrant, equal to its own bit for bit, made by compiled code."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bm25.config import Bm25Config
    from bm25.counts import TermCounts
    from bm25.encoder import Bm25Encoder
    from bm25.errors import (
        Bm25ConfigError,
        Bm25Error,
        Bm25InputError,
        StoreDamagedError,
        StoreError,
        StoreInUseError,
        StoreMismatchError,
    )
    from bm25.sparse import SparseVectors
    from bm25.statistics import CorpusStatistics, StatisticsBuilder
    from bm25.store import StatisticsStore

__all__ = [
    "Bm25Config",
    "Bm25ConfigError",
    "Bm25Encoder",
    "Bm25Error",
    "Bm25InputError",
    "CorpusStatistics",
    "SparseVectors",
    "StatisticsBuilder",
    "StatisticsStore",
    "StoreDamagedError",
    "StoreError",
    "StoreInUseError",
    "StoreMismatchError",
    "TermCounts",
]

__version__ = "0.1.0"

_HOMES = {
    "Bm25Config": "bm25.config",
    "Bm25ConfigError": "bm25.errors",
    "Bm25Encoder": "bm25.encoder",
    "Bm25Error": "bm25.errors",
    "Bm25InputError": "bm25.errors",
    "CorpusStatistics": "bm25.statistics",
    "SparseVectors": "bm25.sparse",
    "StatisticsBuilder": "bm25.statistics",
    "StatisticsStore": "bm25.store.store",
    "StoreDamagedError": "bm25.errors",
    "StoreError": "bm25.errors",
    "StoreInUseError": "bm25.errors",
    "StoreMismatchError": "bm25.errors",
    "TermCounts": "bm25.counts",
}


def __getattr__(name: str) -> Any:
    # Loaded when first used: a command line that only prints its help must not wait for numpy.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
