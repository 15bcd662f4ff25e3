"""What is run for each kind of input: from the data of a request to FastEmbed's model and its embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from bm25.inference.errors import InvalidRequestError
from bm25.inference.local.images import MAX_IMAGE_PIXELS, Picture, decode
from bm25.inference.models import Array, Embedding, Kind, Modality, Purpose, SparseEmbedding
from bm25.inference.settings import FastEmbedModel

__all__ = ["ImageRunner", "Runner", "TextRunner", "runner"]

_KINDS: dict[str, Kind] = {
    "text": "dense",
    "image": "dense",
    "sparse-text": "sparse",
    "multivector-text": "multivector",
}


class Runner(Protocol):
    """A model of FastEmbed and the way to use it; all but the attributes is for one thread at a time.

    Attributes:
        kind: of its embeddings.
        modality: of its inputs.
    """

    kind: Kind
    modality: Modality

    def prepare(self, data: Sequence[str], paths: Sequence[str], purpose: Purpose) -> list[Any]:
        """Return what is run for each string.

        Args:
            data: the inputs' strings.
            paths: where they stand in the request, for errors.
            purpose: of the request.

        Raises:
            InvalidRequestError: a string is not what the model reads.
            TooLargeError: it is beyond a limit.
        """

    def batches(self, prepared: Sequence[Any]) -> Iterator[list[int]]:
        """Yield positions of what to run together, each position once."""

    def run(self, prepared: Sequence[Any], purpose: Purpose) -> tuple[list[Embedding], int | None]:
        """Return embeddings, and the number of tokens where it is known.

        Raises:
            InvalidRequestError: an image is damaged.
        """

    def probe(self) -> Any:
        """Return something to run for a try."""


def runner(model: Any, settings: FastEmbedModel) -> Runner:
    """Return the runner of one of FastEmbed's models."""
    return ImageRunner(model, settings) if settings.input == "image" else TextRunner(model, settings)


class TextRunner:
    """Texts to dense, sparse or several dense vectors."""

    modality: Modality = "text"

    def __init__(self, model: Any, settings: FastEmbedModel) -> None:
        self.kind = _KINDS[settings.input]
        self._model = model
        self._settings = settings

    def prepare(self, data: Sequence[str], paths: Sequence[str], purpose: Purpose) -> list[str]:
        """Return the texts behind their prefix; as of `Runner`."""
        for text, path in zip(data, paths, strict=True):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InvalidRequestError(f"{path} is not valid Unicode: {error}") from error
        settings = self._settings
        prefix = settings.query_prefix if purpose == "search" else settings.document_prefix
        return [prefix + text for text in data] if prefix else list(data)

    def batches(self, prepared: Sequence[str]) -> Iterator[list[int]]:
        """Yield batches of texts of about one length; as of `Runner`."""
        # A batch is padded to its longest text.
        order = sorted(range(len(prepared)), key=lambda position: len(prepared[position]))
        for start in range(0, len(order), self._settings.max_batch):
            yield order[start : start + self._settings.max_batch]

    def run(self, prepared: Sequence[str], purpose: Purpose) -> tuple[list[Embedding], int | None]:
        """Return the texts' embeddings and the number of their tokens, special ones included."""
        embed = self._model.query_embed if purpose == "search" else self._model.passage_embed
        rows = embed(list(prepared), batch_size=len(prepared))
        convert = _sparse if self.kind == "sparse" else _dense
        return [convert(row) for row in rows], self._tokens(prepared)

    def _tokens(self, prepared: Sequence[str]) -> int | None:
        try:
            return int(self._model.token_count(list(prepared)))
        except (AttributeError, NotImplementedError):
            # FastEmbed before 0.7.4, and some models of later ones.
            return None

    def probe(self) -> str:
        """Return a short text."""
        return "a"


class ImageRunner:
    """Images to dense vectors."""

    kind: Kind = "dense"
    modality: Modality = "image"

    def __init__(self, model: Any, settings: FastEmbedModel) -> None:
        self._model = model
        self._settings = settings

    def prepare(self, data: Sequence[str], paths: Sequence[str], purpose: Purpose) -> list[Picture]:
        """Return the images, not decoded yet; as of `Runner`."""
        return [decode(each, path) for each, path in zip(data, paths, strict=True)]

    def batches(self, prepared: Sequence[Picture]) -> Iterator[list[int]]:
        """Yield batches that hold no more pixels than one image may have; as of `Runner`."""
        batch: list[int] = []
        pixels = 0
        for position, picture in enumerate(prepared):
            full = len(batch) == self._settings.max_batch or pixels + picture.pixels > MAX_IMAGE_PIXELS
            if batch and full:
                yield batch
                batch, pixels = [], 0
            batch.append(position)
            pixels += picture.pixels
        if batch:
            yield batch

    def run(self, prepared: Sequence[Picture], purpose: Purpose) -> tuple[list[Embedding], int | None]:
        """Return the images' embeddings; there are no tokens."""
        images = [picture.image() for picture in prepared]
        rows = self._model.embed(images, batch_size=len(images))
        return [_dense(row) for row in rows], None

    def probe(self) -> Picture:
        """Return a small grey image."""
        from io import BytesIO

        from PIL import Image

        file = BytesIO()
        Image.new("RGB", (32, 32), "grey").save(file, "PNG")
        return Picture("probe", file.getvalue(), 32 * 32)


def _dense(row: Array) -> Array:
    return np.asarray(row, dtype=np.float32)


def _sparse(row: Any) -> SparseEmbedding:
    indices = np.asarray(row.indices)
    order = np.argsort(indices)
    return {
        "indices": indices[order].astype(np.uint32),
        "values": np.asarray(row.values, dtype=np.float32)[order],
    }
