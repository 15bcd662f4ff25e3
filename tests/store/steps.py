"""A history of a store, the same for the process that writes it and for those that look at it.

What step n changes depends on n alone, and the document "step" holds n, so that whoever sees a store can
tell which state it must be.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from bm25 import Bm25Encoder, StatisticsStore
from bm25.store.layout import LOCK, MANIFEST, MANIFEST_COPY, SEGMENTS, file_name
from tests.store.model import PLAIN, Document, Model, assert_same

WORDS = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"]
TENANTS = (None, "a", "b")
STEP = "step"


@dataclass(frozen=True)
class Change:
    """What one commit does: a tenant is dropped, documents are removed, and others added, in this order."""

    drop: str | None
    removed: list[str]
    added: dict[str, Document]


def change(number: int) -> Change:
    """What step `number` does."""
    rng = random.Random(number)
    # Each document has "all" once, so that its document frequency is the number of documents.
    added = {
        str(rng.randrange(60)): Document(
            " ".join(["all", *rng.choices(WORDS, k=rng.randrange(12))]), rng.choice(TENANTS)
        )
        for _ in range(rng.randrange(12))
    }
    removed = [str(rng.randrange(60)) for _ in range(rng.randrange(4))]
    drop = rng.choice(TENANTS[1:]) if number % 9 == 0 else None
    return Change(drop, removed, {**added, STEP: Document("all " + "tick " * number)})


def write(store: StatisticsStore, encoder: Bm25Encoder, number: int) -> None:
    """Do step `number`."""
    what = change(number)
    ids, documents = list(what.added), list(what.added.values())
    with store.write() as batch:
        if what.drop in store.tenants():
            batch.drop_tenant(what.drop)
        batch.remove(what.removed)
        half = len(ids) // 2  # in two parts, so that the first may be written before the second comes
        for part in (slice(0, half), slice(half, None)):
            counts = encoder.count_documents([document.text for document in documents[part]])
            batch.add(ids[part], counts, tenant=[document.tenant for document in documents[part]])


def step_of(store: StatisticsStore) -> int:
    """Which step a store is at."""
    entry = store.document(STEP)
    return 0 if entry is None else entry.length - 1


class History:
    """The documents after each step, forwards only; without epochs, which depend on commits too."""

    def __init__(self) -> None:
        self.number = 0
        self.model = Model()

    def advance(self, number: int) -> Model:
        assert number >= self.number
        while self.number < number:
            self.number += 1
            what = change(self.number)
            if what.drop is not None:
                self.model.drop(what.drop)
            for key in what.removed:
                self.model.remove(key)
            for key, document in what.added.items():
                self.model.add(key, document)
        return self.model


def assert_at(store: StatisticsStore, history: History, number: int) -> None:
    """Assert that a store is exactly as it must be after step `number`."""
    assert step_of(store) == number
    # With a bound on the drift that is never reached, all is of the first epoch.
    assert store.max_drift > 1e6
    model = history.advance(number)
    model.epochs = [tuple(epoch) for epoch in store.epochs]
    assert len(model.epochs) == (number > 0)
    assert_same(store, model, unknown=map(str, range(60)))


def create(path: Path) -> StatisticsStore:
    return StatisticsStore.create(path, PLAIN, max_drift=1e9)


def needed(store: StatisticsStore) -> set[str]:
    """The files that a store is made of, and no more."""
    segments = store._manifest.segments
    names = {file_name(info.name, kind) for info in segments for kind in info.files}
    return {LOCK, MANIFEST, MANIFEST_COPY, *(f"{SEGMENTS}/{name}" for name in names)}


def files(path: Path) -> set[str]:
    """The files in a store's directory."""
    return {file.relative_to(path).as_posix() for file in path.glob("**/*") if file.is_file()}
