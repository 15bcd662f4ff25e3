"""Start-up, in one run: `python -m benchmarks.startup`. Median of processes that take turns, caches warm."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIVIAL = """
import numba, pyarrow
from trivial import add
add(1, 2)
"""
KERNEL = """
import numba

@numba.njit(cache=True)
def add(a, b):
    return a + b
"""
FIRST_VECTOR = """
from bm25 import Bm25Encoder
Bm25Encoder(threads=1).encode_documents(["The quick brown fox jumps over the lazy dog"])
"""
FIRST_QUERY = """
from bm25 import Bm25Encoder
Bm25Encoder().encode_query("quick brown foxes")
"""


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "trivial.py").write_text(KERNEL)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, *sys.path[:1]])}
        command = Path(sys.executable).with_name("bm25")
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "bm25 --help": [str(command), "--help"],
            "import numba, pyarrow; one cached trivial kernel": [sys.executable, "-c", TRIVIAL],
            "first vector of encode_documents": [sys.executable, "-c", FIRST_VECTOR],
            "first vector of encode_query": [sys.executable, "-c", FIRST_QUERY],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(options.rounds + 1):
            for name, argv in commands.items():
                start = time.perf_counter()
                subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL)
                if turn:  # the first fills the caches
                    times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = {"bm25 --help": "python -c pass"}
    print("| process | ms | ratio |\n|---|---|---|")
    for name, median in medians.items():
        of = base.get(name, "import numba, pyarrow; one cached trivial kernel")
        ratio = "" if name in ("python -c pass", of) else f"{median / medians[of]:.2f} of `{of}`"
        print(f"| `{name}` | {median * 1e3:.0f} | {ratio} |")


if __name__ == "__main__":
    main()
