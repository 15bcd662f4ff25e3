"""`Rankings`: the best documents of some queries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["Rankings"]

Array = np.ndarray[Any, Any]


class Rankings:
    """The documents that each query found, best first and among equal scores in the order of the corpus.

    Attributes:
        documents: int64 of shape (queries, depth), document numbers; -1 after the last one found.
        scores: float32 of that shape, 0 after the last one found.
    """

    def __init__(self, documents: Array, scores: Array) -> None:
        self.documents = documents
        self.scores = scores

    @classmethod
    def empty(cls, queries: int, depth: int) -> Rankings:
        """Return rankings that found nothing, to be filled."""
        return cls(np.full((queries, depth), -1, np.int64), np.zeros((queries, depth), np.float32))

    def keep_best(self, query: int, documents: Array, scores: Array) -> None:
        """Keep the best of some documents and their scores, in any order, as the ranking of a query."""
        depth = self.documents.shape[1]
        if len(documents) > depth:
            # Whatever ties with the last one stays until the ties are broken.
            last = np.partition(scores, len(scores) - depth)[len(scores) - depth]
            kept = scores >= last
            documents, scores = documents[kept], scores[kept]
        order = np.lexsort((documents, -scores))[:depth]
        self.documents[query, : len(order)] = documents[order]
        self.scores[query, : len(order)] = scores[order]

    def __len__(self) -> int:
        return len(self.documents)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the document numbers of each query."""
        for row, found in zip(self.documents, (self.documents >= 0).sum(axis=1).tolist(), strict=True):
            yield row[:found].tolist()
