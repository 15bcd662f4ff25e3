"""GET /health and /metrics: is it there, and what does it do."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bm25.server.metrics import CONTENT_TYPE

__all__ = ["routes"]


async def health(request: Request) -> Response:
    """Say that the server answers."""
    return Response(b'{"status":"ok"}', media_type="application/json")


async def metrics(request: Request) -> Response:
    """Return what Prometheus reads."""
    body = request.app.state.metrics.render()
    return Response(body, headers={"content-type": CONTENT_TYPE})


routes = [Route("/health", health), Route("/metrics", metrics)]
