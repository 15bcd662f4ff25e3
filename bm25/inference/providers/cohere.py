"""Cohere's embeddings: documents and queries told apart, texts or one image."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Call, Modality
from bm25.inference.providers.answers import Answer, typed, vectors
from bm25.inference.providers.batches import Batch
from bm25.inference.providers.keys import Key
from bm25.inference.providers.provider import Provider
from bm25.inference.request import Input

__all__ = ["Cohere"]

_INPUT_TYPES = {"update": "search_document", "search": "search_query"}

# How the base64 of a file of each type begins.
_IMAGES = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}


class Cohere(Provider):
    """`{"model", "texts" or "images", "input_type", "embedding_types"}` up, `{"embeddings": {"float"}}` down.

    `input_type` is `search_document` or `search_query` for texts, `image` for images, unless options say
    otherwise.
    """

    modalities: tuple[Modality, ...] = ("text", "image")
    images_per_call: ClassVar[int | None] = 1

    def data_of(self, one: Input, call: Call) -> Any:
        """Return a text, or an image as a data URI.

        Raises:
            InvalidRequestError: an image is neither a data URI nor the base64 of a known type.
        """
        data = super().data_of(one, call)
        if one.data_type == "text" or data.startswith("data:"):
            return data
        for beginning, media_type in _IMAGES.items():
            if data.startswith(beginning):
                return f"data:{media_type};base64,{data}"
        raise InvalidRequestError(
            f"inputs[{one.position}].data: {data[:40]!r}... is no image that Cohere takes; give base64 of a "
            "PNG, JPEG, GIF or WebP file, or a data URI (addresses are not fetched, neither there nor here)"
        )

    def body(self, batch: Batch, call: Call) -> dict[str, Any]:
        """Return the body of a call."""
        first = batch.first
        images = first.data_type == "image"
        return {
            "model": first.model,
            "images" if images else "texts": [item.data for item in batch.items],
            "input_type": "image" if images else _INPUT_TYPES[call.purpose],
            "embedding_types": ["float"],
            **first.options,
        }

    def answer(self, content: bytes, count: int, key: Key | None) -> Answer:
        """Return the vectors, which are in the order of the inputs.

        Raises:
            UpstreamError: as of `vectors`.
        """
        body = typed(content, _Body, self.provider, key)
        return Answer(vectors(body.embeddings.rows, count, self.provider), _tokens(body.meta))


class _Floats(msgspec.Struct):
    rows: list[list[float]] = msgspec.field(name="float")


class _Body(msgspec.Struct):
    embeddings: _Floats
    meta: Any = None


def _tokens(meta: Any) -> int | None:
    units = meta.get("billed_units") if isinstance(meta, dict) else None
    tokens = units.get("input_tokens") if isinstance(units, dict) else None
    # A float in Cohere's own description.
    return int(tokens) if isinstance(tokens, int | float) and 0 <= tokens < 2**53 else None
