"""How well a collection is searched with Qdrant's vectors, with ours fitted to it, and with ours tuned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from bm25.config import Bm25Config
from bm25.encoder import Bm25Encoder
from bm25.evaluation import scorer
from bm25.evaluation.beir import BeirCollection
from bm25.evaluation.counting import CountedCollection, count_collection
from bm25.evaluation.metrics import RANKING_DEPTH, Quality, mean_quality
from bm25.evaluation.rankings import Rankings
from bm25.sparse import SparseVectors
from bm25.statistics import CorpusStatistics

__all__ = ["FITTED", "Evaluation", "Progress", "Ranker", "Variant", "evaluate", "standard_variants"]

Array = np.ndarray[Any, Any]

FITTED = None  # as an avg_len: the mean length of the collection's documents

Progress = Callable[[str, int, int], None]  # what is being done, how much of it is, of how much


class Ranker(Protocol):
    """Ranks documents for queries; see `bm25.evaluation.scorer.rank` for the arguments."""

    def __call__(
        self,
        documents: SparseVectors,
        queries: SparseVectors,
        statistics: CorpusStatistics,
        *,
        depth: int,
        excluded: Array | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Rankings:
        """Return the best documents of each query."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Weights to try: a configuration, and the mean length to use with it.

    Attributes:
        name: what to call it.
        config: k, b and k3, and the options that decide the terms.
        avg_len: in tokens, or `FITTED`.
    """

    name: str
    config: Bm25Config
    avg_len: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well one collection is searched with one variant.

    Attributes:
        collection: its name.
        variant: the variant's name.
        config: the configuration, with the avg_len that was used.
        documents: how many there are, those without a term among them.
        missing: judged documents that the collection does not have.
        average_length: of the documents with a term, in tokens.
        quality: the means over queries.
    """

    collection: str
    variant: str
    config: Bm25Config
    documents: int
    missing: int
    average_length: float
    quality: Quality


def standard_variants(config: Bm25Config | None = None) -> list[Variant]:
    """Return Qdrant's own vectors, the same with a fitted avg_len, and the tuned preset, fitted too.

    Args:
        config: whose options decide the terms (language, tokenizer ...); its weights are not used.
    """
    qdrant, tuned = Bm25Config(), Bm25Config.tuned()
    return [
        Variant("qdrant", _with_weights(config, qdrant), qdrant.avg_len),
        Variant("fitted", _with_weights(config, qdrant), FITTED),
        Variant("tuned", _with_weights(config, tuned), FITTED),
    ]


def evaluate(
    collection: BeirCollection,
    variants: list[Variant] | None = None,
    *,
    threads: int | None = None,
    ranker: Ranker = scorer.rank,
    all_terms: bool = False,
    progress: Progress | None = None,
) -> Iterator[Evaluation]:
    """Count the documents once, and yield the quality of each variant as soon as it is known.

    A document that has the id of the query is not among its results (in some collections queries are
    documents, and would find themselves first), which is BEIR's convention.

    Args:
        collection: what to search.
        variants: of one analysis; `standard_variants()` by default.
        threads: threads that count, None for as many as this process may use cores.
        ranker: who ranks; exact scores by default.
        all_terms: give the ranker whole vectors. Otherwise entries of terms that no query has are left out,
            which changes no score and saves most of the memory.
        progress: told how far this is: `("documents", bytes, bytes in all)`, then by the name of each
            variant `("tuned", queries, queries in all)`.

    Raises:
        Bm25InputError: a document cannot be used; names file and line.
    """
    variants = standard_variants() if variants is None else variants
    texts = [query.text for query in collection.queries]
    encoder = Bm25Encoder(variants[0].config, threads=threads)
    counted = count_collection(
        collection,
        encoder,
        only=None if all_terms else np.unique(encoder.count_queries(texts).term_ids),
        progress=_step(progress, "documents", collection.bytes_total),
    )
    judgements, missing = counted.numbers.judgements(collection.queries)
    for variant in variants:
        config = _resolved(variant, counted)
        weights = Bm25Encoder(config, threads=threads)
        rankings = ranker(
            weights.weigh(counted.counts),
            weights.encode_queries(texts),
            counted.statistics,
            depth=RANKING_DEPTH,
            excluded=counted.numbers.own(collection.queries),
            progress=_step(progress, variant.name, len(texts)),
        )
        yield Evaluation(
            collection=collection.name,
            variant=variant.name,
            config=config,
            documents=counted.numbers.count,
            missing=missing,
            average_length=counted.statistics.average_length,
            quality=mean_quality(rankings, judgements),
        )


def _resolved(variant: Variant, counted: CountedCollection) -> Bm25Config:
    # Without a single term there is no mean length, and no weight that would depend on it.
    mean = counted.statistics.average_length or variant.config.avg_len
    avg_len = mean if variant.avg_len is FITTED else variant.avg_len
    return _changed(variant.config, {"avg_len": avg_len})


def _with_weights(config: Bm25Config | None, weights: Bm25Config) -> Bm25Config:
    names = ("k", "b", "k3", "avg_len")
    return _changed(config or Bm25Config(), {name: getattr(weights, name) for name in names})


def _changed(config: Bm25Config, options: Mapping[str, Any]) -> Bm25Config:
    return Bm25Config.from_dict({**config.to_dict(), **options})


def _step(progress: Progress | None, what: str, total: int) -> Callable[[int], None] | None:
    return None if progress is None else partial(_tell, progress, what, total)


def _tell(progress: Progress, what: str, total: int, done: int) -> None:
    progress(what, done, total)
