"""The statistics store: rates, sizes, and what a large one costs: `python -m benchmarks.store`. One thread.

Seconds are the best of some rounds in which all take turns. The texts come in batches of 20,000 passages and
the encoder is warm. A store is built in one commit; what the ledger and the dictionary cost shows in the
difference of rows. "Cold" is the first call of an open store, which compares the files it needs with their
checksums; the files themselves are in the page cache.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks import memory
from benchmarks.corpora import load
from benchmarks.encode import seconds, size_of
from benchmarks.growth import LOOKUPS
from benchmarks.synthetic import ids_of, mixed, size_of_statistics, statistics_of
from bm25 import Bm25Config, Bm25Encoder, StatisticsStore, TermCounts

SEGMENTS = 10  # commits that a large store is built in


class Built(NamedTuple):
    """What was measured of a store that was built: seconds, and bytes by kind of file."""

    add: float
    commit: float
    bytes: dict[str, int]
    documents: int
    terms: int

    @property
    def ledger(self) -> int:
        """The bytes of the ledger, which is two files."""
        return self.bytes.get("documents", 0) + self.bytes.get("counts", 0)


def chunks_of(encoder: Bm25Encoder, texts: pa.ChunkedArray) -> list[tuple[list[int], TermCounts]]:
    """Return ids and counts of texts, batch by batch."""
    counted, first = [], 0
    for batch in texts.chunks:
        counted.append((list(range(first, first + len(batch))), encoder.count_documents(batch)))
        first += len(batch)
    return counted


def build(path: Path, encoder: Bm25Encoder, texts: pa.ChunkedArray, *, ledger: bool, terms: bool) -> Built:
    """Build a store of texts in one commit; the counting is left out."""
    chunks = chunks_of(encoder, texts)
    store = StatisticsStore.create(path, encoder.config, ledger=ledger, terms=terms)
    start = time.perf_counter()
    with store.write() as batch:
        for ids, counts in chunks:
            batch.add(ids, counts)
        added = time.perf_counter()
    done = time.perf_counter()
    return Built(added - start, done - added, sizes_of(path), len(texts), len(store.statistics()))


def sizes_of(path: Path) -> dict[str, int]:
    """Return the bytes of a store's segments by kind of file."""
    sizes: dict[str, int] = {}
    for file in (path / "segments").iterdir():
        kind = file.stem.partition("-")[2]
        sizes[kind] = sizes.get(kind, 0) + file.stat().st_size
    return sizes


def builds(corpus: str, rounds: int) -> None:
    """Print how fast a store is built, and how large it is."""
    texts = load(corpus)
    encoder = Bm25Encoder(Bm25Config(language=corpus), threads=1)
    variants = [(ledger, terms) for ledger in (False, True) for terms in (False, True)]
    best: dict[tuple[bool, bool], Built] = {}
    count = found = float("inf")
    chunks_of(encoder, texts)
    with tempfile.TemporaryDirectory() as name:
        for turn in range(rounds):
            count = min(count, seconds(lambda: chunks_of(encoder, texts)))
            chunks = chunks_of(encoder, texts)
            found = min(found, seconds(lambda chunks=chunks: [len(one.terms) for _, one in chunks]))
            for ledger, terms in variants:
                path = Path(name, f"{turn}-{ledger}-{terms}")
                built = build(path, encoder, texts, ledger=ledger, terms=terms)
                old = best.get((ledger, terms), built)
                best[ledger, terms] = built._replace(
                    add=min(built.add, old.add), commit=min(built.commit, old.commit)
                )
    size = size_of(texts)
    print(f"A store of {corpus}, {size:.0f} MB, {len(texts)} documents\n")
    columns = (
        "s", "MB/s", "MB/s with counting", "ledger, bytes/document", "frequencies, bytes/term",
        "dictionary, bytes/term",
    )  # fmt: skip
    print("| | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))

    def line(label: str, seconds: float, *more: str) -> None:
        cells = [f"{seconds:.3f}", f"{size / seconds:.0f}", *more]
        print(f"| {label} | " + " | ".join(cells + [""] * (len(columns) - len(cells))) + " |")

    line("count_documents", count, f"{size / count:.0f}")
    line("finding the terms of these counts", found, f"{size / (found + count):.0f}")
    for (ledger, terms), built in best.items():
        label = f"ledger={ledger}, terms={terms}"
        sizes = [
            built.ledger / built.documents,
            built.bytes["frequencies"] / built.terms,
            built.bytes.get("terms", 0) / built.terms,
        ]
        line(f"{label}: batch.add", built.add)
        line(f"{label}: commit", built.commit)
        both = built.add + built.commit
        line(
            f"{label}: both", both, f"{size / (both + count):.0f}", *(f"{x:.1f}" if x else "" for x in sizes)
        )


def changes(corpus: str) -> None:
    """Print what it costs to add the same again, to replace some, and to read one document."""
    texts = load(corpus)
    size = size_of(texts)
    encoder = Bm25Encoder(Bm25Config(language=corpus), threads=1)
    print("\n| change | s | MB/s | documents/s |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "store")
        build(path, encoder, texts, ledger=True, terms=True)
        store = StatisticsStore.open(path)
        few = texts.combine_chunks().take(pa.array(np.arange(0, len(texts), 100)))
        few = few if isinstance(few, pa.ChunkedArray) else pa.chunked_array([few])
        chunks, [(_, other)] = chunks_of(encoder, texts), chunks_of(encoder, few)
        ids = np.arange(0, len(texts), 100)
        ids = np.roll(ids, 1).tolist()  # each gets another one's text

        def add(chunks: list[tuple[list[int], TermCounts]]) -> None:
            with store.write() as batch:
                for numbers, counts in chunks:
                    batch.add(numbers, counts)

        for label, given, texts_given in (
            ("the same again", chunks, texts),
            ("1 % replaced", [(ids, other)], few),
            ("the same again, of 1 %", [(ids, other)], few),
        ):
            elapsed = seconds(lambda given=given: add(given))
            rate = size_of(texts_given) / elapsed
            print(f"| {label} | {elapsed:.3f} | {rate:.1f} | {len(texts_given) / elapsed:.0f} |")
        elapsed = seconds(store.compact)
        print(f"| compact() | {elapsed:.3f} | {size / elapsed:.1f} | {len(texts) / elapsed:.0f} |")
        reader = StatisticsStore.open(path)
        cold = seconds(lambda: reader.document(4711))
        warm = seconds(lambda: [reader.document(i) for i in range(0, len(texts), 100)]) / len(few)
        print(f"\nA document looked up: {cold * 1e3:.1f} ms cold, {warm * 1e6:.0f} microseconds then")


def merging(terms: int) -> tuple[float, float, float]:
    """Return (seconds, MB that it took at most, MB of the result) of the sum of two statistics."""
    halves = [
        np.concatenate([np.arange(terms // 2), first + np.arange(terms - terms // 2)])
        for first in (terms // 2, terms)
    ]
    source = np.random.default_rng(0)
    one, other = (statistics_of(ranks, source.geometric(0.3, terms), 1_000_000) for ranks in halves)
    small = statistics_of(np.arange(10), np.ones(10, np.int64), 10)
    _ = small + statistics_of(np.arange(5, 15), np.ones(10, np.int64), 10)  # loads the compiled code
    before = memory.reset_peak()
    both = one + other
    taken = memory.peak() - before
    size = size_of_statistics(both) / 1e6
    del both
    return min(seconds(lambda: one + other) for _ in range(3)), taken, size


def in_a_process(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of a call in a process of its own, whose memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(call, arguments)


def large(path: Path, terms: int) -> None:
    """Build a store of many terms."""
    store = StatisticsStore.create(path, ledger=False)
    source = np.random.default_rng(0)
    for ranks in np.array_split(np.arange(terms), SEGMENTS):
        statistics = statistics_of(ranks, source.geometric(0.3, len(ranks)), 1_000_000)
        with store.write() as batch:
            batch.add_statistics(statistics)


def reading(path: Path, terms: int) -> dict[str, list[float]]:
    """Return milliseconds of calls of a large store, cold and, where there is a point in it, warm."""
    ids = ids_of(mixed(np.random.default_rng(1).integers(0, terms, LOOKUPS)))
    times: dict[str, list[float]] = {}
    StatisticsStore.open(path).close()  # what is imported and compiled first
    statistics_of(np.arange(10), np.ones(10, np.int64), 10).document_frequency([1])

    def note(name: str, call: Callable[[], object]) -> None:
        times.setdefault(name, []).append(seconds(call) * 1e3)

    for _ in range(5):
        note("StatisticsStore.open", lambda: StatisticsStore.open(path))
    times["StatisticsStore.open"] = [min(times["StatisticsStore.open"])]
    store = StatisticsStore.open(path)
    for _ in range(6):
        note(f"document_frequency of {LOOKUPS} terms", lambda: store.document_frequency(ids))
        note("term", lambda: store.term(int(ids[0])))
        note("refresh, no commit since", store.refresh)
    before = memory.reset_peak()
    note("statistics()", store.statistics)
    times["statistics(), MB that it took at most"] = [memory.peak() - before]
    return times


def table_of(times: dict[str, list[float]]) -> None:
    """Print the first time and the best of the others."""
    print("| call | cold, ms | warm, ms |\n|---|---|---|")
    for name, values in times.items():
        warm = f"{min(values[1:]):.3f}" if len(values) > 1 else ""
        print(f"| `{name}` | {values[0]:.2f} | {warm} |")


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpus", default="english")
    parser.add_argument("--merge-terms", type=int, default=5_000_000)
    parser.add_argument("--store-terms", type=int, default=10_000_000)
    options = parser.parse_args()
    Bm25Encoder.warmup()
    print(f"Python {platform.python_version()}, {platform.machine()}; one core\n")
    builds(options.corpus, options.rounds)
    changes(options.corpus)
    elapsed, taken, size = in_a_process(merging, options.merge_terms)
    print(
        f"\nSum of two statistics of {options.merge_terms} terms each with dictionaries, half of the terms "
        f"shared: {elapsed:.2f} s; it took {taken:.0f} MB at most for a result of {size:.0f} MB "
        f"({taken / size:.2f})"
    )
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "store")
        in_a_process(large, path, options.store_terms)
        size = sum(sizes_of(path).values()) / 1e6
        print(f"\nA store of {options.store_terms} terms, {size:.0f} MB, built in {SEGMENTS} commits\n")
        table_of(in_a_process(reading, path, options.store_terms))


if __name__ == "__main__":
    main()
