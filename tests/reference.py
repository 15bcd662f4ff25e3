"""The kernels once more, naive and in plain Python: what compiled code is compared with.

Nothing here imports the package. Exact arithmetic stands where a kernel has one fused instruction.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

WORD_BYTES = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") | set(
    range(128, 256)
)
SPACE_BYTES = frozenset(b"\t\n\v\f\r ")
MULTILINGUAL_SEPARATORS = frozenset(b"\0\t\n\r !\"#%&'()*+,-./:;?@[\\]_`{}")


def belongs(byte: int, mode: str) -> bool:
    """Tell whether a byte is part of a surface form."""
    if mode == "whitespace":
        return byte not in SPACE_BYTES
    if mode == "multilingual":
        return byte not in MULTILINGUAL_SEPARATORS
    return byte in WORD_BYTES or (mode == "identifier" and byte == ord("_"))


def spans(data: bytes, mode: str) -> list[tuple[int, int]]:
    """Where each surface form starts and ends."""
    found = []
    start = None
    for i, byte in enumerate(data):
        if belongs(byte, mode):
            start = i if start is None else start
        elif start is not None:
            found.append((start, i))
            start = None
    return found if start is None else [*found, (start, len(data))]


def forms(data: bytes, mode: str) -> list[bytes]:
    """The surface forms of a text, in order."""
    return [data[start:end] for start, end in spans(data, mode)]


def term_id(term: bytes) -> int:
    """|murmur3_x86_32(term, seed 0)|, the published algorithm word for word."""
    c1, c2, ones = 0xCC9E2D51, 0x1B873593, 0xFFFFFFFF

    def rotl(x: int, r: int) -> int:
        return ((x << r) & ones) | (x >> (32 - r))

    h1 = 0
    blocks = len(term) // 4
    for i in range(blocks):
        k1 = int.from_bytes(term[4 * i : 4 * i + 4], "little")
        k1 = (rotl((k1 * c1) & ones, 15) * c2) & ones
        h1 = (rotl(h1 ^ k1, 13) * 5 + 0xE6546B64) & ones
    tail = term[4 * blocks :]
    k1 = 0
    if len(tail) >= 3:
        k1 ^= tail[2] << 16
    if len(tail) >= 2:
        k1 ^= tail[1] << 8
    if len(tail) >= 1:
        k1 ^= tail[0]
        h1 ^= (rotl((k1 * c1) & ones, 15) * c2) & ones
    h1 ^= len(term)
    h1 ^= h1 >> 16
    h1 = (h1 * 0x85EBCA6B) & ones
    h1 ^= h1 >> 13
    h1 = (h1 * 0xC2B2AE35) & ones
    h1 ^= h1 >> 16
    return abs(h1 - 2**32 if h1 >= 2**31 else h1)


def counts(documents: Iterable[Sequence[int]]) -> tuple[list[int], list[int], list[int], list[int]]:
    """(indptr, term ids, frequencies, lengths) of documents given as term ids, repeats included."""
    indptr, ids, frequencies, lengths = [0], [], [], []
    for document in documents:
        ordered = sorted(Counter(document).items())
        ids += [term for term, _ in ordered]
        frequencies += [frequency for _, frequency in ordered]
        lengths.append(len(document))
        indptr.append(len(ids))
    return indptr, ids, frequencies, lengths


def fused_multiply_add(a: float, b: float, c: float) -> float:
    """a * b + c, rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def document_weight(frequency: int, length: int, k: float, b: float, avg_len: float) -> np.float32:
    """Weight of a term: every operation rounds to float64 but the fused one, then once to float32."""
    norm = (1.0 - b) + (b * float(length)) / avg_len
    return to_float32((frequency * (k + 1.0)) / fused_multiply_add(k, norm, float(frequency)))


def document_weight_unfused(frequency: int, length: int, k: float, b: float, avg_len: float) -> np.float32:
    """Weight of a term where every operation rounds to float64 by itself."""
    norm = (1.0 - b) + (b * float(length)) / avg_len
    return to_float32((frequency * (k + 1.0)) / (float(frequency) + k * norm))


def query_weight(frequency: int, k3: float) -> np.float32:
    """Weight of a query term by its count in the query."""
    return to_float32(((k3 + 1.0) * frequency) / (k3 + frequency))


def to_float32(value: float) -> np.float32:
    """The nearest float32 of a positive float64, ties to even, found in exact arithmetic."""
    mantissa, exponent = math.frexp(value)
    assert -125 <= exponent <= 128, "normal float32 only"
    scaled = Fraction(mantissa) * 2**24  # in [2**23, 2**24)
    whole = math.floor(scaled)
    rest = scaled - whole
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2):
        whole += 1
    return np.float32(math.ldexp(whole, exponent - 24))


def term_with_id(wanted: int, number: int, alphabet: bytes) -> bytes:
    """Return the `number`-th or a later eight-byte term of an alphabet that has the id `wanted`.

    murmur3 is a chain of bijections: for any first block there is one second block that gives a hash.
    """
    hashes = [wanted] if wanted in (0, 2**31) else [wanted, 2**32 - wanted]
    ones = 0xFFFFFFFF

    def inverse(odd: int) -> int:
        return pow(odd, -1, 2**32)

    def rotr(x: int, r: int) -> int:
        return (x >> r) | ((x << (32 - r)) & ones)

    ends = []
    for h in hashes:
        h ^= h >> 16
        h = (h * inverse(0xC2B2AE35)) & ones
        h ^= (h >> 13) ^ (h >> 26)
        h = (h * inverse(0x85EBCA6B)) & ones
        h = h ^ (h >> 16) ^ 8
        ends.append(rotr(((h - 0xE6546B64) * inverse(5)) & ones, 13))
    size = len(alphabet)
    while True:
        first = bytes(alphabet[(number // size**i) % size] for i in range(4))
        k1 = (int.from_bytes(first, "little") * 0xCC9E2D51) & ones
        k1 = (((k1 << 15) & ones | k1 >> 17) * 0x1B873593) & ones
        h1 = (((k1 << 13) & ones | k1 >> 19) * 5 + 0xE6546B64) & ones
        for end in ends:
            k1 = ((end ^ h1) * inverse(0x1B873593)) & ones
            k1 = (rotr(k1, 15) * inverse(0xCC9E2D51)) & ones
            second = k1.to_bytes(4, "little")
            if all(byte in alphabet for byte in second):
                assert term_id(first + second) == wanted
                return first + second
        number += 1


def frequencies_by_id(
    documents: Iterable[Iterable[tuple[int, int]]],
) -> tuple[list[int], list[int], list[int]]:
    """(ids ascending, texts that have each, occurrences) of texts given as (id, frequency) pairs."""
    texts: Counter[int] = Counter()
    occurrences: Counter[int] = Counter()
    for document in documents:
        for number, frequency in document:
            texts[number] += 1
            occurrences[number] += frequency
    ids = sorted(texts)
    return ids, [texts[i] for i in ids], [occurrences[i] for i in ids]


def signed_sum(
    one: dict[int, tuple[int, int]], other: dict[int, tuple[int, int]], sign: int
) -> dict[int, tuple[int, int]]:
    """One + sign * other, by ascending id, of pairs of numbers, without pairs of zeros."""
    found = {}
    for number in sorted(one.keys() | other.keys()):
        a, b = one.get(number, (0, 0)), other.get(number, (0, 0))
        pair = a[0] + sign * b[0], a[1] + sign * b[1]
        if pair != (0, 0):
            found[number] = pair
    return found
