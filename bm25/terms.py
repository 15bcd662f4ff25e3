"""`TermDictionary`: from term ids back to terms, with the terms that share an id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bm25.kernels.terms import find_texts, fold_rows, merge_rows, merged_size
from bm25.term_rows import TermRows, kernel_arrays, kernel_input, places_among, terms_over

__all__ = ["TermBlock", "TermDictionary", "TermIndex", "texts_with", "warmup"]

Array = np.ndarray[Any, Any]

CLASHES = 1024  # ids with two terms that a merge makes room for at first


class TermBlock(NamedTuple):
    """Terms as they leave the analysis: ids (uint32), and the UTF-8 terms split by line feeds."""

    ids: np.ndarray[Any, np.dtype[np.uint32]]
    lines: bytes


class TermDictionary(Mapping[int, str]):
    """An immutable mapping from term id to term, ascending by id.

    Where several terms share an id it holds the least of them, so that the order in which texts
    came does not show, and lists all in `collisions`.

    Attributes:
        ids: uint32, ascending.
        terms: a pyarrow.LargeStringArray, one for each id.
        collisions: term id -> all its terms, ascending, for the ids that several share.
    """

    def __init__(self, ids: Array, terms: pa.LargeStringArray, collisions: dict[int, tuple[str, ...]]):
        self.ids = ids
        self.terms = terms
        self.collisions = collisions

    @classmethod
    def from_blocks(cls, blocks: Iterable[TermBlock], *, among: Array | None = None) -> TermDictionary:
        """Build a dictionary; with `among` (uint32, ascending) of those ids only."""
        blocks = [block for block in blocks if len(block.ids)]
        if not blocks:
            return cls(np.empty(0, np.uint32), pa.array([], pa.large_string()), {})
        lines = b"\n".join([block.lines for block in blocks])
        data = np.frombuffer(lines, np.uint8)
        feeds = np.flatnonzero(data == 10)
        starts, ends = np.append(0, feeds + 1), np.append(feeds, len(data))
        keys = np.concatenate([block.ids for block in blocks]).astype(np.uint64) << np.uint64(32)
        keys |= np.arange(len(keys), dtype=np.uint64)
        keys.sort()
        ids, offsets, clashes = (
            np.empty(size, kind)
            for size, kind in ((len(keys), np.uint32), (len(keys) + 1, np.int64), (len(keys), np.int64))
        )
        packed = np.empty(len(data), np.uint8)
        rows, size, clashing = map(int, fold_rows(keys, starts, ends, data, ids, offsets, packed, clashes))
        collisions: dict[int, tuple[str, ...]] = {}
        for first in clashes[:clashing].tolist():
            term_id = int(keys[first]) >> 32
            last = np.searchsorted(keys, np.uint64((term_id + 1) << 32))
            numbers = (keys[first:last] & np.uint64(0xFFFFFFFF)).tolist()
            collisions[term_id] = _ascending(lines[starts[i] : ends[i]].decode() for i in numbers)
        # Copied, so that what was room for terms that came twice is not kept.
        terms = terms_over(offsets[: rows + 1].copy(), packed[:size].copy())
        dictionary = cls(ids[:rows].copy(), terms, collisions)
        return dictionary if among is None else dictionary.lookup(among)

    @classmethod
    def from_arrow(cls, ids: Any, terms: pa.Array) -> TermDictionary:
        """Build a dictionary of rows, without copying where no id comes twice.

        Args:
            ids: uint32 (Arrow or numpy), ascending; an id as often as it has terms.
            terms: strings, one for each id, those of one id ascending and distinct.
        """
        return cls.from_rows(TermRows.from_arrow(ids, terms))

    @classmethod
    def from_rows(cls, rows: TermRows) -> TermDictionary:
        """Build a dictionary of rows, without copying where no id comes twice."""
        ids, terms = rows.ids, rows.terms
        later = np.flatnonzero(ids[1:] == ids[:-1]) + 1
        if not len(later):
            return cls(ids, terms, {})
        shared = np.union1d(later - 1, later)  # the rows of the ids that come more than once
        groups: dict[int, list[str]] = {}
        for term_id, term in zip(ids[shared].tolist(), terms.take(pa.array(shared)).to_pylist(), strict=True):
            groups.setdefault(term_id, []).append(term)
        collisions = {term_id: tuple(group) for term_id, group in groups.items()}
        first = np.ones(len(ids), bool)
        first[later] = False
        return cls(ids[first], pc.filter(terms, pa.array(first)), collisions)

    def lookup(self, ids: Array) -> TermDictionary:
        """Return the dictionary of those of `ids` (uint32, ascending) that are in this one."""
        places = places_among(self.ids, np.asarray(ids, np.uint32))
        if len(places) == len(self):
            return self
        found = self.ids[places]
        collisions: dict[int, tuple[str, ...]] = {}
        if len(self.collisions) > len(found):
            collisions = {i: self.collisions[i] for i in found.tolist() if i in self.collisions}
        elif self.collisions:
            shared = np.array(sorted(self.collisions), np.uint32)
            collisions = {i: self.collisions[i] for i in found[places_among(found, shared)].tolist()}
        return TermDictionary(found, self.terms.take(pa.array(places)), collisions)

    def merge(self, other: TermDictionary) -> TermDictionary:
        """Return the dictionary of all terms of both; terms that differ and share an id collide."""
        if not len(other) or self is other:
            return self
        if not len(self):
            return other
        ids_a, offsets_a, data_a = kernel_arrays(self.ids, self.terms)
        ids_b, offsets_b, data_b = kernel_arrays(other.ids, other.terms)
        rows, size = merged_size(ids_a, offsets_a, ids_b, offsets_b)
        ids, offsets, data = np.empty(rows, np.uint32), np.empty(rows + 1, np.int64), np.empty(size, np.uint8)
        mine = theirs = np.empty(0, np.int64)
        clashing = CLASHES
        while clashing > len(mine):
            mine, theirs = np.empty(clashing, np.int64), np.empty(clashing, np.int64)
            size, clashing = merge_rows(
                ids_a, offsets_a, data_a, ids_b, offsets_b, data_b, ids, offsets, data, mine, theirs
            )
        mine, theirs = mine[:clashing], theirs[:clashing]
        collisions = {**self.collisions, **other.collisions}
        for term_id in self.collisions.keys() & other.collisions.keys():
            collisions[term_id] = _ascending(self.collisions[term_id] + other.collisions[term_id])
        terms_a, terms_b = (
            dictionary.terms.take(pa.array(places)).to_pylist()
            for dictionary, places in ((self, mine), (other, theirs))
        )
        for term_id, a, b in zip(ids_a[mine].tolist(), terms_a, terms_b, strict=True):
            collisions[term_id] = _ascending((*collisions.get(term_id, ()), a, b))
        return TermDictionary(ids, terms_over(offsets, data[:size]), collisions)

    def without(self, ids: Array) -> TermDictionary:
        """Return the dictionary of all ids but `ids` (uint32, ascending)."""
        others = np.ones(len(self), bool)
        others[places_among(self.ids, ids)] = False
        return self.lookup(self.ids[others])

    def rows(self) -> TermRows:
        """Return the rows of all terms, those of an id that several share too; else nothing is copied."""
        rows = TermRows(self.ids, self.terms)
        if not self.collisions:
            return rows
        shared = sorted(self.collisions)
        more = [self.collisions[term_id][1:] for term_id in shared]
        ids = np.repeat(np.array(shared, np.uint32), [len(group) for group in more])
        return rows.merge(TermRows(ids, pa.array([t for group in more for t in group], pa.large_string())))

    def __getitem__(self, term_id: int) -> str:
        if not isinstance(term_id, int | np.integer) or not 0 <= term_id < 2**32:
            raise KeyError(term_id)
        # Of the type of the ids: for another one, numpy would convert them all.
        position = int(np.searchsorted(self.ids, np.uint32(term_id)))
        if position == len(self.ids) or self.ids[position] != term_id:
            raise KeyError(term_id)
        return str(self.terms[position].as_py())

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        """Compare terms and collisions; with another mapping, terms."""
        if not isinstance(other, TermDictionary):
            return super().__eq__(other)
        return (
            np.array_equal(self.ids, other.ids)
            and self.collisions == other.collisions
            and bool(self.terms.equals(other.terms))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<TermDictionary of {len(self)} ids, {len(self.collisions)} of them shared by several terms>"

    def __reduce__(self) -> tuple[Any, ...]:
        return TermDictionary, (self.ids, self.terms, self.collisions)


class TermIndex:
    """Terms that become more, found by id.

    Dictionaries are taken up by `add`; blocks are appended to `blocks`, which `fold` takes up. They are kept
    as a few dictionaries, each at least twice as large as the next, so that a term is copied as often as
    the number of terms can be halved. One thread at a time adds and folds; any may look up.
    """

    def __init__(self) -> None:
        self.blocks: list[TermBlock] = []
        self._runs: tuple[TermDictionary, ...] = ()

    def fold(self) -> None:
        """Take up the blocks added since the last call."""
        if not self.blocks:
            return
        # In this order: an interrupt in between leaves terms twice, which does no harm.
        self.add(TermDictionary.from_blocks(self.blocks))
        self.blocks.clear()

    def add(self, terms: TermDictionary) -> None:
        """Take up a dictionary."""
        runs = [*self._runs, terms]
        while len(runs) > 1 and len(runs[-2]) < 2 * len(runs[-1]):
            runs[-2:] = [runs[-2].merge(runs[-1])]
        self._runs = tuple(runs)

    def lookup(self, ids: Array | None = None) -> TermDictionary:
        """Return the dictionary of those of `ids` (uint32, ascending; None for all) that are folded in."""
        found = TermDictionary.from_blocks([])
        for run in reversed(self._runs):
            found = found.merge(run if ids is None else run.lookup(ids))
        return found


def texts_with(ids: Array, indptr: Array, term_ids: Array) -> Array:
    """Return the numbers of the texts, in CSR form, that have any of some ids (uint32, ascending)."""
    texts = np.empty(len(indptr) - 1, np.int64)
    return texts[: find_texts(kernel_input(indptr), kernel_input(term_ids), kernel_input(ids), texts)]


def warmup() -> None:
    """Compile the kernels of dictionaries, or load them from the cache of compiled code."""
    one, other = (TermDictionary.from_blocks([TermBlock(np.array([i], np.uint32), b"a")]) for i in (1, 2))
    one.merge(other).lookup(other.ids)
    one.rows().merge(other.rows()).without(one.rows())
    texts_with(one.ids, np.array([0, 1]), other.ids)


def _ascending(terms: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(terms)))
