"""The rankings that an embedded Qdrant gives, to hold against exact scores."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bm25.evaluation.rankings import Rankings
from bm25.qdrant.edge import EdgeCollection, Hit

if TYPE_CHECKING:
    from bm25.sparse import SparseVectors
    from bm25.statistics import CorpusStatistics

__all__ = ["rank"]

Array = np.ndarray[Any, Any]


def rank(
    documents: SparseVectors,
    queries: SparseVectors,
    statistics: CorpusStatistics | None = None,
    *,
    depth: int,
    excluded: Array | None = None,
    progress: Callable[[int], None] | None = None,
) -> Rankings:
    """Return what a collection of these documents finds, stored, optimised, closed and opened again.

    As `bm25.evaluation.scorer.rank`, but the idf is the engine's own, so `statistics` are not looked at and
    the vectors must be whole. Equal scores come in the order of the corpus here too, though the engine
    returns them in any; sums that are equal but for the order of rounding may be ranked another way.

    Raises:
        MissingExtraError: qdrant-edge is not installed.
    """
    rankings = Rankings.empty(len(queries), depth)
    with tempfile.TemporaryDirectory(prefix="bm25-evaluate-") as folder:
        path = Path(folder) / "collection"
        with EdgeCollection.create(path) as collection:
            collection.upsert(range(len(documents)), documents)
            collection.optimize()
        with EdgeCollection.open(path) as collection:
            for query in range(len(queries)):
                own = -1 if excluded is None else int(excluded[query])
                hits = _hits(collection, *queries[query], depth + (own >= 0))
                hits = [hit for hit in hits if hit.id != own]
                rankings.keep_best(
                    query,
                    np.array([hit.id for hit in hits], np.int64),
                    np.array([hit.score for hit in hits], np.float32),
                )
                if progress is not None:
                    progress(query + 1)
    return rankings


def _hits(collection: EdgeCollection, indices: Array, values: Array, depth: int) -> list[Hit]:
    """Return the best hits, and all that have the score of the last one."""
    limit = depth + 1
    while True:
        hits = collection.search(indices, values, limit=limit)
        if len(hits) < limit or hits[-1].score < hits[depth - 1].score:
            return hits
        limit *= 2
