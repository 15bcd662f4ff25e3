"""What a model is to the engine: something that turns inputs into embeddings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypedDict

import numpy as np

from bm25.inference.request import Input
from bm25.sparse import SparseVectors

__all__ = [
    "Call", "Embedding", "Embeddings", "Kind", "Modality", "Model", "Purpose", "SparseEmbedding",
    "SparseRows",
]  # fmt: skip

Array = np.ndarray[Any, Any]

Purpose = Literal["update", "search"]
Kind = Literal["sparse", "dense", "multivector"]
Modality = Literal["text", "image", "object"]


class SparseEmbedding(TypedDict):
    """Term ids, uint32 and ascending, and their weights, float32.

    Or lists of both; a weight in a list is the shortest decimal that reads back to the float32.
    """

    indices: Array | list[int]
    values: Array | list[float]


Embedding = SparseEmbedding | Array | list[Any]
"""Sparse; or dense, an array of one dimension or a list of floats; or several dense ones."""


class SparseRows(Sequence[Embedding]):
    """Sparse embeddings of a batch, made one by one when they are asked for.

    Attributes:
        vectors: all of them.
    """

    def __init__(self, vectors: SparseVectors) -> None:
        self.vectors = vectors

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[i] for i in range(len(self))[row]]
        indices, values = self.vectors[range(len(self))[row]]
        return {"indices": indices, "values": values}


class Embeddings(NamedTuple):
    """What a model makes of its inputs.

    Attributes:
        embeddings: exactly one for each input, in order.
        tokens: how many the model says it has read, None where it does not say.
    """

    embeddings: Sequence[Embedding]
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Call:
    """What belongs to a request as a whole.

    Attributes:
        purpose: `update` for documents, `search` for queries.
        keys: keys of providers, by the lowercase name of their header (`openai-api-key`). Neither they nor
            anything that contains them may be logged, kept or shown.
        deadline: when it has to be answered, of `time.monotonic`.
        request_id: its name in logs.
    """

    purpose: Purpose = "update"
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    deadline: float = float("inf")
    request_id: str = ""

    @property
    def remaining(self) -> float:
        """Seconds until the deadline, not below 0."""
        return max(0.0, self.deadline - time.monotonic())


class Model(Protocol):
    """One model, or a family of them behind one prefix. Called from one event loop at a time.

    Attributes:
        name: what requests call it, or the prefix (`openai/`) of a family.
        kind: of its embeddings.
        modalities: the `data_type`s that it takes.
    """

    name: str
    kind: Kind
    modalities: tuple[Modality, ...]

    async def embed(self, inputs: Sequence[Input], call: Call) -> Embeddings:
        """Return an embedding for each input.

        Args:
            inputs: at least one, all with this model's name (or prefix) and of a modality that it takes;
                their options may differ. Equal inputs are given once.
            call: the request that they are part of.

        Raises:
            InferenceError: with the path of the input, `inputs[3].options.k`, where one is to blame; the
                number is `Input.position`.
        """

    async def close(self) -> None:
        """Release connections and threads."""

    def describe(self) -> dict[str, Any]:
        """Return what a list of models shows of it, without addresses' credentials."""
