"""wrk, the load generator: one run, and what it has seen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.server_processes import KEY, LOAD_CORES, on_cores

__all__ = ["Run", "check_wrk", "run"]

SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["api-key"] = os.getenv("LOAD_KEY")
local file = io.open(os.getenv("LOAD_BODY"), "rb")
wrk.body = file:read("*a")
file:close()

function done(summary, latency, requests)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "failed": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""


class Run(NamedTuple):
    """What a run has seen.

    Attributes:
        requests: answered.
        seconds: that it took.
        p50: of the latency, in ms.
        p99: the same.
        refused: answers with a status of 400 or more.
        failed: connections that were not made, broke or timed out.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int
    failed: int

    @property
    def rate(self) -> float:
        """Requests answered with success, a second."""
        return (self.requests - self.refused) / self.seconds


def check_wrk() -> None:
    """End the process, saying what to do, where there is no wrk."""
    if shutil.which("wrk") is None:
        raise SystemExit(
            "wrk, which makes the load, is not installed: `apt-get install wrk`, `brew install wrk`, or see "
            "https://github.com/wg/wrk"
        )


def run(url: str, body: bytes, connections: int, seconds: float, cores: Sequence[int] = LOAD_CORES) -> Run:
    """Send a body over and over, each connection the next one as soon as it has its answer.

    Args:
        url: where to.
        body: of each request.
        connections: that are kept open.
        seconds: rounded to whole ones, at least one, since wrk takes no others.
        cores: where wrk runs, in one thread.
    """
    with tempfile.TemporaryDirectory() as folder:
        script, content = Path(folder, "load.lua"), Path(folder, "body")
        script.write_text(SCRIPT)
        content.write_bytes(body)
        duration = f"-d{max(1, round(seconds))}"
        command = ["wrk", "-t1", f"-c{connections}", duration, "--timeout", "60", "-s", str(script), url]
        environment = {**os.environ, "LOAD_KEY": KEY, "LOAD_BODY": str(content)}
        with on_cores(cores):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return Run(**json.loads(done.stderr.splitlines()[-1]))
