"""`FrequencyAccumulator`: document and collection frequencies of many texts, added up as they come."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bm25.errors import Bm25InputError
from bm25.kernels.statistics import accumulate, drain, merge, reduce_sorted, table_of

__all__ = ["Frequencies", "FrequencyAccumulator", "distinct_ids", "merge_frequencies", "reduce_by_key"]

Array = np.ndarray[Any, Any]

FIRST_BITS = 15
LAST_BITS = 24  # a table of 256 MB, for 8 million ids; more go through several tables
MOST_PARTS = 8
MAX_ID = 2**31
MOST_TEXTS = 2**31  # a table's entry counts texts in 32 bits


class Frequencies(NamedTuple):
    """By ascending term id (uint32), the texts that have it and its occurrences in them (int64)."""

    term_ids: Array
    document: Array
    collection: Array

    @classmethod
    def empty(cls) -> Frequencies:
        """Return those of no text."""
        return cls(np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.int64))


class FrequencyAccumulator:
    """Adds up frequencies by term id, in memory that depends on the distinct ids alone."""

    def __init__(self) -> None:
        self._bits = FIRST_BITS
        self._table: Array | None = None
        self._used = 0
        self._texts = 0
        self._parts: list[Frequencies] = []

    def add(self, term_ids: Array, frequencies: Array, texts: int) -> None:
        """Add the entries of `texts` texts; uint32, an id at most once a text.

        Raises:
            Bm25InputError: one is no term id; nothing was added.
        """
        if len(term_ids) and term_ids.max() > MAX_ID:  # which has no place in a table
            raise Bm25InputError(f"{term_ids.max()} is no term id: they go from 0 to {MAX_ID}")
        if self._texts + texts > MOST_TEXTS:
            self._flush()
        self._texts += texts
        done = 0
        while done < len(term_ids):
            if self._table is None:
                self._table = table_of(self._bits)
            room = (1 << self._bits) // 2 - self._used
            done, added = map(int, accumulate(term_ids, frequencies, done, self._table, self._bits, room))
            self._used += added
            if done == len(term_ids):
                return
            if added < room:  # ids crafted to share their top bits
                self._parts.append(reduce_by_key(term_ids[done:], frequencies[done:]))
                done = len(term_ids)
                self._merge_parts(MOST_PARTS)
            else:
                self._flush()
                self._texts = texts
                self._table = None
                # No larger than need be: where entries are looked up in a cache, that takes half the time.
                self._bits = min(LAST_BITS, self._bits + 2)

    def add_part(self, part: Frequencies) -> None:
        """Add the frequencies of other texts."""
        self._parts.append(part)
        # Parts each at least twice as large as the next: an entry is copied as often as they can be halved.
        while len(self._parts) > 1 and len(self._parts[-2].term_ids) < 2 * len(self._parts[-1].term_ids):
            last = self._parts.pop()
            self._parts[-1] = merge_frequencies(self._parts[-1], last)[0]

    def result(self) -> Frequencies:
        """Return what was added so far; more may be added after that."""
        self._flush()
        self._merge_parts(1)
        return self._parts[0] if self._parts else Frequencies.empty()

    def _flush(self) -> None:
        if self._used and self._table is not None:
            size = self._used
            part = Frequencies(np.empty(size, np.uint32), np.empty(size, np.int64), np.empty(size, np.int64))
            drain(self._table, *part)
            self._parts.append(part)
        self._used = self._texts = 0
        self._merge_parts(MOST_PARTS)

    def _merge_parts(self, most: int) -> None:
        if len(self._parts) <= most:
            return
        parts = sorted(self._parts, key=lambda part: -len(part.term_ids))
        while len(parts) > 1:
            smallest = parts.pop()
            parts.append(merge_frequencies(parts.pop(), smallest)[0])
        self._parts = parts


def merge_frequencies(one: Frequencies, other: Frequencies, sign: int = 1) -> tuple[Frequencies, int]:
    """Return one + sign * other without zeros, and where it is below zero or contradictory (-1: nowhere)."""
    size = len(one.term_ids) + len(other.term_ids)
    out = Frequencies(np.empty(size, one.term_ids.dtype), np.empty(size, np.int64), np.empty(size, np.int64))
    written, bad = merge(*map(_input, one), *map(_input, other), sign, *out)
    for array in out:
        # Given back in place; a copy would take as much memory again. Nothing else has the array yet.
        array.resize(written, refcheck=False)
    return out, int(bad)


def reduce_by_key(keys: Array, frequencies: Array) -> Frequencies:
    """Return frequencies by key, for keys of any integer type in any order."""
    order = np.argsort(keys, kind="stable")
    size = len(keys)
    out = Frequencies(np.empty(size, keys.dtype), np.empty(size, np.int64), np.empty(size, np.int64))
    written = reduce_sorted(keys[order], frequencies[order], *out)
    return Frequencies(*(array[:written] for array in out))


def distinct_ids(term_ids: Array) -> Array:
    """Return the distinct ids of an array of them, uint32 and ascending."""
    accumulator = FrequencyAccumulator()
    accumulator.add(term_ids, term_ids, len(term_ids))
    return accumulator.result().term_ids


def _input(array: Array) -> Array:
    """Return an array read-only, as those of mapped files are: a kernel is compiled for one of both."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
