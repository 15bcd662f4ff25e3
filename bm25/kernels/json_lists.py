"""JSON lists: many sparse vectors as text.

A library writes each number by itself. Here the weights of a batch, of which few are distinct, are written once
each (by the caller, who has them numbered by `number_values`), and everything is put together in one pass.
"""

from __future__ import annotations

import numpy as np

from bm25.kernels.jit import helper, kernel

__all__ = ["ENTRY", "ROW", "number_values", "warmup", "write_vectors"]

U64 = np.uint64
MULTIPLIER = U64(0x9E3779B97F4A7C15)

INDICES = np.frombuffer(b'{"indices":[', np.uint8)
VALUES = np.frombuffer(b'],"values":[', np.uint8)
END = np.frombuffer(b"]},", np.uint8)
COMMA = 44
ZERO = 48
PAIRS = np.frombuffer("".join(f"{i:02d}" for i in range(100)).encode(), np.uint8)

ROW = len(INDICES) + len(VALUES) + len(END)
"""Bytes of a vector without entries."""
ENTRY = 10 + 1 + 1
"""Bytes of an entry without those of its weight, at most: the digits of its id, and two commas."""


@kernel
def number_values(values, table, shift, distinct, numbers):
    """Number the distinct values in order of appearance, and return how many there are.

    Args:
        values: uint32.
        table: uint32, empty (zero), of a power of two, more than there are values.
        shift: 64 less the logarithm of its size.
        distinct: uint32 out, room for each value.
        numbers: uint32 out, of each value its number.
    """
    mask = table.shape[0] - 1
    found = 0
    for i in range(values.shape[0]):
        value = values[i]
        slot = np.intp((U64(value) * MULTIPLIER) >> U64(shift))
        while table[slot] != 0 and distinct[table[slot] - 1] != value:
            slot = (slot + 1) & mask
        if table[slot] == 0:
            distinct[found] = value
            found += 1
            table[slot] = found
        numbers[i] = table[slot] - 1
    return found


@helper
def digit_count(value):
    """Return how many decimal digits a number has; most term ids have ten."""
    count = 10
    limit = np.int64(1_000_000_000)
    while value < limit and count > 1:
        limit //= 10
        count -= 1
    return count


@helper
def write_number(value, out, at):
    """Write a number in decimal, and return where it ends."""
    end = at + digit_count(value)
    place = end
    while value >= 100:
        rest = value // 100
        pair = 2 * (value - 100 * rest)
        place -= 2
        out[place] = PAIRS[pair]
        out[place + 1] = PAIRS[pair + 1]
        value = rest
    if value >= 10:
        out[place - 2] = PAIRS[2 * value]
        out[place - 1] = PAIRS[2 * value + 1]
    else:
        out[place - 1] = ZERO + value
    return end


@helper
def write_text(text, start, end, out, at):
    """Copy bytes, and return where they end."""
    for i in range(start, end):
        out[at] = text[i]
        at += 1
    return at


@kernel
def write_vectors(indptr, indices, numbers, text, bounds, out):
    """Write `{"indices":[...],"values":[...]}` for each vector, a comma after each, and return the size.

    Args:
        indptr: int64, of the vectors.
        indices: uint32.
        numbers: uint32, of each entry the number of its weight.
        text: uint8, the weights, one after the other.
        bounds: int64, where weight i begins; the end of the last one at the end.
        out: uint8, `ROW` for each vector, `ENTRY` and the longest weight for each entry.
    """
    at = 0
    for row in range(indptr.shape[0] - 1):
        first, last = indptr[row], indptr[row + 1]
        at = write_text(INDICES, 0, INDICES.shape[0], out, at)
        for i in range(first, last):
            at = write_number(np.int64(indices[i]), out, at)
            out[at] = COMMA
            at += 1
        if last > first:
            at -= 1
        at = write_text(VALUES, 0, VALUES.shape[0], out, at)
        for i in range(first, last):
            number = numbers[i]
            at = write_text(text, bounds[number], bounds[number + 1], out, at)
            out[at] = COMMA
            at += 1
        if last > first:
            at -= 1
        at = write_text(END, 0, END.shape[0], out, at)
    return at


def warmup() -> None:
    """Compile all of these, or load them from the cache of compiled code."""
    values, numbers = np.zeros(1, np.uint32), np.zeros(1, np.uint32)
    number_values(values, np.zeros(2, np.uint32), 63, numbers, numbers.copy())
    text, bounds = np.frombuffer(b"1.0", np.uint8), np.array([0, 3])
    write_vectors(np.array([0, 1]), values, numbers, text, bounds, np.empty(100, np.uint8))
