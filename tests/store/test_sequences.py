"""Drawn sequences of everything that can be done to a store, compared with the model after each step.

Among the steps are crashes: a process is killed at a drawn call while it writes.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics, StatisticsStore
from bm25.errors import Bm25InputError, StoreError
from bm25.store import documents
from bm25.store.batch import WriteBatch
from bm25.store.layout import LOCK, MANIFEST
from tests import corpora
from tests.conftest import REDUCED
from tests.store import steps
from tests.store.crash import forked
from tests.store.model import PLAIN, Document, Model, Recount, assert_frequencies, assert_same, frequencies
from tests.store.recorder import Recorder
from tests.store.sizes import set_sizes

IDS = [str(number) for number in range(14)]
TENANTS = [None, "a", "b", "ç"]

WORDS = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"]

COLLECTIONS = ["cacm", "xquad-ar", "xquad-de", "xquad-ru", "xquad-tr"]

ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=7)
tenants = st.sampled_from(TENANTS)


class Abandoned(Exception):
    pass


def write(store: StatisticsStore, change: Callable[[WriteBatch], None]) -> None:
    with store.write() as batch:
        change(batch)


class Machine(RuleBasedStateMachine):
    """What stores with and without a ledger have in common."""

    config = PLAIN
    texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.path = self.root / "store"
        self.patch = pytest.MonkeyPatch()
        self.held: list[tuple[StatisticsStore, object]] = []
        self.encoder = Bm25Encoder(self.config, threads=1)
        self.crashed = -1  # the commit at which a crash may have left files behind

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

    def leftovers(self) -> set[str]:
        """The files that the store does not need; those that it does are there."""
        files, needed = steps.files(self.path), steps.needed(self.store)
        assert files >= needed - {LOCK}, "the first writer makes the lock, all else is there"
        return files - needed

    def killed(self, data, work: Callable[[StatisticsStore], None]) -> bool:
        """Have another process do some work and be killed at a drawn call; tell whether it committed.

        All calls are drawn from, those after the commit too; the work is done to a copy first to count them.
        """
        copy = shutil.copytree(self.path, self.root / "copy")
        with StatisticsStore.open(copy) as store, Recorder(copy) as recorder:
            work(store)
        shutil.rmtree(copy)
        calls = recorder.calls
        # The kind first: else nearly all were writes.
        what, manifest = data.draw(st.sampled_from(sorted({(c.what, c.name == MANIFEST) for c in calls})))
        alike = [n for n, call in enumerate(calls) if (call.what, call.name == MANIFEST) == (what, manifest)]
        number = data.draw(st.sampled_from(alike))
        after = data.draw(st.booleans())

        def doomed() -> None:
            signal.alarm(120)  # rather than to hang
            with (
                StatisticsStore.open(self.path) as store,
                Recorder(self.path, number, after=after, kill=True),
            ):
                work(store)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, of which none is ours
            pid = forked(doomed)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        committed = any(call[:2] == ("replace", MANIFEST) for call in calls[: number + after])
        before = self.store.sequence
        self.reopen()
        assert self.store.sequence == before + committed, (calls[number], after)
        self.store.verify()
        self.crashed = self.store.sequence
        return committed

    @rule()
    def reopen(self):
        self.store.close()
        self.store = StatisticsStore.open(self.path)

    @invariant()
    def tidy(self):
        if hasattr(self, "store") and self.store.sequence != self.crashed:
            assert not self.leftovers()


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
        self.store = StatisticsStore.create(
            self.path, self.config, terms=terms, fields=fields, max_drift=max_drift
        )
        self.model = Model(max_drift, self.config)

    def count(self, chosen: list[str]):
        if not self.store.fields:
            return self.encoder.count_documents(chosen)
        # The title is the first word, so that terms are in one field, in the other, or in both.
        parts = [self.split(text) for text in chosen]
        return {
            name: self.encoder.count_documents([part[i] for part in parts])
            for i, name in enumerate(self.store.fields)
        }

    def split(self, text: str):
        return tuple([*text.split(" ", 1), ""][:2]) if self.store.fields else text

    @rule(
        data=st.data(),
        abandon=st.sampled_from([False, False, False, True]),
        ask=st.sampled_from([False, False, True]),
    )
    def write(self, data, abandon, ask):
        model = self.model.copy()
        before = self.store.sequence
        change = self.changes(data, model, ask)
        with suppress(Abandoned), self.store.write() as batch:
            change(batch)
            if abandon:
                raise Abandoned
        summary = batch.summary
        if abandon:
            assert self.store.sequence == before
            # What a crash may have left of a manifest stays until the next one is written.
            assert self.leftovers() <= {f"{MANIFEST}.tmp"}
            return
        assert len(model.documents) == len(self.model.documents) + summary.added - summary.removed
        if self.store.sequence > before:
            assert self.store.sequence == before + 1
            model.commit(self.store.sequence, ask=ask)
        self.model = model
        with pytest.raises(StoreError, match="the batch has ended"):
            batch.add(["1"], self.count(["ant"]))

    @precondition(lambda self: sys.platform != "win32")  # there is no SIGKILL
    @rule(data=st.data(), ask=st.booleans())
    def crash_in_write(self, data, ask):
        model = self.model.copy()
        change = self.changes(data, model, ask)
        if self.killed(data, lambda store: write(store, change)):
            model.commit(self.store.sequence, ask=ask)
            self.model = model

    @precondition(lambda self: sys.platform != "win32")
    @rule(data=st.data())
    def crash_in_compact(self, data):
        if self.killed(data, StatisticsStore.compact):
            self.model.commit(self.store.sequence)

    def changes(self, data, model: Model, ask: bool) -> Callable[[WriteBatch], None]:
        """Draw what a batch does; the model does it at once."""
        kinds = st.sampled_from(["add", "add", "add", "remove", "drop"])
        drawn = [
            {"add": self.add, "remove": self.remove, "drop": self.drop}[kind](data, model)
            for kind in data.draw(st.lists(kinds, min_size=1, max_size=5))
        ]

        def change(batch: WriteBatch) -> None:
            for one in drawn:
                one(batch)
            if ask:
                batch.start_epoch()

        return change

    def remove(self, data, model: Model) -> Callable[[WriteBatch], None]:
        chosen = data.draw(ids)
        unknown = [i for i in dict.fromkeys(chosen) if i not in model.documents]
        for i in chosen:
            model.remove(i)

        def change(batch: WriteBatch) -> None:
            assert batch.remove(chosen) == unknown

        return change

    def drop(self, data, model: Model) -> Callable[[WriteBatch], None]:
        tenant = data.draw(st.sampled_from(TENANTS[1:]))
        known = model.drop(tenant)

        def change(batch: WriteBatch) -> None:
            if known:
                batch.drop_tenant(tenant)
                return
            with pytest.raises(StoreError, match="no documents, nothing to drop"):
                batch.drop_tenant(tenant)

        return change

    def add(self, data, model: Model) -> Callable[[WriteBatch], None]:
        chosen = data.draw(ids)
        contents = data.draw(st.lists(self.texts, min_size=len(chosen), max_size=len(chosen)))
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
        counts = self.count(contents)
        for key, text, tenant in zip(chosen, contents, each, strict=True):
            model.add(key, Document(self.split(text), tenant))
        return lambda batch: batch.add(numbers, counts, tenant=owners)

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
        assert self.leftovers() <= {f"{MANIFEST}.tmp"}

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
        self.store = StatisticsStore.create(self.path, self.config, ledger=False, terms=terms)
        self.parts: list[tuple[list[str], str | None]] = []

    def expected(self) -> dict[str | None, Recount]:
        scopes: dict[str | None, list[str]] = {None: [t for part, _ in self.parts for t in part]}
        for part, tenant in self.parts:
            if tenant is not None:
                scopes.setdefault(tenant, []).extend(part)
        return {
            scope: Recount.of(frequencies(text, self.config) for text in found)
            for scope, found in scopes.items()
        }

    def statistics(self, part: list[str]) -> CorpusStatistics:
        return CorpusStatistics.from_counts(self.encoder.count_documents(part))

    @rule(data=st.data(), abandon=st.sampled_from([False, False, True]))
    def write(self, data, abandon):
        parts = list(self.parts)
        change = self.changes(data, parts)
        with suppress(Abandoned), self.store.write() as batch:
            change(batch)
            if abandon:
                raise Abandoned
        if not abandon:
            self.parts = parts

    @precondition(lambda self: sys.platform != "win32")  # there is no SIGKILL
    @rule(data=st.data())
    def crash_in_write(self, data):
        parts = list(self.parts)
        change = self.changes(data, parts)
        if self.killed(data, lambda store: write(store, change)):
            self.parts = parts

    @precondition(lambda self: sys.platform != "win32")
    @rule(data=st.data())
    def crash_in_compact(self, data):
        self.killed(data, StatisticsStore.compact)

    def changes(self, data, parts: list[tuple[list[str], str | None]]) -> Callable[[WriteBatch], None]:
        """Draw what a batch does; `parts` become what they are after it."""
        kinds = st.sampled_from(["counts", "statistics", "merged"])
        added = data.draw(
            st.lists(st.tuples(st.lists(self.texts, max_size=4), tenants, kinds), min_size=1, max_size=3)
        )
        parts += [(part, tenant) for part, tenant, _ in added]
        numbers = data.draw(st.lists(st.integers(0, 20), max_size=3))
        removed = [parts.pop(number % len(parts)) for number in numbers if parts]

        def change(batch: WriteBatch) -> None:
            for part, tenant, kind in added:
                if kind == "counts":
                    batch.add(None, self.encoder.count_documents(part), tenant=tenant)
                elif kind == "statistics":
                    batch.add_statistics(self.statistics(part), tenant=tenant)
                else:
                    merged = self.statistics(part[:1]) + self.statistics(part[1:])
                    batch.add_statistics(merged, tenant=tenant)
            for part, tenant in removed:
                batch.subtract_statistics(self.statistics(part), tenant=tenant)

        return change

    @rule(tenant=st.sampled_from(TENANTS[1:]))
    def drop(self, tenant):
        with self.store.write() as batch:
            if self.expected().get(tenant, Recount.of([])).totals != (0, 0, 0):
                batch.drop_tenant(tenant)
                self.parts = [(part, name) for part, name in self.parts if name != tenant]

    @rule(tenant=tenants)
    def subtract_too_much(self, tenant):
        before = self.store.sequence
        much = self.statistics(["ant"] * 1000)
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


def effort(examples: int, count: int) -> settings:
    """Return the settings for some examples of `count` steps."""
    return settings(
        max_examples=examples,
        stateful_step_count=count,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )


TestWithLedger = WithLedger.TestCase
TestWithLedger.settings = effort(5 if REDUCED else 40, 15)
TestWithoutLedger = WithoutLedger.TestCase
TestWithoutLedger.settings = effort(5 if REDUCED else 25, 12)


@cache
def pieces(collection: str) -> list[str]:
    """Cut documents of a collection into pieces of 0 to 24 words."""
    cut = []
    for number, text in enumerate(corpora.documents(collection)[:240]):
        words = text.split()
        # Some repeat what others have, so that terms are in several of few documents.
        for start in range(0, len(words), 12):
            cut.append(" ".join(words[start : start + (number + start) % 25]))
    return cut


@pytest.mark.parametrize("machine", [WithLedger, WithoutLedger])
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_real_texts(collection, machine):
    class Machine(machine):
        config = Bm25Config(language=corpora.LANGUAGES[collection])
        texts = st.sampled_from(pieces(collection))

    run_state_machine_as_test(Machine, settings=effort(1 if REDUCED else 8, 12))
