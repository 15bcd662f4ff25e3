"""`Vocabulary`: which terms each surface form means, found once and then looked up by compiled code."""

from __future__ import annotations

import os
import threading
import weakref
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from bm25.analysis.analyzer import Analyzer
from bm25.errors import EncoderInUseError
from bm25.kernels.murmur import term_ids_of_lines
from bm25.kernels.plain import separate_plain
from bm25.kernels.scan import PADDING
from bm25.kernels.table import DROPPED, ENTRY, INLINE, MANY, SIDE, insert, rehash
from bm25.terms import TermBlock, TermDictionary, TermIndex

__all__ = ["MAX_FORMS", "IdLists", "SideTable", "Snapshot", "Vocabulary"]

Array = np.ndarray[Any, Any]

MAX_FORMS = 2**20
"""Surface forms kept. English text of 117 MB has 400,000; a table of this many takes 64 MiB."""

MAX_BYTES = 64 << 20  # of the forms kept, in all
MAX_LISTED = 8 << 20  # ids in the lists of forms kept, in all

LONGEST_FORM = 256  # bytes; longer ones are analysed each time they come
FIRST_BITS = 14
LAST_BITS = 21


class Snapshot(NamedTuple):
    """What a kernel reads: the table, the shift that makes a hash an index, the bytes of long forms."""

    table: Array
    shift: int
    arena: Array


class IdLists:
    """Numbered lists of term ids: what a form that yields several terms refers to.

    Attributes:
        arrays: int64 ends of the lists and uint32 ids, those published so far. Readers need no lock: what
            is published never changes, and is copied when it has to grow.
    """

    def __init__(self) -> None:
        self._ends = np.empty(64, np.int64)
        self._ids = np.empty(256, np.uint32)
        self.arrays: tuple[Array, Array] = (self._ends[:0], self._ids[:0])
        self._numbers: dict[bytes, int] = {}
        self._lists: list[bytes] = []  # by number

    @property
    def size(self) -> int:
        """Ids in all lists."""
        return len(self.arrays[1])

    def number(self, ids: bytes) -> int:
        """Return the number of a list, given as the bytes of uint32 ids; equal lists are one."""
        number = self._numbers.get(ids)
        if number is None:
            # In this order, so that an interrupt in between leaves a list that nothing refers to.
            self._lists.append(ids)
            number = self._numbers[ids] = len(self._lists) - 1
        return number

    def publish(self) -> None:
        """Make the lists added since the last call part of `arrays`."""
        lists, size = len(self.arrays[0]), len(self.arrays[1])
        new = self._lists[lists:]
        if not new:
            return
        more = np.frombuffer(b"".join(new), np.uint32)
        self._ends = _with_room(self._ends, lists, len(new))
        self._ids = _with_room(self._ids, size, len(more))
        self._ends[lists : lists + len(new)] = np.cumsum([len(item) // 4 for item in new]) + size
        self._ids[size : size + len(more)] = more
        self.arrays = self._ends[: lists + len(new)], self._ids[: size + len(more)]


class SideTable:
    """What one batch learns and the vocabulary does not keep; its terms only if they are wanted."""

    def __init__(self, *, keeps_terms: bool = True) -> None:
        self.lists = IdLists()
        self.keeps_terms = keeps_terms
        self.blocks: list[TermBlock] = []


class Vocabulary:
    """Surface forms of one analyzer, at most `max_forms` of them.

    Past the bound, and for very long forms, nothing is kept: those are analysed again in every batch,
    exact as before. Readers take `snapshot` and `lists.arrays` and need no lock: entries are only ever
    added, and what grows becomes a new array. One thread at a time resolves new forms.
    """

    def __init__(self, analyzer: Analyzer, *, max_forms: int = MAX_FORMS) -> None:
        self.analyzer = analyzer
        self.max_forms = max_forms
        self.lock = threading.Lock()
        self._resolving: int | None = None  # the thread that holds the lock to resolve new forms
        self.form_count = 0
        self.forgotten = 0  # how often everything was
        self.snapshot = _empty_table(FIRST_BITS, np.zeros(1 << 16, np.uint8))
        self.lists = IdLists()
        self._arena_used = 0
        self._kept_bytes = 0
        self.index = TermIndex()
        with _forking:  # whose hook goes through them
            _vocabularies.add(self)

    def terms(self, ids: Array | None = None) -> TermDictionary:
        """Return the terms of all forms kept so far; with `ids` (uint32, ascending) of those only."""
        if self.is_resolving_here():
            raise EncoderInUseError(
                "a plug-in asks the encoder that it is part of for terms; give it an encoder of its own"
            )
        with self.lock:  # a form is in the table a moment before its terms are in the index
            index = self.index
            index.fold()
        return index.lookup(ids)

    def resolve(self, lines: Array, line_ends: Array, side: SideTable) -> Array:
        """Analyse new surface forms; keep them, or else put what they yield in the side table.

        Args:
            lines: uint8, forms each followed by a line feed, readable 64 bytes beyond the last.
            line_ends: int64, where each form ends.

        Returns:
            references, uint32, one for each form

        Raises:
            UnicodeDecodeError: a form is not valid UTF-8.
        """
        if self.is_resolving_here():
            raise EncoderInUseError(
                "a plug-in encodes with the encoder that it is part of; give it an encoder of its own"
            )
        is_plain, plain, rest = self._separate(lines, line_ends)
        text = rest.decode()
        lengths = np.diff(line_ends, prepend=-1) - 1
        references = np.full(len(line_ends), DROPPED, np.uint32)
        found: list[tuple[TermBlock, Array]] = []
        with self.lock:
            self._resolving = threading.get_ident()
            try:
                wanted = self._wanted(lengths)
                if plain:
                    block = TermBlock(_term_ids(plain), plain)
                    references[is_plain] = block.ids
                    found.append((block, np.flatnonzero(is_plain)))
                if rest:
                    block, owners = self._analyze(text, np.flatnonzero(~is_plain))
                    references[owners] = block.ids
                    self._refer_to_lists(references, block.ids, owners, wanted, side)
                    found.append((block, owners))
                if wanted.any():
                    self._insert(lines, line_ends, lengths, references, wanted)
                for block, owners in found:
                    # Terms are remembered with the form that brought them, and so as often as it is new.
                    _divide(block, wanted[owners], self.index.blocks, side.blocks if side.keeps_terms else [])
            except BaseException:  # an interrupt too: what is half done would be found later
                self._forget()
                raise
            finally:
                self._resolving = None
        return references

    def is_resolving_here(self) -> bool:
        """Tell whether it is this thread that resolves new forms just now."""
        return self._resolving == threading.get_ident()

    def _forget(self) -> None:
        self.forgotten += 1
        # The lists stay: who still reads an older table holds numbers of them.
        self.form_count = self._arena_used = self._kept_bytes = 0
        self.snapshot = _empty_table(FIRST_BITS, np.zeros(1 << 16, np.uint8))
        self.index = TermIndex()

    def _wanted(self, lengths: Array) -> Array:
        """Return which of some new forms there is room for."""
        full = self._kept_bytes >= MAX_BYTES or self.lists.size >= MAX_LISTED
        if full or self.form_count >= self.max_forms:
            return np.zeros(len(lengths), bool)
        wanted = lengths <= LONGEST_FORM
        return np.asarray(wanted & (np.cumsum(wanted) <= self.max_forms - self.form_count))

    def _separate(self, lines: Array, line_ends: Array) -> tuple[Array, bytes, bytes]:
        """Return which forms are plain, their terms, and the other forms, both split by line feeds."""
        is_plain = np.zeros(len(line_ends), bool)
        size = int(line_ends[-1])
        if not self.analyzer.longest_plain:
            return is_plain, b"", lines[:size].tobytes()
        longest = min(LONGEST_FORM, self.analyzer.longest_plain)
        plain, rest = np.empty(size + 1, np.uint8), np.empty(size + 1, np.uint8)
        plain_size, rest_size = separate_plain(lines, line_ends, longest, is_plain, plain, rest)
        return is_plain, plain[: max(0, plain_size - 1)].tobytes(), rest[: max(0, rest_size - 1)].tobytes()

    def _analyze(self, text: str, numbers: Array) -> tuple[TermBlock, Array]:
        """Return the terms of forms, and for each term the number of its form, given those of all forms."""
        terms, owners = self.analyzer.analyze(text)
        encoded = "\n".join(terms).encode()
        block = TermBlock(_term_ids(encoded) if terms else np.empty(0, np.uint32), encoded)
        return block, numbers if isinstance(owners, range) else numbers[np.array(owners, np.int64)]

    def _refer_to_lists(
        self, references: Array, ids: Array, owners: Array, wanted: Array, side: SideTable
    ) -> None:
        if not (owners[1:] == owners[:-1]).any():
            return
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        ends = np.append(starts[1:], len(owners))
        several = ends - starts > 1
        starts, ends = starts[several], ends[several]
        kept = wanted[owners[starts]]
        data = ids.tobytes()
        references[owners[starts]] = [
            MANY + self.lists.number(data[4 * start : 4 * end])
            if keep
            else SIDE + side.lists.number(data[4 * start : 4 * end])
            for start, end, keep in zip(starts.tolist(), ends.tolist(), kept.tolist(), strict=True)
        ]
        # Before the forms are in the table: who finds a form there finds its list.
        self.lists.publish()
        side.lists.publish()

    def _insert(
        self, lines: Array, line_ends: Array, lengths: Array, references: Array, wanted: Array
    ) -> None:
        outside = wanted & (lengths > INLINE)
        self._make_room(int(wanted.sum()), int(lengths[outside].sum()))
        table, shift, arena = self.snapshot
        self._arena_used = insert(table, shift, arena, self._arena_used, lines, line_ends, references, wanted)
        self.form_count += int(wanted.sum())
        self._kept_bytes += int(lengths[wanted].sum())

    def _make_room(self, forms: int, size: int) -> None:
        table, shift, arena = self.snapshot
        grown = self._arena_used + size + PADDING > len(arena)
        if grown:
            arena = np.zeros(2 * (self._arena_used + size + PADDING), np.uint8)
            arena[: self._arena_used] = self.snapshot.arena[: self._arena_used]
        bits = 64 - shift
        while 2 * (self.form_count + forms) > 1 << bits:
            bits += 1 if bits >= LAST_BITS - 1 else 2
        if bits != 64 - shift:
            bigger = _empty_table(bits, arena)
            self.form_count = int(rehash(table, bigger.table, bigger.shift, arena))
            self.snapshot = bigger
        elif grown:
            # The table too: in the old one no entry may point to what the old arena does not have.
            self.snapshot = Snapshot(table.copy(), shift, arena)


def _empty_table(bits: int, arena: Array) -> Snapshot:
    # Filled, not `zeros`: numpy asks for huge pages only for memory that it does not take zeroed, and
    # a fault on every small page, at random, made growing the table 15 times slower.
    return Snapshot(np.full(ENTRY << bits, 0, np.uint64), 64 - bits, arena)


def _with_room(array: Array, used: int, more: int) -> Array:
    """Return an array with the same beginning and room for more: itself, or a copy twice as large."""
    if used + more <= len(array):
        return array
    larger = np.empty(2 * (used + more), array.dtype)
    larger[:used] = array[:used]
    return larger


def _term_ids(lines: bytes) -> Array:
    """Return the ids of terms split by line feeds, of which there is at least one."""
    ids = np.empty(lines.count(b"\n") + 1, np.uint32)
    term_ids_of_lines(np.frombuffer(lines + bytes(8), np.uint8), len(lines), ids)
    return ids


def _divide(block: TermBlock, kept: Array, ours: list[TermBlock], others: list[TermBlock]) -> None:
    """Append the terms of kept forms to one list of blocks, and the others to another."""
    if not len(kept):
        return
    if kept.all():
        ours.append(block)
    elif not kept.any():
        others.append(block)
    else:
        terms = block.lines.split(b"\n")
        for blocks, chosen in ((ours, kept), (others, ~kept)):
            blocks.append(TermBlock(block.ids[chosen], b"\n".join(compress(terms, chosen.tolist()))))


# A fork while another thread holds a lock would leave it locked forever in the child. One fork at a time.
_vocabularies: weakref.WeakSet[Vocabulary] = weakref.WeakSet()
_forking = threading.Lock()
_held: list[Vocabulary] = []


def _before_fork() -> None:
    _forking.acquire()
    for vocabulary in list(_vocabularies):
        if vocabulary.is_resolving_here():
            continue  # a plug-in forks: its thread goes on in the child, and gives the lock back there
        vocabulary.lock.acquire()
        _held.append(vocabulary)


def _after_fork() -> None:
    while _held:
        _held.pop().lock.release()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
