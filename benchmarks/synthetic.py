"""Statistics of corpora that are too large to be had: made of ranks, the order in which terms first came.

A term's id is a hash of its rank, so ids are spread, and shared by several terms, as they are in real
corpora; a term is 4 to 14 letters made of the rank too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from bm25 import CorpusStatistics
from bm25.accumulator import Frequencies
from bm25.terms import TermDictionary

Array = np.ndarray[Any, Any]

SHORTEST, LONGEST = 4, 14  # letters


def mixed(ranks: Array) -> Array:
    """Return a 64-bit hash of each rank (the finalizer of SplitMix64)."""
    x = ranks.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def ids_of(hashes: Array) -> Array:
    """Return the term id of each hash, uint32, below 2**31."""
    return (hashes & np.uint64(0x7FFFFFFF)).astype(np.uint32)


def terms_of(ranks: Array, hashes: Array) -> pa.LargeStringArray:
    """Return the term of each rank, no two alike."""
    letters = np.empty((len(ranks), LONGEST), np.uint8)
    left = ranks.astype(np.uint64)
    for i in range(LONGEST):  # first the rank itself, to base 26, as many letters as it needs; then anything
        more = (hashes >> np.uint64(4 * i)) % np.uint64(26)
        letters[:, i] = 97 + np.where(left > 0, left % np.uint64(26), more)
        left //= np.uint64(26)
    needed = np.ceil(np.log(ranks + 2.0) / np.log(26)).astype(np.int64) + 1
    lengths = np.clip(SHORTEST + (hashes >> np.uint64(60)).astype(np.int64), needed, LONGEST)
    # The number of letters that are the rank tells ranks apart whose letters go on alike.
    letters[np.arange(len(ranks)), lengths - 1] = 97 + np.minimum(needed, 25)
    offsets = np.zeros(len(ranks) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    data = letters[np.arange(LONGEST) < lengths[:, None]]
    return pa.LargeStringArray.from_buffers(len(ranks), pa.py_buffer(offsets), pa.py_buffer(data))


def statistics_of(ranks: Array, document_frequencies: Array, documents: int) -> CorpusStatistics:
    """Return the statistics of documents that hold the terms of these ranks, with their dictionary.

    Args:
        ranks: int64, distinct.
        document_frequencies: int64, of each; its occurrences are half as many again.
        documents: how many there are.
    """
    hashes = mixed(ranks)
    ids = ids_of(hashes)
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    terms = terms_of(ranks[order], hashes[order])
    first = np.ones(len(ids), bool)
    first[1:] = ids[1:] != ids[:-1]
    starts = np.flatnonzero(first)
    document = np.add.reduceat(document_frequencies[order], starts) if len(starts) else document_frequencies
    document = np.minimum(document, documents)
    collection = document + document // 2
    if len(starts) < len(ids):
        # The terms of one id have to ascend.
        places = np.arange(len(ids))
        for last in np.flatnonzero(~first).tolist():
            start = starts[np.searchsorted(starts, last, "right") - 1]
            places[start : last + 1] = sorted(range(start, last + 1), key=lambda i: terms[i].as_py())
        terms = terms.take(pa.array(places))
    return CorpusStatistics(
        Frequencies(ids[starts], document, collection),
        document_count=documents,
        empty_count=0,
        total_length=int(collection.sum()),
        terms=TermDictionary.from_arrow(ids, terms),
    )


def size_of_statistics(statistics: CorpusStatistics) -> int:
    """Return the bytes that statistics and their dictionary take."""
    terms = statistics.terms
    assert terms is not None
    arrays = (statistics.term_ids, statistics.document_frequencies, statistics.collection_frequencies)
    return sum(array.nbytes for array in arrays) + int(terms.ids.nbytes) + int(terms.terms.nbytes)
