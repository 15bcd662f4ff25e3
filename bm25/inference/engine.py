"""`InferenceEngine`: answers a request with the models that it names. No HTTP here."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import numpy as np

from bm25.analysis.languages import nearest
from bm25.errors import Bm25ConfigError, Bm25Error
from bm25.inference import settings as kinds
from bm25.inference.background import BackgroundLoop, Threads
from bm25.inference.bm25_model import SMALL, Bm25Model
from bm25.inference.dimensions import as_json
from bm25.inference.encoders import options_key
from bm25.inference.errors import InvalidRequestError, RequestTimeoutError, UpstreamError
from bm25.inference.models import Call, Embedding, Embeddings, Model, Purpose
from bm25.inference.request import InferenceRequest, Input, request_from_dict
from bm25.inference.settings import BUILT_IN, ModelSettings, ProviderSettings

if TYPE_CHECKING:
    from bm25.inference.batch import TextBatch  # which loads kernels

__all__ = ["Answer", "InferenceEngine", "infer", "plain"]

T = TypeVar("T")

MODALITIES = ("text", "image", "object")


class Answer(NamedTuple):
    """What a request gets: an embedding for each input, in order, and the tokens that each model has read."""

    embeddings: Sequence[Embedding]
    usage: dict[str, int]


class InferenceEngine:
    """Models by name. Safe to share between threads.

    Args:
        models: more of them, by the name that requests use. Qdrant's names `bm25` and `qdrant/bm25` are
            always there: Qdrant's exact vectors, with all options allowed.
        providers: external providers that requests may use, by name (`openai`, `cohere`, `jinaai`,
            `openrouter`).
        like: an engine whose models are taken over where their settings are the same, with what they have
            learnt.

    Raises:
        Bm25ConfigError: a setting is wrong; the message begins with the model's or the provider's name.
        StoreError: a statistics store cannot be opened.
        MissingExtraError: a model needs a package that is not installed.
    """

    def __init__(
        self,
        models: Mapping[str, ModelSettings] | None = None,
        providers: Mapping[str, ProviderSettings] | None = None,
        *,
        like: InferenceEngine | None = None,
    ) -> None:
        self._successor: InferenceEngine | None = None
        self._threads: Threads = Threads() if like is None else like._threads
        for name in models or {}:
            _check_name(name)
        self._settings: dict[str, ModelSettings | ProviderSettings] = {
            **{name: kinds.Bm25Model(allowed_options=None) for name in BUILT_IN},
            **(models or {}),
            **{f"{name}/": provider for name, provider in (providers or {}).items()},
        }
        self._models: dict[str, Model] = {}
        for name, settings in self._settings.items():
            if like is not None and like._settings.get(name) == settings:
                self._models[name] = like._models[name]
            else:
                self._models[name] = self._build(name, settings)
        self._families = tuple(name for name in self._models if name.endswith("/"))
        self._background = BackgroundLoop()
        if like is not None:
            like._successor = self

    def _build(self, name: str, settings: ModelSettings | ProviderSettings) -> Model:
        if isinstance(settings, kinds.CompatibleModel | ProviderSettings):
            from bm25.inference import providers  # with an HTTP client, which BM25 does without

            if isinstance(settings, ProviderSettings):
                return providers.build(name.removesuffix("/"), settings)
            return providers.compatible(name, settings)
        try:
            if isinstance(settings, kinds.Bm25Model):
                return Bm25Model(name, settings, self._threads)
            from bm25.inference import local

            return local.build(name, settings)
        except Bm25Error as error:
            error.args = (f'models."{name}": {error}',)
            raise

    @property
    def models(self) -> tuple[Model, ...]:
        """All models and families."""
        return tuple(self._models.values())

    def model(self, name: str, place: str = "model") -> Model:
        """Return the model of a name, or the family of its prefix.

        Args:
            name: what a request says.
            place: of the name in the request, for errors.

        Raises:
            InvalidRequestError: there is none; the message has those that there are.
        """
        found = self._models.get(name)
        if found is not None and not name.endswith("/"):
            return found
        for family in self._families:
            if name.startswith(family) and name != family:
                return self._models[family]
        if name.lower() in BUILT_IN:
            return self._models[name.lower()]
        known = [f"{one}..." if one.endswith("/") else one for one in self._models]
        raise InvalidRequestError(
            f"{place}: unknown model {name!r:.200}{nearest(name, known)}; known: {', '.join(known)}"
        )

    def label(self, name: str) -> str:
        """Return what metrics call a model that requests call `name`: of a family, all have the prefix."""
        if name in self._models:
            return name
        return next((family for family in self._families if name.startswith(family)), name.lower())

    def embed_now(self, request: InferenceRequest) -> Answer | None:
        """Return the answer to a request that takes less time than a change of threads; else None."""
        inputs = request.inputs
        if not inputs:
            return None
        name = inputs[0].model
        model = self._models.get(name)
        if type(model) is not Bm25Model:
            return None
        size = 0
        for one in inputs:
            if type(one.data) is not str or one.data_type != "text" or one.model != name:
                return None
            size += len(one.data)
            if size > SMALL:
                return None
        if not model.is_quick(inputs, size):
            return None
        found = model.embed_now(inputs, purpose_of(request))
        return Answer(found.embeddings, {} if found.tokens is None else {name: found.tokens})

    async def ainfer(self, request: InferenceRequest, call: Call) -> Answer:
        """Answer a request; `call.purpose` is that of the request.

        Raises:
            InferenceError: nothing of the request is answered if one of its inputs cannot be.
        """
        groups: dict[str, list[Input]] = {}
        for one in request.inputs:
            groups.setdefault(one.model, []).append(one)
        models = [self._checked(name, inputs) for name, inputs in groups.items()]
        found = await _together(
            [_embed(model, inputs, call) for model, inputs in zip(models, groups.values(), strict=True)], call
        )
        usage = {name: one.tokens for name, one in zip(groups, found, strict=True) if one.tokens is not None}
        if len(found) == 1:
            return Answer(found[0].embeddings, usage)
        embeddings: list[Embedding] = [[]] * len(request.inputs)
        for inputs, part in zip(groups.values(), found, strict=True):
            for one, embedding in zip(inputs, part.embeddings, strict=True):
                embeddings[one.position] = embedding
        return Answer(embeddings, usage)

    async def ainfer_batch(self, batch: TextBatch, call: Call) -> Answer | None:
        """Answer a request for many texts; None for one that `ainfer` has to see, which says what is wrong.

        Raises:
            RequestTimeoutError: it took too long.
        """
        model = self._models.get(batch.model)
        if type(model) is not Bm25Model:
            return None
        (found,) = await _together([model.embed_batch(batch)], call)
        if found is None:
            return None
        return Answer(found.embeddings, {} if found.tokens is None else {batch.model: found.tokens})

    def infer(
        self,
        request: Mapping[str, Any],
        *,
        keys: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Answer a request as the HTTP service does, without HTTP.

        Args:
            request: `{"inputs": [{"data", "data_type", "model", "options"}, ...], "inference": "update" or
                "search"}`, as Qdrant sends it.
            keys: of external providers, by header name, such as `openai-api-key`.
            timeout: seconds; None for no limit.

        Returns:
            `{"embeddings": [...], "usage": {"models": {name: {"tokens": n}}}}`, in plain lists and numbers.

        Raises:
            InferenceError: a subclass says what is wrong, `status` has the HTTP status of it.
        """
        asked = request_from_dict(request)
        answer = self.embed_now(asked)
        if answer is None:
            deadline = float("inf") if timeout is None else time.monotonic() + timeout
            given = {name.lower(): key for name, key in (keys or {}).items()}
            call = Call(purpose_of(asked), given, deadline)
            answer = self._background.run(self.ainfer(asked, call))
        return {"embeddings": [plain(one) for one in answer.embeddings], "usage": usage_dict(answer.usage)}

    def _checked(self, name: str, inputs: list[Input]) -> Model:
        model = self.model(name, f"inputs[{inputs[0].position}].model")
        for one in inputs:
            if one.data_type not in model.modalities:
                self._refuse(one, model)
            if one.data_type == "text" and not isinstance(one.data, str):
                raise InvalidRequestError(
                    f"inputs[{one.position}].data: a text must be a string, got {_json_type(one.data)}"
                )
        return model

    def _refuse(self, one: Input, model: Model) -> NoReturn:
        what = f"inputs[{one.position}].data_type"
        if one.data_type not in MODALITIES:
            raise InvalidRequestError(
                f"{what}: unknown type {one.data_type!r:.80}; allowed: {', '.join(MODALITIES)}"
            )
        raise InvalidRequestError(
            f"{what}: model {one.model!r} takes {' and '.join(model.modalities)}, got {one.data_type}"
        )

    def describe(self) -> list[dict[str, Any]]:
        """Return what there is to say of each model and provider, built-in ones first."""
        return [model.describe() for model in self._models.values()]

    def close(self) -> None:
        """Close what was opened: connections, stores, threads."""
        self._background.run(self.aclose())
        self._background.stop()

    async def aclose(self) -> None:
        """Close the models and the threads, except what another engine has taken over."""
        kept = () if self._successor is None else self._successor.models
        for model in self.models:
            if model not in kept:
                await model.close()
        if self._successor is None:
            self._threads.stop()


def infer(
    request: Mapping[str, Any], *, keys: Mapping[str, str] | None = None, timeout: float | None = None
) -> dict[str, Any]:
    """Answer a request with the built-in models; see `InferenceEngine.infer`."""
    return default_engine().infer(request, keys=keys, timeout=timeout)


def default_engine() -> InferenceEngine:
    """Return the engine that this process shares, with the built-in models."""
    global _default
    with _default_lock:
        if _default is None:
            _default = InferenceEngine()
        return _default


_default: InferenceEngine | None = None
_default_lock = threading.Lock()


def purpose_of(request: InferenceRequest) -> Purpose:
    """Return `search` for queries, `update` for documents and where nothing is said."""
    return "search" if request.inference == "search" else "update"


def usage_dict(usage: Mapping[str, int]) -> dict[str, Any] | None:
    """Return the JSON of what models have read, None for nothing."""
    return {"models": {name: {"tokens": tokens} for name, tokens in usage.items()}} if usage else None


def plain(embedding: Embedding) -> Any:
    """Return an embedding in lists and numbers of Python."""
    if isinstance(embedding, dict):
        # Of a decimal that stands for a float32, the float32 itself.
        values = np.asarray(embedding["values"], np.float32)
        return {"indices": _listed(embedding["indices"]), "values": values.tolist()}
    return _listed(embedding)


def _listed(values: Any) -> Any:
    return values.tolist() if isinstance(values, np.ndarray) else values


async def _embed(model: Model, inputs: list[Input], call: Call) -> Embeddings:
    """Have a model embed equal inputs once. BM25 does that again as fast as it would be found out."""
    if isinstance(model, Bm25Model):
        return await model.embed(inputs, call)
    places: dict[tuple[str, bytes | str, bytes], int] = {}
    distinct: list[Input] = []
    numbers = []
    for one in inputs:
        place = f"inputs[{one.position}].options"
        data = one.data if isinstance(one.data, str) else as_json(one.data, f"inputs[{one.position}].data")
        number = places.setdefault((one.data_type, data, options_key(one.options, place)), len(distinct))
        if number == len(distinct):
            distinct.append(one)
        numbers.append(number)
    found = await model.embed(distinct, call)
    if len(found.embeddings) != len(distinct):
        raise UpstreamError(
            f"model {inputs[0].model!r} made {len(found.embeddings)} embeddings of {len(distinct)} inputs"
        )
    return Embeddings([found.embeddings[number] for number in numbers], found.tokens)


async def _together(work: Sequence[Coroutine[Any, Any, T]], call: Call) -> list[T]:
    """Return what coroutines return; the first error, or the end of the time, cancels the others."""
    try:
        async with asyncio.timeout(None if call.deadline == float("inf") else call.remaining):
            if len(work) == 1:  # as nearly always: without a task of its own
                return [await work[0]]
            return await _gathered(work)
    except TimeoutError:
        raise RequestTimeoutError("the request took longer than it may; send fewer inputs at once") from None


async def _gathered(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        # Their ends are waited for, so that nothing of the request goes on after it.
        await asyncio.gather(*tasks, return_exceptions=True)


def _check_name(name: str) -> None:
    if name.lower() in BUILT_IN:
        raise Bm25ConfigError(
            f'models."{name}": this name is Qdrant\'s own, of its exact vectors; give the model another one'
        )
    if name.endswith("/"):
        raise Bm25ConfigError(
            f'models."{name}": a name that ends in / is a provider\'s; add what comes after'
        )


def _json_type(value: Any) -> str:
    names = {dict: "an object", list: "an array", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
