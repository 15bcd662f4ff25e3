"""`explain`: why a document scores what it scores, term by term."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bm25.counts import TermCounts
from bm25.display import display_width, padded, printable
from bm25.encoder import Bm25Encoder
from bm25.errors import Bm25InputError
from bm25.statistics import CorpusStatistics

__all__ = ["Explanation", "TermScore", "explain"]

Array = np.ndarray[Any, Any]

_COLUMNS = ("term", "id", "qtf", "tf", "df", "idf", "query weight", "document weight", "score", "share")
_LONGEST_QUERY = 200  # characters of a query that stand above its table


@dataclass(frozen=True, slots=True)
class TermScore:
    """What one term of the query adds to the score: query_weight * idf * document_weight.

    Attributes:
        term: the term of the query; None under a tokenizer that yields ids without terms.
        term_id: its id.
        query_frequency: how often the query has it.
        term_frequency: how often the document has it; 0 where it does not, and then it adds nothing.
        document_frequency: how many documents of the corpus have it.
        idf: its inverse document frequency.
        query_weight: its value in the query vector.
        document_weight: its value in the document vector.
        score: what it adds.
        share: the same as a part of the score, from 0 to 1.
        shared_with: other terms with the same id, ascending, as far as query, document and statistics know
            any: all of them count as one.
    """

    term: str | None
    term_id: int
    query_frequency: int
    term_frequency: int
    document_frequency: int
    idf: float
    query_weight: float
    document_weight: float
    score: float
    share: float
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The score of a document for a query, and what it is made of. `str` of it is a table.

    `idf`, weights and scores, here and in `terms`, are each the shortest decimal that reads back to the
    float32.

    Attributes:
        query: its text.
        score: the sum of what the terms add.
        terms: all terms of the query, those that add most first, equal ones by ascending id.
        document_count: N, the documents of the corpus with at least one term.
        document_length: tokens of the document, repeats included.
        avg_len: what lengths are divided by, in tokens: the encoder's.
        k, b, k3: the other parameters of the encoder; k3 is None where query weights are 1.
        document: its text, None where only its counts are known.
        document_id: its id in a store, None for a text.
        tenant: whose documents are the corpus; None for all.
    """

    query: str
    score: float
    terms: tuple[TermScore, ...]
    document_count: int
    document_length: int
    avg_len: float
    k: float
    b: float
    k3: float | None
    document: str | None = None
    document_id: str | None = None
    tenant: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values, ready for JSON."""
        values = asdict(self)
        values["terms"] = [{**term, "shared_with": list(term["shared_with"])} for term in values["terms"]]
        return values

    def __str__(self) -> str:
        document = "a document" if self.document_id is None else f"document {printable(self.document_id)}"
        corpus = "" if self.tenant is None else f" of tenant {printable(self.tenant)}"
        rest = "..." if len(self.query) > _LONGEST_QUERY else ""
        lines = [
            f'"{printable(self.query[:_LONGEST_QUERY])}{rest}": {document} of length '
            f"{self.document_length:,} scores {self.score}",
            f"N {self.document_count:,}{corpus}, avg_len {self.avg_len:g}, k {self.k:g}, b {self.b:g}, "
            f"k3 {'none' if self.k3 is None else f'{self.k3:g}'}",
        ]
        if self.terms:
            lines += ["", *_aligned([_COLUMNS, *map(_cells, self.terms)])]
        lines += [
            f"* {term.term_id} is the id of {', '.join(map(printable, term.shared_with))} too"
            for term in self.terms
            if term.shared_with
        ]
        return "\n".join(lines)


def explain(
    encoder: Bm25Encoder, statistics: CorpusStatistics, query: str, document: str | TermCounts
) -> Explanation:
    """Return the score of a document for a query, term by term, as a Qdrant collection computes it.

    It computes in float32 what Qdrant has in float32: the weights of both vectors; for each term of the
    query ln(1 + (N - df + 0.5) / (df + 0.5)), the logarithm alone in float64 and then rounded; query weight
    * idf; that * document weight; and their sum. Qdrant adds in an order that depends on how its index was
    built, this function by ascending term id: for m terms in both, the scores are within a factor of
    1 ± (m + 2) * 2**-23 of each other. The idf of a term that nearly all of a million documents have is
    coarse in float32, here as there; `CorpusStatistics.idf` has it in float64.

    Args:
        encoder: with the configuration of the vectors, avg_len included.
        statistics: of the documents that count for idf. Those of the whole collection are what Qdrant uses
            by itself; those of a tenant are what it uses for a query with the parameter
            ``idf: {"corpus": filter}``, where the filter selects the tenant.
        query: its text.
        document: its text, or its counts: the `TermCounts` of one document. It need not be in the
            collection; the statistics are taken as they are.

    Raises:
        Bm25InputError: query or document is something else, or no valid Unicode.
    """
    if not isinstance(query, str):
        raise Bm25InputError(f"the query must be a string, got {type(query).__name__}: {query!r:.80}")
    counts = _counts(encoder, document)
    asked = encoder.count_queries([query])
    term_ids, query_weights = encoder.encode_query(query)
    (document_ids, frequencies), (_, weights) = counts[0], encoder.weigh(counts)[0]
    present, tf, document_weights = _of_terms(term_ids, document_ids, frequencies, weights)
    document_frequencies = statistics.document_frequency(term_ids)
    idf = _idf(statistics.document_count, document_frequencies)
    scores = query_weights * idf * document_weights
    total = np.float32(0)
    for score in scores[present]:  # one by one: numpy's sum takes them in pairs
        total += score
    terms, shared = _names(term_ids, asked, counts, statistics)
    columns = (
        terms,
        term_ids.tolist(),
        asked[0][1].tolist(),
        tf.tolist(),
        document_frequencies.tolist(),
        *(_decimals(values) for values in (idf, query_weights, document_weights, scores)),
        (scores.astype(np.float64) / (float(total) or 1.0)).tolist(),
        shared,
    )
    rows = sorted(
        (TermScore(*row) for row in zip(*columns, strict=True)), key=lambda term: (-term.score, term.term_id)
    )
    config = encoder.config
    return Explanation(
        query,
        _decimals([total])[0],
        tuple(rows),
        document_count=statistics.document_count,
        document_length=int(counts.lengths[0]),
        avg_len=config.avg_len,
        k=config.k,
        b=config.b,
        k3=config.k3,
        document=document if isinstance(document, str) else None,
    )


def _counts(encoder: Bm25Encoder, document: str | TermCounts) -> TermCounts:
    if isinstance(document, str):
        return encoder.count_documents([document])
    if isinstance(document, TermCounts) and len(document) == 1:
        return document
    what = type(document).__name__
    raise Bm25InputError(
        "the document must be a text, or the TermCounts of one document, got "
        + (f"those of {len(document)}" if isinstance(document, TermCounts) else f"{what}: {document!r:.80}")
    )


def _of_terms(term_ids: Array, ids: Array, frequencies: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Return for each term of the query whether the document has it, how often, and its weight."""
    present = np.isin(term_ids, ids)
    places = np.searchsorted(ids, term_ids[present])
    tf, values = np.zeros(len(term_ids), np.int64), np.zeros(len(term_ids), np.float32)
    tf[present], values[present] = frequencies[places], weights[places]
    return present, tf, values


def _idf(document_count: int, document_frequencies: Array) -> Array:
    """Return Qdrant's idf as its code has it: float32, N and df too."""
    n, df, half = np.float32(document_count), document_frequencies.astype(np.float32), np.float32(0.5)
    ratio = (n - df + half) / (df + half) + np.float32(1)
    return np.asarray(np.log(ratio.astype(np.float64)).astype(np.float32))


def _names(
    term_ids: Array, query: TermCounts, document: TermCounts, statistics: CorpusStatistics
) -> tuple[list[str | None], list[tuple[str, ...]]]:
    """Return for each term id the term of the query, and other terms with that id."""
    known = [part.lookup(term_ids) for part in (query.terms, document.terms, statistics.terms) if part]
    terms: list[str | None] = []
    shared = []
    for term_id in term_ids.tolist():
        own = query.terms.get(term_id) if query.terms is not None else None
        others = {term for part in known for term in part.collisions.get(term_id, (part.get(term_id),))}
        terms.append(own)
        shared.append(tuple(sorted(term for term in others if term is not None and term != own)))
    return terms, shared


def _decimals(values: Any) -> list[float]:
    """Return float32 numbers as the shortest decimals that read back to them."""
    return [float(str(value)) for value in values]


def _cells(term: TermScore) -> tuple[str, ...]:
    return (
        "" if term.term is None else printable(term.term),
        f"{term.term_id}{'*' if term.shared_with else ''}",
        f"{term.query_frequency:,}",
        f"{term.term_frequency:,}",
        f"{term.document_frequency:,}",
        *map(str, (term.idf, term.query_weight, term.document_weight, term.score)),
        f"{term.share:.1%}",
    )


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table; that of terms is left out where there are none."""
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(display_width, column)) for column in columns]
    right = [column[0] != "term" for column in columns]
    return [
        "  ".join(
            padded(cell, width, right=flush) for cell, width, flush in zip(cells, widths, right, strict=True)
        )
        for cells in zip(*columns, strict=True)
    ]
