"""Structured logs: one line a record, as JSON or for people. No texts and no keys: nothing here sees any."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
import structlog

__all__ = ["configure", "failure", "log_request"]


def configure(format: Literal["json", "text"], level: str) -> None:
    """Have everything in this process that logs do so in one format, to standard error."""
    # The process's own, whatever stands in for it at the moment: the loggers keep it.
    stream = sys.__stderr__ or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    common: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if format == "json":
        last: Any = structlog.processors.JSONRenderer(serializer=_json)
        last_of_others: Any = structlog.processors.JSONRenderer(serializer=_json_text)
        factory: Any = structlog.BytesLoggerFactory(file=stream.buffer)
    else:
        last = last_of_others = structlog.dev.ConsoleRenderer(colors=stream.isatty())
        factory = structlog.WriteLoggerFactory(file=stream)
    structlog.configure(
        processors=[*common, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.PositionalArgumentsFormatter(),
                *common,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last_of_others],
        )
    )
    for name in ("bm25", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(number)
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)  # uvicorn gives it one of its own
    global _write, _level
    _write = stream.buffer.write if format == "json" else None
    _level = number
    # A line for each call upstream is more than anybody asked for, and the headers of answers may hold a key.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


_write: Callable[[bytes], object] | None = None
_level = logging.INFO
_lines: list[bytes] = []
_requests = structlog.get_logger("bm25.server")


def log_request(fields: dict[str, Any], *, failed: bool = False) -> None:
    """Have the line of a request written that has been answered. Called in an event loop.

    As JSON it is written without the steps of a logger, and together with those of other requests that were
    answered in the same turn of the loop: both would take as long as the answer to a short query does.
    """
    number = logging.ERROR if failed else logging.INFO
    if number < _level:
        return
    if _write is None:
        _requests.log(number, "request", **fields)
        return
    level = "error" if failed else "info"
    line = {**fields, "event": "request", "level": level, "timestamp": datetime.now(UTC)}
    if not _lines:
        asyncio.get_running_loop().call_soon(_flush)
    _lines.append(orjson.dumps(line, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))


def _flush() -> None:
    lines = b"".join(_lines)
    _lines.clear()
    # A log that cannot be written, to a full disk or a closed pipe, keeps no answer from its client.
    with suppress(OSError, ValueError):
        if _write is not None:
            _write(lines)


def failure(error: BaseException) -> dict[str, Any]:
    """Return what may be said of an unexpected error: where, not what, for a message may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "where": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
    }


def _json(event: dict[str, Any], **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


def _json_text(event: dict[str, Any], **_: Any) -> str:
    return _json(event).decode()
