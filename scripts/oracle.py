"""The engine that decides every derived table: how to construct it and how to read its answers.

The scripts ask `qdrant-edge-py`, one call for each code point or word, and never trust a second source:
other data only proposes candidates, which count when the engine gives their term id.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import qdrant_edge

PACKAGE = "qdrant-edge-py"
NO_STOPWORDS = qdrant_edge.StopwordsSet(set(), set())


def name_and_version() -> str:
    """Name and version of the oracle, for the headers of derived files."""
    return f"{PACKAGE} {version(PACKAGE)}"


def tokenizer(kind: str, **options: Any) -> qdrant_edge.Bm25:
    """An oracle that only splits text: no lowercase, folding, stopwords or stemmer, unless `options` say so.

    `b=0` and a huge `k` make a document's value of a term the term's frequency.
    """
    plain: dict[str, Any] = {
        "tokenizer": getattr(qdrant_edge.TokenizerType, kind.capitalize()),
        "lowercase": False,
        "ascii_folding": False,
        "stopwords": NO_STOPWORDS,
        "stemmer": qdrant_edge.DisabledStemmer(),
        "b": 0.0,
        "k": 1e12,
    }
    return qdrant_edge.Bm25(qdrant_edge.Bm25Config(**(plain | options)))


def code_points() -> Iterator[int]:
    """Every code point that can occur in valid Unicode text: all but the surrogates."""
    yield from range(0xD800)
    yield from range(0xE000, 0x110000)


def term_id(term: str) -> int:
    """Term id of a term: the absolute value of the signed murmur3_x86_32 of its UTF-8 bytes, seed 0."""
    data = term.encode()
    whole = len(data) & ~3
    state = 0
    for (block,) in struct.iter_unpack("<I", data[:whole]):
        state ^= _mixed(block)
        state = (state << 13 | state >> 19) & 0xFFFFFFFF
        state = (state * 5 + 0xE6546B64) & 0xFFFFFFFF
    state ^= _mixed(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    state = (state ^ state >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    state = (state ^ state >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    state ^= state >> 16
    return min(state, 0x1_0000_0000 - state)


def _mixed(block: int) -> int:
    block = block * 0xCC9E2D51 & 0xFFFFFFFF
    block = (block << 15 | block >> 17) & 0xFFFFFFFF
    return block * 0x1B873593 & 0xFFFFFFFF
