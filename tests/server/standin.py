"""An application that answers with what tests want to see, and a command that serves it."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from bm25.errors import Bm25ConfigError
from bm25.server.process import leave
from bm25.server.run import serve
from bm25.server.settings import load_settings


class StandIn:
    def __init__(self, settings):
        if "broken" in settings.models:
            raise Bm25ConfigError("broken cannot be built")
        self.settings = settings
        self.sent = 0  # pieces of /stream

    async def reload(self, settings):
        self.settings = StandIn(settings).settings

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        length = 0
        if scope["path"] != "/early":  # which answers before it has read anything
            message = {"more_body": True}
            while message.get("more_body"):
                message = await receive()
                length += len(message.get("body", b""))
        if scope["path"] == "/slow":
            await asyncio.sleep(float(scope["query_string"]))
        if scope["path"] == "/stream":
            await self._stream(int(scope["query_string"]), send)
            return
        if scope["path"] == "/fail":
            raise RuntimeError("quotes a text")
        answer = {
            "path": scope["path"],
            "length": length,
            "pid": os.getpid(),
            "parent": os.getppid(),
            "models": sorted(self.settings.models),
            "sent": self.sent,
            "metrics": os.environ.get("PROMETHEUS_MULTIPROC_DIR"),
        }
        body = json.dumps(answer).encode()
        if scope["path"] == "/large":
            body = bytes(int(scope["query_string"]))
        headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, number, send):
        """Many small pieces, one after the other without a pause."""
        self.sent = 0
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(number):
            await send({"type": "http.response.body", "body": bytes(1000), "more_body": True})
            self.sent += 1
        await send({"type": "http.response.body", "body": b""})


def main():
    def load():
        return load_settings(sys.argv[1], os.environ, {"server.port": 0})

    serve(load(), load, app="tests.server.standin:StandIn", warm_up=False)
    leave(0)


if __name__ == "__main__":
    main()
