"""BM25 models: texts in, sparse vectors out."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bm25.config import Bm25Config
from bm25.encoder import Bm25Encoder
from bm25.errors import Bm25Error, Bm25InputError
from bm25.inference.background import Threads
from bm25.inference.encoders import Encoders, options_key
from bm25.inference.errors import InvalidRequestError, RequestTimeoutError, TooLargeError
from bm25.inference.extent import extent, has_growth
from bm25.inference.models import Call, Embedding, Embeddings, Kind, Modality, Purpose, SparseRows
from bm25.inference.request import Input
from bm25.inference.settings import Bm25Model as Bm25ModelSettings
from bm25.singles import check_unicode

if TYPE_CHECKING:
    from bm25.inference.batch import TextBatch
    from bm25.statistics import CorpusStatistics

__all__ = ["SMALL", "Bm25Model"]

SMALL = 8192
"""Characters of text up to which encoding takes less time than handing it to a thread and back would."""

SHORT = 2048  # characters of texts that are encoded faster one by one than as a batch
MANY_OPTIONS = 32  # different ones in a request
MANY_TOKENS = 10_000_000
MANY_CHARACTERS = 100_000_000
LONG_WORD = re.compile(r"\S{65}")


class Bm25Model:
    """One BM25 model. Safe to share between threads.

    Args:
        name: what requests call it.
        settings: its options and store.
        threads: where more than `SMALL` is encoded.

    Raises:
        Bm25ConfigError: an option is wrong, or `allowed_options` has something that is none.
        StoreError: the store cannot be opened; or it was made with other options.
    """

    kind: Kind = "sparse"
    modalities: tuple[Modality, ...] = ("text",)

    def __init__(self, name: str, settings: Bm25ModelSettings, threads: Threads | None = None) -> None:
        self.name = name
        self.settings = settings
        self._threads = threads or Threads()
        self._encoders = Encoders(name, settings)

    def encoder(self, options: Mapping[str, Any] | None = None, position: int = -1) -> Bm25Encoder:
        """Return the encoder for the options of a request; see `Encoders.get`."""
        return self._encoders.get(options, position)

    def statistics(self) -> CorpusStatistics | None:
        """Return the statistics of the model's store as of its last commit; None without a store."""
        return self._encoders.statistics()

    def is_quick(self, inputs: Sequence[Input], size: int) -> bool:
        """Tell whether inputs, of `size` characters, are embedded sooner than handed to a thread."""
        if size > SMALL or has_growth(self._encoders.config):
            return False
        first = inputs[0].options
        return _equal(inputs, first) and (not first or self._encoders.has(first))

    def embed_now(self, inputs: Sequence[Input], purpose: Purpose, deadline: float = math.inf) -> Embeddings:
        """Return embeddings at once, in this thread; arguments and errors as of `embed`."""
        first = inputs[0].options
        if _equal(inputs, first):
            return _embed(self._encoders.get(first, inputs[0].position), inputs, purpose)
        # Positions by what the options say, in the order of their first appearance.
        groups: dict[bytes, list[int]] = {}
        for i, one in enumerate(inputs):
            groups.setdefault(options_key(one.options, f"inputs[{one.position}].options"), []).append(i)
        if len(groups) > MANY_OPTIONS:
            raise InvalidRequestError(
                f"inputs: {len(groups):,} different options, and a request may have {MANY_OPTIONS}; send "
                "several requests"
            )
        embeddings: list[Embedding] = [{"indices": [], "values": []}] * len(inputs)
        tokens = 0
        for places in groups.values():
            if time.monotonic() > deadline:  # nobody waits for it any more
                raise RequestTimeoutError("the request took longer than it may; send fewer inputs at once")
            part = [inputs[i] for i in places]
            found = _embed(self.encoder(part[0].options, part[0].position), part, purpose)
            tokens += found.tokens or 0
            for i, embedding in zip(places, found.embeddings, strict=True):
                embeddings[i] = embedding
        return Embeddings(embeddings, tokens)

    async def embed(self, inputs: Sequence[Input], call: Call) -> Embeddings:
        """Return the vector of each input; see `Model.embed`."""
        if self.is_quick(inputs, sum(len(one.data) for one in inputs)):
            return self.embed_now(inputs, call.purpose)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads.executor, self.embed_now, inputs, call.purpose, call.deadline
        )

    async def embed_batch(self, batch: TextBatch) -> Embeddings | None:
        """Return the vector of each text; None for a batch that `embed` has to see, and say what is wrong."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads.executor, self._embed_batch, batch)

    def _embed_batch(self, batch: TextBatch) -> Embeddings | None:
        try:
            encoder = self._encoders.get(batch.options)
            # What options make of texts is counted by `embed`.
            return None if has_growth(encoder.config) else _encoded(encoder, batch.texts, batch.purpose)
        except Bm25Error:
            return None

    async def close(self) -> None:
        """Close the store."""
        self._encoders.close()

    def describe(self) -> dict[str, Any]:
        """Return what a list of models shows of it."""
        default = Bm25Config().to_dict()
        options = self.encoder().config.to_dict()
        found: dict[str, Any] = {
            "name": self.name,
            "type": "bm25",
            "kind": self.kind,
            "modalities": list(self.modalities),
            "options": {name: value for name, value in options.items() if value != default[name]},
            "allowed_options": list(self._encoders.allowed),
        }
        if self.settings.allowed_options is None:
            found["allowed_options"] = "all"
        if self._encoders.epoch is not None:
            found["epoch"] = self._encoders.epoch
        return found


def _equal(inputs: Sequence[Input], first: Mapping[str, Any] | None) -> bool:
    """Tell whether all inputs have the options `first`."""
    if len(inputs) == 1:
        return True
    if not first:
        return not any(one.options for one in inputs)
    key = options_key(first, "options")
    return all(options_key(one.options, f"inputs[{one.position}].options") == key for one in inputs)


def _embed(encoder: Bm25Encoder, inputs: Sequence[Input], purpose: Purpose) -> Embeddings:
    texts = [one.data for one in inputs]
    try:
        _check_extent(encoder.config, inputs, purpose)
        if sum(map(len, texts)) <= SHORT and encoder.config.has_terms:
            # One by one: for so little text, preparing a batch takes longer than encoding it.
            encode = encoder.single("query" if purpose == "search" else "document").encode_counted
            found = [encode(text) for text in texts]
            embeddings: list[Embedding] = [{"indices": ids, "values": values} for ids, values, _ in found]
            return Embeddings(embeddings, sum(length for *_, length in found))
        return _encoded(encoder, texts, purpose)
    except Bm25InputError as error:
        raise _with_place(encoder, inputs, error) from None


def _encoded(encoder: Bm25Encoder, texts: Any, purpose: Purpose) -> Embeddings:
    vectors = encoder.encode_queries(texts) if purpose == "search" else encoder.encode_documents(texts)
    lengths = vectors.lengths
    return Embeddings(SparseRows(vectors), None if lengths is None else int(lengths.sum(dtype=np.int64)))


def _check_extent(config: Bm25Config, inputs: Sequence[Input], purpose: Purpose) -> None:
    """Raise `TooLargeError` if a short text would become very many terms.

    It is counted where it may be: with options of the request, and with prefixes of long words.
    """
    if not config.has_terms or not has_growth(config):
        return
    texts = [one.data for one in inputs]
    if not any(one.options for one in inputs) and not any(map(LONG_WORD.search, texts)):
        return
    for text in texts:
        check_unicode(text, "the text")
    found = extent(config, "query" if purpose == "search" else "document", texts)
    if found.tokens > MANY_TOKENS or found.made > MANY_CHARACTERS:
        raise TooLargeError(
            f"inputs: with these options they become {found.tokens:,} tokens of {found.made:,} characters, "
            f"and a request may have {MANY_TOKENS:,} of {MANY_CHARACTERS:,}; send fewer at once, or set "
            "max_token_len",
            reason="text",
        )


def _with_place(encoder: Bm25Encoder, inputs: Sequence[Input], error: Bm25InputError) -> InvalidRequestError:
    """Find the input that cannot be encoded, and put its place before the message."""
    for one in inputs:
        try:
            check_unicode(one.data, "the text")
            encoder.encode_documents([one.data])
        except Bm25InputError as again:
            message = str(again).removeprefix("texts[0]: ")
            return InvalidRequestError(f"inputs[{one.position}].data: {message}")
    return InvalidRequestError(str(error))
