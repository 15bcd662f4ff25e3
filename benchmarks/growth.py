"""A store that grows for long, without a ledger: `python -m benchmarks.growth`.

Every commit adds the statistics of as many documents, made up: terms come by Heaps' law, those that are known
already by Zipf's. To make them is not timed. Is the cost of a commit flat? Commits are shown in ten groups,
each with its mean and its tail. The peak of resident memory holds pages of mapped files too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import memory
from benchmarks.synthetic import ids_of, mixed, statistics_of
from bm25 import CorpusStatistics, StatisticsStore

Array = np.ndarray[Any, Any]

DOCUMENTS = 100_000_000
TERMS = 50_000_000  # in as many documents
EXPONENT = 0.6  # of Heaps' law; 0.4 to 0.6 in English prose
LOOKUPS = 1000


class Commit(NamedTuple):
    """What was measured of a commit."""

    documents: int
    terms: int
    seconds: float
    megabytes: float
    segments: int
    peak: float


class Opened(NamedTuple):
    """What was measured of the store at the end, in milliseconds; `warm` is the second call."""

    opened: float
    cold: float
    warm: float


def terms_in(documents: int) -> int:
    """Return how many terms so many documents hold."""
    return int(TERMS * (documents / DOCUMENTS) ** EXPONENT)


def increment(before: int, documents: int, source: np.random.Generator) -> CorpusStatistics:
    """Return the statistics of `documents` more after `before`."""
    known, new = terms_in(before), terms_in(before + documents) - terms_in(before)
    distinct = terms_in(documents)
    head = min(known, distinct // 2)  # so frequent that they are in every commit
    ranks = np.arange(head)
    if known > head:
        draws = source.random(max(0, distinct - head - new))
        tail = head * (known / head) ** draws  # as many between 1 and 2 thousand as between 2 and 4
        ranks = np.concatenate([ranks, np.unique(tail.astype(np.int64))])
        ranks = np.unique(ranks[ranks < known])
    ranks = np.concatenate([ranks, np.arange(known, known + new)])
    expected = documents * 0.5 / (1 + ranks / 20)
    return statistics_of(ranks, 1 + source.poisson(expected), documents)


def grow(path: Path, documents: int, batch: int) -> list[Commit]:
    """Make a store, and return what each commit took."""
    source = np.random.default_rng(0)
    store = StatisticsStore.create(path, ledger=False)
    commits = []
    for done in range(0, documents, batch):
        statistics = increment(done, batch, source)
        memory.reset_peak()
        start = time.perf_counter()
        with store.write() as writing:
            writing.add_statistics(statistics)
        elapsed = time.perf_counter() - start
        commits.append(
            Commit(
                done + batch, len(statistics), elapsed, store.size / 1e6, store.segment_count, memory.peak()
            )
        )
    store.close()
    return commits


def look_up(path: Path, documents: int) -> Opened:
    """Open a store and ask for the document frequencies of terms, twice."""
    ranks = np.random.default_rng(1).integers(0, terms_in(documents), LOOKUPS)
    ids = ids_of(mixed(ranks))
    times = []
    start = time.perf_counter()
    with StatisticsStore.open(path) as store:
        times.append(time.perf_counter() - start)
        for _ in range(2):
            start = time.perf_counter()
            found = store.document_frequency(ids)
            times.append(time.perf_counter() - start)
        assert found.all()
    return Opened(*(value * 1e3 for value in times))


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--batch", type=int, default=100_000, metavar="DOCUMENTS", help="of one commit")
    parser.add_argument("--folder", type=Path, help="where to put the store (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        path = Path(name, "store")
        grow(Path(name, "warmup"), 200_000, 10_000)
        start = time.perf_counter()
        commits = grow(path, options.documents, options.batch)
        elapsed = time.perf_counter() - start
        print("| commits | documents | seconds a commit, mean | p50 | p99 | max | store, MB | peak, MB |")
        print("|---|---|---|---|---|---|---|---|")
        groups = [group for group in np.array_split(np.arange(len(commits)), 10) if len(group)]
        for group in groups:
            print(row([commits[i] for i in group.tolist()], f"{group[0] + 1} to {group[-1] + 1}"))
        print(row(commits, "all"))
        found = look_up(path, options.documents)
        print(
            f"\n{terms_in(options.documents)} terms in {commits[-1].segments} segments, commits of about "
            f"{np.mean([commit.terms for commit in commits]):.0f} terms; all of it, with the making of "
            f"statistics, took {elapsed:.0f} s. Opened in {found.opened:.1f} ms; document frequencies of "
            f"{LOOKUPS} terms in {found.cold:.1f} ms the first time, in {found.warm:.2f} ms then"
        )


def row(commits: list[Commit], label: str) -> str:
    """Return a row of the table."""
    seconds = np.array([commit.seconds for commit in commits])
    cells = [seconds.mean(), *np.percentile(seconds, [50, 99]), seconds.max()]
    last = commits[-1]
    return (
        f"| {label} | {last.documents} | "
        + " | ".join(f"{cell:.2f}" for cell in cells)
        + f" | {last.megabytes:.0f} | {max(commit.peak for commit in commits):.0f} |"
    )


if __name__ == "__main__":
    main()
