"""The server's application over HTTP, in a thread, on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from bm25.server.app import create_app
from bm25.server.protocol import GuardedConfig
from bm25.server.quick import QuickProtocol
from bm25.server.settings import ServerSettings

__all__ = ["serving"]


@contextmanager
def serving(settings: ServerSettings) -> Iterator[str]:
    """Yield the address of a server with these settings; those of host and port do not count."""
    config = GuardedConfig(
        create_app(settings), settings, http=QuickProtocol, log_level="warning", ws="none",
        proxy_headers=False, server_header=False,
    )  # fmt: skip
    config.local_hosts_only = False  # tests say anything
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the server did not start"
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
