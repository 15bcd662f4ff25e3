"""Speed of every tokenizer beside Qdrant's engine, in one run: `python -m benchmarks.tokenizers`.

Rates are MB of UTF-8 text a second on one core, the best of some rounds in which both encoders take turns;
what to compare is the ratio. Ours is "cold" in the first pass of a new encoder and "warm" in a second. The
engine keeps nothing between calls, and is given a sample of the passages, spread over the corpus. Rows of the
dialect `fastembed` have FastEmbed in the place of the engine.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks import peers
from benchmarks.corpora import LOCALES, load
from benchmarks.encode import sample_of, seconds, size_of
from bm25 import Bm25Config, Bm25Encoder
from bm25.engine import engine_encoder


class Case(NamedTuple):
    """One row of the table."""

    name: str
    corpus: str
    options: dict[str, Any]


CASES = [
    Case("word", "english", {}),
    Case("word, ASCII folding", "german", {"language": "german", "ascii_folding": True}),
    Case("whitespace", "english", {"tokenizer": "whitespace"}),
    Case("prefix", "english", {"tokenizer": "prefix"}),
    Case(
        "prefix, 2 to 8 characters",
        "english",
        {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 8},
    ),
    Case("code", "code", {"tokenizer": "code", "stemmer": {"type": "none"}, "stopwords": {}}),
    Case("code, English stemmer", "code", {"tokenizer": "code"}),
    Case("fastembed", "english", {"dialect": "fastembed"}),
    Case("multilingual, en", "english", {"tokenizer": "multilingual"}),
    *(
        Case(
            f"multilingual, {locale}",
            f"messages-{locale}",
            {"tokenizer": "multilingual", "language": language},
        )
        for locale, language in LOCALES.items()
    ),
]


def measure(case: Case, rounds: int, sample_megabytes: float) -> tuple[float, float, float]:
    """Return MB/s of the peer, of ours cold, and of ours warm."""
    texts = load(case.corpus)
    sample = sample_of(texts, sample_megabytes)
    listed = sample.to_pylist()
    config = Bm25Config(**case.options)
    peer = _peer(config)
    warm = Bm25Encoder(config, threads=1)
    warm.encode_documents(texts)
    best = [0.0, 0.0, 0.0]
    for _ in range(rounds):
        fresh = Bm25Encoder(config, threads=1)
        for i, (measured, call) in enumerate(
            (
                (sample, lambda: peer(listed)),
                (texts, lambda fresh=fresh: fresh.encode_documents(texts)),
                (texts, lambda: warm.encode_documents(texts)),
            )
        ):
            best[i] = max(best[i], size_of(measured) / seconds(call))
    return best[0], best[1], best[2]


def _peer(config: Bm25Config) -> Callable[[list[str]], object]:
    if config.dialect == "fastembed":
        return peers.fastembed(config.language)
    embed = engine_encoder(config, "the benchmark").embed_document
    return lambda texts: [embed(text) for text in texts]


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=float, default=2, metavar="MB", help="text given to the peer")
    parser.add_argument("--case", action="append", metavar="TEXT", help="only rows whose name contains this")
    options = parser.parse_args()
    Bm25Encoder.warmup()
    print(f"Python {platform.python_version()}, {platform.machine()}; MB/s, one core, ratio to the peer\n")
    print("| tokenizer | corpus | peer | bm25, cold | bm25, warm |")
    print("|---|---|---|---|---|")
    for case in CASES:
        if options.case and not any(text in case.name for text in options.case):
            continue
        peer, cold, warm = measure(case, options.rounds, options.sample)
        size = size_of(load(case.corpus))
        print(
            f"| {case.name} | {case.corpus}, {size:.0f} MB | {peer:.1f} | {cold:.1f} ({cold / peer:.2f}) "
            f"| {warm:.1f} ({warm / peer:.2f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
