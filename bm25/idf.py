"""Inverse document frequency, by the formulas in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bm25.analysis.languages import nearest
from bm25.errors import Bm25ConfigError

__all__ = ["IDF_FORMULAS", "inverse_document_frequency"]

Array = np.ndarray[Any, Any]


def _robertson(n: float, df: Array) -> Array:
    return np.asarray(np.log((n - df + 0.5) / (df + 0.5)))


def _lucene(n: float, df: Array) -> Array:
    return np.asarray(np.log1p((n - df + 0.5) / (df + 0.5)))


def _atire(n: float, df: Array) -> Array:
    return _or_zero(n, df)


def _bm25_plus(n: float, df: Array) -> Array:
    return _or_zero(n + 1.0, df)


def _bm25l(n: float, df: Array) -> Array:
    return np.asarray(np.log((n + 1.0) / (df + 0.5)))


def _or_zero(numerator: float, df: Array) -> Array:
    known = df > 0
    return np.where(known, np.log(np.maximum(numerator, 1.0) / np.where(known, df, 1.0)), 0.0)


IDF_FORMULAS: dict[str, Callable[[float, Array], Array]] = {
    "qdrant": _lucene,
    "lucene": _lucene,
    "robertson": _robertson,
    "atire": _atire,
    "bm25+": _bm25_plus,
    "bm25l": _bm25l,
}
"""With N documents, of which df have the term:

| name | formula | source |
|---|---|---|
| `qdrant`, `lucene` | ln(1 + (N - df + 0.5) / (df + 0.5)) | Lucene's BM25Similarity, and Qdrant's modifier |
| `robertson` | ln((N - df + 0.5) / (df + 0.5)), below 0 for the most frequent | Robertson et al. 1994 |
| `atire` | ln(N / df) | Trotman et al. 2014, "Improvements to BM25 and language models examined" |
| `bm25+` | ln((N + 1) / df) | Lv and Zhai 2011, "Lower-bounding term frequency normalization" |
| `bm25l` | ln((N + 1) / (df + 0.5)) | Lv and Zhai 2011, "When documents are very long, BM25 fails!" |

Kamphuis et al. 2020, "Which BM25 do you mean?", compare them.
"""


def inverse_document_frequency(document_count: int, document_frequency: Array, formula: str) -> Array:
    """Return the idf of terms, float64.

    Args:
        document_count: N, documents with at least one term.
        document_frequency: int64, the documents that have each term. `atire` and `bm25+` have no value
            for a term that no document has; it gets 0.
        formula: a name of `IDF_FORMULAS`.

    Raises:
        Bm25ConfigError: an unknown formula.
    """
    if formula not in IDF_FORMULAS:
        raise Bm25ConfigError(
            f"unknown idf formula {formula!r}{nearest(formula, list(IDF_FORMULAS))}; "
            f"allowed: {', '.join(IDF_FORMULAS)}"
        )
    return IDF_FORMULAS[formula](float(document_count), np.asarray(document_frequency, np.float64))
