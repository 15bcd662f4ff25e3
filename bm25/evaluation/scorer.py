"""The exact scorer: every document that shares a term with a query is scored, by scipy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bm25.evaluation.rankings import Rankings

if TYPE_CHECKING:
    from bm25.sparse import SparseVectors
    from bm25.statistics import CorpusStatistics

__all__ = ["rank"]

Array = np.ndarray[Any, Any]

BLOCK_SCORES = 1 << 23  # of 12 bytes each, twice


def rank(
    documents: SparseVectors,
    queries: SparseVectors,
    statistics: CorpusStatistics,
    *,
    depth: int,
    excluded: Array | None = None,
    progress: Callable[[int], None] | None = None,
) -> Rankings:
    """Return the `depth` best documents for each query, as a Qdrant collection with the IDF modifier would.

    The score is the sum over shared terms of query weight * idf * document weight in float32, with
    Qdrant's idf, ln(1 + (N - df + 0.5) / (df + 0.5)). Documents without a shared term are not found.

    Args:
        documents: their vectors. Entries of terms that no query has are not needed.
        queries: their vectors, without idf.
        statistics: of the whole collection.
        depth: how many documents a query yields at most.
        excluded: int64, for each query the number of a document to leave out, or -1.
        progress: called with the number of queries done.
    """
    terms = np.intersect1d(queries.indices, statistics.term_ids)
    postings = documents.to_scipy(terms).tocsc().T  # by term: the documents that have it
    weights = statistics.apply_idf(queries).to_scipy(terms)
    rankings = Rankings.empty(len(queries), depth)
    for start, stop in _blocks(weights, np.diff(postings.indptr), len(documents)):
        scores = weights[start:stop] @ postings
        for query in range(start, stop):
            row = slice(scores.indptr[query - start], scores.indptr[query - start + 1])
            found, values = scores.indices[row], scores.data[row]
            if excluded is not None and excluded[query] >= 0:
                others = found != excluded[query]
                found, values = found[others], values[others]
            rankings.keep_best(query, found, values)
        if progress is not None:
            progress(stop)
    return rankings


def _blocks(weights: Any, document_frequencies: Array, documents: int) -> list[tuple[int, int]]:
    """Return ranges of queries with at most `BLOCK_SCORES` scores each, or of one query."""
    # A query has at most as many scores as its terms have postings, and as there are documents.
    postings = np.concatenate([[0], np.cumsum(document_frequencies[weights.indices])])[weights.indptr]
    ends = np.cumsum(np.minimum(np.diff(postings), documents))
    blocks = []
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BLOCK_SCORES, side="right")))
        blocks.append((start, stop))
        start = stop
    return blocks
