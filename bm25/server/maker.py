"""`Maker`: makes the application of a process that serves, and what it needs before."""

from __future__ import annotations

import importlib
from typing import Any

from bm25 import plugins
from bm25.server.settings import ServerSettings

__all__ = ["Maker", "import_plugins"]


class Maker:
    """Makes the application; can be sent to another process.

    Args:
        app: `module:function`, which returns it for some settings.
        warm: whether `warm_up` does anything.
    """

    def __init__(self, app: str, warm: bool = True) -> None:
        self._app = app
        self._warm = warm

    def __call__(self, settings: ServerSettings) -> Any:
        """Return the application for some settings.

        Raises:
            Bm25Error: a model or a plug-in is not what they say.
        """
        self.configure_logs(settings)
        import_plugins(settings)
        module, name = self._app.split(":")
        return getattr(importlib.import_module(module), name)(settings)

    def configure_logs(self, settings: ServerSettings) -> None:
        """Have everything in this process log in the format of the settings."""
        from bm25.server.logs import configure

        configure(settings.logging.format, settings.logging.level)

    def warm_up(self) -> None:
        """Load compiled code, which the first requests would have to wait for."""
        if self._warm:
            from bm25 import Bm25Encoder

            Bm25Encoder.warmup()


def import_plugins(settings: ServerSettings) -> None:
    """Import the modules that register plug-ins.

    Raises:
        Bm25ConfigError: one cannot be imported.
    """
    plugins.import_modules(settings.server.plugins, lambda name: f"[server] plugins: {name!r}")
