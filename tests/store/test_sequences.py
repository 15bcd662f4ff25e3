"""Drawn sequences of everything that can be done to a store, compared with the model after each step."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bm25 import Bm25Encoder, CorpusStatistics, StatisticsStore
from bm25.errors import Bm25InputError, StoreError
from bm25.store import documents
from tests.conftest import REDUCED
from tests.store.model import PLAIN, Document, Model, Recount, assert_frequencies, assert_same, frequencies
from tests.store.sizes import set_sizes

ENCODER = Bm25Encoder(PLAIN, threads=1)
IDS = [str(number) for number in range(14)]
TENANTS = [None, "a", "b", "ç"]

WORDS = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"]

texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=7)
tenants = st.sampled_from(TENANTS)


class Abandoned(Exception):
    pass


class Machine(RuleBasedStateMachine):
    """What stores with and without a ledger have in common."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.path = self.root / "store"
        self.patch = pytest.MonkeyPatch()
        self.held: list[tuple[StatisticsStore, object]] = []

    def shrink_sizes(self, spill: int, rows: int, fanout: int, small: int) -> None:
        """Let few documents make many segments, merges and record batches."""
        set_sizes(self.patch, _SPILL_ENTRIES=spill, LEDGER_ROWS=rows, FANOUT=fanout, _SMALL=small)

    def teardown(self) -> None:
        try:
            if hasattr(self, "store"):
                self.store.verify()
                self.store.close()
            for store, _ in self.held:
                store.close()
        finally:
            self.patch.undo()
            shutil.rmtree(self.root)

    def files(self) -> set[str]:
        return {path.name for path in (self.path / "segments").iterdir()}


class WithLedger(Machine):
    @initialize(
        terms=st.booleans(),
        fields=st.sampled_from([(), ("title", "body")]),
        weak=st.booleans(),
        spill=st.sampled_from([1, 6, 1 << 20]),
        rows=st.sampled_from([1, 3, 1 << 14]),
        fanout=st.sampled_from([2, 3, 8]),
        small=st.sampled_from([2500, 5000, 1 << 20]),
        max_drift=st.sampled_from([0.05, 0.5, 1e9]),
    )
    def create(self, terms, fields, weak, spill, rows, fanout, small, max_drift):
        self.shrink_sizes(spill, rows, fanout, small)
        if weak:
            self.patch.setattr(
                documents, "document_keys", lambda ids: np.array([len(i) % 3 for i in ids], np.uint64)
            )
        self.store = StatisticsStore.create(self.path, PLAIN, terms=terms, fields=fields, max_drift=max_drift)
        self.model = Model(max_drift)

    def count(self, chosen: list[str]):
        if not self.store.fields:
            return ENCODER.count_documents(chosen)
        # The title is the first word, so that terms are in one field, in the other, or in both.
        parts = [self.split(text) for text in chosen]
        return {
            name: ENCODER.count_documents([part[i] for part in parts])
            for i, name in enumerate(self.store.fields)
        }

    def split(self, text: str):
        return tuple([*text.split(" ", 1), ""][:2]) if self.store.fields else text

    @rule(
        data=st.data(),
        steps=st.lists(st.sampled_from(["add", "add", "add", "remove", "drop"]), min_size=1, max_size=5),
        abandon=st.sampled_from([False, False, False, True]),
        ask=st.sampled_from([False, False, True]),
    )
    def write(self, data, steps, abandon, ask):
        model = self.model.copy()
        before, files = self.store.sequence, self.files()
        with suppress(Abandoned), self.store.write() as batch:
            for step in steps:
                if step == "add":
                    self.add(batch, model, data)
                elif step == "remove":
                    chosen = data.draw(ids)
                    expected = [i for i in dict.fromkeys(chosen) if i not in model.documents]
                    assert batch.remove(chosen) == expected
                    for i in chosen:
                        model.remove(i)
                else:
                    tenant = data.draw(st.sampled_from(TENANTS[1:]))
                    if model.drop(tenant):
                        batch.drop_tenant(tenant)
                    else:
                        with pytest.raises(StoreError, match="no documents, nothing to drop"):
                            batch.drop_tenant(tenant)
            if ask:
                batch.start_epoch()
            if abandon:
                raise Abandoned
        summary = batch.summary
        if abandon:
            assert self.store.sequence == before
            assert self.files() == files
            return
        assert len(model.documents) == len(self.model.documents) + summary.added - summary.removed
        if self.store.sequence > before:
            assert self.store.sequence == before + 1
            model.commit(self.store.sequence, ask=ask)
        self.model = model
        with pytest.raises(StoreError, match="the batch has ended"):
            batch.add(["1"], self.count(["ant"]))

    def add(self, batch, model: Model, data) -> None:
        chosen = data.draw(ids)
        contents = data.draw(st.lists(texts, min_size=len(chosen), max_size=len(chosen)))
        again = data.draw(st.booleans())
        owners = data.draw(st.one_of(tenants, st.lists(tenants, min_size=len(chosen), max_size=len(chosen))))
        each = owners if isinstance(owners, list) else [owners] * len(chosen)
        if again:  # the same content once more
            for place, key in enumerate(chosen):
                if key in model.documents:
                    old = model.documents[key]
                    text = old.text if isinstance(old.text, str) else " ".join(old.text)
                    contents[place], each[place] = text, old.tenant
            owners = each
        numbers = [int(key) if place % 2 else key for place, key in enumerate(chosen)]
        batch.add(numbers, self.count(contents), tenant=owners)
        for key, text, tenant in zip(chosen, contents, each, strict=True):
            model.add(key, Document(self.split(text), tenant))

    @rule()
    def write_nothing(self):
        before = self.store.sequence
        with self.store.write() as batch:
            pass
        assert batch.summary == type(batch.summary)()
        assert self.store.sequence == before

    @rule()
    def compact(self):
        before = self.store.sequence
        several = self.store.segment_count > 1
        self.store.compact()
        assert self.store.segment_count <= 1
        assert self.store.sequence == before + several
        if several:
            self.model.commit(self.store.sequence)
        assert len(self.files()) <= 5

    @precondition(lambda self: self.model.epochs)
    @rule()
    def reweigh(self):
        wanted = {
            key
            for key, document in self.model.documents.items()
            if max(document.epoch, self.model.least_epoch) < self.model.epoch
        }
        found = [key for keys, vectors in self.store.reweigh() for key in keys]
        assert sorted(found) == sorted(wanted)
        self.store.mark_reweighed(self.store.epoch.number)
        self.model.least_epoch = self.model.epoch
        assert not list(self.store.reweigh())

    @rule()
    def reopen(self):
        self.store.close()
        self.store = StatisticsStore.open(self.path)

    @rule()
    def hold(self):
        """Open a reader, which must show this state until it is refreshed."""
        if len(self.held) < 3:
            self.held.append((StatisticsStore.open(self.path), self.model.copy()))

    @precondition(lambda self: self.held)
    @rule()
    def refresh(self):
        store, model = self.held.pop(0)
        assert_same(store, model, unknown=IDS)
        older = store.sequence < self.store.sequence
        assert store.refresh() == older
        assert store.sequence == self.store.sequence
        assert not store.refresh()
        self.held.append((store, self.model.copy()))

    @rule()
    def verify(self):
        assert self.store.verify().documents == len(self.model.documents)

    @invariant()
    def same(self):
        if hasattr(self, "store"):
            assert_same(self.store, self.model, unknown=IDS)
            for store, model in self.held:
                assert_same(store, model)


class WithoutLedger(Machine):
    @initialize(
        terms=st.booleans(),
        spill=st.sampled_from([1, 1 << 20]),
        fanout=st.sampled_from([2, 3, 8]),
        small=st.sampled_from([2500, 1 << 20]),
    )
    def create(self, terms, spill, fanout, small):
        self.shrink_sizes(spill, 3, fanout, small)
        self.store = StatisticsStore.create(self.path, PLAIN, ledger=False, terms=terms)
        self.parts: list[tuple[list[str], str | None]] = []

    def expected(self) -> dict[str | None, Recount]:
        scopes: dict[str | None, list[str]] = {None: [t for part, _ in self.parts for t in part]}
        for part, tenant in self.parts:
            if tenant is not None:
                scopes.setdefault(tenant, []).extend(part)
        return {scope: Recount.of(map(frequencies, found)) for scope, found in scopes.items()}

    @rule(
        added=st.lists(
            st.tuples(st.lists(texts, max_size=4), tenants, st.booleans()), min_size=1, max_size=3
        ),
        removed=st.lists(st.integers(0, 20), max_size=3),
        abandon=st.sampled_from([False, False, True]),
    )
    def write(self, added, removed, abandon):
        old = list(self.parts)
        with suppress(Abandoned), self.store.write() as batch:
            for part, tenant, as_statistics in added:
                counts = ENCODER.count_documents(part)
                if as_statistics:
                    batch.add_statistics(CorpusStatistics.from_counts(counts), tenant=tenant)
                else:
                    batch.add(None, counts, tenant=tenant)
                self.parts.append((part, tenant))
            for number in removed:
                if self.parts:
                    part, tenant = self.parts.pop(number % len(self.parts))
                    counts = ENCODER.count_documents(part)
                    batch.subtract_statistics(CorpusStatistics.from_counts(counts), tenant=tenant)
            if abandon:
                raise Abandoned
        if abandon:
            self.parts = old

    @rule(tenant=st.sampled_from(TENANTS[1:]))
    def drop(self, tenant):
        with self.store.write() as batch:
            if self.expected().get(tenant, Recount.of([])).totals != (0, 0, 0):
                batch.drop_tenant(tenant)
                self.parts = [(part, name) for part, name in self.parts if name != tenant]

    @rule(tenant=tenants)
    def subtract_too_much(self, tenant):
        before = self.store.sequence
        much = CorpusStatistics.from_counts(ENCODER.count_documents(["ant"] * 1000))
        with (
            pytest.raises(Bm25InputError, match="must be part of the corpus"),
            self.store.write() as batch,
        ):
            batch.subtract_statistics(much, tenant=tenant)
        assert self.store.sequence == before

    @rule()
    def compact(self):
        self.store.compact()
        assert self.store.segment_count <= 1

    @rule()
    def reopen(self):
        self.store.close()
        self.store = StatisticsStore.open(self.path)

    @rule()
    def hold(self):
        if len(self.held) < 3:
            self.held.append((StatisticsStore.open(self.path), self.expected()))

    @invariant()
    def same(self):
        if not hasattr(self, "store"):
            return
        expected = self.expected()
        assert_frequencies(self.store, expected)
        shown = {name: tuple(totals) for name, totals in self.store.tenants().items()}
        assert shown == {
            name: recount.totals for name, recount in expected.items() if name and any(recount.totals)
        }
        for store, old in self.held:
            assert_frequencies(store, old)


TestWithLedger = WithLedger.TestCase
TestWithLedger.settings = settings(
    max_examples=5 if REDUCED else 60,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
TestWithoutLedger = WithoutLedger.TestCase
TestWithoutLedger.settings = settings(
    max_examples=5 if REDUCED else 30,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
