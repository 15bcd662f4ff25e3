"""What the server is measured against, as servers of their own: `python -m benchmarks.server_apps NAME`.

All run on the stack that ours runs on: uvicorn, uvloop, httptools; no access log.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["APPS"]


def plain_echo() -> Any:
    """A bare ASGI application that sends the body back: what the stack itself costs."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message.get("more_body")
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def starlette_echo() -> Any:
    """A route of Starlette that sends the body back: what a service costs that does nothing."""

    async def echo(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    return Starlette(routes=[Route("/inference", echo, methods=["POST"])])


def fastembed() -> Any:
    """FastEmbed's BM25 behind a route of Starlette, with our JSON on both sides."""
    import orjson

    from benchmarks import peers
    from bm25.inference.request import decode_request

    encode = peers.fastembed("english")

    def vectors(texts: list[str]) -> bytes:
        found: Any = encode(texts)
        embeddings = [{"indices": one.indices, "values": one.values} for one in found]
        return orjson.dumps({"embeddings": embeddings, "usage": None}, option=orjson.OPT_SERIALIZE_NUMPY)

    async def inference(request: Request) -> Response:
        asked = decode_request(await request.body())
        body = await run_in_threadpool(vectors, [one.data for one in asked.inputs])
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/inference", inference, methods=["POST"])])


APPS: dict[str, Callable[[], Any]] = {
    "plain ASGI echo": plain_echo,
    "Starlette echo": starlette_echo,
    "FastEmbed behind Starlette": fastembed,
}


def main() -> None:
    """Serve one of them on a free port of loopback, which it prints as `bm25 serve` does."""
    app = APPS[sys.argv[1]]()
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", ws="none", lifespan="off", access_log=False, log_config=None
    )
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(f"listening on http://127.0.0.1:{listener.getsockname()[1]} ", file=sys.stderr, flush=True)
        asyncio.Runner(loop_factory=config.get_loop_factory()).run(uvicorn.Server(config).serve([listener]))


if __name__ == "__main__":
    main()
