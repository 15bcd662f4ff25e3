"""A store once more, naive: a dict of documents, recounted in pure Python over the oracle's frequencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from bm25 import Bm25Config, CorpusStatistics, StatisticsStore
from tests import reference
from tests.oracle import oracle

# Words are terms as they are, so that the model knows the term of an id without asking the package.
PLAIN = Bm25Config(stemmer={"type": "none"}, stopwords={"languages": [], "custom": []})

Text = str | tuple[str, ...]
"""A text, or one for each field."""


@dataclass(frozen=True)
class Document:
    text: Text
    tenant: str | None = None
    epoch: int = 1


@cache
def frequencies_encoder(config: Bm25Config = PLAIN) -> Any:
    """The oracle with b = 0 and a huge k: the weight of a term is its frequency."""
    return oracle(Bm25Config.from_dict({**config.to_dict(), "k": 1e300, "b": 0.0}))


@cache
def frequencies(text: str, config: Bm25Config = PLAIN) -> Mapping[int, int]:
    """Term id -> frequency in one text, as the oracle has them."""
    vector = frequencies_encoder(config).embed_document(text)
    return {term: int(value) for term, value in zip(vector.indices, vector.values, strict=True)}


def fields_of(document: Document) -> tuple[str, ...]:
    return document.text if isinstance(document.text, tuple) else (document.text,)


def counter(document: Document, config: Bm25Config = PLAIN) -> Counter[int]:
    """Term id -> frequency in all fields of a document."""
    return sum((Counter(frequencies(text, config)) for text in fields_of(document)), Counter())


@dataclass(frozen=True)
class Recount:
    """Statistics counted one document after the other."""

    document_count: int
    empty_count: int
    total_length: int
    document_frequency: dict[int, int]
    collection_frequency: dict[int, int]

    @classmethod
    def of(cls, counters: Iterable[Mapping[int, int]]) -> Recount:
        documents = empty = length = 0
        df: Counter[int] = Counter()
        cf: Counter[int] = Counter()
        for counted in counters:
            documents += bool(counted)
            empty += not counted
            length += sum(counted.values())
            for term, frequency in counted.items():
                df[term] += 1
                cf[term] += frequency
        return cls(documents, empty, length, dict(df), dict(cf))

    @property
    def totals(self) -> tuple[int, int, int]:
        return self.document_count, self.empty_count, self.total_length


def assert_statistics(statistics: CorpusStatistics, expected: Recount) -> None:
    """Assert that statistics equal a recount, to the last number and type."""
    ids = sorted(expected.document_frequency)
    assert (statistics.document_count, statistics.empty_count, statistics.total_length) == expected.totals
    assert statistics.term_ids.dtype == np.uint32
    assert statistics.document_frequencies.dtype == statistics.collection_frequencies.dtype == np.int64
    assert statistics.term_ids.tolist() == ids
    assert statistics.document_frequencies.tolist() == [expected.document_frequency[i] for i in ids]
    assert statistics.collection_frequencies.tolist() == [expected.collection_frequency[i] for i in ids]
    mean = expected.total_length / expected.document_count if expected.document_count else 0.0
    assert statistics.average_length == mean


class Model:
    """Documents by id, and the epochs; `epochs` are (number, mean, sequence)."""

    def __init__(self, max_drift: float = 0.05, config: Bm25Config = PLAIN) -> None:
        self.documents: dict[str, Document] = {}
        self.epochs: list[tuple[int, float, int]] = []
        self.least_epoch = 1
        self.max_drift = max_drift
        self.config = config

    def copy(self) -> Model:
        other = Model(self.max_drift, self.config)
        other.documents = dict(self.documents)
        other.epochs = list(self.epochs)
        other.least_epoch = self.least_epoch
        return other

    @property
    def epoch(self) -> int:
        return self.epochs[-1][0] if self.epochs else 1

    def add(self, document_id: str, document: Document) -> None:
        self.documents[document_id] = replace(document, epoch=self.epoch)

    def remove(self, document_id: str) -> bool:
        return self.documents.pop(document_id, None) is not None

    def drop(self, tenant: str) -> bool:
        found = [key for key, document in self.documents.items() if document.tenant == tenant]
        for key in found:
            del self.documents[key]
        return bool(found)

    def commit(self, sequence: int, *, ask: bool = False) -> None:
        """Begin an epoch where the mean length has drifted too far."""
        recount = self.recount()
        if not recount.document_count or not recount.total_length:
            return
        mean = recount.total_length / recount.document_count
        drift = abs(mean / self.epochs[-1][1] - 1) if self.epochs else 0.0
        if not self.epochs or ask or drift > self.max_drift:
            self.epochs.append((self.epoch + 1 if self.epochs else 1, mean, sequence))

    def tenants(self) -> set[str]:
        return {document.tenant for document in self.documents.values() if document.tenant is not None}

    def recount(self, tenant: str | None = None) -> Recount:
        chosen = (d for d in self.documents.values() if tenant is None or d.tenant == tenant)
        return Recount.of(counter(document, self.config) for document in chosen)


def assert_same(store: StatisticsStore, model: Model, *, unknown: Iterable[str] = ()) -> None:
    """Assert that a store with a ledger shows what the model has, by every way to ask it."""
    assert_frequencies(store, {None: model.recount(), **{t: model.recount(t) for t in model.tenants()}})
    assert {name: tuple(totals) for name, totals in store.tenants().items()} == {
        name: model.recount(name).totals for name in model.tenants()
    }
    assert list(store.tenants()) == sorted(store.tenants())
    assert [tuple(epoch) for epoch in store.epochs] == model.epochs
    listed: dict[str, tuple[Any, ...]] = {}
    for batch in store.documents():
        for row, key in enumerate(batch.document_ids):
            assert key not in listed, f"{key} is listed twice"
            ids, values = batch.counts[row]
            assert ids.tolist() == sorted(ids.tolist())
            listed[key] = (
                dict(zip(ids.tolist(), values.tolist(), strict=True)),
                int(batch.counts.lengths[row]),
                batch.tenants[row],
                batch.epochs[row],
            )
    expected = {
        key: (
            dict(counted := counter(document, model.config)),
            sum(counted.values()),
            document.tenant,
            max(document.epoch, model.least_epoch),
        )
        for key, document in model.documents.items()
    }
    assert listed == expected
    for key, (counts, length, tenant, epoch) in expected.items():
        entry = store.document(key)
        assert entry is not None, key
        assert (entry.document_id, entry.counts, entry.length) == (key, counts, length)
        assert (entry.tenant, entry.epoch) == (tenant, epoch)
        if store.fields:
            texts = zip(store.fields, fields_of(model.documents[key]), strict=True)
            assert entry.fields == {name: dict(frequencies(text, model.config)) for name, text in texts}
    for key in unknown:
        if key not in expected:
            assert store.document(key) is None, key


def assert_frequencies(store: StatisticsStore, expected: Mapping[str | None, Recount]) -> None:
    """Assert the statistics of the corpus and of tenants; `expected` has the corpus under None."""
    assert tuple(store.totals) == expected[None].totals
    everything = sorted(expected[None].document_frequency)
    asked = np.array([*everything, 3, 2**31][::-1], np.uint32)
    for tenant, recount in expected.items():
        assert_statistics(store.statistics(tenant), recount)
        df = [recount.document_frequency.get(i, 0) for i in asked.tolist()]
        cf = [recount.collection_frequency.get(i, 0) for i in asked.tolist()]
        assert store.document_frequency(asked, tenant=tenant).tolist() == df
        assert store.collection_frequency(asked, tenant=tenant).tolist() == cf
    assert_statistics(store.statistics("no such tenant"), Recount.of([]))
    if store.has_terms:
        terms = store.statistics().terms
        assert terms is not None
        assert terms.ids.tolist() == everything
        for term_id in everything:
            term = terms[term_id]
            assert reference.term_id(term.encode()) == term_id
            assert store.term(term_id) == term
        assert store.term(3) is None
    else:
        assert store.statistics().terms is None
