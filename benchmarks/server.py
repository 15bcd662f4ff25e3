"""The server under load, beside a service that does nothing: `python -m benchmarks.server`.

wrk sends requests over loopback to `bm25 serve` with default settings, an API key and its log in a file, and
to echo servers on the same stack (uvicorn, uvloop, httptools; Starlette), which send the body back. All
take turns in some rounds; figures are medians of the rounds. A server has one core and wrk another, where
there are two and the system can keep processes on cores (Linux); where several workers are measured, all
share all cores. Everything is warm: a batch is the same texts every time, over HTTP as in process.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import peers, server_apps, server_overload, server_texts
from benchmarks.server_figures import REST, Figures, table, turns
from benchmarks.server_processes import ALL_CORES, LOAD_CORES, SERVER_CORES, Server, on_cores, ours, peer
from benchmarks.server_wrk import Run, check_wrk, run
from bm25 import Bm25Encoder

PLAIN, STARLETTE, FASTEMBED = server_apps.APPS
OURS = "bm25 serve"
IN_PROCESS = "encode_documents in process"
EXTRA_MODELS = ("german", "french", "russian", "spanish")


class Scale(NamedTuple):
    """How much is measured."""

    seconds: float = 5.0
    rounds: int = 5
    documents: int = 1000
    connections: Sequence[int] = (1, 8, 64, 256)
    batch_connections: Sequence[int] = (1, 2, 4)


REDUCED = Scale(seconds=1.0, rounds=1, documents=50, connections=(8,), batch_connections=(1,))


def short_requests(servers: Sequence[Server], scale: Scale) -> dict[str, Figures]:
    """Measure requests of one short text over 8 connections."""
    found: dict[str, Figures] = {}
    rows = []
    for kind, body in server_texts.short().items():
        for server in servers:
            server.ask(body, times=100)
        calls = {one.name: partial(run, one.url, body, 8, scale.seconds) for one in servers}
        figures = turns(scale.rounds, calls)
        for name, one in figures.items():
            ratio = one.rate / figures[STARLETTE].rate
            rows.append([kind, name, f"{one.rate:,.0f}", f"{ratio:.2f}", *one.rest])
            found[f"{kind}, {name}"] = one
    table(["one text, 8 connections", "", "requests/s", f"of {STARLETTE}", *REST], rows)
    return found


def by_connections(servers: Sequence[Server], scale: Scale) -> dict[str, Figures]:
    """Measure one short query over few and many connections."""
    body = server_texts.short()["query"]
    found: dict[str, Figures] = {}
    rows = []
    for number in scale.connections:
        calls = {one.name: partial(run, one.url, body, number, scale.seconds) for one in servers}
        for name, one in turns(scale.rounds, calls).items():
            rows.append([str(number), name, f"{one.rate:,.0f}", *one.rest])
            found[f"{number} connections, {name}"] = one
    table(["connections", "one short query", "requests/s", *REST], rows)
    return found


def in_process(encoder: Bm25Encoder, texts: list[str], seconds: float) -> Run:
    """Encode documents over and over on the core that a server has."""
    latencies = []
    with on_cores(SERVER_CORES):
        started = last = time.perf_counter()
        while last - started < seconds:
            encoder.encode_documents(texts)
            now = time.perf_counter()
            latencies.append(1e3 * (now - last))
            last = now
    latencies.sort()
    calls = len(latencies)
    return Run(calls, last - started, median(latencies), latencies[int(0.99 * (calls - 1))], 0, 0)


def batches(server: Server, slow: Server, scale: Scale) -> dict[str, Figures]:
    """Measure requests of many documents beside the same work in process, and FastEmbed behind a route."""
    texts = server_texts.documents(scale.documents)
    megabytes = server_texts.megabytes(texts)
    body = server_texts.batch(texts)
    encoder = Bm25Encoder(threads=1)
    encoder.encode_documents(texts)
    server.ask(body, times=10)
    slow.ask(body)
    calls: dict[str, Callable[[], Run]] = {IN_PROCESS: partial(in_process, encoder, texts, scale.seconds)}
    for number in scale.batch_connections:
        name = f"{OURS}, {number} connection{'s'[: number - 1]}"
        calls[name] = partial(run, server.url, body, number, scale.seconds)
    found = turns(scale.rounds, calls)
    # One run: a request takes so long that there is little to vary.
    label = f"{peers.described('FastEmbed Bm25')} behind Starlette"
    found |= turns(1, {label: partial(run, slow.url, body, 1, scale.seconds)})
    own, base = found[IN_PROCESS].rate, found[label].rate
    rows = [
        [name, f"{one.rate * megabytes:,.1f}", f"{one.rate / own:.2f}", f"{one.rate / base:.1f}", *one.rest]
        for name, one in found.items()
    ]
    size = f"{len(texts):,} documents in a request, {megabytes:.2f} MB of text"
    table([size, "MB/s", "of in process", "times FastEmbed", *REST], rows)
    return found


def workers(folder: Path, scale: Scale, sizes: dict[str, float]) -> dict[str, Figures]:
    """Measure one and two workers, which share all cores with wrk; and the memory of two."""
    texts = server_texts.documents(scale.documents)
    loads = {
        "queries, 32 connections": (server_texts.short()["query"], 32, 1.0),
        f"batches of {len(texts):,}, 4 connections": (
            server_texts.batch(texts), 4, server_texts.megabytes(texts)
        ),
    }  # fmt: skip
    found: dict[str, Figures] = {}
    rows = []
    with ExitStack() as stack:
        servers = [
            stack.enter_context(ours(folder, f"{number} worker{'s'[: number - 1]}", number, ALL_CORES))
            for number in (1, 2)
        ]
        sizes["2 workers and what starts them, at the start"] = servers[1].memory()
        for kind, (body, connections, megabytes) in loads.items():
            for server in servers:
                server.ask(body, times=20)  # so that each worker has had some
            calls = {
                one.name: partial(run, one.url, body, connections, scale.seconds, ALL_CORES)
                for one in servers
            }
            unit = "requests/s" if megabytes == 1.0 else "MB/s"
            for name, one in turns(scale.rounds, calls).items():
                rows.append([kind, name, f"{one.rate * megabytes:,.0f} {unit}", *one.rest])
                found[f"{kind}, {name}"] = one
    table(["all cores for server and wrk", "", "rate", *REST], rows)
    return found


def more_models(folder: Path, scale: Scale, sizes: dict[str, float]) -> None:
    """Measure the memory of a worker with some models more, new and used."""
    bodies = [*server_texts.short().values(), server_texts.batch(server_texts.documents(scale.documents))]
    settings = "".join(
        f'[models.{name}]\ntype = "bm25"\noptions = {{ language = "{name}" }}\n' for name in EXTRA_MODELS
    )
    label = f"1 worker, {len(EXTRA_MODELS)} models more"
    with ours(folder, label, settings=settings) as server:
        sizes[f"{label}, at the start"] = server.memory()
        for name in ("bm25", *EXTRA_MODELS):
            for body in bodies:
                server.ask(body.replace(b'"bm25"', f'"{name}"'.encode()), times=5)
        sizes[f"{label}, after {scale.documents:,} documents for each"] = server.memory()


def measure(scale: Scale) -> dict[str, Figures]:
    """Measure everything but overload, print tables, and return the figures."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        plain, starlette, slow = (stack.enter_context(peer(folder, one)) for one in server_apps.APPS)
        own = stack.enter_context(ours(folder, OURS))
        sizes = {"1 worker, at the start": own.memory()}
        found = short_requests([plain, starlette, own], scale)
        found |= by_connections([starlette, own], scale)
        found |= batches(own, slow, scale)
        sizes["1 worker, after all of the above"] = own.memory()
        found |= workers(folder, scale, sizes)
        more_models(folder, scale, sizes)
        table(["", "resident memory, MB"], [[name, f"{size:.0f}"] for name, size in sizes.items()])
    return found


def main() -> None:
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=float, default=Scale().seconds, help="of each run; whole ones, for wrk (default: 5)"
    )
    parser.add_argument("--rounds", type=int, default=Scale().rounds, help="default: 5")
    parser.add_argument("--reduced", action="store_true", help="little of everything, to see that it works")
    parser.add_argument("--overload", action="store_true", help="measure overload, and nothing else")
    options = parser.parse_args()
    scale = REDUCED if options.reduced else Scale(options.seconds, options.rounds)
    if options.overload:
        server_overload.check_hey()
    else:
        check_wrk()
    names = ("uvicorn", "uvloop", "httptools", "starlette")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    print(
        f"Python {platform.python_version()}, {platform.machine()}; {packages}; servers on core "
        f"{_names(SERVER_CORES)}, load on {_names(LOAD_CORES)}"
    )
    if options.overload:
        server_overload.measure(scale.seconds, scale.documents)
    else:
        measure(scale)


def _names(cores: Sequence[int]) -> str:
    return ", ".join(map(str, cores)) or "any"


if __name__ == "__main__":
    main()
