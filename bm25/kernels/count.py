"""Count: from references to distinct term ids in ascending order with their frequencies.

Term ids are uniform hashes, so their top bits are a fair index into a small table that stays in
the first-level cache, and the order of that table is almost the order of the ids. No sort is
needed, and no structure the size of the vocabulary is touched.
"""

from __future__ import annotations

import numpy as np

from bm25.kernels.jit import helper, kernel, outlined
from bm25.kernels.table import DROPPED, MANY, MAX_ID, NEW, PROBE_LIMIT, SIDE

__all__ = ["SLACK", "bucket_bits", "count", "expansion"]

U64 = np.uint64
S32 = U64(32)
LOW32 = U64(0xFFFFFFFF)

SLACK = PROBE_LIMIT + 2  # slots beyond the last bucket: probing never wraps, 2**31 has its own bucket


@helper
def expanded(reference, new_references):
    """Return the reference itself, or what a new form's number stands for by now."""
    if NEW <= reference < DROPPED:
        return np.intp(new_references[reference - NEW])
    return reference


@helper
def list_bounds(reference, many_ends, side_ends):
    """Return where the list of a reference begins and ends among the ids of its kind."""
    if reference >= SIDE:
        number = reference - SIDE
        return side_ends[number - 1] if number > 0 else 0, side_ends[number]
    number = reference - MANY
    return many_ends[number - 1] if number > 0 else 0, many_ends[number]


@kernel
def expansion(references, reference_ends, new_references, many_ends, side_ends):
    """Return (term ids of all texts, term ids of the largest text), repeats included."""
    total = 0
    largest = 0
    start = 0
    for document in range(reference_ends.shape[0]):
        end = reference_ends[document]
        size = end - start
        for i in range(start, end):
            if references[i] > MAX_ID:
                reference = expanded(np.intp(references[i]), new_references)
                if reference == DROPPED:
                    size -= 1
                elif reference >= MANY:
                    first, last = list_bounds(reference, many_ends, side_ends)
                    size += last - first - 1
        total += size
        largest = max(largest, size)
        start = end
    return total, largest


@helper
def bucket_bits(size):
    """Return the logarithm of the number of buckets for a text of `size` tokens."""
    bits = 6
    while bits < 31 and (1 << bits) < 2 * size:
        bits += 1
    return bits


@outlined
def count_sorted(ids, size, buckets):
    """Count by sorting: any distribution of ids in linear time. Returns the distinct ids, packed."""
    # Least significant byte first; ids need 32 bits because 2**31 is one of them.
    for digit in range(4):
        shift = U64(8 * digit)
        offsets = np.zeros(257, np.int64)
        for i in range(size):
            offsets[np.intp((U64(ids[i]) >> shift) & U64(255)) + 1] += 1
        for i in range(256):
            offsets[i + 1] += offsets[i]
        for i in range(size):
            byte = np.intp((U64(ids[i]) >> shift) & U64(255))
            buckets[offsets[byte]] = U64(ids[i])
            offsets[byte] += 1
        for i in range(size):
            ids[i] = buckets[i]
    distinct = 0
    for i in range(size):
        if i > 0 and ids[i] == ids[i - 1]:
            buckets[distinct - 1] += U64(1)
        else:
            buckets[distinct] = U64(ids[i]) << S32 | U64(1)
            distinct += 1
    buckets[distinct:size] = U64(0)
    return distinct


@helper
def count_bucketed(ids, size, bits, buckets):
    """Count by buckets. Returns the distinct ids, packed and nearly ordered, or -1 if probes ran long."""
    shift = U64(31 - bits)
    for i in range(size):
        term_id = U64(ids[i])
        slot = np.intp(term_id >> shift)
        key = term_id << S32
        found = buckets[slot]
        last = slot + PROBE_LIMIT
        while found != U64(0) and found >> S32 != term_id:
            slot += 1
            if slot == last:
                return -1
            found = buckets[slot]
        buckets[slot] = key | ((found & LOW32) + U64(1))
    distinct = 0
    for slot in range((1 << bits) + SLACK):
        found = buckets[slot]
        buckets[slot] = U64(0)
        # Written always, kept if it was something: no branch to mispredict.
        buckets[distinct] = found
        distinct += 1 if found != U64(0) else 0
    return distinct


@kernel
def count(
    references, reference_ends, new_references, many_ends, many_ids, side_ends, side_ids, ids, buckets,
    indptr, term_ids, frequencies, lengths,
):  # fmt: skip
    """Write the counts of texts in CSR form.

    Args:
        references, reference_ends: what `scan` wrote.
        new_references: uint32, what each new form turned out to be.
        many_ends, many_ids: int64 and uint32, the lists of several ids.
        side_ends, side_ids: the same, those of this batch only.
        ids: uint32 scratch for the ids of the largest text.
        buckets: uint64 scratch, zero, at least (1 << bucket_bits(largest)) + SLACK.
        indptr: int64 out, one more than texts.
        term_ids, frequencies: uint32 out, with room for `expansion`'s total.
        lengths: uint32 out, one for each text: its tokens, repeats included.

    Returns:
        the number of entries written
    """
    written = 0
    start = 0
    indptr[0] = 0
    for document in range(reference_ends.shape[0]):
        end = reference_ends[document]
        size = 0
        for i in range(start, end):
            if references[i] <= MAX_ID:
                ids[size] = references[i]
                size += 1
            else:
                reference = expanded(np.intp(references[i]), new_references)
                if reference <= MAX_ID:
                    ids[size] = reference
                    size += 1
                elif reference != DROPPED:
                    first, last = list_bounds(reference, many_ends, side_ends)
                    of_list = side_ids if reference >= SIDE else many_ids
                    for j in range(first, last):
                        ids[size] = of_list[j]
                        size += 1
        start = end
        bits = bucket_bits(size)
        distinct = count_bucketed(ids, size, bits, buckets)
        if distinct < 0:
            buckets[: (1 << bits) + SLACK] = U64(0)
            distinct = count_sorted(ids, size, buckets)
        for i in range(distinct):
            packed = buckets[i]
            buckets[i] = U64(0)
            term_id = packed >> S32
            at = written + i
            # Neighbours in the table may stand in the wrong order; they move by a few places.
            while at > written and term_ids[at - 1] > term_id:
                term_ids[at] = term_ids[at - 1]
                frequencies[at] = frequencies[at - 1]
                at -= 1
            term_ids[at] = term_id
            frequencies[at] = packed & LOW32
        written += distinct
        indptr[document + 1] = written
        lengths[document] = size
    return written
