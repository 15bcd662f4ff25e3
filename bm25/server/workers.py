"""`Supervisor`: several processes that serve one address; started, replaced, told of new settings, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

from bm25.errors import Bm25ConfigError, Bm25Error
from bm25.server.maker import Maker
from bm25.server.process import Server, leave
from bm25.server.reload import check_reload, rejected, restart_needed
from bm25.server.settings import ServerSettings

__all__ = ["Supervisor"]

GRACE = 5.0
RESPAWN_INTERVAL = 1.0
METRICS = "PROMETHEUS_MULTIPROC_DIR"

_logger = logging.getLogger("bm25.server")
_spawn = multiprocessing.get_context("spawn")
# These reach a whole process group, from a terminal say; the supervisor alone acts on them.
_HANG_UP: int = getattr(signal, "SIGHUP", 0)  # Windows has none
_OURS = [signal.SIGINT, _HANG_UP] if _HANG_UP else [signal.SIGINT]


class _Child:
    """A process, and a pipe to it. It sends ("ready", None) or ("failed", error), and answers to settings."""

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        self.pipe, inner = _spawn.Pipe()
        self.ready = False
        self.process: SpawnProcess = _spawn.Process(target=target, args=(*arguments, inner))
        # What is blocked stays so in the child, until it has decided what to do about these signals.
        resource_tracker.ensure_running()  # which would unblock them
        blocked = hasattr(signal, "pthread_sigmask")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS) if blocked else ()
        try:
            self.process.start()
        finally:
            if blocked:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        inner.close()

    def send(self, message: Any) -> None:
        """Send, unless the process has ended, which is noticed elsewhere."""
        with contextlib.suppress(OSError):
            self.pipe.send(message)

    def receive(self) -> tuple[str, Any]:
        """Return what it has sent; ("gone", None) after its end."""
        try:
            message: tuple[str, Any] = self.pipe.recv()
        except (EOFError, OSError):
            return "gone", None
        return message


class Supervisor:
    """Keeps as many workers as the settings say.

    Args:
        settings: those in force at the start.
        load: returns the settings anew on SIGHUP.
        listener: the bound socket that all workers accept connections from.
        make: makes the application in each worker.
        ready: called once all workers accept connections.
    """

    def __init__(
        self,
        settings: ServerSettings,
        load: Callable[[], ServerSettings],
        listener: socket.socket,
        make: Maker,
        ready: Callable[[], None],
    ) -> None:
        self._started = settings
        self._settings = settings
        self._load = load
        self._listener = listener
        self._make = make
        self._ready = ready
        self._workers: list[_Child] = []
        self._missing: list[float] = []  # when the place of a worker that died is to be filled
        self._checker: _Child | None = None
        self._candidate = settings
        self._signals: list[int] = []
        self._waker, self._wakened = socket.socketpair()
        self._waker.setblocking(False)
        self._wakened.setblocking(False)
        self._announced = False

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            Bm25Error: a worker does not start; the message is the worker's.
        """
        handled = [signal.SIGTERM, *_OURS]
        before = {number: signal.signal(number, self._on_signal) for number in handled}
        try:
            with tempfile.TemporaryDirectory(prefix="bm25-metrics-") as metrics:
                os.environ[METRICS] = metrics
                try:
                    self._serve()
                finally:
                    self._end()
                    del os.environ[METRICS]
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._waker.close()
            self._wakened.close()

    def _serve(self) -> None:
        self._missing = [0.0] * self._settings.server.workers
        while True:
            now = time.monotonic()
            due = [at for at in self._missing if at <= now]
            self._missing = [at for at in self._missing if at > now]
            for _ in due:
                self._workers.append(_Child(_work, self._settings, self._listener, self._make))
            self._wait(min(self._missing) - now if self._missing else None)
            if self._take(signal.SIGTERM) or self._take(signal.SIGINT):
                return
            if self._take(_HANG_UP):
                self._check()

    def _wait(self, timeout: float | None) -> None:
        """Wait for something to happen, and see to what workers say."""
        children: dict[Any, _Child] = {worker.pipe: worker for worker in self._workers}
        if self._checker is not None:
            children[self._checker.pipe] = self._checker
        for happened in wait([self._wakened, *children], timeout):
            if happened is self._wakened:
                self._wakened.recv(4096)
                continue
            child = children[happened]
            what, error = child.receive()
            if child is self._checker:
                self._checked(what, error)
            elif what == "ready":
                child.ready = True
                self._announce()
            elif what == "reloaded" and error is not None:
                _logger.error("worker %s keeps the old configuration: %s", child.process.pid, error)
            elif what in ("failed", "gone"):
                self._lost(child, error)

    def _announce(self) -> None:
        if not self._announced and not self._missing and all(child.ready for child in self._workers):
            self._announced = True
            self._ready()

    def _lost(self, child: _Child, error: Bm25Error | None) -> None:
        """Have a worker that died replaced; at the start, where the next one would fare no better, end."""
        child.process.join(GRACE)
        child.process.kill()
        child.process.join()
        child.pipe.close()
        self._workers.remove(child)
        _forget_metrics(child.process.pid)
        if not self._announced:
            raise error or Bm25Error(f"a worker did not start: {_ending(child.process.exitcode)}")
        _logger.error(
            "worker %s ended: %s; another one is started", child.process.pid,
            error or _ending(child.process.exitcode),
        )  # fmt: skip
        self._missing.append(time.monotonic() + (0 if child.ready else RESPAWN_INTERVAL))

    def _check(self) -> None:
        """Begin a reload: a process of its own builds the models, which needs memory for a while."""
        try:
            settings = self._load()
            check_reload(self._started, settings)
        except Exception as error:
            rejected(error)
            return
        self._drop_checker()
        self._candidate = settings
        self._checker = _Child(_build, settings, self._make)

    def _checked(self, what: str, error: Exception | None) -> None:
        if self._checker is not None and what != "ready":
            rejected(error or Bm25Error("the process that tried it out has ended"))
        elif self._checker is not None:
            # Workers that are started from now on get these too.
            self._settings = self._candidate
            for worker in self._workers:
                worker.send(self._settings)
            restart_needed(self._started, self._settings)
            _logger.info("configuration reloaded")
        self._drop_checker()

    def _drop_checker(self) -> None:
        if self._checker is not None:
            self._checker.process.kill()
            self._checker.process.join()
            self._checker.pipe.close()
            self._checker = None

    def _end(self) -> None:
        """End the workers: in their own time, then at once."""
        self._drop_checker()
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + self._settings.server.shutdown_timeout + GRACE
        alive = {worker.process.sentinel for worker in self._workers}
        # A second SIGINT is somebody who does not want to wait.
        while alive and time.monotonic() < deadline and not self._take(signal.SIGINT):
            for ended in wait([self._wakened, *alive], deadline - time.monotonic()):
                if ended is self._wakened:
                    self._wakened.recv(4096)
                else:
                    alive.remove(ended)  # type: ignore[arg-type]
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals.append(number)
        with contextlib.suppress(BlockingIOError):  # full, so it wakes anyway
            self._waker.send(b".")

    def _take(self, number: int) -> bool:
        found = number in self._signals
        while number in self._signals:  # without a moment in which a new one could be lost
            self._signals.remove(number)
        return found


def _forget_metrics(pid: int | None) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    if pid is not None:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


# In the other processes


def _begin() -> None:
    for number in _OURS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)


def _work(settings: ServerSettings, listener: socket.socket, make: Maker, pipe: Connection) -> None:
    """Be a worker."""
    _begin()
    try:
        with listener:
            app = make(settings)
            make.warm_up()
            server = Server(app, settings, ready=lambda: _listen(server, pipe))
            server.run([listener])
        leave(0)
    except (Bm25Error, OSError) as error:
        kind = Bm25ConfigError if isinstance(error, Bm25ConfigError) else Bm25Error
        with contextlib.suppress(OSError):
            pipe.send(("failed", kind(str(error))))


def _listen(server: Server, pipe: Connection) -> None:
    """Say that connections are accepted, and from now on do as the supervisor says."""
    loop = asyncio.get_running_loop()

    async def reload(settings: ServerSettings) -> None:
        try:
            await server.reload(settings)
            answer = None
        except Exception as error:
            answer = str(error) if isinstance(error, Bm25Error) else type(error).__name__
        with contextlib.suppress(OSError):
            pipe.send(("reloaded", answer))

    def receive() -> None:
        while True:
            try:
                settings = pipe.recv()
            except (EOFError, OSError):  # the supervisor is gone, killed most likely
                server.should_exit = True
                time.sleep((server.config.timeout_graceful_shutdown or 0) + GRACE)
                os._exit(1)  # for there is nobody left to end this process if it hangs
            loop.call_soon_threadsafe(server.reload_soon, partial(reload, settings))

    with contextlib.suppress(OSError):  # nobody is left, which `receive` will notice
        pipe.send(("ready", None))
    threading.Thread(target=receive, name="bm25-supervisor", daemon=True).start()


def _build(settings: ServerSettings, make: Maker, pipe: Connection) -> None:
    """Try settings out."""
    _begin()
    os.environ.pop(METRICS, None)  # or its counters, which nobody counts with, would be added to the others'
    try:
        make(settings)
    except Exception as error:
        said = str(error) if isinstance(error, Bm25Error | OSError) else type(error).__name__
        pipe.send(("failed", Bm25Error(said)))
    else:
        pipe.send(("ready", None))
