"""What corpus statistics cost over encoding alone: `python -m benchmarks.statistics`. One thread.

Every figure is MB of UTF-8 text a second, the best of some rounds in which all take turns, so that a
disturbance of the machine meets them all. What to compare is the overhead. The texts come in batches of
20,000 passages, encoders are warm, and vectors are made in every row but the peer's: pinecone-text's
`BM25Encoder.fit` counts only. It gets a sample of the passages, spread over the corpus.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable

import pyarrow as pa

from benchmarks import peers
from benchmarks.corpora import load
from benchmarks.encode import sample_of, seconds, size_of
from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics
from bm25.statistics import StatisticsBuilder

CORPORA = ("english", "german")
ALONE = "encode_documents, alone"


def count_and_weigh(encoder: Bm25Encoder, texts: pa.ChunkedArray) -> None:
    """Make vectors by way of counts, without statistics."""
    for batch in texts.chunks:
        encoder.weigh(encoder.count_documents(batch))


def with_statistics(encoder: Bm25Encoder, texts: pa.ChunkedArray, *, terms: bool) -> CorpusStatistics:
    """Make vectors and statistics, batch by batch, as one does whose corpus does not fit in memory."""
    builder = StatisticsBuilder(terms=terms)
    for batch in texts.chunks:
        counts = encoder.count_documents(batch)
        builder.add(counts)
        encoder.weigh(counts)
    return builder.result()


def measure(corpus: str, rounds: int, sample_megabytes: float) -> dict[str, float]:
    """Return MB/s of encoding without and with statistics, and of the peers' fitting."""
    texts = load(corpus)
    sample = sample_of(texts, sample_megabytes)
    listed = sample.to_pylist()
    encoder = Bm25Encoder(Bm25Config(language=corpus), threads=1)
    calls: dict[str, Callable[[], object]] = {
        ALONE: lambda: [len(encoder.encode_documents(batch)) for batch in texts.chunks],
        "count_documents, weigh": lambda: count_and_weigh(encoder, texts),
        "the same, StatisticsBuilder(terms=False)": lambda: with_statistics(encoder, texts, terms=False),
        "the same, StatisticsBuilder(terms=True)": lambda: with_statistics(encoder, texts, terms=True),
    }
    fits = {name: make(corpus) for name, make in peers.FITS.items()}
    rates: dict[str, float] = {}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            rates[name] = max(rates.get(name, 0.0), size_of(texts) / seconds(call))
        for name, fit in fits.items():
            elapsed = seconds(lambda fit=fit: fit(listed))
            rates[name] = max(rates.get(name, 0.0), size_of(sample) / elapsed)
    return rates


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sample", type=float, default=2, metavar="MB", help="text given to the peer")
    parser.add_argument("--corpus", choices=CORPORA, action="append", help="default: all")
    options = parser.parse_args()
    Bm25Encoder.warmup()
    results = {
        corpus: measure(corpus, options.rounds, options.sample) for corpus in options.corpus or CORPORA
    }
    print(f"Python {platform.python_version()}, {platform.machine()}; one core, MB/s\n")
    print("| | " + " | ".join(f"{name}, {size_of(load(name)):.0f} MB" for name in results) + " |")
    print("|---|" + "---|" * len(results))
    for name in next(iter(results.values())):
        label = peers.described(name) if name in peers.NAMES else name
        print(f"| {label} | " + " | ".join(cell(name, rates) for rates in results.values()) + " |")


def cell(name: str, rates: dict[str, float]) -> str:
    """Return a rate, and what it means beside that of encoding alone."""
    if name == ALONE:
        return f"{rates[name]:.1f}"
    if name in peers.NAMES:
        ours = rates["the same, StatisticsBuilder(terms=True)"]
        return f"{rates[name]:.2f} (ours with terms, vectors made: {ours / rates[name]:.0f} times)"
    return f"{rates[name]:.1f} ({rates[ALONE] / rates[name] - 1:+.0%} time)"


if __name__ == "__main__":
    main()
