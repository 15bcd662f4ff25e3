"""Servers in processes of their own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time

import httpx

from tests.cli.process import ENVIRONMENT

LISTENING = re.compile(r"bm25: listening on (https?)://(.+):(\d+) \((.*)\)")


class Running:
    """A server that has said that it listens; lines of its standard error are read as they come."""

    def __init__(self, arguments, environment=None, cwd=None):
        self.process = subprocess.Popen(
            [sys.executable, *map(str, arguments)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**ENVIRONMENT, **(environment or {})}, cwd=cwd, start_new_session=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            match = LISTENING.fullmatch(self.wait_for("listening on"))
        except AssertionError:
            self.end(signal.SIGKILL)
            raise
        self.scheme, self.host, port, self.summary = match.groups()
        self.port = int(port)
        self.url = f"{self.scheme}://{self.host}:{port}"

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, text, after=0, timeout=60.0):
        """The first line from number `after` on that has a text in it."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            for line in self.lines[after:]:
                if text in line:
                    return line
            if ended and not self._reader.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"no {text!r} in {self.lines}")

    def get(self, path="/", **options):
        return httpx.get(self.url + path, timeout=30, **options)

    def send(self, number, text=None):
        """Send a signal, and wait for the line with a text that it leads to."""
        after = len(self.lines)
        os.kill(self.process.pid, number)
        return None if text is None else self.wait_for(text, after)

    def end(self, number=signal.SIGTERM, timeout=60):
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        code = self.process.wait(timeout)
        self._reader.join()
        self.process.stderr.close()
        self.process.stdout.close()
        return code


@contextlib.contextmanager
def running(*arguments, **options):
    server = Running(arguments, **options)
    try:
        yield server
    finally:
        server.end(signal.SIGKILL if sys.exc_info()[0] else signal.SIGTERM)


def standin(config, **options):
    """The stand-in with a file of settings."""
    return running("-m", "tests.server.standin", config, **options)
