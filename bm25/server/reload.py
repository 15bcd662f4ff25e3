"""What a reload may change, and what it may not."""

from __future__ import annotations

import logging

from bm25.errors import Bm25ConfigError, Bm25Error
from bm25.server.settings import ServerSettings, is_loopback

__all__ = ["check_reload", "rejected", "restart_needed"]

_RESTART = {"server": ("host", "port", "workers", "plugins"), "logging": ("format", "level")}

_logger = logging.getLogger("bm25.server")


def check_reload(started: ServerSettings, settings: ServerSettings) -> None:
    """Check new settings against those that the server was started with.

    Raises:
        Bm25ConfigError: the address stays as it was, and nobody may reach it without a key.
    """
    host = started.server.host
    if not (settings.api_keys or settings.server.allow_unauthenticated or is_loopback(host)):
        raise Bm25ConfigError(
            f"the server listens on {host!r}, which can be reached from other machines, until it is "
            "restarted; an API key cannot be taken away before that"
        )


def restart_needed(started: ServerSettings, settings: ServerSettings) -> list[str]:
    """Return the keys whose new values take a restart, and log a warning that names them."""
    names = [
        f"{table}.{key}"
        for table, keys in _RESTART.items()
        for key in keys
        if getattr(getattr(started, table), key) != getattr(getattr(settings, table), key)
    ]
    if (started.server.tls_certificate is None) != (settings.server.tls_certificate is None):
        names += ["server.tls_certificate", "server.tls_key"]
    if names:
        _logger.warning("restart the server for the new %s", ", ".join(names))
    return names


def rejected(error: BaseException) -> None:
    """Log that a reload failed; of an unexpected error only the kind, for its message may quote anything."""
    said = error if isinstance(error, Bm25Error | OSError) else type(error).__name__
    _logger.error("reload failed, the old configuration stays in force: %s", said)
