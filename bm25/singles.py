"""`QueryEncoder` and `DocumentEncoder`: one short text at a time, in plain Python.

To prepare a batch for compiled code costs more than the handful of dictionary look-ups that a short text
needs, and a process that only asks questions never has to load Numba.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from bm25.analysis.analyzer import Analyzer
from bm25.config import Bm25Config
from bm25.engine import MULTILINGUAL, engine_encoder, frequency_encoder, is_panic
from bm25.errors import Bm25InputError
from bm25.hashing import term_id

__all__ = ["DocumentEncoder", "QueryEncoder", "SingleEncoder", "WholeQueryEncoder", "check_unicode"]

Array = np.ndarray[Any, Any]

MAX_FORMS = 1 << 17
LONGEST_FORM = 256  # characters
FREQUENT = 16  # frequencies whose weights are kept
MAX_LENGTHS = 4096


class SingleEncoder:
    """Looks up the term ids of single texts, remembering what each surface form yields."""

    what = ""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._surface_forms = analyzer.surface_forms
        self._ids: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str) -> tuple[Array, Array]:
        """Return (indices, values): uint32 ascending and float32."""
        raise NotImplementedError

    def encode_counted(self, text: str) -> tuple[list[int], list[float], int]:
        """Return ids, weights and the length of the text: its tokens, repeats included.

        In lists, for what writes JSON; a weight is the shortest decimal that reads back to the float32.
        """
        raise NotImplementedError

    def _lists(self, text: str) -> list[tuple[int, ...]]:
        """Return the ids of each surface form, in order."""
        known = self._ids  # one dictionary throughout: another thread may start a new one meanwhile
        try:
            return list(map(known.__getitem__, self._surface_forms(text)))
        except KeyError:
            return self._resolve(text, known)
        except TypeError:
            raise _not_a_string(text, self.what) from None

    def _resolve(self, text: str, known: dict[str, tuple[int, ...]]) -> list[tuple[int, ...]]:
        check_unicode(text, f"the {self.what}")
        forms = self._surface_forms(text)
        found: dict[str, list[int]] = {form: [] for form in forms}
        new = list(found)
        terms, owners = self._analyzer.analyze("\n".join(new))
        for owner, term in zip(owners, terms, strict=True):
            found[new[owner]].append(term_id(term))
        resolved = {form: tuple(ids) for form, ids in found.items()}
        if len(known) + len(resolved) > MAX_FORMS:
            known = self._ids = {}
        known.update((form, ids) for form, ids in resolved.items() if len(form) <= LONGEST_FORM)
        return [resolved[form] for form in forms]


class QueryEncoder(SingleEncoder):
    """Encodes single queries."""

    what = "query"

    def __init__(self, analyzer: Analyzer, k3: float | None) -> None:
        super().__init__(analyzer)
        self._k3 = k3

    def encode(self, text: str) -> tuple[Array, Array]:
        """Return (indices, values): uint32 ascending and float32."""
        lists = self._lists(text)
        if self._k3 is not None:
            ids, frequencies = _counts(lists)
            return np.array(ids, np.uint32), _weights(frequencies, self._k3)
        ids = sorted(set().union(*lists))
        values = np.empty(len(ids), np.float32)
        values.fill(1.0)  # `np.ones` takes three times as long
        return np.array(ids, np.uint32), values

    def encode_counted(self, text: str) -> tuple[list[int], list[float], int]:
        """Return ids, weights and the length of the text in tokens."""
        lists = self._lists(text)
        if self._k3 is None:
            ids = sorted(set().union(*lists))
            return ids, [1.0] * len(ids), sum(map(len, lists))
        ids, frequencies = _counts(lists)
        return ids, _decimals(_weights(frequencies, self._k3)), sum(frequencies)


class DocumentEncoder(SingleEncoder):
    """Encodes single documents; `weigh` is the kernel, with the arguments of `weigh_documents`."""

    what = "document"

    def __init__(self, analyzer: Analyzer, weigh: Callable[..., None]) -> None:
        super().__init__(analyzer)
        config = analyzer.config
        self._weigh = weigh
        self._parameters = config.k, config.b, config.avg_len
        self._known: dict[int, list[float]] = {}  # weights by length, and by frequency

    def encode(self, text: str) -> tuple[Array, Array]:
        """Return (indices, values): uint32 ascending and float32."""
        ids, frequencies = _counts(self._lists(text))
        return np.array(ids, np.uint32), self._weights(frequencies, sum(frequencies))

    def encode_counted(self, text: str) -> tuple[list[int], list[float], int]:
        """Return ids, weights and the length of the text in tokens."""
        ids, frequencies = _counts(self._lists(text))
        length = sum(frequencies)
        known = self._known.get(length)
        if known is None:
            known = _decimals(self._weights(range(FREQUENT), length))
            if len(self._known) >= MAX_LENGTHS:
                self._known = {}
            self._known[length] = known
        try:
            return ids, [known[frequency] for frequency in frequencies], length
        except IndexError:
            return ids, _decimals(self._weights(frequencies, length)), length

    def _weights(self, frequencies: Sequence[int], length: int) -> Array:
        values = np.empty(len(frequencies), np.float32)
        bounds, lengths = np.array([0, len(frequencies)], np.int64), np.array([length], np.uint32)
        self._weigh(bounds, np.array(frequencies, np.uint32), lengths, *self._parameters, values)
        return values


class WholeQueryEncoder:
    """Encodes single queries under `multilingual`, by Qdrant's engine: it sees whole texts."""

    def __init__(self, config: Bm25Config) -> None:
        """Raise `MissingExtraError` if the engine is not installed."""
        self._k3 = config.k3
        if self._k3 is None:
            self._embed = engine_encoder(config, MULTILINGUAL).embed_query
        else:
            self._embed = frequency_encoder(config, MULTILINGUAL).embed_document

    def encode(self, text: str) -> tuple[Array, Array]:
        """Return (indices, values): uint32 ascending and float32."""
        if not isinstance(text, str):
            raise _not_a_string(text, "query")
        check_unicode(text, "the query")
        try:
            vector = self._embed(text)
        except BaseException as error:
            if not is_panic(error):
                raise
            raise Bm25InputError(f"Qdrant's engine fails on the query {text!r:.80}: {error}") from None
        ids = np.array(vector.indices, np.uint32)
        if self._k3 is None:
            return ids, np.array(vector.values, np.float32)
        return ids, _weights([round(value) for value in vector.values], self._k3)


def _weights(frequencies: list[int], k3: float) -> Array:
    return np.array([(k3 + 1.0) * qtf / (k3 + qtf) for qtf in frequencies], np.float32)


def _decimals(values: Array) -> list[float]:
    """Return the shortest decimals that read back to float32 values."""
    return [float(str(value)) for value in values]


def check_unicode(text: str, what: str) -> None:
    """Raise `Bm25InputError` for a lone surrogate in a text, which the message calls `what`."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Bm25InputError(
            f"{what} is not valid Unicode: lone surrogate {text[error.start]!a} at position {error.start}"
        ) from None


def _counts(lists: list[tuple[int, ...]]) -> tuple[list[int], list[int]]:
    """Return the distinct ids, ascending, and how often each is there."""
    ids = sorted(chain.from_iterable(lists))
    if len(set(ids)) == len(ids):  # as in most short texts
        return ids, [1] * len(ids)
    counts = sorted(Counter(ids).items())
    return [number for number, _ in counts], [frequency for _, frequency in counts]


def _not_a_string(text: object, what: str) -> Bm25InputError:
    return Bm25InputError(f"a {what} must be a string, got {type(text).__name__}: {text!r:.80}")
