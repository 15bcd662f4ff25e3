"""BM25 models: a configuration, what a request may change of it, and perhaps a store that gives avg_len."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bm25.analysis.languages import nearest
from bm25.config import Bm25Config
from bm25.encoder import Bm25Encoder
from bm25.errors import Bm25ConfigError, Bm25ConfigWarning, Bm25Error, Bm25InputError
from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Call, Embedding, Embeddings, Kind, Modality, Purpose, SparseRows
from bm25.inference.request import Input
from bm25.inference.settings import Bm25Model as Bm25ModelSettings
from bm25.singles import check_unicode
from bm25.store.layout import MANIFEST

if TYPE_CHECKING:
    from bm25.statistics import CorpusStatistics
    from bm25.store import StatisticsStore

__all__ = ["SMALL", "Bm25Model"]

logger = logging.getLogger(__name__)

SMALL = 8192
"""Characters of text up to which encoding takes less time than handing it to a thread and back would."""

SHORT = 2048  # characters of texts that are encoded faster one by one than as a batch
ENCODERS = 32  # kept for the options of requests
LOOK = 1.0  # seconds between looks for a new commit of the store
LARGEST = 3.4e38  # just below what a float32 can hold
SHORTEST = 1e-290
TUNED = {"k": 1.5, "b": 0.75, "k3": 8.0}


class Bm25Model:
    """One BM25 model. Safe to share between threads.

    Args:
        name: what requests call it.
        settings: its options and store.
        executor: where texts longer than `SMALL` are encoded; None for the event loop's.

    Raises:
        Bm25ConfigError: an option is wrong, or `allowed_options` has something that is none.
        StoreError: the store cannot be opened; or it was made with other options.
    """

    kind: Kind = "sparse"
    modalities: tuple[Modality, ...] = ("text",)

    def __init__(self, name: str, settings: Bm25ModelSettings, executor: Executor | None = None) -> None:
        self.name = name
        self.settings = settings
        self._executor = executor
        self._allowed = _allowed_options(settings)
        self._lock = threading.Lock()
        self._for_options: OrderedDict[bytes, Bm25Encoder] = OrderedDict()
        self._store: StatisticsStore | None = None
        self._statistics: tuple[int, CorpusStatistics] | None = None
        self._seen: tuple[int, ...] = ()  # the state of the manifest that was read last
        self._next_look = math.inf
        if settings.statistics is None:
            self._encoder = Bm25Encoder(Bm25Config.from_dict(self._overrides()))
            check_weights(self._encoder.config)
            return
        from bm25.store import StatisticsStore

        self._store = StatisticsStore.open(settings.statistics)
        self._encoder = self._store.encoder(**self._overrides())
        check_weights(self._encoder.config)
        self._next_look = time.monotonic() + LOOK

    def encoder(self, options: Mapping[str, Any] | None = None, position: int = -1) -> Bm25Encoder:
        """Return the encoder for the options of a request.

        Args:
            options: what the request changes; None and {} change nothing, and neither does a value None.
            position: the number of the input that has them, for errors.

        Raises:
            InvalidRequestError: the model does not allow an option, or its value is wrong.
        """
        if time.monotonic() >= self._next_look:
            self._look()
        if not options:
            return self._encoder
        key = options_key(options)
        found = self._for_options.get(key)
        if found is None:
            found = self._new_encoder(options, position)
            with self._lock:
                self._for_options[key] = found
                if len(self._for_options) > ENCODERS:
                    self._for_options.popitem(last=False)
        return found

    def statistics(self) -> CorpusStatistics | None:
        """Return the statistics of the model's store as of its last commit; None without a store."""
        store = self._store
        if store is None:
            return None
        if time.monotonic() >= self._next_look:
            self._look()
        with self._lock:
            if self._statistics is None or self._statistics[0] != store.sequence:
                self._statistics = store.sequence, store.statistics(terms=False)
            return self._statistics[1]

    def _overrides(self) -> dict[str, Any]:
        preset = TUNED if self.settings.preset == "tuned" else {}
        return {**preset, **self.settings.options}

    def _new_encoder(self, options: Mapping[str, Any], position: int) -> Bm25Encoder:
        path = "options" if position < 0 else f"inputs[{position}].options"
        given = {name: value for name, value in options.items() if value is not None}
        for name in given:
            if name not in self._allowed:
                close = nearest(name, list(self._allowed))
                raise InvalidRequestError(
                    f"{path}.{name}: model {self.name!r} has no option {name!r} that a request may "
                    f"set{close}; allowed: {', '.join(self._allowed) or 'none'}"
                )
        if not given:
            return self._encoder
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Bm25ConfigWarning)  # the client does not see it
                encoder = self._encoder.with_options(**given)
            check_weights(encoder.config)
            return encoder
        except (Bm25Error, RecursionError) as error:
            raise InvalidRequestError(f"{path}: {error}") from None

    def _manifest_state(self) -> tuple[int, ...]:
        # The manifest is replaced by rename at each commit.
        state = os.stat(os.path.join(self.settings.statistics or "", MANIFEST))
        return state.st_ino, state.st_mtime_ns, state.st_size

    def _look(self) -> None:
        """Move on to the last commit of the store, and to the avg_len of a new epoch."""
        with self._lock:
            store = self._store
            if store is None or time.monotonic() < self._next_look:
                return
            self._next_look = time.monotonic() + LOOK
            try:
                state = self._manifest_state()
                if state == self._seen:
                    return
                epoch = store.epoch
                store.refresh()
                self._seen = state
            except (Bm25Error, OSError) as error:
                # What was read before is still right as of then.
                logger.warning("model %s keeps its statistics: %s", self.name, error)
                return
            if store.epoch is not None and store.epoch != epoch:
                fitted = store.encoder(**self._overrides()).config.avg_len
                self._encoder = self._encoder.with_options(avg_len=fitted)
                self._for_options.clear()
                logger.info("model %s: epoch %d, avg_len %g", self.name, store.epoch.number, fitted)

    def embed_now(self, inputs: Sequence[Input], purpose: Purpose) -> Embeddings:
        """Return embeddings at once, in this thread; arguments and errors as of `embed`."""
        first = inputs[0].options
        if all(one.options == first for one in inputs):
            return _embed(self.encoder(first, inputs[0].position), inputs, purpose)
        # Positions by what the options say, in the order of their first appearance.
        groups: dict[bytes, list[int]] = {}
        for i, one in enumerate(inputs):
            groups.setdefault(options_key(one.options), []).append(i)
        embeddings: list[Embedding] = [{"indices": [], "values": []}] * len(inputs)
        tokens = 0
        for places in groups.values():
            part = [inputs[i] for i in places]
            found = _embed(self.encoder(part[0].options, part[0].position), part, purpose)
            tokens += found.tokens or 0
            for i, embedding in zip(places, found.embeddings, strict=True):
                embeddings[i] = embedding
        return Embeddings(embeddings, tokens)

    async def embed(self, inputs: Sequence[Input], call: Call) -> Embeddings:
        """Return the vector of each input; see `Model.embed`."""
        if sum(len(one.data) for one in inputs) <= SMALL:
            return self.embed_now(inputs, call.purpose)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self.embed_now, inputs, call.purpose)

    async def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()

    def describe(self) -> dict[str, Any]:
        """Return what a list of models shows of it."""
        allowed = "all" if self.settings.allowed_options is None else list(self._allowed)
        default = Bm25Config().to_dict()
        options = {k: v for k, v in self.encoder().config.to_dict().items() if v != default[k]}
        found: dict[str, Any] = {
            "name": self.name, "type": "bm25", "kind": self.kind, "modalities": list(self.modalities),
            "options": options, "allowed_options": allowed,
        }  # fmt: skip
        if self._store is not None and self._store.epoch is not None:
            found["epoch"] = self._store.epoch.number
        return found


def options_key(options: Mapping[str, Any] | None) -> bytes:
    """Return the same bytes for equal options, whatever the order of their names."""
    return msgspec.json.encode(options or None, order="deterministic")


def check_weights(config: Bm25Config) -> None:
    """Raise `Bm25ConfigError` for parameters with which a weight may be infinite, which JSON has no word for.

    A document's weight is at most k + 1, a query's k3 + 1; and a length divided by avg_len must be finite.
    """
    for name in ("k", "k3"):
        value = getattr(config, name)
        if value is not None and value > LARGEST:
            raise Bm25ConfigError(
                f"{name} must be at most {LARGEST:g} for weights to be finite, got {value:g}"
            )
    if config.avg_len < SHORTEST:
        raise Bm25ConfigError(
            f"avg_len must be at least {SHORTEST:g} for weights to be finite, got {config.avg_len:g}"
        )


def _embed(encoder: Bm25Encoder, inputs: Sequence[Input], purpose: Purpose) -> Embeddings:
    try:
        texts = [one.data for one in inputs]
        if encoder.config.has_terms and sum(map(len, texts)) <= SHORT:
            return _embed_singly(encoder, texts, purpose)
        vectors = encoder.encode_queries(texts) if purpose == "search" else encoder.encode_documents(texts)
    except Bm25InputError as error:
        raise _with_place(inputs, error) from None
    lengths = vectors.lengths
    return Embeddings(SparseRows(vectors), None if lengths is None else int(lengths.sum(dtype=np.int64)))


def _embed_singly(encoder: Bm25Encoder, texts: list[str], purpose: Purpose) -> Embeddings:
    encode = encoder.single("query" if purpose == "search" else "document").encode_counted
    embeddings: list[Embedding] = []
    tokens = 0
    for text in texts:
        indices, values, length = encode(text)
        embeddings.append({"indices": indices, "values": values})
        tokens += length
    return Embeddings(embeddings, tokens)


def _with_place(inputs: Sequence[Input], error: Bm25InputError) -> InvalidRequestError:
    for one in inputs:
        try:
            check_unicode(one.data, "the text")
        except Bm25InputError as again:
            return InvalidRequestError(f"inputs[{one.position}].data: {again}")
    return InvalidRequestError(str(error))


def _allowed_options(settings: Bm25ModelSettings) -> tuple[str, ...]:
    names = [field.name for field in fields(Bm25Config)]
    if settings.allowed_options is None:
        return tuple(names)
    for name in settings.allowed_options:
        if name not in names:
            raise Bm25ConfigError(
                f"allowed_options: unknown option {name!r}{nearest(name, names)}; allowed: {', '.join(names)}"
            )
    return tuple(settings.allowed_options)
