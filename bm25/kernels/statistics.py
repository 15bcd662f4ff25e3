"""Statistics: frequencies of many texts added up by term id, and sorted statistics merged.

The table of `accumulate` is like that of `count`: term ids are uniform hashes, so their top bits are
an index, and the table read from front to back is almost in order. An entry is two 64-bit words:

    0  the term id (high half) and the texts that have it (low half, never zero in an entry)
    1  its occurrences in all of them
"""

from __future__ import annotations

import numpy as np

from bm25.kernels.count import SLACK
from bm25.kernels.intrinsics import prefetch
from bm25.kernels.jit import kernel
from bm25.kernels.table import PROBE_LIMIT

__all__ = [
    "accumulate",
    "drain",
    "find_places",
    "merge",
    "pack_rows",
    "reduce_sorted",
    "table_of",
    "take_rows",
    "warmup",
]

U64 = np.uint64
S32 = U64(32)
LOW32 = U64(0xFFFFFFFF)
ID_BITS = 31
AHEAD = 16  # entries that are fetched before they are needed
AT_ONCE = 64  # lookups that wait for memory together


def table_of(bits: int) -> np.ndarray:
    """Return an empty table with 2**bits buckets; `bits` is at most 31."""
    # Filled, not zeroed: numpy gives zeroed memory in small pages.
    return np.full(2 * ((1 << bits) + SLACK), 0, np.uint64)


@kernel
def accumulate(term_ids, frequencies, start, table, bits, room):
    """Add entries from `start` on to a table.

    Args:
        term_ids, frequencies: uint32, an id at most once a text, none above 2**31.
        table: what `table_of(bits)` made.
        room: how many new ids may be added.

    Returns:
        (where it stopped, new ids): short of the end when an id found no place, because there
        was no room or because too many ids share their top bits.
    """
    shift = U64(ID_BITS - bits)
    added = 0
    size = term_ids.shape[0]
    for i in range(start, size):
        ahead = i + AHEAD
        if ahead < size:
            prefetch(table, 2 * np.intp(U64(term_ids[ahead]) >> shift))
        term_id = U64(term_ids[i])
        slot = np.intp(term_id >> shift)
        last = slot + PROBE_LIMIT
        found = table[2 * slot]
        while found != U64(0) and found >> S32 != term_id:
            slot += 1
            if slot == last:
                return i, added
            found = table[2 * slot]
        if found == U64(0):
            if added == room:
                return i, added
            added += 1
            found = term_id << S32
        table[2 * slot] = found + U64(1)
        table[2 * slot + 1] += U64(frequencies[i])
    return size, added


@kernel
def drain(table, term_ids, document_frequencies, collection_frequencies):
    """Write a table's entries by ascending id, and empty it. Returns their number.

    `term_ids` is uint32, the others are int64, with room for all entries.
    """
    written = 0
    for slot in range(table.shape[0] // 2):
        found = table[2 * slot]
        if found == U64(0):
            continue
        occurrences = table[2 * slot + 1]
        table[2 * slot] = U64(0)
        table[2 * slot + 1] = U64(0)
        term_id = found >> S32
        at = written
        # Neighbours in the table may stand in the wrong order; they move by a few places.
        while at > 0 and U64(term_ids[at - 1]) > term_id:
            term_ids[at] = term_ids[at - 1]
            document_frequencies[at] = document_frequencies[at - 1]
            collection_frequencies[at] = collection_frequencies[at - 1]
            at -= 1
        term_ids[at] = np.uint32(term_id)
        document_frequencies[at] = np.int64(found & LOW32)
        collection_frequencies[at] = np.int64(occurrences)
        written += 1
    return written


@kernel
def reduce_sorted(keys, frequencies, distinct, document_frequencies, collection_frequencies):
    """Add up entries whose keys ascend. Returns the number of distinct keys.

    Args:
        keys: any integers, ascending.
        frequencies: uint32, one for each.
        distinct, document_frequencies, collection_frequencies: out, as long as `keys`; int64 but the first.
    """
    written = 0
    for i in range(keys.shape[0]):
        if i == 0 or keys[i] != keys[i - 1]:
            distinct[written] = keys[i]
            document_frequencies[written] = 0
            collection_frequencies[written] = 0
            written += 1
        document_frequencies[written - 1] += 1
        collection_frequencies[written - 1] += np.int64(frequencies[i])
    return written


@kernel
def merge(
    ids_a, document_a, collection_a, ids_b, document_b, collection_b, sign,
    ids, document, collection,
):  # fmt: skip
    """Write a + sign * b by ascending id, without what becomes zero.

    Args:
        ids_a, document_a, collection_a: uint32 ascending, int64, int64, read-only; the same for b.
        sign: 1 or -1.
        ids, document, collection: out, with room for both.

    Returns:
        (entries written, position in the output of the first entry below zero, or of one that has
        occurrences and no text or the other way round; -1 without any)
    """
    i = 0
    j = 0
    written = 0
    bad = -1
    while i < ids_a.shape[0] or j < ids_b.shape[0]:
        if j == ids_b.shape[0] or (i < ids_a.shape[0] and ids_a[i] < ids_b[j]):
            number, texts, occurrences = ids_a[i], document_a[i], collection_a[i]
            i += 1
        elif i == ids_a.shape[0] or ids_b[j] < ids_a[i]:
            number, texts, occurrences = ids_b[j], sign * document_b[j], sign * collection_b[j]
            j += 1
        else:
            number = ids_a[i]
            texts = document_a[i] + sign * document_b[j]
            occurrences = collection_a[i] + sign * collection_b[j]
            i += 1
            j += 1
        if texts == 0 and occurrences == 0:
            continue
        if bad < 0 and (texts <= 0 or occurrences < texts):
            bad = written
        ids[written] = number
        document[written] = texts
        collection[written] = occurrences
        written += 1
    return written, bad


@kernel
def find_places(known, wanted, places):
    """Write where in `known` each of `wanted` is, -1 where it is not.

    Term ids are uniform hashes, so a place can be computed, nearly; two corrections by what is found there
    leave some entries to search. For other ids that takes longer, as long as a binary search at most twice.

    Args:
        known: uint32, ascending, read-only.
        wanted: uint32, in any order, read-only.
        places: int64, out, as long as `wanted`.
    """
    size = known.shape[0]
    if size == 0:
        places[:] = -1
        return
    first = np.float64(known[0])
    scale = (size - 1) / max(1.0, np.float64(known[size - 1]) - first)
    for start in range(0, wanted.shape[0], AT_ONCE):
        end = min(start + AT_ONCE, wanted.shape[0])
        for i in range(start, end):
            guess = np.intp(min(max((np.float64(wanted[i]) - first) * scale, 0.0), size - 1.0))
            places[i] = guess
            prefetch(known, guess)
        for _ in range(2):
            for i in range(start, end):
                guess = places[i]
                guess += np.intp((np.float64(wanted[i]) - np.float64(known[guess])) * scale)
                guess = min(max(guess, 0), size - 1)
                places[i] = guess
                prefetch(known, guess)
        for i in range(start, end):
            term_id = wanted[i]
            # From the guess outwards in steps that double, until known[low] < term_id <= known[high].
            step = 1
            if known[places[i]] < term_id:
                low = places[i]
                high = low + 1
                while high < size and known[high] < term_id:
                    low = high
                    high = min(high + step, size)
                    step *= 2
            else:
                high = places[i]
                low = high - 1
                while low >= 0 and known[low] >= term_id:
                    high = low
                    low = max(low - step, -1)
                    step *= 2
            while high - low > 1:
                middle = (low + high) // 2
                if known[middle] < term_id:
                    low = middle
                else:
                    high = middle
            places[i] = high if high < size and known[high] == term_id else -1


@kernel
def take_rows(indptr, columns, values, rows, out_indptr, out_columns, out_values):
    """Copy rows of a CSR pair of arrays, in the order of `rows` (int64); `out_indptr` is given.

    `out_indptr[i + 1] - out_indptr[i]` must be the size of row `rows[i]`.
    """
    for i in range(rows.shape[0]):
        source = indptr[rows[i]]
        first = out_indptr[i]
        for j in range(out_indptr[i + 1] - first):
            out_columns[first + j] = columns[source + j]
            out_values[first + j] = values[source + j]


@kernel
def pack_rows(indptr, columns, values, heads, out):
    """Write rows one after the other: head, size, columns, values; all uint32 but `indptr`.

    `out` has room for two numbers a row and two an entry.
    """
    at = 0
    for i in range(heads.shape[0]):
        size = indptr[i + 1] - indptr[i]
        out[at] = heads[i]
        out[at + 1] = np.uint32(size)
        at += 2
        for j in range(indptr[i], indptr[i + 1]):
            out[at] = columns[j]
            out[at + size] = values[j]
            at += 1
        at += size


def warmup() -> None:
    """Compile all of these, or load them from the cache of compiled code."""
    ids, frequencies, rows = np.zeros(1, np.uint32), np.ones(1, np.uint32), np.array([0, 1])
    for keys in (ids, ids.astype(np.uint64)):
        out = np.empty(2, keys.dtype), np.empty(2, np.int64), np.empty(2, np.int64)
        reduce_sorted(keys, frequencies, *out)
        given = keys.copy(), rows[1:].copy(), rows[1:].copy()
        for array in given:
            array.flags.writeable = False
        merge(*given, *given, 1, *out)
    known = ids.copy()
    known.flags.writeable = False
    find_places(known, known, rows[1:].copy())
    table = table_of(6)
    accumulate(ids, frequencies, 0, table, 6, 1)
    drain(table, ids, rows[1:], rows[1:])
    take_rows(rows, ids, frequencies, rows[:1], rows, ids, frequencies)
    pack_rows(rows, ids, frequencies, ids, np.empty(4, np.uint32))
