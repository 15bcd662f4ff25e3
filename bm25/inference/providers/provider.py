"""What providers have in common: from inputs to calls, and from answers back to embeddings."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from bm25.inference.dimensions import as_json, embed_at_sizes
from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Call, Embedding, Embeddings, Kind, Modality
from bm25.inference.providers.answers import Answer
from bm25.inference.providers.batches import Batch, Item, batches
from bm25.inference.providers.client import Client, Endpoint
from bm25.inference.providers.keys import Key, take_key
from bm25.inference.request import Input

__all__ = ["BYTES_OF_ANSWER", "BYTES_OF_VECTOR", "CONCURRENT_CALLS", "Provider"]

# Of one request; those of all are bounded by the provider's connections.
CONCURRENT_CALLS = 4

# 8,192 dimensions of 32 bytes, which is a number with the white space around it; and the rest of an answer.
BYTES_OF_VECTOR = 8_192 * 32
BYTES_OF_ANSWER = 1024 * 1024


class Provider(ABC):
    """A dense model, or a family of them, behind an API over HTTP; satisfies `Model`.

    Attributes:
        name: of the model, or the prefix of the family.
        kind: always `dense`.
        modalities: the `data_type`s that it takes.
        images_per_call: how many images go in one call; None for as many as texts.
        reserved: options that are refused, since the answer would not be one vector for each input.
    """

    kind: Kind = "dense"
    modalities: tuple[Modality, ...] = ("text",)
    images_per_call: ClassVar[int | None] = None
    reserved: ClassVar[frozenset[str]] = frozenset(
        {
            "model",
            "input",
            "inputs",
            "texts",
            "images",
            "encoding_format",
            "embedding_type",
            "embedding_types",
        }
    )

    def __init__(self, name: str, endpoint: Endpoint, *, header: str | None, max_batch: int) -> None:
        """Make it ready; no connection is opened.

        Args:
            name: of the model, or the prefix of the family.
            endpoint: where calls go to.
            header: the request header, or option, that has the key; None for no key.
            max_batch: inputs in one call, other than images where the provider takes fewer of these.
        """
        self.name = name
        self.provider = endpoint.provider
        self.header = header
        self.most: dict[Modality, int] = dict.fromkeys(self.modalities, max_batch)
        if self.images_per_call is not None:
            self.most["image"] = min(max_batch, self.images_per_call)
        self._client = Client(endpoint)

    async def embed(self, inputs: Sequence[Input], call: Call) -> Embeddings:
        """Return a dense embedding for each input; several sizes (`mrl`) of one are one upstream.

        Raises:
            InferenceError: as `Client.post`, or with the path of the input that is to blame.
        """

        async def embed_distinct(distinct: list[Input]) -> Embeddings:
            return await self._embed(distinct, call)

        return await embed_at_sizes(inputs, embed_distinct)

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._client.close()

    def describe(self) -> dict[str, Any]:
        """Return what a list of models shows of it."""
        return {
            "name": self.name,
            "type": "provider",
            "kind": self.kind,
            "modalities": list(self.modalities),
            "key": self.header,
            "max_batch": self.most["text"],
        }

    # What providers differ in

    def model_of(self, one: Input) -> str:
        """Return the provider's name of an input's model.

        Raises:
            InvalidRequestError: nothing follows the prefix.
        """
        model = one.model.removeprefix(self.name)
        if not model:
            raise InvalidRequestError(
                f"inputs[{one.position}].model: {one.model!r} names a provider only; "
                f"put the model after it, as in {self.name + 'MODEL'!r}"
            )
        return model

    def data_of(self, one: Input, call: Call) -> Any:
        """Return what stands for an input in the body.

        Raises:
            InvalidRequestError: its data is none that the provider takes.
        """
        return _string(one)

    @abstractmethod
    def body(self, batch: Batch, call: Call) -> dict[str, Any]:
        """Return the body of a call."""

    @abstractmethod
    def answer(self, content: bytes, count: int, key: Key | None) -> Answer:
        """Return the vectors in the body of an answer.

        Raises:
            UpstreamError: it is not the answer that was asked for.
        """

    async def _embed(self, inputs: list[Input], call: Call) -> Embeddings:
        items = [self._item(number, one, call) for number, one in enumerate(inputs)]
        todo = batches(items, self.most)
        embeddings: list[Embedding] = [[]] * len(inputs)
        tokens = None
        for batch, answer in zip(todo, await self._answers(todo, call), strict=True):
            for item, vector in zip(batch.items, answer.vectors, strict=True):
                embeddings[item.number] = vector
            if answer.tokens is not None:
                tokens = (tokens or 0) + answer.tokens
        return Embeddings(embeddings, tokens)

    def _item(self, number: int, one: Input, call: Call) -> Item:
        place = f"inputs[{one.position}]"
        modality = next((known for known in self.modalities if known == one.data_type), None)
        if modality is None:
            raise InvalidRequestError(
                f"{place}: {one.model!r} takes {' or '.join(self.modalities)}, not {one.data_type!r:.80}"
            )
        key, options = take_key(one.options or {}, call.keys, self.header, place)
        for name in options:
            if name.lower() in self.reserved:  # some servers read names in any case
                raise InvalidRequestError(
                    f"{place}.options.{name}: is not for requests to set, since the answer would have "
                    "another shape; remove it"
                )
        data = self.data_of(one, call)
        text = data if isinstance(data, str) else as_json(data, f"{place}.data")
        return Item(
            number=number,
            data=data,
            data_type=modality,
            size=len(text.encode()),
            model=self.model_of(one),
            options=options,
            options_json=as_json(options, f"{place}.options"),
            key=key,
        )

    async def _answers(self, todo: list[Batch], call: Call) -> list[Answer]:
        if len(todo) == 1:
            return [await self._answer(todo[0], call)]
        places = asyncio.Semaphore(CONCURRENT_CALLS)

        async def one(batch: Batch) -> Answer:
            async with places:
                return await self._answer(batch, call)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(batch)) for batch in todo]
            return [task.result() for task in tasks]
        except ExceptionGroup as group_error:
            # The first to fail; the others were cancelled, or failed at the same moment.
            error = group_error.exceptions[0]
        raise error

    async def _answer(self, batch: Batch, call: Call) -> Answer:
        key, count = batch.first.key, len(batch.items)
        return await self._client.post(
            json.dumps(self.body(batch, call), ensure_ascii=False).encode(),
            key=key,
            call=call,
            limit=BYTES_OF_ANSWER + BYTES_OF_VECTOR * count,
            read=lambda content: self.answer(content, count, key),
        )


def _string(one: Input) -> str:
    place = f"inputs[{one.position}].data"
    if not isinstance(one.data, str):
        raise InvalidRequestError(
            f"{place}: Expected a string for {one.data_type!r}, got {type(one.data).__name__}"
        )
    try:
        one.data.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError(f"{place}: not valid Unicode at character {error.start}") from None
    return one.data
