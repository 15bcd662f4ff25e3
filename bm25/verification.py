"""`verify`: are the vectors of one's own texts those of another encoder, and where not, why?

Every text is encoded by both sides, as a document and as a query, and compared bit for bit. What differs is
explained id by id, as far as terms and term frequencies are known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from bm25.analysis.analyzer import Analyzer, Role
from bm25.analysis.trace import Token, trace
from bm25.config import Bm25Config
from bm25.counts import TermCounts
from bm25.encoder import BATCH_BYTES, BATCH_TEXTS, Bm25Encoder
from bm25.errors import Bm25InputError
from bm25.hashing import term_id
from bm25.inputs import as_arrow
from bm25.oracles import Oracle, Vector, oracle

__all__ = ["Difference", "Tally", "TermDifference", "Verification", "Verifier", "verify"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class TermDifference:
    """One id on which two vectors differ. None stands for what a side lacks, or what is not known of it.

    Attributes:
        id: the term id.
        terms: our terms with this id, several where they share it; empty where ours has none, or knows none.
        missed: where ours has none, terms with this id that it would have without stopwords, limits or a
            stemmer: a guess at what the oracle has.
        tokens: the tokens of the text that those terms come from, with what became of them here, each once.
        weight, oracle_weight: the two weights, float32 as Python floats.
        frequency, oracle_frequency: the term frequencies, of documents only.
    """

    id: int
    terms: tuple[str, ...]
    missed: tuple[str, ...]
    tokens: tuple[Token, ...]
    weight: float | None
    oracle_weight: float | None
    frequency: int | None
    oracle_frequency: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A text whose vector is not the oracle's.

    Attributes:
        row: the number of the text, from 0.
        role: whether it was encoded as a document or as a query.
        text: the text itself.
        length, oracle_length: tokens that were counted, of documents only.
        terms: the ids on which they differ; empty where only the order does. Those that one side lacks come
            first, then those with other frequencies; the rest differ because the lengths do.
    """

    row: int
    role: Role
    text: str
    length: int | None
    oracle_length: int | None
    terms: tuple[TermDifference, ...]


@dataclass(slots=True)
class Tally:
    """How the vectors of one role compare.

    Attributes:
        equal: the same ids in the same order, the same bits.
        different: the rest.
        shared_ids: equal but for ids that several terms of a text share, of whose weights the oracle keeps
            any one, and ours is that of their frequencies' sum.
        no_result: texts for which the oracle has none.
    """

    equal: int = 0
    different: int = 0
    shared_ids: int = 0
    no_result: int = 0


@dataclass(slots=True)
class Verification:
    """What a comparison found.

    Attributes:
        oracle: what ours was compared with, package and version.
        texts: how many texts were compared.
        nulls: how many were null, which is no text: they are not compared.
        documents, queries: the tallies.
        differences: the first differences, explained.
        no_result: rows for which the oracle has no result, the first ones.
        notes: what was not compared, or not as it was asked.
    """

    oracle: str
    texts: int = 0
    nulls: int = 0
    documents: Tally = field(default_factory=Tally)
    queries: Tally = field(default_factory=Tally)
    differences: list[Difference] = field(default_factory=list)
    no_result: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def different(self) -> int:
        """How many vectors differ, of documents and queries together."""
        return self.documents.different + self.queries.different

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.different


def verify(encoder: Bm25Encoder, texts: Any, against: str = "engine", *, show: int = 5) -> Verification:
    """Compare the vectors of texts with those of Qdrant's engine or of FastEmbed, in bounded memory.

    Args:
        encoder: the encoder to compare; the oracle gets the options of its configuration.
        texts: an Arrow array of strings, or any iterable of texts; None is a null text.
        against: ``"engine"`` or ``"fastembed"``.
        show: how many differences to explain.

    Raises:
        Bm25ConfigError: the configuration has something that the oracle does not, which it names.
        MissingExtraError: the oracle's package is not installed.
    """
    verifier = Verifier(encoder, against, show=show)
    for batch in _batches(texts):
        verifier.add(batch)
    return verifier.result


class _Answered(NamedTuple):
    """A text, and what the oracle makes of it."""

    row: int
    text: str
    document: Vector
    query: Vector


class Verifier:
    """A comparison that texts are put to batch by batch; `result` is what it found so far.

    k3 is left out of it: it weighs query terms as no oracle does, and concerns nothing else.
    """

    def __init__(self, encoder: Bm25Encoder, against: str = "engine", *, show: int = 5) -> None:
        self._oracle: Oracle = oracle(against, encoder.config)
        self._encoder = encoder
        self._queries = encoder
        self._show = show
        self.result = Verification(self._oracle.name)
        if self._oracle.note is not None:
            self.result.notes.append(self._oracle.note)
        if encoder.config.k3 is not None:
            self._queries = Bm25Encoder(replace(encoder.config, k3=None), threads=encoder.threads)
            self.result.notes.append(
                f"query vectors are compared without k3 (it is {encoder.config.k3:g}), "
                "which has no equivalent there"
            )

    def add(self, texts: Any) -> None:
        """Compare further texts, given as for `Bm25Encoder.encode_documents`."""
        array = as_arrow(texts)
        compared: list[_Answered] = []
        places: list[int] = []
        for i, scalar in enumerate(array):
            row = self.result.texts + self.result.nulls
            text = _text(scalar, i)
            if text is None:
                self.result.nulls += 1
                continue
            self.result.texts += 1
            document, query = self._oracle.document(text), self._oracle.query(text)
            if document is not None and query is not None:
                compared.append(_Answered(row, text, document, query))
                places.append(i)
            else:
                self._count_without_result(row)
        # Under `multilingual` ours may ask the engine too, so texts for which that fails are left out.
        chosen = array if len(places) == len(array) else array.take(pa.array(places, pa.int64()))
        documents = self._encoder.encode_documents(chosen)
        queries = self._queries.encode_queries(chosen)
        for i, (row, text, document, query) in enumerate(compared):
            self._compare(row, "document", text, Vector(*documents[i]), document)
            self._compare(row, "query", text, Vector(*queries[i]), query)

    def _count_without_result(self, row: int) -> None:
        self.result.documents.no_result += 1
        self.result.queries.no_result += 1
        if len(self.result.no_result) < self._show:
            self.result.no_result.append(row)

    def _compare(self, row: int, role: Role, text: str, ours: Vector, theirs: Vector) -> None:
        """Count one vector, and explain it if it is among the first that differ."""
        result = self.result
        tally = result.documents if role == "document" else result.queries
        if _equal(ours, theirs):
            tally.equal += 1
        elif role == "document" and self._differs_by_shared_ids(text, ours, theirs):
            tally.shared_ids += 1
        else:
            tally.different += 1
            if len(result.differences) < self._show:
                result.differences.append(self._explain(row, role, text, ours, theirs))

    def _differs_by_shared_ids(self, text: str, ours: Vector, theirs: Vector) -> bool:
        """Whether each weight that differs is the oracle's for one of several terms with one id."""
        if not np.array_equal(ours.ids, theirs.ids):
            return False
        # Under `multilingual` too: only texts that the analyzer knows the terms of can differ.
        found = _terms(self._encoder.config, text)
        length = sum(sum(terms.values()) for terms in found.values())
        for i in np.flatnonzero(_bits(ours.weights) != _bits(theirs.weights)).tolist():
            key = int(ours.ids[i])
            terms = found.get(key, Counter())
            if len(terms) < 2:
                return False
            both = self._weight(key, sum(terms.values()), length)
            single = {self._weight(key, frequency, length) for frequency in terms.values()}
            if _bits(ours.weights)[i] != both or _bits(theirs.weights)[i] not in single:
                return False
        return True

    def _weight(self, key: int, frequency: int, length: int) -> int:
        """Return the bits of our weight of a term."""
        counts = TermCounts(
            np.array([0, 1]),
            np.array([key], np.uint32),
            np.array([frequency], np.uint32),
            np.array([length], np.uint32),
        )
        return int(_bits(self._encoder.weigh(counts).values)[0])

    def _explain(self, row: int, role: Role, text: str, ours: Vector, theirs: Vector) -> Difference:
        origins = _Origins(self._encoder.config, role, text)
        our_frequencies: dict[int, int] = {}
        their_frequencies: dict[int, int] = {}
        length = oracle_length = None
        if role == "document":  # queries do not show how often a term occurs
            counts = self._encoder.count_documents([text])
            ids, frequencies = counts[0]
            our_frequencies = _by_id(ids, frequencies)
            length = int(counts.lengths[0])
            counted = self._oracle.frequencies(text)
            if counted is not None:
                their_frequencies = _by_id(counted.ids, np.rint(counted.weights).astype(np.int64))
                oracle_length = sum(their_frequencies.values())
        our_weights, their_weights = _by_id(*ours), _by_id(*theirs)
        our_bits = _by_id(ours.ids, _bits(ours.weights))
        their_bits = _by_id(theirs.ids, _bits(theirs.weights))
        terms = []
        for key in sorted(our_bits.keys() | their_bits.keys()):
            if our_bits.get(key) == their_bits.get(key):
                continue
            known, missed, tokens = origins.of(key)
            terms.append(
                TermDifference(
                    key, known, missed, tokens,
                    our_weights.get(key), their_weights.get(key),
                    our_frequencies.get(key), their_frequencies.get(key),
                )
            )  # fmt: skip
        terms.sort(key=_relevance)
        return Difference(row, role, text, length, oracle_length, tuple(terms))


def _relevance(term: TermDifference) -> tuple[bool, bool, int]:
    on_both_sides = term.weight is not None and term.oracle_weight is not None
    return on_both_sides, term.frequency == term.oracle_frequency, term.id


def _terms(config: Bm25Config, text: str) -> dict[int, Counter[str]]:
    """Return our terms of a document by id, with their frequencies."""
    analyzer = Analyzer(config, "document")
    forms = analyzer.surface_forms(text)
    found: dict[int, Counter[str]] = {}
    for term in analyzer.analyze("\n".join(forms)).terms if forms else ():
        found.setdefault(term_id(term), Counter())[term] += 1
    return found


class _Origins:
    """Where the ids of one text come from; empty where terms are not known."""

    def __init__(self, config: Bm25Config, role: Role, text: str) -> None:
        self._ours: dict[int, list[Token]] = {}
        self._possible: dict[int, list[Token]] = {}
        self._by_place: dict[tuple[int, int], list[Token]] = {}
        if not config.has_terms:
            return
        for token in trace(Analyzer(config, role), text):
            self._by_place.setdefault((token.start, token.end), []).append(token)
            if token.term_id is not None:
                self._ours.setdefault(token.term_id, []).append(token)
        # What would be there if less were dropped, or nothing stemmed.
        keeping = replace(config, stopwords={}, min_token_len=None, max_token_len=None)
        for other in (keeping, replace(keeping, stemmer={"type": "none"})):
            for token in trace(Analyzer(other, role), text):
                if token.term_id is not None:
                    self._possible.setdefault(token.term_id, []).append(token)

    def of(self, key: int) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Token, ...]]:
        """Return our terms with an id, or those that might have it, and what became of their tokens."""
        if key in self._ours:
            return _names(self._ours[key]), (), _distinct(self._ours[key])
        possible = self._possible.get(key, [])
        tokens = [one for token in possible for one in self._by_place.get((token.start, token.end), ())]
        return (), _names(possible), _distinct(tokens)


def _names(tokens: list[Token]) -> tuple[str, ...]:
    return tuple(sorted({token.term for token in tokens if token.term is not None}))


def _distinct(tokens: list[Token]) -> tuple[Token, ...]:
    return tuple({(token.form, token.changes): token for token in reversed(tokens)}.values())[::-1]


def _by_id(ids: Array, values: Array) -> dict[int, Any]:
    return dict(zip(ids.tolist(), values.tolist(), strict=True))


def _text(scalar: pa.StringScalar, i: int) -> str | None:
    try:
        text: str | None = scalar.as_py()
    except UnicodeDecodeError as error:
        raise Bm25InputError(f"texts[{i}] is not valid UTF-8: {error.reason} at byte {error.start}") from None
    return text


def _batches(texts: Any) -> Iterator[Any]:
    if isinstance(texts, str | bytes):
        raise Bm25InputError("texts must be an iterable of texts, got one text; wrap it in a list")
    if isinstance(texts, pa.Array | pa.ChunkedArray):
        for start in range(0, len(texts), BATCH_TEXTS):
            yield texts.slice(start, BATCH_TEXTS)
        return
    batch: list[Any] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text) if isinstance(text, str) else 0
        if len(batch) == BATCH_TEXTS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _equal(ours: Vector, theirs: Vector) -> bool:
    return np.array_equal(ours.ids, theirs.ids) and np.array_equal(_bits(ours.weights), _bits(theirs.weights))


def _bits(weights: Array) -> Array:
    return np.ascontiguousarray(weights, np.float32).view(np.uint32)
