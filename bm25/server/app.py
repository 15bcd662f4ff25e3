"""`create_app`: the ASGI application of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bm25.inference.errors import InferenceError
from bm25.server import analysis, openai, openapi, page, status, tei
from bm25.server.gate import Gate
from bm25.server.inference import Inference
from bm25.server.responses import Receive, Scope, Send, error_body
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
        framework = Starlette(
            routes=routes, lifespan=self._lifespan, exception_handlers={HTTPException: _http_error}
        )
        framework.state = self.state  # type: ignore[assignment]
        paths = frozenset({"/inference", *(route.path for route in routes)})
        self._gate = Gate(framework, self.state, {"/inference": inference}, paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection of the server."""
        await self._gate(scope, receive, send)

    async def reload(self, settings: ServerSettings) -> None:
        """Put other settings in force; see `State.reload`."""
        await self.state.reload(settings)

    @asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        noting = asyncio.create_task(self._gate.note())
        yield
        noting.cancel()
        await self.state.close()


def create_app(settings: ServerSettings) -> App:
    """Return the application for some settings.

    Raises:
        Bm25Error: a model cannot be built; the message names it.
    """
    return App(settings)


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer what the framework itself refuses: an unknown path (404), a wrong method (405)."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    message = {
        404: f"there is no {path[:200]!r} here; POST /inference is Qdrant's protocol, GET / a page to try it",
        405: f"{request.method} {path[:200]} is not allowed",
    }.get(error.status_code, error.detail)
    body = error_body(path, InferenceError(message, status=error.status_code))
    return Response(body, error.status_code, headers=error.headers, media_type="application/json")
