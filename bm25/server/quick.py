"""`QuickProtocol`: short requests answered in the turn of the loop in which they come.

A task, ASGI's messages and the state that goes with them cost more than the vector of a short text does. A
request that comes in one piece, and can be answered without waiting for anything, needs none of them. Most
HTTP clients send a short request so, also Qdrant's.
"""

from __future__ import annotations

import asyncio

from bm25.server.protocol import GuardedProtocol

__all__ = ["PATH", "QuickProtocol"]

PATH = b"/inference"

AT_ONCE = 16
"""Requests of one connection that are answered in one turn of the loop, in which others have to wait."""

_ANSWER = (
    b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\nx-request-id: %b\r\n\r\n%b"
)


class QuickProtocol(GuardedProtocol):
    """Asks the application's `answer_now`, if it has one, for an answer to a request to `PATH`.

    What it has no answer to at once goes the way of every request, from the start: a request that comes in
    several pieces, whose client does not read or wants something else of HTTP, and whatever ends in an error.
    """

    _held = False  # whether there is a request whose headers have come, and which is not begun
    _body = b""  # of it
    _answered = 0  # requests of the piece that is being parsed

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note whom to ask."""
        self._answer_now = getattr(self.app, "answer_now", None)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._held = False
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that the connection is not idle, if it is the answer before in the same piece that says so."""
        self._unset_keepalive_if_required()
        super().on_message_begin()

    def start_request(self) -> None:
        """Wait for the body, if the request may be one to be answered now."""
        parser, cycle = self.parser, self.cycle
        self._held = (
            self.url == PATH
            and self._answer_now is not None
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self._answered < AT_ONCE
            and (cycle is None or cycle.response_complete)  # answers come in the order of their requests
        )
        if not self._held:
            super().start_request()

    def on_body(self, body: bytes) -> None:
        """Keep a body that is one piece."""
        if self._held and not self._body:
            self._overhead = 0
            self._body = body
            return
        if self._held:
            self._let_go()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer the request that has come, or have it begin."""
        if not self._held:
            super().on_message_complete()
            return
        answer = self._answer_now(self.headers, self._body)  # type: ignore[misc]  # not None, or not held
        if answer is None:
            self._let_go()
            super().on_message_complete()
            return
        self._held, self._body = False, b""
        self._answered += 1
        self.cycle = None  # type: ignore[assignment]  # nothing is under way, as on a new connection
        request_id, body = answer
        fixed = self.config.head_of(self.server_state.default_headers)
        self.transport.write(_ANSWER % (fixed, len(body), request_id, body))
        self.on_response_complete()

    def _parse(self, data: bytes) -> None:
        self._answered = 0
        super()._parse(data)
        if self._held:  # there is more to come
            self._let_go()

    def _let_go(self) -> None:
        """Begin with the request as if it had not been held."""
        self._held = False
        body, self._body = self._body, b""
        super().start_request()
        if body:
            super().on_body(body)
