"""`Gate`: what every request passes: its id, the API key, limits, a place among those at work, the log.

Plain ASGI, outside the framework: it is on the way of every request, and the framework's own middleware costs
several times as much.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from starlette.exceptions import HTTPException

from bm25.errors import Bm25ConfigError, Bm25InputError
from bm25.inference.errors import (
    AuthenticationError,
    InferenceError,
    InvalidRequestError,
)
from bm25.inference.request import decode_token
from bm25.server.bodies import Bodies
from bm25.server.inference import Inference
from bm25.server.logs import failure, log_request
from bm25.server.places import Places
from bm25.server.request import ClientGone, Request, unless_gone
from bm25.server.responses import Header, Receive, Scope, Send, send_error
from bm25.server.state import State
from bm25.server.watch import Watch

__all__ = ["Gate"]

OPEN = frozenset({"/", "/page.css", "/page.js", "/favicon.ico", "/health", "/openapi.json"})
"""Paths that need no key: they say nothing that is not public, and touch no model."""

INFERENCE = "/inference"
"""Qdrant's protocol; the key may come in its body, as `token`, which is how Qdrant sends its own setting."""

QUICK = 32_768
"""Bytes of a body that may be answered at once: more text than that is work for a thread."""

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


class Gate:
    """An ASGI application around another.

    Args:
        app: what answers, once a request is through.
        state: settings, keys and metrics.
        inference: what answers at /inference, without the framework, because it is asked for most.
        routes: paths of the application, for the metrics: whatever else is asked for counts as `other`.
    """

    def __init__(self, app: Any, state: State, inference: Inference, routes: frozenset[str]) -> None:
        self.app = app
        self.state = state
        self._inference = inference
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
        request, key = self._request(scope["path"], scope["headers"], started)
        path, request_id = request.path, request.id
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
            self._done(request, scope["method"], status, started)

    def answer_now(self, headers: Sequence[Header], body: bytes) -> tuple[bytes, bytes | memoryview] | None:
        """Answer a POST to /inference without waiting for anything, if that can be.

        Args:
            headers: of the request, names in lowercase.
            body: all of it.

        Returns:
            The request's id, and the body of an answer with status 200. None for a request that has to go the
            whole way, also one that is refused there or fails; nothing is counted or logged of it here.
        """
        started = time.monotonic()
        request, key = self._request(INFERENCE, headers, started)
        state = self.state
        limits = state.settings.limits
        if len(body) > min(QUICK, limits.max_body_bytes) or not self._places.free(limits):
            return None
        try:
            # Of what has shown no key, nothing but the token is decoded.
            if not state.keys.accepts(key) and (key is not None or not self._has_token(body)):
                return None
            request.body, request.received = body, len(body)
            answer = self._inference.now(request)
        except Exception:  # it comes once more, there where errors are told
            return None
        if answer is None:
            return None
        self._done(request, "POST", 200, started)
        return request.id, answer

    def _request(self, path: str, headers: Sequence[Header], started: float) -> tuple[Request, bytes | None]:
        """Return a request, and the API key among its headers."""
        request_id = content_length = key = None
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
        deadline = started + self.state.settings.limits.request_timeout
        return Request(request_id, path, headers, content_length, deadline), key

    def _done(self, request: Request, method: str, status: int, started: float) -> None:
        """Count a request that has been answered, and log it."""
        seconds = time.monotonic() - started
        path = request.path
        self.state.metrics.request(path if path in self._routes else "other", status, seconds)
        if not self.state.settings.logging.requests and status < 500:
            return
        fields = {
            "id": request.id.decode(),
            "method": method,
            "path": path,
            "status": status,
            "ms": round(1e3 * seconds, 3),
            "bytes": request.received,
            **request.details,
        }
        log_request(fields, failed=status >= 500)

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
        if not request.authenticated and (key is not None or path != INFERENCE):
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
        if not self._has_token(request.body):
            raise AuthenticationError(
                "the API key is wrong or missing: send it as header `api-key`, as `Authorization: Bearer`, "
                "or as `token` in the body (in Qdrant's configuration: inference.token)",
                reason="key",
            )
        self._bodies.proven(request)

    def _has_token(self, body: bytes) -> bool:
        """Tell whether a body has a key in it; nothing else of it is made."""
        try:
            token = decode_token(body)
        except InvalidRequestError:
            return False
        return token is not None and self.state.keys.accepts(token.encode("utf-8", "replace"))

    async def _answer(self, scope: Scope, request: Request, receive: Receive, send: Send) -> None:
        if request.path == INFERENCE:
            if scope["method"] != "POST":
                raise InferenceError(f"{scope['method']} is not allowed here; POST a request", status=405)
            await self._inference(request, receive, send)
            return
        scope["bm25.request"] = request
        await self.app(scope, _replayed(request.body, receive), send)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that was read already."""
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
