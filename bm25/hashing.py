"""Term ids in plain Python: for single terms, where compiled code would cost more to load than it saves."""

from __future__ import annotations

__all__ = ["term_id"]

_MASK = 0xFFFFFFFF


def term_id(term: str) -> int:
    """Return Qdrant's id of a term, |murmur3_x86_32(utf8(term), seed 0) as int32|, from 0 to 2**31.

    The algorithm is Austin Appleby's MurmurHash3, which is in the public domain.
    """
    data = term.encode()
    h = 0
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        h ^= _mix(int.from_bytes(data[i : i + 4], "little"))
        h = ((h << 13 | h >> 19) * 5 + 0xE6546B64) & _MASK
    if whole < len(data):
        h ^= _mix(int.from_bytes(data[whole:], "little"))
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & _MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & _MASK
    h ^= h >> 16
    return min(h, 2**32 - h)


def _mix(block: int) -> int:
    block = block * 0xCC9E2D51 & _MASK
    return (block << 15 | block >> 17) * 0x1B873593 & _MASK
