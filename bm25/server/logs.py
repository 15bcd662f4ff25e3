"""Structured logs: one line a record, as JSON or for people. No texts and no keys: nothing here sees any."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, Literal

import orjson
import structlog

__all__ = ["configure", "failure"]


def configure(format: Literal["json", "text"], level: str) -> None:
    """Have everything in this process that logs do so in one format, to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    common: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if format == "json":
        last: Any = structlog.processors.JSONRenderer(serializer=_json)
        factory: Any = structlog.BytesLoggerFactory(file=sys.stderr.buffer)
    else:
        last = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        factory = structlog.WriteLoggerFactory(file=sys.stderr)
    structlog.configure(
        processors=[*common, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.PositionalArgumentsFormatter(),
                *common,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    for name in ("bm25", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(number)
    # One line for each call upstream, with its address, is more than anybody asked for.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def failure(error: BaseException) -> dict[str, Any]:
    """Return what may be said of an unexpected error: where, not what, for a message may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "where": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
    }


def _json(event: dict[str, Any], **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Makes text of the bytes that `_json` returns: a stream of the standard library's takes no bytes."""

    def format(self, record: logging.LogRecord) -> str:
        line: Any = super().format(record)
        return line.decode() if isinstance(line, bytes) else line
