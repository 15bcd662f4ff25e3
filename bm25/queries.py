"""`QueryEncoder`: one short text at a time, in plain Python.

A call into compiled code costs more than the handful of dictionary look-ups that a query needs, and
a process that only asks questions never has to load Numba.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Any

import numpy as np

from bm25.analysis.analyzer import Analyzer
from bm25.errors import Bm25InputError
from bm25.hashing import term_id

__all__ = ["QueryEncoder"]

Array = np.ndarray[Any, Any]

MAX_FORMS = 1 << 17
LONGEST_FORM = 256  # characters


class QueryEncoder:
    """Encodes single queries, remembering what each surface form yields."""

    def __init__(self, analyzer: Analyzer, k3: float | None) -> None:
        self._analyzer = analyzer
        self._surface_forms = analyzer.surface_forms
        self._k3 = k3
        self._ids: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str) -> tuple[Array, Array]:
        """Return (indices, values): uint32 ascending and float32."""
        known = self._ids  # one dictionary throughout: another thread may start a new one meanwhile
        try:
            lists = list(map(known.__getitem__, self._surface_forms(text)))
        except KeyError:
            lists = self._resolve(text, known)
        except TypeError:
            raise Bm25InputError(
                f"a query must be a string, got {type(text).__name__}: {text!r:.80}"
            ) from None
        if self._k3 is None:
            ids = sorted(set().union(*lists))
            values = np.empty(len(ids), np.float32)
            values.fill(1.0)  # `np.ones` takes three times as long
            return np.array(ids, np.uint32), values
        k3 = self._k3
        counts = sorted(Counter(chain.from_iterable(lists)).items())
        return (
            np.array([number for number, _ in counts], np.uint32),
            np.array([(k3 + 1.0) * qtf / (k3 + qtf) for _, qtf in counts], np.float32),
        )

    def _resolve(self, text: str, known: dict[str, tuple[int, ...]]) -> list[tuple[int, ...]]:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Bm25InputError(
                "the query is not valid Unicode: lone surrogate "
                f"{text[error.start]!a} at position {error.start}"
            ) from None
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
