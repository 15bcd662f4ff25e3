"""The program `tests.store.crash`, as a test sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Processes:
    """Gives orders and reads the answers; all processes end with the ``with`` statement."""

    def __init__(self, store: Path) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.store.crash", str(store)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._running: set[int] = set()
        self._read("ready")

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: Any) -> None:
        for pid in list(self._running):
            self.kill(pid)
        _, errors = self._program.communicate(timeout=60)
        assert self._program.returncode == 0, errors

    def order(self, *words: object) -> str:
        assert self._program.stdin is not None
        self._program.stdin.write(" ".join(map(str, words)) + "\n")
        self._program.stdin.flush()
        return self._read()

    def start(self, *words: object) -> int:
        pid = int(self.order(*words))
        self._running.add(pid)
        return pid

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        assert self.wait(pid) == -signal.SIGKILL

    def wait(self, pid: int) -> int:
        self._running.discard(pid)
        return int(self.order("wait", pid))

    def _read(self, expected: str | None = None) -> str:
        assert self._program.stdout is not None
        line = self._program.stdout.readline().strip()
        if not line or expected not in (None, line):
            _, errors = self._program.communicate(timeout=60)
            raise AssertionError(f"the program said {line!r}\n{errors[-4000:]}")
        return line
