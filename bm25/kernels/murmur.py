"""Term ids: |murmur3_x86_32(utf8(term), seed 0)|, as Qdrant computes them.

MurmurHash3 is Austin Appleby's, in the public domain; the 32-bit variant for x86.
"""

from __future__ import annotations

import numpy as np

from bm25.kernels.intrinsics import load64
from bm25.kernels.jit import helper, kernel

__all__ = ["term_ids_of_lines"]

U32 = np.uint32
U64 = np.uint64
LOW32 = U64(0xFFFFFFFF)


@helper
def rotate(value, by):
    """Rotate the low 32 bits of a 64-bit word."""
    return ((value << U64(by)) | (value >> U64(32 - by))) & LOW32


@helper
def mix(block):
    """Mix one 32-bit block."""
    return (rotate((block * U64(0xCC9E2D51)) & LOW32, 15) * U64(0x1B873593)) & LOW32


@helper
def term_id(data, start, length):
    """Return the term id of data[start:start+length] as uint64; readable 8 bytes beyond it."""
    h = U64(0)
    whole = length // 4
    for i in range(whole):
        h ^= mix(load64(data, start + 4 * i) & LOW32)
        h = (rotate(h, 13) * U64(5) + U64(0xE6546B64)) & LOW32
    left = length - 4 * whole
    if left > 0:
        tail = load64(data, start + 4 * whole) & ((U64(1) << U64(8 * left)) - U64(1))
        h ^= mix(tail)
    h ^= U64(length) & LOW32
    h ^= h >> U64(16)
    h = (h * U64(0x85EBCA6B)) & LOW32
    h ^= h >> U64(13)
    h = (h * U64(0xC2B2AE35)) & LOW32
    h ^= h >> U64(16)
    # The absolute value of a signed 32-bit number, where -2**31 becomes 2**31.
    return h if h <= U64(0x80000000) else U64(0x100000000) - h


@kernel
def term_ids_of_lines(lines, size, ids):
    """Write the term id of each term; `lines` (uint8) holds `size` bytes of terms split by line feeds.

    `lines` must be readable 8 bytes beyond `size`; `ids` (uint32) takes one more than the line feeds.
    """
    start = 0
    number = 0
    for i in range(size):
        if lines[i] == 10:
            ids[number] = term_id(lines, start, i - start)
            number += 1
            start = i + 1
    ids[number] = term_id(lines, start, size - start)
