"""Answers as ASGI messages: JSON out, errors in the shape that each door's clients expect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from bm25.inference.errors import InferenceError

__all__ = ["Header", "Receive", "Scope", "Send", "error_body", "json_bytes", "send_error", "send_json"]

LONGEST_MESSAGE = 2000  # characters of an error; it may quote what the client sent

Header = tuple[bytes, bytes]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TEI_PATHS = frozenset({"/embed", "/embed_sparse", "/info"})
_TEI_TYPES = {400: "Empty", 401: "Unauthenticated", 403: "Unauthenticated", 429: "Overloaded"}

_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_OPENAI_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


def json_bytes(value: Any) -> bytes:
    """Return JSON; numpy arrays are lists, and a float32 the shortest decimal that reads back to it."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


async def send_json(send: Send, body: bytes | memoryview, status: int = 200, headers: Any = ()) -> None:
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
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}..."
    if path.startswith("/v1/"):
        return json_bytes({"error": _openai_error(path, message, error.status)})
    if path in _TEI_PATHS:
        backend = error.status == 424 or error.status >= 500
        kind = _TEI_TYPES.get(error.status, "Backend" if backend else "Validation")
        return json_bytes({"error": message, "error_type": kind})
    return json_bytes({"error": message})


def _openai_error(path: str, message: str, status: int) -> dict[str, Any]:
    known_path = path == "/v1/embeddings" or path.startswith("/v1/models")
    other = "server_error" if status >= 500 else "invalid_request_error"
    return {
        "message": message,
        "type": _OPENAI_TYPES.get(status, other),
        "param": None,
        "code": _OPENAI_CODES.get(status) if known_path else None,
    }
