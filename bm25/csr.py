"""Counts of some texts in CSR form, and the builder that joins those of many chunks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bm25.terms import TermBlock

__all__ = ["Counted", "CsrBuilder"]

Array = np.ndarray[Any, Any]


class Counted(NamedTuple):
    """Entries of text i are at ``indptr[i]:indptr[i + 1]``; see `TermCounts` for the arrays."""

    indptr: Array
    term_ids: Array
    values: Array  # frequencies, or weights made of them
    lengths: Array
    blocks: list[TermBlock]  # terms that the vocabulary did not keep


class CsrBuilder:
    """Appends the counts of consecutive chunks to arrays that grow.

    One array that grows by estimate, because memory that is new to the process costs more than
    the copy: numpy has large arrays on huge pages, and the chunks' own memory is used again.
    """

    def __init__(self, documents: int, kind: Any, size: int) -> None:
        self._indptr = np.zeros(documents + 1, np.int64)
        self._lengths = np.zeros(documents, np.uint32)
        self._term_ids = np.empty(0, np.uint32)
        self._values = np.empty(0, kind)
        self._size = size  # bytes of text to come in all
        self._done = 0
        self._documents = 0
        self._entries = 0
        self.blocks: list[TermBlock] = []

    def append(self, part: Counted, size: int) -> None:
        """Append the counts of the next texts, which were `size` bytes."""
        self._done += size
        end = self._entries + len(part.term_ids)
        self._reserve(end)
        self._term_ids[self._entries : end] = part.term_ids
        self._values[self._entries : end] = part.values
        documents = self._documents + len(part.lengths)
        self._indptr[self._documents + 1 : documents + 1] = part.indptr[1:] + self._entries
        self._lengths[self._documents : documents] = part.lengths
        self._documents, self._entries = documents, end
        self.blocks += part.blocks

    def _reserve(self, entries: int) -> None:
        if entries <= len(self._term_ids):
            return
        # Generous: memory that is never written is never given, while growing again copies everything. But
        # no more than some times what there is, since the first texts may be unlike the rest.
        expected = entries * max(1.0, self._size / max(1, self._done))
        capacity = int(min(1.25 * expected, 16 * max(entries, 4096))) + 64
        for name in ("_term_ids", "_values"):
            old = getattr(self, name)
            new = np.empty(capacity, old.dtype)
            new[: self._entries] = old[: self._entries]
            setattr(self, name, new)

    @property
    def indptr(self) -> Array:
        """int64, one more than texts."""
        return self._indptr

    @property
    def lengths(self) -> Array:
        """uint32, one for each text."""
        return self._lengths

    @property
    def term_ids(self) -> Array:
        """uint32, one for each entry."""
        return self._trimmed(self._term_ids)

    @property
    def values(self) -> Array:
        """One for each entry."""
        return self._trimmed(self._values)

    def _trimmed(self, array: Array) -> Array:
        view = array[: self._entries]
        return view if len(array) < 1.5 * self._entries else view.copy()
