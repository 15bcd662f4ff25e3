"""Structured logs: one line a record, as JSON or for people. No texts and no keys: nothing here shows any."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
import structlog

__all__ = ["configure", "failure", "flush", "log_request", "say"]

# The event loop's own, and what runs work in threads, report errors that nobody else is left to hear of.
_ALSO = ("asyncio", "concurrent.futures")

GATHERED = 0.02  # seconds
MANY = 10_000  # lines that are not kept any longer
PIPE_SIZE = 4096  # what a pipe takes whole, so that no line of another process gets into it


class _Output:
    """Standard error, without a buffer. What cannot be written is dropped.

    A log that is closed, or on a full disk, keeps no answer from its client and no server from its end; and
    what a buffer holds would be tried again, and fail again, at each line.
    """

    def __init__(self) -> None:
        # The process's own, whatever stands in for it at the moment: the loggers keep it.
        stream: Any = sys.__stderr__ or sys.stderr
        buffer = getattr(stream, "buffer", stream)
        self._raw: io.RawIOBase = getattr(buffer, "raw", buffer)

    def write(self, data: bytes | str) -> None:
        """Write all of it now."""
        rest = memoryview(data.encode(errors="backslashreplace") if isinstance(data, str) else data)
        with suppress(OSError, ValueError):
            while rest:
                rest = rest[self._raw.write(rest) or len(rest) :]

    def flush(self) -> None:
        """Do nothing: all has been written."""

    def isatty(self) -> bool:
        """Tell whether people read it."""
        return not self._raw.closed and self._raw.isatty()


def say(line: str) -> None:
    """Write a line as it is, to whoever started the server."""
    _stand_in()
    _Output().write(f"{line}\n")


def configure(format: Literal["json", "text"], level: str) -> None:
    """Have everything in this process that logs do so in one format, to standard error."""
    _stand_in()
    output = _Output()
    number = logging.getLevelNamesMapping()[level.upper()]
    common: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_messages,
    ]
    if format == "json":
        last: Any = structlog.processors.JSONRenderer(serializer=_json)
        last_of_others: Any = structlog.processors.JSONRenderer(serializer=_json_text)
        factory: Any = structlog.BytesLoggerFactory(file=output)  # type: ignore[arg-type]
    else:
        last = last_of_others = structlog.dev.ConsoleRenderer(colors=output.isatty())
        factory = structlog.WriteLoggerFactory(file=output)  # type: ignore[arg-type]
    structlog.configure(
        processors=[*common, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
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
    for name in ("bm25", "uvicorn", *_ALSO):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(number)
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)  # uvicorn gives it one of its own
    global _output, _level
    _output = output if format == "json" else None
    _level = number
    # A line for each call upstream is more than anybody asked for, and the headers of answers may hold a key.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


_output: _Output | None = None
_level = logging.INFO
_gathered: list[dict[str, Any]] = []
_requests = structlog.get_logger("bm25.server")


def log_request(fields: dict[str, Any], *, failed: bool = False) -> None:
    """Have the line of a request written that has been answered. Called in an event loop.

    As JSON it is written without the steps of a logger, and together with those of other requests of the same
    `GATHERED` seconds: a line by itself would take as long as the answer to a short query does.
    """
    number = logging.ERROR if failed else logging.INFO
    if number < _level:
        return
    if _output is None:
        _requests.log(number, "request", **fields)
        return
    level = "error" if failed else "info"
    line = {**fields, "event": "request", "level": level, "timestamp": datetime.now(UTC)}
    if not _gathered:
        asyncio.get_running_loop().call_later(GATHERED, flush)
    _gathered.append(line)
    if len(_gathered) >= MANY:
        flush()


def flush() -> None:
    """Write the lines that have been gathered."""
    lines: list[bytes] = []
    size = 0
    gathered = _gathered.copy()
    _gathered.clear()
    for fields in gathered:
        line = orjson.dumps(fields, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
        if lines and size + len(line) > PIPE_SIZE:
            _write(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    _write(lines)


def _write(lines: list[bytes]) -> None:
    if _output is not None:
        _output.write(b"".join(lines))


def failure(error: BaseException) -> dict[str, Any]:
    """Return what may be said of an unexpected error: where, not what, for a message may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "where": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
    }


def _without_messages(logger: Any, method: str, event: Any) -> Any:
    """Have nothing of an exception but its type and place, and nothing of what an event loop was at."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["event"] = str(event["event"]).strip()
        event.update(failure(error))
    if event.get("logger") in _ALSO:
        # "Exception in callback f('an argument')", or lines that describe tasks and the exceptions in them.
        said = str(event["event"]).partition("\n")[0]
        event["event"] = "Exception in callback" if said.startswith("Exception in callback") else said
    return event


def _stand_in() -> None:
    """Give a process whose standard error was closed another: its number would go to the next connection."""
    if sys.__stderr__ is not None or sys.stderr is not None:
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.fstat(2)
    except OSError:
        os.dup2(null, 2)
    sys.stderr = sys.__stderr__ = os.fdopen(null, "w", encoding="utf-8")  # type: ignore[misc]


def _json(event: dict[str, Any], **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


def _json_text(event: dict[str, Any], **_: Any) -> str:
    return _json(event).decode()
