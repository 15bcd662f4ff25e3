"""One model of any server that speaks OpenAI's /v1/embeddings."""

from __future__ import annotations

from typing import Any

from bm25.inference.models import Call
from bm25.inference.providers.client import Endpoint
from bm25.inference.providers.openai import OpenAI
from bm25.inference.request import Input
from bm25.inference.settings import CompatibleModel

__all__ = ["Compatible"]


class Compatible(OpenAI):
    """A model whose name upstream, and what is put before texts, the configuration says."""

    def __init__(
        self, name: str, endpoint: Endpoint, settings: CompatibleModel, *, header: str | None
    ) -> None:
        """Make it ready; arguments as of `Provider`, and what the configuration says of the model."""
        super().__init__(name, endpoint, header=header, max_batch=settings.max_batch)
        self._model = settings.model
        self._prefixes = {"update": settings.document_prefix, "search": settings.query_prefix}

    def model_of(self, one: Input) -> str:
        """Return what the server calls the model."""
        return self._model

    def data_of(self, one: Input, call: Call) -> Any:
        """Return a text behind the prefix of documents or queries."""
        return self._prefixes[call.purpose] + super().data_of(one, call)

    def describe(self) -> dict[str, Any]:
        """Return what a list of models shows of it; not the address."""
        return {**super().describe(), "type": "openai-compatible", "model": self._model}
