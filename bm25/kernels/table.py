"""The table of surface forms: open addressing, one 32-byte entry a form, one writer, any readers.

An entry is four 64-bit words:

    0, 1  the first 16 bytes of the form, little-endian, padded with zero
    2     bytes 17 to 24 when the form has at most 24; else the offset of bytes 17.. in the arena
    3     the length in bytes (high half, never zero) and the form's reference (low half)

Word 3 is zero in an empty entry and is stored last, with release order, so a reader that finds it
set finds the rest. Entries never change and never go away; a bigger table is a new array.

A *reference* is what the loop knows of a form, in 32 bits: a term id (at most 2**31), or, above
that, `MANY` + n for the n-th list of several ids, `SIDE` + n for such a list of one batch only,
`NEW` + n for the n-th form not yet analysed, or `DROPPED`.
"""

from __future__ import annotations

import numpy as np

from bm25.kernels.intrinsics import load64, load_acquire, prefetch, store_release
from bm25.kernels.jit import helper, kernel

__all__ = [
    "DROPPED",
    "ENTRY",
    "INLINE",
    "MANY",
    "MAX_ID",
    "NEW",
    "NOT_FOUND",
    "PROBE_LIMIT",
    "SIDE",
    "find",
    "hash_form",
    "insert",
    "rehash",
    "same_bytes",
]  # fmt: skip

ENTRY = 4  # words
INLINE = 24  # bytes of a form that the entry itself holds
BLOCK = 256  # entries fetched ahead of their use
PROBE_LIMIT = 64  # beyond this a form counts as absent, so crafted collisions cost no more than that

MAX_ID = 2**31
MANY = MAX_ID + 1
SIDE = 2**31 + 2**29
NEW = 2**31 + 2**30
DROPPED = 2**32 - 1
NOT_FOUND = 2**32  # no reference

U64 = np.uint64
ALL = U64(0xFFFFFFFFFFFFFFFF)
LOW32 = U64(0xFFFFFFFF)
MIX1 = U64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, made odd (Knuth, TAOCP 3, 6.4)
MIX2 = U64(0xD6E8FEB86659FD93)
S32 = U64(32)


@helper
def low_bytes(count):
    """Return a mask of the `count` lowest bytes of a word, `count` from 1 to 8."""
    return ALL >> U64(64 - 8 * count)


@helper
def hash_rest(data, start, count, h):
    """Mix `count` bytes, those beyond the first 16 of a form, into its hash."""
    while count > 8:
        h = (h ^ (h >> S32) ^ load64(data, start)) * MIX1
        start += 8
        count -= 8
    return (h ^ (h >> S32) ^ (load64(data, start) & low_bytes(count))) * MIX2


@helper
def hash_words(word0, word1, length):
    """Return the hash of a form of at most 16 bytes; `hash_rest` continues it for longer ones."""
    h = (word0 ^ U64(length)) * MIX1
    return (h ^ (h >> S32) ^ word1) * MIX2


@helper
def hash_form(data, start, length):
    """Return (first 8 bytes, next 8 bytes, hash) of the form data[start:start+length]."""
    short = min(length, 16)
    word0 = load64(data, start) & low_bytes(min(short, 8))
    word1 = load64(data, start + 8)
    word1 = word1 & low_bytes(short - 8) if short > 8 else U64(0)
    h = hash_words(word0, word1, length)
    if length > 16:
        h = hash_rest(data, start + 16, length - 16, h)
    return word0, word1, h


@helper
def same_bytes(a, i, b, j, count):
    """Tell whether `count` bytes at a[i] and b[j] are equal."""
    while count > 8:
        if load64(a, i) != load64(b, j):
            return False
        i += 8
        j += 8
        count -= 8
    return (load64(a, i) ^ load64(b, j)) & low_bytes(count) == U64(0)


@helper
def find(table, arena, slot, word0, word1, data, start, length):
    """Return the reference of the form data[start:start+length], or `NOT_FOUND`.

    `slot` is where its hash points, `word0` and `word1` its first 16 bytes.
    """
    slots = table.shape[0] // ENTRY
    for _ in range(PROBE_LIMIT):
        at = slot * ENTRY
        meta = load_acquire(table, at + 3)
        if meta == U64(0):
            return NOT_FOUND
        if table[at] == word0 and table[at + 1] == word1 and meta >> S32 == U64(length):
            if length <= 16:
                return np.intp(meta & LOW32)
            if length <= INLINE:
                if load64(data, start + 16) & low_bytes(length - 16) == table[at + 2]:
                    return np.intp(meta & LOW32)
            else:
                if same_bytes(data, start + 16, arena, np.intp(table[at + 2]), length - 16):
                    return np.intp(meta & LOW32)
        slot += 1
        if slot == slots:
            slot = 0
    return NOT_FOUND


@helper
def free_slot(table, slot):
    """Return where a new entry that hashes to `slot` goes, or -1 when all places near are taken."""
    slots = table.shape[0] // ENTRY
    for _ in range(PROBE_LIMIT):
        if table[slot * ENTRY + 3] == U64(0):
            return slot
        slot += 1
        if slot == slots:
            slot = 0
    return -1


@kernel
def insert(table, shift, arena, arena_used, lines, line_ends, references, wanted):
    """Add forms to the table, those that are wanted and not in it.

    Args:
        table, shift: uint64 table and 64 minus the logarithm of its number of slots.
        arena, arena_used: uint8 bytes of long forms, and how many are used; there is room.
        lines: uint8, the forms, each followed by one byte; readable 24 bytes beyond the last.
        line_ends: int64, where each form ends.
        references: uint32, one a form.
        wanted: bool in and out, the forms to add; afterwards the forms that were added.

    Returns:
        bytes of the arena used after it
    """
    shift64 = U64(shift)
    for block in range(0, line_ends.shape[0], BLOCK):
        last = min(block + BLOCK, line_ends.shape[0])
        for i in range(block, last):
            start = line_ends[i - 1] + 1 if i > 0 else 0
            if wanted[i]:
                h = hash_form(lines, start, line_ends[i] - start)[2]
                prefetch(table, np.intp(h >> shift64) * ENTRY)
        for i in range(block, last):
            start = line_ends[i - 1] + 1 if i > 0 else 0
            length = line_ends[i] - start
            if not wanted[i]:
                continue
            wanted[i] = False
            word0, word1, h = hash_form(lines, start, length)
            slot = np.intp(h >> shift64)
            if find(table, arena, slot, word0, word1, lines, start, length) != NOT_FOUND:
                continue
            slot = free_slot(table, slot)
            if slot < 0:
                continue
            at = slot * ENTRY
            table[at] = word0
            table[at + 1] = word1
            if length > INLINE:
                for b in range(length - 16):
                    arena[arena_used + b] = lines[start + 16 + b]
                table[at + 2] = U64(arena_used)
                arena_used += length - 16
            elif length > 16:
                table[at + 2] = load64(lines, start + 16) & low_bytes(length - 16)
            store_release(table, at + 3, U64(length) << S32 | U64(references[i]))
            wanted[i] = True
    return arena_used


@helper
def hash_entry(table, at, arena):
    """Return the hash of the form whose entry begins at word `at`."""
    length = np.intp(table[at + 3] >> S32)
    h = hash_words(table[at], table[at + 1], length)
    if length > INLINE:
        return hash_rest(arena, np.intp(table[at + 2]), length - 16, h)
    if length > 16:
        return (h ^ (h >> S32) ^ table[at + 2]) * MIX2
    return h


@kernel
def rehash(old, new, shift, arena):
    """Copy the entries of table `old` into the empty table `new`; return how many found a place.

    One that finds none, among crafted collisions, is a form that will be new again.
    """
    copied = 0
    shift64 = U64(shift)
    slots = old.shape[0] // ENTRY
    for block in range(0, slots, BLOCK):
        last = min(block + BLOCK, slots)
        for i in range(block, last):
            if old[i * ENTRY + 3] != U64(0):
                prefetch(new, np.intp(hash_entry(old, i * ENTRY, arena) >> shift64) * ENTRY)
        for i in range(block, last):
            source = i * ENTRY
            if old[source + 3] != U64(0):
                slot = free_slot(new, np.intp(hash_entry(old, source, arena) >> shift64))
                if slot >= 0:
                    for w in range(ENTRY):
                        new[slot * ENTRY + w] = old[source + w]
                    copied += 1
    return copied
