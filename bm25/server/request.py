"""`Request`: what the server knows of one request; and what to do while its client waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from bm25.server.responses import Receive

__all__ = ["ClientGone", "Request", "unless_gone"]

T = TypeVar("T")


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Request:
    """One request at the gate.

    Attributes:
        id: the client's `x-request-id`, or one of ours.
        path: of the address, without a query.
        headers: the pairs as they came, names in lowercase.
        content_length: the header, None if there is none.
        body: all of it, once it is there.
        received: bytes of it that have come.
        authenticated: whether a key was accepted, or none is needed.
        deadline: when it has to be answered, of `time.monotonic`.
        details: what the log says of it besides.
    """

    __slots__ = (
        "authenticated", "body", "content_length", "deadline", "details", "headers", "id", "path", "received",
    )  # fmt: skip

    def __init__(
        self, request_id: bytes, path: str, headers: Any, content_length: bytes | None, deadline: float
    ) -> None:
        self.id = request_id
        self.path = path
        self.headers = headers
        self.content_length = content_length
        self.deadline = deadline
        self.body = b""
        self.received = 0
        self.authenticated = False
        self.details: dict[str, Any] = {}

    def provider_keys(self) -> dict[str, str]:
        """Return the keys of external providers among the headers, by name."""
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self.headers
            if name.endswith(b"-api-key")
        }


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, and cancel it if the client goes away before that.

    Raises:
        ClientGone: it did.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(receive())
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        for task in (working, gone):
            if not task.done():
                task.cancel()
                # Its end is waited for, so that nothing of the request goes on after it.
                await asyncio.wait((task,))
