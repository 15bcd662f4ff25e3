"""A model in this process, as the engine sees it: a thread of its own, one run after the other, deadlines."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import numpy as np

from bm25.errors import Bm25ConfigError
from bm25.inference.dimensions import OPTION, embed_at_sizes
from bm25.inference.errors import InferenceError, InvalidRequestError, RequestTimeoutError
from bm25.inference.local.loading import load
from bm25.inference.local.runners import Runner, runner
from bm25.inference.models import Call, Embedding, Embeddings, Modality
from bm25.inference.request import Input
from bm25.inference.settings import FastEmbedModel

__all__ = ["LocalModel", "build"]

Result = TypeVar("Result")


def build(name: str, settings: FastEmbedModel) -> LocalModel:
    """Return a model that is loaded and has been tried out.

    Args:
        name: what requests call it.
        settings: which model, where its files are, how it is run.

    Raises:
        MissingExtraError: FastEmbed is not installed.
        Bm25ConfigError: FastEmbed does not know the model, files are missing or damaged, settings contradict
            each other, or the model's vectors are not of `settings.dimensions`.
    """
    made = runner(load(settings), settings)
    try:
        embedding = made.run([made.probe()], "update")[0][0]
    except Exception as error:
        # Whatever ONNX Runtime and FastEmbed raise where the files are not those of such a model.
        raise Bm25ConfigError(
            f"{settings.model!r} was loaded, but fails as a model of "
            f"input = {settings.input!r}: {type(error).__name__}: {error}. Do files, input and pooling match?"
        ) from error
    dimensions = None if isinstance(embedding, dict) else int(np.shape(embedding)[-1])
    if settings.dimensions is not None and dimensions != settings.dimensions:
        raise Bm25ConfigError(
            f"dimensions is {settings.dimensions}, but the vectors of {settings.model!r} have {dimensions}"
        )
    return LocalModel(name, settings, made, dimensions)


class LocalModel:
    """A model that FastEmbed runs; see `bm25.inference.models.Model`.

    Attributes:
        name, kind, modalities: as of `Model`.
        dimensions: how long its dense vectors are, None for a sparse model.
    """

    def __init__(self, name: str, settings: FastEmbedModel, runner: Runner, dimensions: int | None) -> None:
        self.name = name
        self.kind = runner.kind
        self.modalities: tuple[Modality, ...] = (runner.modality,)
        self.dimensions = dimensions
        self._settings = settings
        self._runner = runner
        # ONNX Runtime has threads of its own; a second run at the same time would only take its cores.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"bm25-{name}")
        self._closed = False

    async def embed(self, inputs: Sequence[Input], call: Call) -> Embeddings:
        """Return an embedding for each input; see `Model.embed`.

        Where the caller is cancelled or out of time, runs that wait are dropped. One that has begun ends
        on its own, and what it yields is dropped.

        Raises:
            InvalidRequestError: data is not what the model reads, or an option is not one of its.
            TooLargeError: an image is beyond a limit.
            RequestTimeoutError: the deadline has passed.
            InferenceError: the model failed, or is closed (503).
        """
        for one in inputs:
            self._check(one)
        if self.kind == "dense":
            return await embed_at_sizes(inputs, partial(self._embed, call=call))
        return await self._embed(inputs, call)

    async def close(self) -> None:
        """End the thread, after the runs that it has been given; calling it again does nothing."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)

    def describe(self) -> dict[str, Any]:
        """Return what a list of models shows of it."""
        found = {
            "name": self.name, "type": "fastembed", "kind": self.kind, "modalities": list(self.modalities),
            "model": self._settings.model, "max_batch": self._settings.max_batch,
        }  # fmt: skip
        return found if self.dimensions is None else {**found, "dimensions": self.dimensions}

    def _check(self, one: Input) -> None:
        path = f"inputs[{one.position}]"
        if not isinstance(one.data, str):
            what = "text" if self.modalities == ("text",) else "base64 string of an image"
            raise InvalidRequestError(
                f"{path}.data: the model {self.name!r} takes a {what}, got {type(one.data).__name__}"
            )
        for option in one.options or ():
            if self.kind != "dense" or option != OPTION:
                allowed = f"{OPTION} only" if self.kind == "dense" else "no options"
                raise InvalidRequestError(
                    f"{path}.options.{option:.80}: the model {self.name!r} takes {allowed}"
                )

    async def _embed(self, inputs: Sequence[Input], call: Call) -> Embeddings:
        data = [one.data for one in inputs]
        paths = [f"inputs[{one.position}].data" for one in inputs]
        prepared = await self._in_thread(partial(self._runner.prepare, data, paths, call.purpose), call)
        found: dict[int, Embedding] = {}
        counts: list[int | None] = []
        for batch in self._runner.batches(prepared):
            run = partial(self._run, [prepared[position] for position in batch], call)
            embeddings, count = await self._in_thread(run, call)
            found.update(zip(batch, embeddings, strict=True))
            counts.append(count)
        tokens = None if None in counts else sum(count or 0 for count in counts)
        return Embeddings([found[position] for position in range(len(inputs))], tokens)

    def _run(self, prepared: Sequence[Any], call: Call) -> tuple[list[Embedding], int | None]:
        try:
            embeddings, count = self._runner.run(prepared, call.purpose)
        except InferenceError:
            raise
        except Exception as error:
            raise InferenceError(f"the model {self.name!r} failed: {type(error).__name__}") from error
        if not all(_is_finite(embedding) for embedding in embeddings):
            raise InferenceError(f"the model {self.name!r} yielded values that are not finite")
        return embeddings, count

    async def _in_thread(self, function: Callable[[], Result], call: Call) -> Result:
        if self._closed:
            raise InferenceError(f"the model {self.name!r} is closed", status=503)
        remaining = call.remaining
        try:
            if not remaining:
                raise TimeoutError
            future = asyncio.get_running_loop().run_in_executor(self._thread, function)
            return await asyncio.wait_for(future, None if math.isinf(remaining) else remaining)
        except TimeoutError:
            raise RequestTimeoutError(
                f"the time that the request may take was over before the model {self.name!r} had embedded "
                "all of its inputs; send fewer at once, or allow more time"
            ) from None


def _is_finite(embedding: Embedding) -> bool:
    values = embedding["values"] if isinstance(embedding, dict) else embedding
    return bool(np.isfinite(values).all())
