"""JSON lists: many sparse vectors as text.

A library writes each number by itself. Here the weights of a batch, of which few are distinct, are written
once each (by the caller, who has them numbered by `number_values`), and all is put together in one pass.
"""

from __future__ import annotations

import numpy as np

from bm25.kernels.intrinsics import count_trailing_zeros, store64
from bm25.kernels.jit import helper, kernel

__all__ = ["ENTRY", "ROW", "WORD", "number_values", "warmup", "write_vectors"]

U64 = np.uint64
MULTIPLIER = U64(0x9E3779B97F4A7C15)

INDICES = np.frombuffer(b'{"indices":[', np.uint8)
VALUES = np.frombuffer(b'],"values":[', np.uint8)
END = np.frombuffer(b"]},", np.uint8)
COMMA = U64(44)
ZERO = U64(48)
WORD = 8
"""Bytes are written by so many, of which those that are too many are written over by what follows."""

ROW = len(INDICES) + len(VALUES) + len(END)
"""Bytes of a vector without entries."""
ENTRY = 10 + 1
"""Bytes of an entry without those of its weight, at most: the digits of its id, and a comma."""


@kernel
def number_values(values, table, shift, distinct, numbers):
    """Number the distinct values in order of appearance, and return how many there are.

    Returns -1 if they would fill more than half of the table.

    Args:
        values: uint32.
        table: uint32, empty (zero), of a power of two.
        shift: 64 less the logarithm of its size.
        distinct: uint32 out, room for each value.
        numbers: uint32 out, of each value its number.
    """
    mask = table.shape[0] - 1
    room = table.shape[0] >> 1
    found = 0
    for i in range(values.shape[0]):
        value = values[i]
        slot = np.intp((U64(value) * MULTIPLIER) >> U64(shift))
        while table[slot] != 0 and distinct[table[slot] - 1] != value:
            slot = (slot + 1) & mask
        if table[slot] == 0:
            if found == room:
                return -1
            distinct[found] = value
            found += 1
            table[slot] = found
        numbers[i] = table[slot] - 1
    return found


@helper
def eight_digits(value):
    """Return the ASCII digits of a number below 10**8, with leading zeros, the first in the lowest byte."""
    # Halves, quarters, digits, all of a kind at once: a quotient by multiplication in each lane of the word.
    high = value // U64(10_000)
    halves = high | ((value - U64(10_000) * high) << U64(32))
    high = ((halves * U64(10_486)) >> U64(20)) & U64(0x0000_007F_0000_007F)
    quarters = high | ((halves - U64(100) * high) << U64(16))
    high = ((quarters * U64(103)) >> U64(10)) & U64(0x000F_000F_000F_000F)
    return (high | ((quarters - U64(10) * high) << U64(8))) + U64(0x3030_3030_3030_3030)


@helper
def write_number(value, out, at):
    """Write a number of 32 bits in decimal, and return where it ends. May write a word beyond."""
    if value >= U64(100_000_000):  # as nearly all term ids are
        high = value // U64(100_000_000)
        tens = high // U64(10)
        store64(out, at, ZERO + tens)
        at += tens != U64(0)  # no jump: one in five of these numbers has 9 digits
        store64(out, at, ZERO + high - U64(10) * tens)
        store64(out, at + 1, eight_digits(value - U64(100_000_000) * high))
        return at + 9
    digits = eight_digits(value)
    # Leading zeros are the low bytes that hold 48; one digit stays.
    zeros = min(7, count_trailing_zeros((digits ^ U64(0x3030_3030_3030_3030)) | (U64(1) << U64(56))) >> 3)
    store64(out, at, digits >> U64(8 * zeros))
    return at + 8 - zeros


@helper
def write_constant(text, out, at):
    """Write bytes one by one, and return where they end."""
    for i in range(text.shape[0]):
        out[at + i] = text[i]
    return at + text.shape[0]


@kernel
def write_vectors(indptr, indices, numbers, texts, lengths, out, start):
    """Write `{"indices":[...],"values":[...]}` for each vector, a comma after each, and return the end.

    Args:
        indptr: int64, of the vectors.
        indices: uint32.
        numbers: uint32, of each entry the number of its weight.
        texts: uint64, each row a weight and a comma, then anything.
        lengths: int64, of them, in bytes.
        out: uint8; from `start` on `ROW` bytes for each vector, `ENTRY` and the longest text for each entry,
            and as many as a row of `texts` has.
        start: where to begin.
    """
    at = start
    words = texts.shape[1]
    for row in range(indptr.shape[0] - 1):
        first, last = indptr[row], indptr[row + 1]
        at = write_constant(INDICES, out, at)
        for i in range(first, last):
            at = write_number(U64(indices[i]), out, at)
            store64(out, at, COMMA)
            at += 1
        if last > first:
            at -= 1
        at = write_constant(VALUES, out, at)
        for i in range(first, last):
            number = numbers[i]
            for word in range(words):
                store64(out, at + WORD * word, texts[number, word])
            at += lengths[number]
        if last > first:
            at -= 1
        at = write_constant(END, out, at)
    return at


def warmup() -> None:
    """Compile all of these, or load them from the cache of compiled code."""
    values, numbers = np.zeros(1, np.uint32), np.zeros(1, np.uint32)
    number_values(values, np.zeros(2, np.uint32), 63, numbers, numbers.copy())
    texts, lengths = np.frombuffer(b"1.0,    ", np.uint64).reshape(1, 1), np.array([4])
    write_vectors(np.array([0, 1]), values, numbers, texts, lengths, np.empty(100, np.uint8), 0)
