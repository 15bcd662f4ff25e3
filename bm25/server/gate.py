"""`Gate`: what every request passes: its id, the API key, limits, a place among those at work, the log.

Plain ASGI, outside the framework: it is on the way of every request, and the framework's own middleware costs
several times as much.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from bm25.errors import Bm25ConfigError, Bm25InputError
from bm25.inference.errors import (
    AuthenticationError,
    InferenceError,
    InvalidRequestError,
)
from bm25.inference.request import decode_token
from bm25.server.bodies import Bodies
from bm25.server.logs import failure, log_request
from bm25.server.places import Places
from bm25.server.request import ClientGone, Request, unless_gone
from bm25.server.responses import Receive, Scope, Send, send_error
from bm25.server.state import State
from bm25.server.watch import Watch

if TYPE_CHECKING:
    pass

__all__ = ["Gate"]

OPEN = frozenset({"/", "/page.css", "/page.js", "/favicon.ico", "/health", "/openapi.json"})
"""Paths that need no key: they say nothing that is not public, and touch no model."""

KEY_IN_BODY = "/inference"
"""Where the key may come as `token` in the body, which is how Qdrant sends the one of its configuration."""

_HEADERS = {
    405: [(b"allow", b"POST")],
    # Of a body that is refused in the middle, the rest is read and dropped, so that the answer arrives: a
    # connection closed with unread bytes takes the answer with it. Only one that is slow is not waited for.
    408: [(b"connection", b"close")],
}

_MESSAGES = {
    404: "there is nothing here; POST /inference is Qdrant's protocol, GET / a page to try it, and "
    "GET /openapi.json describes the rest",
    405: "this method is not allowed here",
}

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}\Z")

Endpoint = Callable[[Request, Receive, Send], Awaitable[None]]


class Gate:
    """An ASGI application around another.

    Args:
        app: what answers, once a request is through.
        state: settings, keys and metrics.
        endpoints: paths that are answered without the framework, because they are asked for most.
        routes: paths of the application, for the metrics: whatever else is asked for counts as `other`.
    """

    def __init__(
        self, app: Any, state: State, endpoints: Mapping[str, Endpoint], routes: frozenset[str]
    ) -> None:
        self.app = app
        self.state = state
        self._endpoints = endpoints
        self._routes = routes
        self._prefix = os.urandom(6).hex().encode() + b"-"
        self._numbers = count(1)
        self._open = 0  # requests from their headers to the end of the answer
        self.watch = Watch()
        self._bodies = Bodies(self.watch)
        self._places = Places()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection of the server."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.monotonic()
        request_id = content_length = key = None
        headers = scope["headers"]
        for name, value in headers:
            if name == b"content-length":
                content_length = value
            elif name == b"api-key":
                key = value
            elif name == b"authorization":
                if key is None and value[:7].lower() == b"bearer ":
                    key = value[7:].strip()
            elif name == b"x-request-id" and _REQUEST_ID.match(value):
                request_id = value
        if request_id is None:
            request_id = self._prefix + b"%x" % next(self._numbers)
        settings = self.state.settings
        path = scope["path"]
        deadline = started + settings.limits.request_timeout
        request = Request(request_id, path, headers, content_length, deadline)
        status = 0

        async def send_with_id(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        self._open += 1
        try:
            await self._pass(scope, request, key, receive, send_with_id)
        except asyncio.CancelledError:
            status = status or 499
            raise
        except ClientGone:
            status = 499
        except Exception as error:
            said, more = self._understood(error, request)
            if said.reason is not None:
                self.state.metrics.refused(said.reason)
            if status:  # the answer has begun: all that is left is to break it off
                raise
            await send_error(send_with_id, path, said, more)
        finally:
            self._open -= 1
            self._bodies.drop(request)
            seconds = time.monotonic() - started
            self.state.metrics.request(path if path in self._routes else "other", status, seconds)
            if settings.logging.requests or status >= 500:
                self._log(scope, request, status, seconds)

    def _understood(self, error: Exception, request: Request) -> tuple[InferenceError, Any]:
        """Return what a client is told of an error, and headers to tell it with."""
        if isinstance(error, HTTPException):  # of the framework: an unknown path, a wrong method
            message = _MESSAGES.get(error.status_code, error.detail)
            given = (error.headers or {}).items()
            headers = [(name.lower().encode(), value.encode()) for name, value in given]
            return InferenceError(message, status=error.status_code), headers
        if isinstance(error, Bm25InputError | Bm25ConfigError) and not isinstance(error, InferenceError):
            error = InvalidRequestError(str(error))
        if isinstance(error, InferenceError):
            return error, _HEADERS.get(error.status, ())
        request.details.update(failure(error))
        message = f"an unexpected error; the log has it under request id {request.id.decode()}"
        return InferenceError(message), ()

    async def note(self) -> None:
        """Note once a second, for the metrics, how many requests there are; without end."""
        while True:
            self.state.metrics.now(self._open, self._places.queued)
            await asyncio.sleep(1.0)

    async def _pass(
        self,
        scope: Scope,
        request: Request,
        key: bytes | None,
        receive: Receive,
        send: Send,
    ) -> None:
        path, limits = request.path, self.state.settings.limits
        request.authenticated = path in OPEN or self.state.keys.accepts(key)
        if not request.authenticated and (key is not None or path != KEY_IN_BODY):
            raise AuthenticationError(
                "the API key is wrong or missing: send it as header `api-key`, or `Authorization: Bearer`",
                reason="key",
            )
        always = path in OPEN or path == "/metrics"  # said even by a server that is full
        if not always:
            self._places.check(limits)
        if scope["method"] in ("POST", "PUT"):
            await self._bodies.read(request, receive, limits)
        if not request.authenticated:
            self._check_token(request)
        if always:
            await self._answer(scope, request, receive, send)
            return
        if not self._places.take(limits):
            await unless_gone(receive, self._places.wait(limits, request.deadline))
        try:
            await self._answer(scope, request, receive, send)
        finally:
            self._places.give_back(self.state.settings.limits)

    def _check_token(self, request: Request) -> None:
        # Qdrant sends the token of its configuration in the body, and no header of ours.
        try:
            token = decode_token(request.body)
        except InvalidRequestError:
            token = None
        if token is None or not self.state.keys.accepts(token.encode("utf-8", "replace")):
            raise AuthenticationError(
                "the API key is wrong or missing: send it as header `api-key`, as `Authorization: Bearer`, "
                "or as `token` in the body (in Qdrant's configuration: inference.token)",
                reason="key",
            )
        self._bodies.proven(request)

    async def _answer(self, scope: Scope, request: Request, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(request.path)
        if endpoint is not None:
            if scope["method"] != "POST":
                raise InferenceError(f"{scope['method']} is not allowed here; POST a request", status=405)
            await endpoint(request, receive, send)
            return
        scope["bm25.request"] = request
        await self.app(scope, _replayed(request.body, receive), send)

    def _log(self, scope: Scope, request: Request, status: int, seconds: float) -> None:
        fields = {
            "id": request.id.decode(),
            "method": scope["method"],
            "path": request.path,
            "status": status,
            "ms": round(1e3 * seconds, 3),
            "bytes": len(request.body),
            **request.details,
        }
        log_request(fields, failed=status >= 500)


def _replayed(body: bytes | bytearray, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that was read already."""
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return again
