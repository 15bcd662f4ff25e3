"""`Bodies`: bodies of requests, read within the limits of size, time and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bm25.inference.errors import OverloadedError, RequestTimeoutError, TooLargeError
from bm25.server.request import ClientGone, Request
from bm25.server.responses import Receive
from bm25.server.watch import Watch

if TYPE_CHECKING:
    from bm25.server.settings import Limits

__all__ = ["Bodies"]


class Bodies:
    """All bodies that a server holds. For one event loop, in which the watch must be running."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._held = 0  # bytes
        self._unproven = 0  # of them, of requests whose key is yet to come, in the body

    async def read(self, request: Request, receive: Receive, limits: Limits) -> None:
        """Read the body of a request into it.

        Raises:
            TooLargeError: it is larger than one may be.
            OverloadedError: all together are.
            RequestTimeoutError: it did not come in time.
            ClientGone: its client went away.
        """
        if request.content_length is not None:
            _check_size(int(request.content_length), limits)
        try:
            with self._watch.limit(limits.body_timeout):
                message = await _message(receive)
                pieces = [message.get("body", b"")]
                self._take(request, len(pieces[0]), limits)
                while message.get("more_body"):
                    message = await _message(receive)
                    pieces.append(message.get("body", b""))
                    self._take(request, len(pieces[-1]), limits)
                request.body = b"".join(pieces)
        except TimeoutError:
            raise RequestTimeoutError(
                f"the body did not come within {limits.body_timeout:g} seconds (limits.body_timeout)",
                status=408,
                reason="time",
            ) from None

    def proven(self, request: Request) -> None:
        """Note that the key in a body was the right one."""
        self._unproven -= request.received
        request.authenticated = True

    def drop(self, request: Request) -> None:
        """Note that a request is over."""
        self._held -= request.received
        if not request.authenticated:
            self._unproven -= request.received

    def _take(self, request: Request, size: int, limits: Limits) -> None:
        """Note a piece that has come."""
        request.received += size
        self._held += size
        if not request.authenticated:
            self._unproven += size
        _check_size(request.received, limits)
        # Who has shown no key must not keep out those who have.
        if self._held > limits.max_buffered_bytes or self._unproven > limits.max_buffered_bytes // 2:
            raise OverloadedError(
                "the server holds as many bytes as it may (limits.max_buffered_bytes); try again",
                retry_after=1,
                reason="memory",
            )


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.max_body_bytes:
        raise TooLargeError(
            f"the body has {size:,} bytes or more, and {limits.max_body_bytes:,} are allowed "
            "(limits.max_body_bytes); send fewer inputs at once",
            reason="body",
        )


async def _message(receive: Receive) -> Any:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message
