"""Servers as processes: started on a free port, kept on some processor cores, ended again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

__all__ = ["ALL_CORES", "KEY", "LOAD_CORES", "SERVER_CORES", "Server", "on_cores", "ours", "peer"]

KEY = "key-of-a-benchmark"
START = 120.0  # seconds; a first start compiles

ALL_CORES = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()
SERVER_CORES = ALL_CORES[:1]
"""Where a server with one worker runs."""
LOAD_CORES = ALL_CORES[1:] or ALL_CORES
"""Where what loads it runs."""


class Server:
    """A running server.

    Attributes:
        name: what tables call it.
        url: of its endpoint.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], url: str) -> None:
        self.name = name
        self.url = url
        self._process = process

    def memory(self) -> float:
        """Return the resident memory in MB, of all its processes that serve."""
        pids = [self._process.pid, *_children(self._process.pid)]
        return sum(_resident(pid) for pid in pids)

    def ask(self, body: bytes, times: int = 1) -> None:
        """Send a request, so that everything is loaded and looked up; each time over a connection of its own.

        Raises:
            httpx.HTTPStatusError: the answer is an error.
        """
        for _ in range(times):
            response = httpx.post(
                self.url, content=body, headers={"api-key": KEY}, timeout=START, trust_env=False
            )
            response.raise_for_status()


@contextmanager
def ours(
    folder: Path, name: str = "bm25 serve", workers: int = 1, cores: Sequence[int] = (), settings: str = ""
) -> Iterator[Server]:
    """Yield `bm25 serve` with default settings and an API key; its log goes to a file.

    Args:
        folder: for the log and the configuration.
        name: what tables call it.
        workers: processes.
        cores: where they run; by default where one worker of a benchmark does.
        settings: more lines of the configuration, tables first.
    """
    place = Path(tempfile.mkdtemp(dir=folder))
    config = place / "server.toml"
    config.write_text(f"[server]\nport = 0\nworkers = {workers}\n{settings}")
    command = [sys.executable, "-m", "bm25", "serve", "--config", str(config)]
    environment = {**os.environ, "BM25__SERVER__API_KEY": KEY}
    with _process(command, place / "log", environment, cores or SERVER_CORES) as (process, address):
        yield Server(name, process, f"{address}/inference")


@contextmanager
def peer(folder: Path, name: str) -> Iterator[Server]:
    """Yield one of `benchmarks.server_apps`."""
    command = [sys.executable, "-m", "benchmarks.server_apps", name]
    with _process(command, Path(tempfile.mkdtemp(dir=folder)) / "log", dict(os.environ), SERVER_CORES) as (
        process,
        address,
    ):
        yield Server(name, process, f"{address}/inference")


@contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """Have this thread, and what it starts meanwhile, run on some cores only."""
    if not cores:  # a system that cannot
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _process(
    command: list[str], log: Path, environment: dict[str, str], cores: Sequence[int]
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with log.open("wb") as output, on_cores(cores):
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, cwd=Path(__file__).parents[1]
        )
    try:
        yield process, _address(process, log)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(rb"listening on (http://\S+) ", log.read_bytes())
        if found is not None:
            return found[1].decode()
        time.sleep(0.05)
    raise SystemExit(f"{json.dumps(process.args)} did not start:\n{log.read_text()[-2000:]}")


def _children(pid: int) -> list[int]:
    # Python's resource tracker is among them, with next to no memory of its own.
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:  # no Linux
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
