"""Kernels called as the package calls them, with small arrays and a resolver in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from bm25.kernels import scan as scanning
from bm25.kernels.scan import IDENTIFIER, MULTILINGUAL, PADDING, STATE, WHITESPACE, WORD, scan
from bm25.kernels.table import DROPPED, ENTRY, MAX_ID, NEW, insert, rehash

MODES = {
    "word": WORD, "whitespace": WHITESPACE, "identifier": IDENTIFIER, "multilingual": MULTILINGUAL,
}  # fmt: skip

BEYOND = b"Zz\xc3" * PADDING  # what stands behind the last text must not matter, so it looks like a token


class Table:
    """A table of surface forms with its arena."""

    def __init__(self, bits: int = 10, arena: int = 1 << 16) -> None:
        self.table = np.zeros(ENTRY << bits, np.uint64)
        self.shift = 64 - bits
        self.arena = np.zeros(arena, np.uint8)
        self.used = 0

    def add(self, forms: Sequence[bytes], references: Iterable[int], longest: int = 1 << 20) -> int:
        """Insert forms; return how many were added."""
        lines, ends = lines_of(forms)
        added = np.array([0 < len(form) <= longest for form in forms])
        with np.errstate(over="ignore"):
            self.used = insert(
                self.table, self.shift, self.arena, self.used, lines, ends,
                np.array(list(references), np.uint32), added,
            )  # fmt: skip
        return int(added.sum())

    def grown(self, bits: int) -> tuple[Table, int]:
        """Return a larger table with the entries of this one, and how many they are."""
        bigger = Table(bits)
        bigger.arena, bigger.used = self.arena, self.used
        with np.errstate(over="ignore"):
            copied = rehash(self.table, bigger.table, bigger.shift, self.arena)
        return bigger, int(copied)

    def lookup(self, forms: Sequence[bytes]) -> list[int | None]:
        """Return the reference of each form, None for those that are not found."""
        result = scan_texts(forms, "whitespace", table=self, resolve=lambda new: [MAX_ID] * len(new))
        found: list[int | None] = []
        for document in result.raw:
            assert len(document) <= 1
            found.append(None if document and document[0] >= NEW else document[0] if document else DROPPED)
        return found


class Scanned(NamedTuple):
    """References of each text; `raw` as the kernel wrote them, `references` with new forms resolved."""

    raw: list[list[int]]
    references: list[list[int]]
    new_forms: list[list[bytes]]  # of each call that found any


def lines_of(forms: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Forms each followed by a line feed, and where each ends."""
    assert not any(b"\n" in form for form in forms)
    data = b"".join(form + b"\n" for form in forms) + BEYOND
    ends = np.cumsum([len(form) + 1 for form in forms], dtype=np.int64) - 1
    return np.frombuffer(data, np.uint8).copy(), ends


def read_only(data: bytes) -> np.ndarray:
    """An array as the package passes text: kernels are compiled for read-only memory."""
    return np.frombuffer(data, np.uint8)


def scan_texts(
    texts: Sequence[bytes],
    mode: str,
    *,
    resolve: Callable[[list[bytes]], list[int]],
    table: Table | None = None,
    room: int = 1 << 12,
    room_bytes: int = 1 << 16,
    slots: int | None = None,
    before: bytes = b"",
    between: bytes = b"",
    learn: Table | None = None,
) -> Scanned:
    """Scan texts with room for `room` new forms, as often as it takes.

    `learn` is a table that takes up the new forms whenever some were resolved, as a vocabulary does.
    """
    table = table if table is not None else learn if learn is not None else Table(4)
    data = bytearray(before)
    starts, ends = [], []
    for text in texts:
        starts.append(len(data))
        data += text
        ends.append(len(data))
        data += between
    window = read_only(bytes(data) + BEYOND)
    size = sum(map(len, texts))
    references = np.full((size + len(texts)) // 2 + 1, 0xDEAD, np.uint32)
    reference_ends = np.full(len(texts), -1, np.int64)
    new_table = np.zeros(slots if slots is not None else 4 * room, np.uint32)
    new_ends = np.zeros(room, np.int64)
    new_bytes = np.full(room_bytes, ord("q"), np.uint8)
    state = np.zeros(STATE, np.int64)
    state[scanning.POSITION] = starts[0] if starts else 0
    start_array, end_array = np.array(starts, np.int64), np.array(ends, np.int64)
    new_references: list[int] = []
    batches: list[list[bytes]] = []
    done = False
    while not done:
        with np.errstate(over="ignore"):
            done = scan(
                window, start_array, end_array, MODES[mode], table.table, table.shift, table.arena,
                references, reference_ends, len(new_references), new_table, new_bytes, new_ends, state,
            )  # fmt: skip
        new = int(state[scanning.NEW_FORMS])
        if new:
            forms = listed(new_bytes, new_ends[:new])
            batches.append(forms)
            resolved = resolve(forms)
            new_references += resolved
            if learn is not None:
                learn.add(forms, resolved)
            state[scanning.NEW_FORMS] = state[scanning.NEW_BYTES] = 0
            new_table[:] = 0
            new_bytes[:] = ord("q")
        elif not done:
            needed = int(state[scanning.NEEDED])
            assert needed > len(new_bytes), "there was room, or the size told does not help"
            new_bytes = np.full(needed, ord("q"), np.uint8)
    bounds = [0, *reference_ends.tolist()]
    raw = [references[a:b].tolist() for a, b in pairwise(bounds)]
    through = [[new_references[r - NEW] if NEW <= r < DROPPED else r for r in document] for document in raw]
    return Scanned(raw, [[r for r in document if r != DROPPED] for document in through], batches)


def listed(new_bytes: np.ndarray, new_ends: np.ndarray) -> list[bytes]:
    """The new forms of one call, each of which a line feed follows."""
    forms, start = [], 0
    for end in new_ends.tolist():
        forms.append(new_bytes[start:end].tobytes())
        assert new_bytes[end] == 10
        start = end + 1
    return forms


class Numbers:
    """A resolver that numbers forms in order of appearance; `dropped` decides which are dropped."""

    def __init__(self, dropped: Callable[[bytes], bool] = lambda form: False) -> None:
        self.numbers: dict[bytes, int] = {}
        self.dropped = dropped

    def of(self, form: bytes) -> int:
        if self.dropped(form):
            return DROPPED
        return self.numbers.setdefault(form, len(self.numbers))

    def __call__(self, forms: Sequence[bytes]) -> list[int]:
        return [self.of(form) for form in forms]


def same_slot(bits: int, count: int, *, slot: int = 0) -> list[bytes]:
    """Forms whose hash points at one slot of a table of 2**bits, found by adding them to an empty one."""
    table = Table(bits)
    found: list[bytes] = []
    number = 0
    while len(found) < count:
        form = b"%08d" % number
        table.table[:] = 0
        assert table.add([form], [1]) == 1
        if table.table[slot * ENTRY + 3]:
            found.append(form)
        number += 1
    return found


def call(kernel: Any, *args: Any) -> Any:
    """Call a kernel; without the JIT its integers are numpy's, which warn when they wrap around."""
    with np.errstate(over="ignore"):
        return kernel(*args)
