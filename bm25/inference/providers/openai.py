"""OpenAI's embeddings, and all that took their shape."""

from __future__ import annotations

from typing import Any

from bm25.inference.models import Call
from bm25.inference.providers.answers import Answer, openai_answer
from bm25.inference.providers.batches import Batch
from bm25.inference.providers.keys import Key
from bm25.inference.providers.provider import Provider

__all__ = ["OpenAI"]


class OpenAI(Provider):
    """`{"model", "input": [...]}` and options up, `{"data": [{"index", "embedding"}], "usage"}` down."""

    def body(self, batch: Batch, call: Call) -> dict[str, Any]:
        """Return the body of a call."""
        first = batch.first
        return {"model": first.model, "input": [item.data for item in batch.items], **first.options}

    def answer(self, content: bytes, count: int, key: Key | None) -> Answer:
        """Return the vectors, by their `index`; errors as of `openai_answer`."""
        return openai_answer(content, count, self.provider, key)
