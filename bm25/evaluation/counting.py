"""One pass over the documents of a collection: their statistics, and the counts that rankings need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bm25.counts import TermCounts
from bm25.encoder import Bm25Encoder
from bm25.evaluation.beir import BeirCollection, DocumentNumbers
from bm25.statistics import CorpusStatistics, StatisticsBuilder

__all__ = ["CountedCollection", "count_collection"]

Array = np.ndarray[Any, Any]

_NO_ID = np.uint32(2**32 - 1)  # term ids end at 2**31


@dataclass(frozen=True, slots=True)
class CountedCollection:
    """What was counted.

    Attributes:
        counts: of the documents, with the entries that were asked for and the whole lengths.
        statistics: of all terms of the documents.
        numbers: which document is in which row.
    """

    counts: TermCounts
    statistics: CorpusStatistics
    numbers: DocumentNumbers


def count_collection(
    collection: BeirCollection,
    encoder: Bm25Encoder,
    *,
    only: Array | None = None,
    progress: Callable[[int], None] | None = None,
) -> CountedCollection:
    """Count the documents of a collection, a batch of texts at a time.

    Args:
        collection: where they are.
        encoder: who counts.
        only: term ids (uint32, ascending) whose entries to keep; all by default. Those of the queries decide
            the scores, and are few of a large collection's.
        progress: called with the bytes of the file of documents read so far.
    """
    builder = StatisticsBuilder(terms=False)
    numbers = DocumentNumbers()
    parts = []
    for texts in collection.read_documents(numbers, progress):
        counts = encoder.count_documents(texts)
        builder.add(counts)
        parts.append(counts if only is None else _restricted(counts, only))
    return CountedCollection(_joined(parts), builder.result(), numbers)


def _restricted(counts: TermCounts, term_ids: Array) -> TermCounts:
    # Not np.isin, which would sort all entries.
    nearest = np.append(term_ids, _NO_ID)[np.searchsorted(term_ids, counts.term_ids)]
    kept = nearest == counts.term_ids
    indptr = np.concatenate([[0], np.cumsum(kept)])[counts.indptr]
    return TermCounts(indptr, counts.term_ids[kept], counts.frequencies[kept], counts.lengths)


def _joined(parts: list[TermCounts]) -> TermCounts:
    ends = np.cumsum([0, *(part.indptr[-1] for part in parts)])
    indptr = [part.indptr[1:] + end for part, end in zip(parts, ends[:-1], strict=True)]
    return TermCounts(
        np.concatenate([[0], *indptr]).astype(np.int64),
        np.concatenate([part.term_ids for part in parts]),
        np.concatenate([part.frequencies for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )
