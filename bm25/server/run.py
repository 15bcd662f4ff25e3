"""`serve` and `check`: from settings to a running server, in one process or several."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from bm25.errors import Bm25Error
from bm25.inference.settings import BUILT_IN
from bm25.server.maker import Maker, import_plugins
from bm25.server.settings import ServerSettings, is_loopback

__all__ = ["check", "serve", "summary"]

APP = "bm25.server.app:create_app"

BIND_ERRORS = {
    errno.EADDRINUSE: "the address is in use; stop the server that listens there, or choose another port "
    "(--port 0 takes any that is free)",
    errno.EADDRNOTAVAIL: "this machine has no such address; 127.0.0.1 is itself, 0.0.0.0 all that it has",
    errno.EACCES: "not permitted; ports below 1024 are for privileged processes",
}


def serve(
    settings: ServerSettings,
    load: Callable[[], ServerSettings] | None = None,
    *,
    app: str = APP,
    warm_up: bool = True,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun.

    Args:
        settings: what to serve, and how.
        load: returns the settings anew, for SIGHUP; None: the same ones.
        app: `module:function`, which returns the ASGI application for some settings.
        warm_up: whether each process loads compiled code before it listens.

    Raises:
        Bm25ConfigError: a model or a plug-in is not what the settings say.
        Bm25Error: the address cannot be listened on.
    """
    from bm25.server.logs import say
    from bm25.server.process import Server
    from bm25.server.workers import Supervisor

    make = Maker(app, warm_up)
    load = load or (lambda: settings)
    with _bind(settings) as listener, _hang_ups_kept() as hung_up:

        def ready() -> None:
            address = _address(settings, listener.getsockname()[1])
            say(f"bm25: listening on {address} ({summary(settings)})")
            notify("READY=1")
            if hung_up:
                signal.raise_signal(signal.SIGHUP)

        try:
            if settings.server.workers == 1:
                made = make(settings)
                make.warm_up()
                Server(made, settings, ready, load).run([listener])
            else:
                make.configure_logs(settings)
                Supervisor(settings, load, listener, make, ready).run()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise _bind_error(settings, error) from error
        finally:
            notify("STOPPING=1")


def check(settings: ServerSettings) -> str:
    """Build everything that the settings name, as `serve` would, and return a summary without keys.

    Raises:
        Bm25Error: something cannot be built; the message names it.
    """
    from bm25.inference.engine import InferenceEngine

    import_plugins(settings)
    engine = InferenceEngine(settings.models, settings.providers)
    try:
        models = engine.describe()
    finally:
        engine.close()
    lines = [
        f"address    {_address(settings, settings.server.port)}",
        f"server     {summary(settings)}",
    ]
    for heading, mapping in (("model", settings.models), ("provider", settings.providers)):
        lines += [f"{heading:10} {name}: {_values(table)}" for name, table in mapping.items()]
    lines.append(f"limits     {_values(settings.limits)}")
    lines.append(f"logging    {_values(settings.logging)}")
    return "\n".join([*lines, f"all is well: {len(models)} models and providers can be served"])


def summary(settings: ServerSettings) -> str:
    """Return in a few words what is served to whom."""
    names = [*BUILT_IN, *settings.models, *(f"{name}/..." for name in settings.providers)]
    names = list(dict.fromkeys(names))
    options, workers = settings.server, settings.server.workers
    access = "API key required" if settings.api_keys else "no API key"
    if settings.api_keys and options.tls_certificate is None and not is_loopback(options.host):
        access += ", sent unencrypted"
    return f"models: {', '.join(names)}; {workers} worker{'s' if workers > 1 else ''}; {access}"


def notify(state: str) -> None:
    """Tell systemd, where it has started this process and wants to know."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    # What goes wrong here is no reason not to serve.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.sendto(state.encode(), f"\0{path[1:]}" if path.startswith("@") else path)


@contextlib.contextmanager
def _hang_ups_kept() -> Iterator[list[int]]:
    """Note SIGHUP, which would end the process, until a server is there to act on it."""
    hung_up: list[int] = []
    if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
        yield hung_up
        return
    before = signal.signal(signal.SIGHUP, lambda number, _: hung_up.append(number))
    try:
        yield hung_up
    finally:
        signal.signal(signal.SIGHUP, before)


def _bind(settings: ServerSettings) -> socket.socket:
    host, port = settings.server.host, settings.server.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise Bm25Error(f"{host}: no address of that name is known") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it lets two servers share one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _bind_error(settings, error) from error
    return listener


def _bind_error(settings: ServerSettings, error: OSError) -> Bm25Error:
    reason = BIND_ERRORS.get(error.errno or 0, error.strerror or str(error))
    return Bm25Error(f"{_address(settings, settings.server.port)}: {reason}")


def _address(settings: ServerSettings, port: int) -> str:
    host = settings.server.host
    scheme = "http" if settings.server.tls_certificate is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _values(table: Any) -> str:
    import msgspec

    values = cast(Mapping[str, Any], msgspec.to_builtins(table))
    return ", ".join(f"{name}={value}" for name, value in values.items() if value is not None)
