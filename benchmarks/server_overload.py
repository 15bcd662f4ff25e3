"""More batches than the server can take: what is accepted, what refused, how fast it is well again.

hey, another load generator, sends at a given rate and tells the status and the latency of each request.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import server_texts
from benchmarks.server_figures import table
from benchmarks.server_processes import KEY, LOAD_CORES, Server, on_cores, ours

__all__ = ["check_hey", "measure"]

CONCURRENCY, QUEUE = 4, 16
LIMITS = f"[limits]\nconcurrency = {CONCURRENCY}\nqueue = {QUEUE}\n"


class Load(NamedTuple):
    """What a rate of requests came to.

    Attributes:
        sent: requests a second that were sent.
        accepted: answered with 200, a second.
        refused: answered with 429, a second.
        failed: other answers, and none, of all requests.
        p50: of the latency of what was accepted, in ms.
        p99: the same.
        recovery: ms until the next request after the last one was answered with 200.
    """

    sent: float
    accepted: float
    refused: float
    failed: int
    p50: float
    p99: float
    recovery: float


def check_hey() -> None:
    """End the process, saying what to do, where there is no hey."""
    if shutil.which("hey") is None:
        raise SystemExit(
            "hey, which makes the load, is not installed: `apt-get install hey`, `brew install hey`, or see "
            "https://github.com/rakyll/hey"
        )


def load(server: Server, body: bytes, clients: int, seconds: float, rate: float | None = None) -> Load:
    """Send a body from some clients, each its next one after the answer.

    With a rate, of all clients together, each waits longer where it has to; all send at the same moments.
    """
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder, "body")
        content.write_bytes(body)
        command = ["hey", "-m", "POST", "-D", str(content), "-T", "application/json", "-H", f"api-key: {KEY}"]
        command += ["-o", "csv", "-t", "60", "-cpus", "1", "-c", str(clients)]
        each = None if rate is None else max(1, round(seconds * rate / clients))
        if rate is None:
            command += ["-z", f"{seconds}s"]
        else:
            command += ["-n", str(clients * (each or 0)), "-q", f"{rate / clients:.4f}"]
        with on_cores(LOAD_CORES):
            started = time.perf_counter()
            done = subprocess.run([*command, server.url], capture_output=True, text=True, check=True)
            elapsed = time.perf_counter() - started
            server.ask(body)
            recovery = 1e3 * (time.perf_counter() - started - elapsed)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    accepted = sorted(1e3 * float(row["response-time"]) for row in rows if row["status-code"] == "200")
    refused = sum(row["status-code"] == "429" for row in rows)
    sent = len(rows) if each is None else clients * each
    return Load(
        sent / elapsed,
        len(accepted) / elapsed,
        refused / elapsed,
        sent - len(accepted) - refused,
        accepted[len(accepted) // 2] if accepted else float("nan"),
        accepted[int(0.99 * (len(accepted) - 1))] if accepted else float("nan"),
        recovery,
    )


def measure(seconds: float, documents: int) -> dict[str, Load]:
    """Measure a server with few places at its capacity and at four times that, and print a table."""
    texts = server_texts.documents(documents)
    body = server_texts.batch(texts)
    places = CONCURRENCY + QUEUE
    with tempfile.TemporaryDirectory() as folder, ours(Path(folder), settings=LIMITS) as server:
        server.ask(body, times=10)
        found = {"as fast as it can": load(server, body, CONCURRENCY, seconds)}
        capacity = found["as fast as it can"].accepted
        for factor in (1, 4):
            found[f"{factor} times that"] = load(server, body, factor * places, seconds, factor * capacity)
    print(
        f"\n{len(texts):,} documents in a request, {len(body) / 1e6:.2f} MB; limits.concurrency "
        f"{CONCURRENCY}, limits.queue {QUEUE}; {places} clients, then four times as many"
    )
    columns = (
        "", "sent/s", "accepted/s", "refused/s (429)", "failed", "p50 of accepted, ms", "p99, ms",
        "next request after it, ms",
    )  # fmt: skip
    rows = [
        [
            name, *(f"{rate:,.0f}" for rate in (one.sent, one.accepted, one.refused)), str(one.failed),
            *(f"{ms:.0f}" for ms in (one.p50, one.p99, one.recovery)),
        ]
        for name, one in found.items()
    ]  # fmt: skip
    table(columns, rows)
    return found
