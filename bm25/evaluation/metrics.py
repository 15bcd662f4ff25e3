"""How good rankings are: nDCG, recall and the reciprocal rank of the first relevant document.

A ranking is a sequence of document numbers, best first and each at most once. `relevance` maps the judged
documents of one query to their grades; a grade of 0 or less, or none, is not relevant. Where nothing is
relevant each measure is 0.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, log2

__all__ = ["NDCG_DEPTH", "RANKING_DEPTH", "Quality", "mean_quality", "ndcg", "recall", "reciprocal_rank"]

NDCG_DEPTH = 10
RANKING_DEPTH = 100  # of recall and of the reciprocal rank


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the queries that have a relevant document, each from 0 to 1; all 0.0 without such queries.

    Attributes:
        queries: how many those are.
        ndcg: nDCG@10.
        recall: recall@100.
        reciprocal_rank: MRR@100, what trec_eval calls recip_rank for a run of 100 documents a query.
    """

    queries: int
    ndcg: float
    recall: float
    reciprocal_rank: float


def mean_quality(rankings: Iterable[Sequence[int]], judgements: Iterable[Mapping[int, int]]) -> Quality:
    """Return the means over queries, of which both arguments have the same, in one order.

    A query without any relevant document says nothing about a ranking and is left out; one that found
    nothing counts as 0.
    """
    values = [
        (ndcg(ranking, relevance), recall(ranking, relevance), reciprocal_rank(ranking, relevance))
        for ranking, relevance in zip(rankings, judgements, strict=True)
        if any(grade > 0 for grade in relevance.values())
    ]
    # fsum: the mean of some queries does not depend on their order.
    means = [fsum(column) / len(values) for column in zip(*values, strict=True)] or [0.0, 0.0, 0.0]
    return Quality(len(values), *means)


def ndcg(ranking: Sequence[int], relevance: Mapping[int, int], depth: int = NDCG_DEPTH) -> float:
    """Return the normalised discounted cumulative gain of the first `depth` documents.

    The gain of a document is its grade, that of rank r is divided by log2(r + 1), and the sum is divided by
    that of an ideal ranking of all judged documents, found or not. This is trec_eval's ndcg_cut; the measure
    is that of Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques, who divide by
    log2(r) from the second rank on.
    """
    ideal = sorted((grade for grade in relevance.values() if grade > 0), reverse=True)
    best = _discounted(ideal[:depth])
    if not best:
        return 0.0
    return _discounted([max(0, relevance.get(document, 0)) for document in ranking[:depth]]) / best


def recall(ranking: Sequence[int], relevance: Mapping[int, int], depth: int = RANKING_DEPTH) -> float:
    """Return the share of the relevant documents that are among the first `depth`."""
    relevant = {document for document, grade in relevance.items() if grade > 0}
    return len(relevant.intersection(ranking[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank(
    ranking: Sequence[int], relevance: Mapping[int, int], depth: int = RANKING_DEPTH
) -> float:
    """Return 1 / rank of the first relevant document, 0.0 where none is among the first `depth`."""
    for rank, document in enumerate(ranking[:depth], start=1):
        if relevance.get(document, 0) > 0:
            return 1 / rank
    return 0.0


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))
