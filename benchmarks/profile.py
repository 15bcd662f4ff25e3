"""Where the time goes: `python -m benchmarks.profile`. One thread, cold and warm, by stage, as shares.

Stages are whole calls of compiled code or of a library, hundreds of microseconds each, so that the profiler's
own cost (well under a microsecond a call) does not show.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
from typing import Any

from benchmarks.corpora import load
from benchmarks.encode import CORPORA, size_of
from bm25 import Bm25Config, Bm25Encoder

STAGES = {
    "scan: boundaries, lookup, new forms listed": ("scan.py", "scan"),
    "stem (py-rust-stemmers)": ("~", "stem_words"),
    "analyse in Python: split, fold, lowercase, stopwords": ("analyzer.py", ""),
    "tell plain forms apart": ("plain.py", "separate_plain"),
    "term ids of new terms": ("murmur.py", "term_ids_of_lines"),
    "insert forms, grow the table": ("table.py", ""),
    "count: distinct ids, ascending": ("count.py", ""),
    "weigh": ("weigh.py", ""),
    "join the chunks": ("csr.py", ""),
}


def shares(call: Any) -> tuple[float, dict[str, float]]:
    """Return (seconds, the share of each stage) of a call."""
    profiler = cProfile.Profile()
    profiler.runcall(call)
    stats: Any = pstats.Stats(profiler)
    total = stats.total_tt
    found = dict.fromkeys(STAGES, 0.0)
    for (path, _, function), (_, _, own, _, _) in stats.stats.items():
        for stage, (file, name) in STAGES.items():
            if path.endswith(file) and name in function:
                found[stage] += own
                break
    found["everything else"] = total - sum(found.values())
    return total, {stage: own / total for stage, own in found.items()}


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", choices=CORPORA, action="append", help="default: all")
    options = parser.parse_args()
    Bm25Encoder.warmup()
    columns: dict[str, dict[str, float]] = {}
    for corpus in options.corpus or CORPORA:
        texts = load(corpus)
        config = Bm25Config(language=CORPORA[corpus])
        Bm25Encoder(config, threads=1).encode_documents(texts)  # memory of the process, files in memory
        encoder = Bm25Encoder(config, threads=1)
        for state in ("cold", "warm"):
            seconds, found = shares(lambda encoder=encoder, texts=texts: encoder.encode_documents(texts))
            columns[f"{corpus}, {state} ({size_of(texts) / seconds:.0f} MB/s)"] = found
    print("| stage | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for stage in [*STAGES, "everything else"]:
        print(f"| {stage} | " + " | ".join(f"{found[stage]:.0%}" for found in columns.values()) + " |")


if __name__ == "__main__":
    main()
