"""Answers as ASGI messages: JSON out, errors in the shape that each door's clients expect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from bm25.inference.errors import InferenceError

__all__ = ["Receive", "Scope", "Send", "error_body", "json_bytes", "send_error", "send_json"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TEI_TYPES = {401: "unauthenticated", 413: "validation", 422: "validation", 424: "backend", 429: "overloaded"}


def json_bytes(value: Any) -> bytes:
    """Return JSON; numpy arrays are lists, and a float32 the shortest decimal that reads back to it."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


async def send_json(send: Send, body: bytes, status: int = 200, headers: Any = ()) -> None:
    """Send a whole answer."""
    fixed = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": body})


async def send_error(send: Send, path: str, error: InferenceError, headers: Any = ()) -> None:
    """Send an error, with the header Retry-After where it has one."""
    if error.retry_after is not None:
        headers = [*headers, (b"retry-after", error.retry_after.encode("latin-1", "replace"))]
    await send_json(send, error_body(path, error), error.status, headers)


def error_body(path: str, error: InferenceError) -> bytes:
    """Return what a client of the door at `path` is told."""
    message = str(error)
    if path.startswith("/v1/"):  # OpenAI's clients
        return json_bytes(
            {"error": {"message": message, "type": "invalid_request_error", "code": error.status}}
        )
    if path.startswith("/embed"):  # text-embeddings-inference's
        kind = _TEI_TYPES.get(error.status, "validation" if error.status < 500 else "backend")
        return json_bytes({"error": message, "error_type": kind})
    return json_bytes({"error": message})
