"""`create_app`: the ASGI application of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.routing import Route, Router

from bm25.server import analysis, logs, openai, openapi, page, status, tei
from bm25.server.gate import INFERENCE, Gate
from bm25.server.inference import Inference
from bm25.server.responses import Header, Receive, Scope, Send
from bm25.server.state import State

if TYPE_CHECKING:
    from bm25.server.settings import ServerSettings

__all__ = ["App", "create_app"]


class App:
    """The application, as a server runs it.

    Attributes:
        state: what its requests share.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.state = State(settings)
        inference = Inference(self.state)
        routes: Sequence[Route] = [
            *status.routes, *analysis.routes, *page.routes, *tei.routes, *openai.routes, *openapi.routes
        ]  # fmt: skip
        # The router alone, without the application around it: the gate sees to errors.
        router = Router(routes=routes, lifespan=self._lifespan, redirect_slashes=False)
        paths = frozenset({INFERENCE, *(route.path for route in routes)})
        self._gate = Gate(router, self.state, inference, paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection of the server."""
        scope["app"] = self  # what the framework's requests know as `request.app`
        await self._gate(scope, receive, send)

    def answer_now(self, headers: Sequence[Header], body: bytes) -> tuple[bytes, bytes | memoryview] | None:
        """Answer a POST to /inference without waiting for anything, if that can be; see `Gate.answer_now`."""
        return self._gate.answer_now(headers, body)

    async def reload(self, settings: ServerSettings) -> None:
        """Put other settings in force; see `State.reload`."""
        await self.state.reload(settings)

    @asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._gate.note()), asyncio.create_task(self._gate.watch.run())]
        yield
        for task in tasks:
            task.cancel()
        await self.state.close()
        logs.flush()


def create_app(settings: ServerSettings) -> App:
    """Return the application for some settings.

    Raises:
        Bm25Error: a model cannot be built; the message names it.
    """
    return App(settings)
