"""`bm25 encode` on large files: rate and peak memory, in one run: `python -m benchmarks.files`.

Files are made of the English corpus, repeated to the size wanted, with an id and a title beside the text.
The rate is that of the texts, in MB/s, start of the process included, and stands beside the rate of encoding
the same texts in memory with as many threads, in a process as new. A disk slower than the encoder is best
left out of it (--folder /dev/shm).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.corpora import load

# Both sides are timed from the start of a process that has compiled code to load; only the reading of the
# texts into memory is left out on this side.
IN_MEMORY = """
import time
start = time.perf_counter()
import sys
import pyarrow as pa
from bm25 import Bm25Config, Bm25Encoder
reading = time.perf_counter()
texts = pa.ipc.open_file(sys.argv[1]).read_all()["text"]
start += time.perf_counter() - reading
encoder = Bm25Encoder(Bm25Config.tuned(), threads=int(sys.argv[2]))
for batch in texts.chunks:
    encoder.encode_documents(batch)
print(time.perf_counter() - start)
"""

# The peak of this process alone: ru_maxrss begins with that of the process that started it.
COMMAND = """
import re, sys
from bm25.cli.main import main
main(sys.argv[1:])
print(re.search(r"VmHWM:\\s*([0-9]+) kB", open("/proc/self/status").read())[1])
"""


def write_inputs(folder: Path, megabytes: int) -> float:
    """Write the same rows as JSON lines, Arrow IPC and Parquet; return the size of the texts in MB."""
    texts = load("english").to_pylist()
    written, number = 0.0, 0
    schema = pa.schema([("id", pa.int64()), ("title", pa.string()), ("text", pa.string())])
    with (
        open(folder / "input.jsonl", "w") as lines,
        pa.ipc.new_file(folder / "input.arrow", schema) as arrow,
        pq.ParquetWriter(folder / "input.parquet", schema, compression="zstd") as parquet,
    ):
        while written < megabytes * 1e6:
            for start in range(0, len(texts), 4000):
                batch = texts[start : start + 4000]
                rows = [{"id": number + i, "title": text[:40], "text": text} for i, text in enumerate(batch)]
                number += len(rows)
                lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                table = pa.Table.from_pylist(rows, schema)
                arrow.write_table(table)
                parquet.write_table(table)
                written += pc.sum(pc.binary_length(table["text"])).as_py()
                if written >= megabytes * 1e6:
                    break
    return written / 1e6


def run(argv: list[str]) -> tuple[float, float]:
    """Return (seconds, peak resident memory in MB) of `bm25` with some arguments, a process of its own."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", COMMAND, *argv], capture_output=True, text=True, check=True)
    return time.perf_counter() - start, int(done.stdout) / 1e3


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000], metavar="MB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to put the files (a temporary folder)")
    options = parser.parse_args()
    threads = str(options.threads)
    print("| input | output | text, MB | MB/s | of the in-memory rate | peak memory, MB |")
    print("|---|---|---|---|---|---|")
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            megabytes = write_inputs(folder, size)
            base = [sys.executable, "-c", IN_MEMORY, str(folder / "input.arrow"), threads]
            in_memory = megabytes / min(
                float(subprocess.run(base, check=True, capture_output=True, text=True).stdout)
                for _ in range(options.rounds)
            )
            print(f"| in memory | | {megabytes:.0f} | {in_memory:.0f} | 1.00 | |", flush=True)
            for source in ("jsonl", "arrow", "parquet"):
                for target in ("arrow", "parquet"):
                    argv = ["encode", str(folder / f"input.{source}"), "--threads", threads]
                    argv += ["--text-column", "text", "-o", str(folder / f"output.{target}")]
                    seconds, peak = min(run(argv) for _ in range(options.rounds))
                    rate = megabytes / seconds
                    cells = f"{megabytes:.0f} | {rate:.0f} | {rate / in_memory:.2f} | {peak:.0f}"
                    print(f"| {source} | {target} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
