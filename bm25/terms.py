"""`TermDictionary`: from term ids back to terms, with the terms that share an id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["TermBlock", "TermDictionary"]


class TermBlock(NamedTuple):
    """Terms as they leave the analysis: ids (uint32), and the UTF-8 terms split by line feeds."""

    ids: np.ndarray[Any, np.dtype[np.uint32]]
    lines: bytes

    def to_arrow(self) -> pa.LargeStringArray:
        """Return the terms as an Arrow array over the same bytes."""
        data = np.frombuffer(self.lines, np.uint8)
        feeds = np.flatnonzero(data == 10)
        ends = np.append(feeds, len(data))
        # An Arrow string ends where the next begins, so the line feeds have to go.
        packed = np.delete(data, feeds)
        offsets = np.zeros(len(ends) + 1, np.int64)
        offsets[1:] = ends - np.arange(len(ends))
        return pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(packed))


class TermDictionary(Mapping[int, str]):
    """An immutable mapping from term id to term, ascending by id.

    Where several terms share an id it holds the least of them, so that the order in which texts
    came does not show, and lists all in `collisions`.
    """

    def __init__(
        self, ids: np.ndarray[Any, Any], terms: pa.LargeStringArray, collisions: dict[int, tuple[str, ...]]
    ):
        self.ids = ids
        self.terms = terms
        self.collisions = collisions

    @classmethod
    def from_blocks(
        cls, blocks: Iterable[TermBlock], *, among: np.ndarray[Any, Any] | None = None
    ) -> TermDictionary:
        """Build a dictionary; with `among` (uint32, ascending) of those ids only."""
        blocks = [block for block in blocks if len(block.ids)]
        if not blocks:
            return cls(np.empty(0, np.uint32), pa.array([], pa.large_string()), {})
        ids = np.concatenate([block.ids for block in blocks])
        terms = pa.chunked_array([block.to_arrow() for block in blocks])
        if among is not None:
            wanted = np.flatnonzero(np.isin(ids, among))
            ids, terms = ids[wanted], terms.take(pa.array(wanted))
        table = pa.table({"id": ids, "term": terms})
        table = (
            table.group_by(["id", "term"]).aggregate([]).sort_by([("id", "ascending"), ("term", "ascending")])
        )
        ids = table["id"].to_numpy()
        first = np.ones(len(ids), bool)
        first[1:] = ids[1:] != ids[:-1]
        terms = table["term"].combine_chunks()
        collisions: dict[int, tuple[str, ...]] = {}
        for term_id in np.unique(ids[~first]).tolist():
            low, high = np.searchsorted(ids, term_id, "left"), np.searchsorted(ids, term_id, "right")
            collisions[term_id] = tuple(terms.slice(low, high - low).to_pylist())
        return cls(ids[first], pc.filter(terms, pa.array(first)), collisions)

    def __getitem__(self, term_id: int) -> str:
        if not isinstance(term_id, int | np.integer):
            raise KeyError(term_id)
        position = int(np.searchsorted(self.ids, term_id))
        if position == len(self.ids) or self.ids[position] != term_id:
            raise KeyError(term_id)
        return str(self.terms[position].as_py())

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids.tolist())

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<TermDictionary of {len(self)} ids, {len(self.collisions)} of them shared by several terms>"

    def __reduce__(self) -> tuple[Any, ...]:
        return TermDictionary, (self.ids, self.terms, self.collisions)

    def to_arrow(self) -> pa.Table:
        """Return a table of `id` (uint32, ascending) and `term` (large_string)."""
        return pa.table({"id": self.ids, "term": self.terms})
