"""What is put between uvicorn's protocol and a transport: answers sent at once, and the end of a refusal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bm25.server.protocol import GuardedConfig

__all__ = ["Farewell", "Together"]

LINGER = 1.0  # seconds
TOGETHER = 65_536  # bytes that are sent before a turn of the loop is over


class Together:
    """A transport that sends what is written in one turn of the loop at once, as long as it is not much.

    Uvicorn writes the head of a response and its body apart, which would be two system calls and two packets.
    Whoever writes much without a pause is told to wait by the transport beneath, so that has to see it soon.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send data at the end of this turn, or now if it is much."""
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= TOGETHER:
            self.flush()

    def write_eof(self) -> None:
        """Send all, and that nothing follows."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send all, and close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close without sending anything."""
        self._pieces, self._size = [], 0
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are not sent."""
        return self._transport.get_write_buffer_size() + self._size

    def flush(self) -> None:
        """Send all, unless the connection was lost meanwhile."""
        pieces, size = self._pieces, self._size
        self._pieces, self._size = [], 0
        if not pieces or self._transport.is_closing():
            return
        if len(pieces) == 1:
            self._transport.write(pieces[0])
        elif size < TOGETHER:
            self._transport.write(b"".join(pieces))
        else:
            self._transport.writelines(pieces)


class Farewell(asyncio.Protocol):
    """Reads what the client still sends, for a while, since closing at once could take the answer from it."""

    def __init__(
        self, transport: asyncio.Transport, config: GuardedConfig, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._config = config
        config.lingering += 1
        if transport.can_write_eof():
            transport.write_eof()
        self._timer = loop.call_later(LINGER, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._config.lingering -= 1
        self._timer.cancel()
