"""Uvicorn's HTTP protocol with guards: slow or oversized headers, answers not taken, too many connections.

Also names of other hosts, under which web pages could reach a server that everybody on this machine may use.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bm25.server.hosts import is_local
from bm25.server.settings import ServerSettings
from bm25.server.transports import Farewell, Together

__all__ = ["GuardedConfig", "GuardedProtocol"]

MAX_LINGERING = 128
LOG_INTERVAL = 10.0

OTHER_HOST = (
    "the Host header is neither localhost nor an IP address: without an API key that could be a web page, "
    "which reaches this machine under a name of its own; ask for 127.0.0.1, or start the server with an API "
    "key, or with --no-api-key"
)

_logger = logging.getLogger("bm25.server")


class GuardedConfig(Config):
    """A configuration of uvicorn that also has the limits; connections made later see new ones.

    Attributes:
        limits: those of connections and headers.
        local_hosts_only: whether requests that name another host are refused.
        lingering: connections that wait for a client to take a refusal.
    """

    def __init__(self, app: Any, settings: ServerSettings, **options: Any) -> None:
        super().__init__(app, **{"http": GuardedProtocol, **options})
        self.lingering = 0
        self._fixed: list[tuple[bytes, bytes]] | None = None
        self._head = b""
        self._refused: dict[str, tuple[int, float]] = {}  # by reason: how many, and when to say so next
        self.take(settings)

    def take(self, settings: ServerSettings) -> None:
        """Let these settings hold: those of connections and headers from the next connection on."""
        self.limits = limits = settings.limits
        self.timeout_keep_alive = limits.idle_timeout  # type: ignore[assignment]  # a float serves as well
        self.timeout_graceful_shutdown = settings.server.shutdown_timeout
        # Without either the server listens on loopback, or it would not have started.
        self.local_hosts_only = not (settings.api_keys or settings.server.allow_unauthenticated)

    def head_of(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return headers as they are sent; those of all answers, which change once a second."""
        if self._fixed is not headers:
            self._fixed = headers
            self._head = b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._head

    def count_refused(self, why: str) -> None:
        """Log that a connection was refused, but not each one of a flood."""
        number, due = self._refused.get(why, (0, 0.0))
        number, now = number + 1, time.monotonic()
        if now >= due:
            _logger.warning("refused %d connections: %s", number, why)
            number, due = 0, now + LOG_INTERVAL
        self._refused[why] = number, due


class _Refused(Exception):
    """Ends the parsing of a request."""


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections that do not send complete headers in time, and refuses what is beyond a limit.

    The time runs from the connection's start, later from the first byte of a request; between the two the
    connection is idle, for which uvicorn has a timer of its own. A request whose headers come in one piece,
    as nearly all do, sets no timer here.

    Relies on names of uvicorn that are not documented: attributes and callbacks of `HttpToolsProtocol`,
    `RequestResponseCycle` and `FlowControl`.
    """

    config: GuardedConfig

    def __init__(
        self,
        config: GuardedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        limits = config.limits
        self._max_header_bytes = limits.max_header_bytes
        self._header_timeout = limits.header_timeout
        self._write_timeout = limits.request_timeout
        self._header_timer: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._write_timer: asyncio.TimerHandle | None = None
        self._in_headers = True
        self._refusal: tuple[HTTPStatus, str] | None = None
        self._upgrade: bytes | None = None
        # Bytes that have come since the end of the last headers or the last piece of a body. In between are
        # headers only, or the lines between chunks and the trailers, of which there should be few as well.
        self._overhead = 0
        self._piece = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers, or refuse the connection."""
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type]
        limit = self.config.limits.max_connections
        if len(self.connections) > limit:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, f"{limit} connections are open, which is the limit")
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._disarm()
        if self._write_timer is not None:
            self._write_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, and see what is still to come."""
        self._piece = len(data)
        self._overhead += self._piece
        self._unset_keepalive_if_required()
        self._parse(data)
        if self._overhead > self._max_header_bytes and self.parser is not None:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, self._too_large())
        # Of a request that has been answered the rest of the body may come, or empty lines. If it was
        # answered just now, the connection is idle and has a timer.
        elif (
            self._header_timer is None
            and self.timeout_keep_alive_task is None
            and (self._in_headers or self.cycle is None or self.cycle.response_complete)
        ):
            self._arm()

    def eof_received(self) -> None:
        """Send what has been written, for the transport closes itself now."""
        self.transport.flush()  # type: ignore[attr-defined]

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        self._watch_writing()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on, for the client has read."""
        if self._write_timer is not None:
            self._write_timer.cancel()
        super().resume_writing()

    def on_message_begin(self) -> None:
        """Note that headers follow."""
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse headers that are too large, start the request otherwise."""
        self._in_headers = False
        self._disarm()
        limit = self._max_header_bytes
        # Counting the headers takes time, so it is done only where so many bytes have come.
        if (self._piece > limit or self._overhead > limit) and self._header_bytes() > limit:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, self._too_large()
            raise _Refused
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._upgrade = self._without_upgrade()
            return
        if self.config.local_hosts_only:
            for name, value in self.headers:
                if name == b"host" and not is_local(value):
                    self._refusal = HTTPStatus.MISDIRECTED_REQUEST, OTHER_HOST
                    raise _Refused
        self._overhead = 0
        self.start_request()

    def start_request(self) -> None:
        """Have the application begin with the request whose headers have come."""
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass a piece of a body on."""
        self._overhead = 0
        cycle: Any = self.cycle
        # A piece that is taken before the next one comes need not be copied into a buffer and out of it.
        if not cycle.body:
            cycle.body, body = body, b""
        elif isinstance(cycle.body, bytes):
            cycle.body = bytearray(cycle.body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note the end of a request, unless it is to be parsed once more."""
        if self._upgrade is None:
            super().on_message_complete()

    def _parse(self, data: bytes) -> None:
        """Parse a piece, and requests that offer another protocol as if they did not.

        The parser takes what follows such headers for that protocol, also the body. But servers may ignore
        the offer, which Java's HTTP client makes with each request, and answer as usual.
        """
        piece: bytes | memoryview = data
        rest: memoryview | None = None
        while True:
            try:
                self.parser.feed_data(piece)
            except HttpParserUpgrade as upgrade:
                if self._upgrade is None:  # it was asked for, with CONNECT
                    return
                rest = memoryview(piece)[upgrade.args[0] :]
                piece, self._upgrade = self._upgrade, None
                self.parser = HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
                continue
            except HttpParserError:  # also after an exception of a callback
                self._refuse(*(self._refusal or (HTTPStatus.BAD_REQUEST, "Invalid HTTP request received.")))
                return
            if not rest:
                return
            piece, rest = rest, None

    def _without_upgrade(self) -> bytes:
        """Return the headers that have come, without the offer of another protocol."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, and one whose client does not read what it was sent."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _watch_writing(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(self._write_timeout, self._on_write_timeout)

    def _on_write_timeout(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent:
            self._watch_writing()
        else:
            self.transport.abort()

    def _header_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> str:
        return f"the headers are larger than {self._max_header_bytes} bytes, which is the limit"

    def _arm(self) -> None:
        if self.parser is not None and not self.transport.is_closing():
            self._header_timer = self.loop.call_later(self._header_timeout, self._on_header_timeout)

    def _disarm(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _on_header_timeout(self) -> None:
        self._header_timer = None
        if self.flow.read_paused:  # by us, so the client cannot be blamed
            self._arm()
        elif self._responding():
            self.cycle.keep_alive = False
        else:
            self.config.count_refused(f"no complete headers came in {self._header_timeout:g} s")
            self.transport.abort()

    def _responding(self) -> bool:
        """Return whether earlier requests, complete ones, are still to be answered."""
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer with an error, unless that would be taken for another request's answer, and close."""
        self.config.count_refused(message)
        if self._responding():
            self.cycle.keep_alive = False  # which closes the connection after the last response
            self.transport.pause_reading()
            self.flow.read_paused = False  # so that nobody resumes
            return
        transport, config = self.transport, self.config
        started = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        self.connection_lost(ConnectionAbortedError())  # with which uvicorn leaves the transport open
        if started or config.lingering >= MAX_LINGERING:
            transport.close()
            return
        body = json.dumps({"error": message}).encode()
        retry = b"retry-after: 1\r\n" if status == HTTPStatus.TOO_MANY_REQUESTS else b""
        head = b"HTTP/1.1 %d %s\r\ncontent-length: %d\r\n" % (status, status.phrase.encode(), len(body))
        head += b"content-type: application/json\r\nconnection: close\r\n" + retry
        transport.write(head + b"\r\n" + body)
        transport.set_protocol(Farewell(transport, config, self.loop))
