"""Jina AI's embeddings: OpenAI's shape, and inputs that are images or objects."""

from __future__ import annotations

from typing import Any, ClassVar

from bm25.inference.models import Call, Modality
from bm25.inference.providers.openai import OpenAI
from bm25.inference.request import Input

__all__ = ["JinaAI"]


class JinaAI(OpenAI):
    """A text is an input as it is, an image `{"image": address or base64}`, an object whatever it is.

    `task` is passed on where a request has it and never made up: which of them a model knows, and whether it
    knows any, depends on the model.
    """

    modalities: tuple[Modality, ...] = ("text", "image", "object")
    # Several vectors for an input; or inputs embedded as parts of one text, whose order Qdrant does not keep.
    reserved: ClassVar[frozenset[str]] = OpenAI.reserved | {"return_multivector", "late_chunking"}

    def data_of(self, one: Input, call: Call) -> Any:
        """Return what stands for an input in the body."""
        if one.data_type == "object":
            return one.data
        data = super().data_of(one, call)
        return {"image": data} if one.data_type == "image" else data
