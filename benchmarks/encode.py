"""Encoding speed beside the peers, in one run: `python -m benchmarks.encode`.

Every figure is MB of UTF-8 text a second, the best of some rounds in which all encoders take turns, so
that a disturbance of the machine meets them all. What to compare is the ratio to qdrant_edge. Ours is
"cold" when the encoder has seen nothing before (every surface form is resolved in the pass measured) and
"warm" in a second pass of the same encoder. The peers keep nothing between calls. They are given a sample
of the passages, spread over the corpus, because some would take minutes.
"""

from __future__ import annotations

import argparse
import gc
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import peers
from benchmarks.corpora import load
from bm25 import Bm25Config, Bm25Encoder

CORPORA = {"english": "english", "german": "german", "identifiers": "english"}
QUERY = "how to parse json in python"


def size_of(texts: pa.ChunkedArray) -> float:
    """Return the size of texts in MB."""
    return pc.sum(pc.binary_length(texts)).as_py() / 1e6


def seconds(call: Callable[[], Any]) -> float:
    """Return how long a call took, its garbage left for later."""
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    result = call()
    elapsed = time.perf_counter() - start
    gc.enable()
    del result
    return elapsed


def sample_of(texts: pa.ChunkedArray, megabytes: float) -> pa.ChunkedArray:
    """Return passages spread evenly over a corpus, of about a size."""
    step = max(1, int(size_of(texts) / megabytes))
    return texts.take(pa.array(np.arange(0, len(texts), step)))


def measure(corpus: str, rounds: int, sample_megabytes: float) -> dict[str, float]:
    """Return MB/s of every encoder over one corpus."""
    texts = load(corpus)
    config = Bm25Config(language=CORPORA[corpus])
    encoders = {threads: Bm25Encoder(config, threads=threads) for threads in (1, 2)}
    sample = sample_of(texts, sample_megabytes)
    listed = sample.to_pylist()
    found = {name: make(config.language) for name, make in peers.MAKERS.items()}
    rates: dict[str, float] = {}

    def note(name: str, texts: pa.ChunkedArray, call: Callable[[], Any]) -> None:
        rates[name] = max(rates.get(name, 0.0), size_of(texts) / seconds(call))

    for encoder in encoders.values():
        encoder.encode_documents(texts)
    for _ in range(rounds):
        for name, encode in found.items():
            note(name, sample, lambda encode=encode: encode(listed))
        for threads, encoder in encoders.items():
            fresh = Bm25Encoder(config, threads=threads)
            note(
                f"bm25, cold, {threads} thread{'s'[: threads - 1]}",
                texts,
                lambda e=fresh: e.encode_documents(texts),
            )
            note(
                f"bm25, warm, {threads} thread{'s'[: threads - 1]}",
                texts,
                lambda e=encoder: e.encode_documents(texts),
            )
    return rates


def query_microseconds(rounds: int) -> tuple[float, float]:
    """Return the time of one short query: ours, the engine's."""
    import qdrant_edge

    ours = Bm25Encoder()
    engine = qdrant_edge.Bm25(qdrant_edge.Bm25Config())
    calls = 20_000
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for i, encode in enumerate((ours.encode_query, engine.embed_query)):
            encode(QUERY)
            start = time.perf_counter()
            for _ in range(calls):
                encode(QUERY)
            best[i] = min(best[i], (time.perf_counter() - start) / calls * 1e6)
    return best[0], best[1]


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sample", type=float, default=4, metavar="MB", help="text given to the peers")
    parser.add_argument("--corpus", choices=CORPORA, action="append", help="default: all")
    options = parser.parse_args()
    Bm25Encoder.warmup()
    results = {}
    for corpus in options.corpus or CORPORA:
        results[corpus] = measure(corpus, options.rounds, options.sample)
    print(f"Python {platform.python_version()}, {platform.machine()}; MB/s, and the ratio to qdrant_edge\n")
    print("| encoder | " + " | ".join(f"{name}, {size_of(load(name)):.0f} MB" for name in results) + " |")
    print("|---|" + "---|" * len(results))
    for name in next(iter(results.values())):
        label = peers.described(name) if name in peers.NAMES else name
        cells = [
            f"{rates[name]:.1f} ({rates[name] / rates['qdrant_edge.Bm25']:.2f})" for rates in results.values()
        ]
        print(f"| {label} | " + " | ".join(cells) + " |")
    ours, engine = query_microseconds(options.rounds)
    print(f"\nencode_query({QUERY!r}): {ours:.2f} microseconds; qdrant_edge: {engine:.2f}")


if __name__ == "__main__":
    main()
