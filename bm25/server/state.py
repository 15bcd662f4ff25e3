"""`State`: what requests share: settings, the engine, metrics. A reload puts another engine in place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bm25.inference import encoders, providers
from bm25.inference.engine import InferenceEngine
from bm25.inference.models import Model
from bm25.server.keys import ApiKeys
from bm25.server.metrics import Metrics

if TYPE_CHECKING:
    from bm25.server.settings import ServerSettings

__all__ = ["State"]

logger = logging.getLogger(__name__)


class State:
    """Settings and engine of a running server.

    Attributes:
        settings: those in force.
        engine: what answers requests.
        keys: the API keys that open the server.
        metrics: what is counted.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.engine = InferenceEngine(settings.models, settings.providers)
        self.keys = ApiKeys(settings.api_keys)
        self.metrics = Metrics()
        providers.observe(self.metrics.upstream)
        encoders.observe(self.metrics.encoder)
        self._users: dict[InferenceEngine, int] = {}
        self._open: set[Model] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def engine_in_use(self) -> Iterator[InferenceEngine]:
        """Return the engine, which a reload will not close before this is over."""
        engine = self.engine
        self._users[engine] = self._users.get(engine, 0) + 1
        try:
            yield engine
        finally:
            self._users[engine] -= 1
            if not self._users[engine]:
                del self._users[engine]
                if engine is not self.engine:
                    self._close_models()

    async def reload(self, settings: ServerSettings) -> None:
        """Put other settings in force: models, providers, keys, limits. Requests at work keep what they have.

        Models whose settings are the same stay, with all that they have learnt.

        Raises:
            Bm25Error: a model cannot be built; everything stays as it was.
        """
        # Files are opened and tables read: not in the loop, which has requests to answer.
        engine = await asyncio.to_thread(
            InferenceEngine, settings.models, settings.providers, like=self.engine
        )
        self._open.update(self.engine.models, engine.models)
        self.engine = engine
        self.keys = ApiKeys(settings.api_keys)
        self.settings = settings
        self._close_models()

    async def close(self) -> None:
        """Close the engine, at the end."""
        await self.engine.aclose()

    def _close_models(self) -> None:
        """Close the models that neither the engine in force has nor one that a request is at work with."""
        living = {model for engine in (self.engine, *self._users) for model in engine.models}
        for model in self._open - living:
            task = asyncio.ensure_future(model.close())
            self._closing.add(task)  # a task that nobody holds may be collected
            task.add_done_callback(self._closing.discard)
        self._open &= living
