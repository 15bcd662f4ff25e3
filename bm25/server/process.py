"""`Server`: one process that serves; uvicorn's server with reloads, TLS, and an end that comes in time."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from socket import socket
from types import FrameType
from typing import Any, Protocol

import uvicorn

from bm25.errors import Bm25Error
from bm25.server.memory import keep_memory
from bm25.server.protocol import GuardedConfig
from bm25.server.quick import QuickProtocol
from bm25.server.reload import check_reload, rejected, restart_needed
from bm25.server.settings import ServerSettings
from bm25.server.tls import Certificates, server_context

__all__ = ["Application", "Server", "leave"]

TLS_SHUTDOWN_TIMEOUT = 5.0
CLOSING_TIMEOUT = 2.0  # for what the application closes, after the last request

_logger = logging.getLogger("bm25.server")


class Application(Protocol):
    """An ASGI application that takes other settings while it runs.

    It may also have `answer_now`; see `QuickProtocol`.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a connection."""

    async def reload(self, settings: ServerSettings) -> None:
        """Put other settings in force, or raise and keep the old ones."""


class Server(uvicorn.Server):
    """Serves until it is told to stop.

    Relies on names of uvicorn that are not documented: `startup`, `on_tick`, `capture_signals`, `servers`,
    `lifespan`, and `loaded_app` of its configuration.

    Args:
        app: what answers.
        settings: those in force at the start.
        ready: called once connections are accepted.
        load: returns the settings anew on SIGHUP; None where that is not this process's affair, a worker's.
    """

    def __init__(
        self,
        app: Application,
        settings: ServerSettings,
        ready: Callable[[], None],
        load: Callable[[], ServerSettings] | None = None,
    ) -> None:
        options = settings.server
        self.config: GuardedConfig
        self._app = app
        self._started = settings
        self._ready = ready
        self._load = load
        self._hung_up = False
        self._reloads: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        self._tls: Certificates | None = None
        if options.tls_certificate is not None and options.tls_key is not None:
            self._tls = Certificates(server_context(options.tls_certificate, options.tls_key))
        super().__init__(
            GuardedConfig(
                lambda: app,
                settings,
                factory=True,
                http=QuickProtocol,
                interface="asgi3",
                lifespan="on",
                ws="none",
                proxy_headers=False,
                server_header=False,
                log_config=None,
                log_level=logging.ERROR,
                access_log=False,
            )
        )

    async def reload(self, settings: ServerSettings) -> None:
        """Put other settings in force; requests at work and open connections keep what they have.

        Raises:
            Bm25Error: a model cannot be built, or a certificate not be read; everything stays as it was.
        """
        async with self._reloading:
            options, tls = settings.server, None
            if self._tls is not None and options.tls_certificate and options.tls_key:
                tls = server_context(options.tls_certificate, options.tls_key)
            await self._app.reload(settings)
            # Nothing from here on can fail.
            self.config.take(settings)
            if self._tls is not None and tls is not None:
                self._tls.latest = tls

    def reload_soon(self, work: Callable[[], Any]) -> None:
        """Run a coroutine function beside everything else; its exceptions are its own affair."""
        task = asyncio.ensure_future(work())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def startup(self, sockets: Sequence[socket] | None = None) -> None:
        """Accept connections.

        Raises:
            Bm25Error: the application does not start.
            OSError: another server was faster to take the address.
        """
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise Bm25Error("the application did not start")
        keep_memory()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(_Unawaited())
        config = self.config
        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls["ssl"] = self._tls.context
            # Uvicorn leaves these at a minute and half a minute: a way to hold connections open.
            tls["ssl_handshake_timeout"] = config.limits.header_timeout
            tls["ssl_shutdown_timeout"] = TLS_SHUTDOWN_TIMEOUT

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state=self.lifespan.state, _loop=loop
            )

        self.servers = [
            await loop.create_server(protocol, sock=sock, backlog=config.backlog, **tls)
            for sock in sockets or ()
        ]
        # What is there now stays: from here on no collection of garbage looks at it, which takes a tenth of a
        # second each time.
        gc.collect()
        gc.freeze()
        self.started = True
        self._ready()

    async def _serve(self, sockets: Sequence[socket] | None = None) -> None:
        try:
            await super()._serve(sockets)  # type: ignore[arg-type]
        finally:
            # After an error uvicorn leaves them open, and uvloop accepts connections while it is closed.
            for server in getattr(self, "servers", ()):
                server.close()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """End: answer what has been asked, for a while, then close what is open."""
        # Uvicorn sets no limit to what comes after the requests.
        limit = (self.config.timeout_graceful_shutdown or 0) + CLOSING_TIMEOUT
        try:
            await asyncio.wait_for(super().shutdown(sockets), limit)
        except TimeoutError:
            _logger.error("not everything was closed in time")

    async def on_tick(self, counter: int) -> bool:
        """Do what is due: begin a reload, or end."""
        if self._hung_up:
            self._hung_up = False
            self.reload_soon(self._reload)
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals for as long as the server runs. Uvicorn would raise them once more at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, handler) for number, handler in self._handlers().items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handlers(self) -> Mapping[int, Any]:
        handlers: dict[int, Any] = {signal.SIGTERM: self.handle_exit}
        if self._load is not None:  # no worker, whose supervisor gets these two and says what to do
            handlers[signal.SIGINT] = self.handle_exit
            if hasattr(signal, "SIGHUP"):
                handlers[signal.SIGHUP] = self._hang_up
        return handlers

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self._hung_up = True

    async def _reload(self) -> None:
        assert self._load is not None
        try:
            settings = await asyncio.to_thread(self._load)
            check_reload(self._started, settings)
            await self.reload(settings)
        except Exception as error:
            rejected(error)
        else:
            restart_needed(self._started, settings)
            _logger.info("configuration reloaded")


class _Unawaited(ThreadPoolExecutor):
    """Threads whose work is not waited for when a loop ends."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


def leave(code: int) -> None:
    """End this process now if there are threads that Python would wait for, however long they take.

    What they work on is for nobody any more, and nothing can stop a thread.
    """
    if all(thread.daemon or thread is threading.main_thread() for thread in threading.enumerate()):
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)
