"""Dictionaries of terms: rows of a term id and a term, ascending by id, merged and searched.

A dictionary has an id once; rows have it as often as it has terms, which ascend. They are laid out as in
Arrow: row i is ``data[offsets[i]:offsets[i + 1]]``, where `offsets` (int64) need not begin at zero and
nothing has to be readable beyond the last term. Bytes compare as unsigned numbers, which for UTF-8 is the
order of code points.
"""

from __future__ import annotations

import numpy as np

from bm25.kernels.intrinsics import load64, store64
from bm25.kernels.jit import helper, kernel

__all__ = [
    "absent_rows", "find_ids", "find_texts", "fold_rows", "merge_rows", "merged_size", "union_rows",
]  # fmt: skip

U32 = np.uint32
U64 = np.uint64
LOW32 = U64(0xFFFFFFFF)
SIEVE_BITS = 14


@helper
def compare(data_a, start_a, length_a, data_b, start_b, length_b):
    """Return a number below, equal to or above zero as term a comes before b, is b, or comes after it."""
    common = min(length_a, length_b)
    i = 0
    while i + 8 <= common and load64(data_a, start_a + i) == load64(data_b, start_b + i):
        i += 8
    while i < common:
        if data_a[start_a + i] != data_b[start_b + i]:
            return np.intp(data_a[start_a + i]) - np.intp(data_b[start_b + i])
        i += 1
    return length_a - length_b


@helper
def copy(data, start, length, out, at):
    """Copy a term. What follows it in `out` may be overwritten: terms are written front to back."""
    i = 0
    while i < length:
        if start + i + 8 <= data.shape[0] and at + i + 8 <= out.shape[0]:
            store64(out, at + i, load64(data, start + i))
            i += 8
        else:
            out[at + i] = data[start + i]
            i += 1


@helper
def seek(known, term_id, low):
    """Return the first place from `low` on where an id is not below `term_id`."""
    # Steps that double, from where the last one was: fast for few ids as well as for nearly all.
    step = 1
    size = known.shape[0]
    while low + step <= size and known[low + step - 1] < term_id:
        low += step
        step *= 2
    high = min(low + step - 1, size)
    while low < high:
        middle = (low + high) // 2
        if known[middle] < term_id:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def merged_size(ids_a, offsets_a, ids_b, offsets_b):
    """Return (rows, bytes) of a merged dictionary; where terms that differ share an id, bytes are enough."""
    i = 0
    j = 0
    shared = 0
    saved = 0
    while i < ids_a.shape[0] and j < ids_b.shape[0]:
        # No branch that depends on which is smaller: it would be guessed wrong half of the time.
        a, b = ids_a[i], ids_b[j]
        both = min(offsets_a[i + 1] - offsets_a[i], offsets_b[j + 1] - offsets_b[j])
        shared += np.intp(a == b)
        saved += both * np.intp(a == b)
        i += np.intp(a <= b)
        j += np.intp(b <= a)
    rows = ids_a.shape[0] + ids_b.shape[0] - shared
    size = offsets_a[ids_a.shape[0]] - offsets_a[0] + offsets_b[ids_b.shape[0]] - offsets_b[0] - saved
    return rows, size


@kernel
def merge_rows(
    ids_a, offsets_a, data_a, ids_b, offsets_b, data_b, ids, offsets, data, clashes_a, clashes_b
):  # fmt: skip
    """Write the union of two dictionaries; of two terms with one id, the lesser.

    Args:
        ids_a, offsets_a, data_a: uint32 ascending, int64, uint8; the same for b.
        ids, offsets, data: out, as large as `merged_size` says, `offsets` one longer than `ids`.
        clashes_a, clashes_b: int64, out, as many as there is room for: where, in a and in b, one id has
            two terms.

    Returns:
        (bytes written, number of such ids)
    """
    i = 0
    j = 0
    row = 0
    at = 0
    clashes = 0
    offsets[0] = 0
    end_a, end_b = ids_a.shape[0], ids_b.shape[0]
    while i < end_a or j < end_b:
        if j == end_b or (i < end_a and ids_a[i] < ids_b[j]):
            from_a = True
        elif i == end_a or ids_b[j] < ids_a[i]:
            from_a = False
        else:
            order = compare(
                data_a, offsets_a[i], offsets_a[i + 1] - offsets_a[i],
                data_b, offsets_b[j], offsets_b[j + 1] - offsets_b[j],
            )  # fmt: skip
            if order != 0:
                if clashes < clashes_a.shape[0]:
                    clashes_a[clashes] = i
                    clashes_b[clashes] = j
                clashes += 1
            from_a = order <= 0
            if from_a:
                j += 1
            else:
                i += 1
        if from_a:
            ids[row] = ids_a[i]
            length = offsets_a[i + 1] - offsets_a[i]
            copy(data_a, offsets_a[i], length, data, at)
            i += 1
        else:
            ids[row] = ids_b[j]
            length = offsets_b[j + 1] - offsets_b[j]
            copy(data_b, offsets_b[j], length, data, at)
            j += 1
        at += length
        row += 1
        offsets[row] = at
    return at, clashes


@kernel
def fold_rows(keys, starts, ends, lines, ids, offsets, data, clashes):
    """Write a dictionary of terms in any order; of several with one id, the least.

    Args:
        keys: uint64 ascending, an id (high half) and the number of a term (low half).
        starts, ends: int64, where in `lines` (uint8) each term is.
        ids, offsets, data: out, with room for all terms, `offsets` one longer than `ids`.
        clashes: int64, out, as long as `keys`: the places in `keys` where an id begins that has several
            terms.

    Returns:
        (rows, bytes, number of such ids)
    """
    row = 0
    at = 0
    clashes_found = 0
    offsets[0] = 0
    i = 0
    while i < keys.shape[0]:
        first = i
        term_id = keys[i] >> U64(32)
        least = np.intp(keys[i] & LOW32)
        differs = False
        i += 1
        while i < keys.shape[0] and keys[i] >> U64(32) == term_id:
            other = np.intp(keys[i] & LOW32)
            order = compare(
                lines, starts[other], ends[other] - starts[other],
                lines, starts[least], ends[least] - starts[least],
            )  # fmt: skip
            differs |= order != 0
            if order < 0:
                least = other
            i += 1
        if differs:
            clashes[clashes_found] = first
            clashes_found += 1
        ids[row] = U32(term_id)
        length = ends[least] - starts[least]
        copy(lines, starts[least], length, data, at)
        at += length
        row += 1
        offsets[row] = at
    return row, at, clashes_found


@kernel
def union_rows(ids_a, offsets_a, data_a, ids_b, offsets_b, data_b, ids, offsets, data):
    """Write the rows of both, each once. Returns (rows, bytes).

    Args:
        ids_a, offsets_a, data_a: uint32, int64, uint8, sorted by id and term; the same for b.
        ids, offsets, data: out, with room for all of both, `offsets` one longer than `ids`.
    """
    i = 0
    j = 0
    row = 0
    at = 0
    offsets[0] = 0
    end_a, end_b = ids_a.shape[0], ids_b.shape[0]
    while i < end_a or j < end_b:
        if j == end_b or (i < end_a and ids_a[i] < ids_b[j]):
            order = -1
        elif i == end_a or ids_b[j] < ids_a[i]:
            order = 1
        else:
            order = compare(
                data_a, offsets_a[i], offsets_a[i + 1] - offsets_a[i],
                data_b, offsets_b[j], offsets_b[j + 1] - offsets_b[j],
            )  # fmt: skip
        if order <= 0:
            ids[row] = ids_a[i]
            length = offsets_a[i + 1] - offsets_a[i]
            copy(data_a, offsets_a[i], length, data, at)
        else:
            ids[row] = ids_b[j]
            length = offsets_b[j + 1] - offsets_b[j]
            copy(data_b, offsets_b[j], length, data, at)
        i += np.intp(order <= 0)
        j += np.intp(order >= 0)
        at += length
        row += 1
        offsets[row] = at
    return row, at


@kernel
def absent_rows(ids_a, offsets_a, data_a, ids_b, offsets_b, data_b, places):
    """Write which rows of a are not among those of b. Returns their number.

    Args:
        ids_a, offsets_a, data_a: uint32, int64, uint8, sorted by id and term; the same for b.
        places: int64, out, as long as `ids_a`.
    """
    found = 0
    low = 0
    size = ids_b.shape[0]
    for i in range(ids_a.shape[0]):
        low = seek(ids_b, ids_a[i], low)
        absent = True
        while low < size and ids_b[low] == ids_a[i]:
            order = compare(
                data_b, offsets_b[low], offsets_b[low + 1] - offsets_b[low],
                data_a, offsets_a[i], offsets_a[i + 1] - offsets_a[i],
            )  # fmt: skip
            if order >= 0:
                absent = order != 0
                break
            low += 1
        if absent:
            places[found] = i
            found += 1
    return found


@kernel
def find_ids(known, wanted, places):
    """Write where in `known` the ids of `wanted` are, those that are there. Returns their number.

    Args:
        known: uint32, ascending, an id as often as it has rows.
        wanted: uint32, ascending, each id once.
        places: int64, out; what it has no room for is counted only. Where `known` has each id once, as many
            as the shorter of them has are enough.
    """
    found = 0
    low = 0
    size = known.shape[0]
    i = 0
    while low < size and i < wanted.shape[0]:
        term_id = wanted[i]
        if known[low] < term_id:
            low = seek(known, term_id, low + 1)
        elif known[low] > term_id:
            i = seek(wanted, known[low], i + 1)
        else:
            while low < size and known[low] == term_id:
                if found < places.shape[0]:
                    places[found] = low
                found += 1
                low += 1
            i += 1
    return found


@kernel
def find_texts(indptr, term_ids, wanted, rows):
    """Write which texts have any of some term ids. Returns their number.

    Args:
        indptr, term_ids: int64 and uint32, of texts in CSR form.
        wanted: uint32, ascending.
        rows: int64, out, with room for all texts.
    """
    # Nearly all ids are told apart by some of their bits, for which one look into a small table is enough.
    sieve = np.zeros(1 << SIEVE_BITS, np.bool_)
    low_bits = U32((1 << SIEVE_BITS) - 1)
    for term_id in wanted:
        sieve[term_id & low_bits] = True
    found = 0
    for row in range(indptr.shape[0] - 1):
        for i in range(indptr[row], indptr[row + 1]):
            if sieve[term_ids[i] & low_bits]:
                place = seek(wanted, term_ids[i], 0)
                if place < wanted.shape[0] and wanted[place] == term_ids[i]:
                    rows[found] = row
                    found += 1
                    break
    return found
