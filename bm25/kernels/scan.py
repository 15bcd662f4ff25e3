"""Scan: from bytes to one reference a token. Boundaries, table lookup, and a list of new forms."""

from __future__ import annotations

import numpy as np

from bm25.kernels.intrinsics import (
    count_trailing_zeros,
    load64,
    prefetch,
    store64,
    token_mask_identifier,
    token_mask_multilingual,
    token_mask_whitespace,
    token_mask_word,
)
from bm25.kernels.jit import helper, kernel, outlined
from bm25.kernels.table import (
    DROPPED,
    ENTRY,
    NEW,
    NOT_FOUND,
    PROBE_LIMIT,
    find,
    hash_form,
    same_bytes,
)

__all__ = [
    "BATCH", "IDENTIFIER", "MULTILINGUAL", "NEEDED", "NEW_BYTES", "NEW_FORMS", "PADDING", "POSITION",
    "STATE", "WHITESPACE", "WORD", "scan",
]  # fmt: skip

WORD, WHITESPACE, IDENTIFIER, MULTILINGUAL = (
    0,
    1,
    2,
    3,
)  # which ASCII bytes belong to a token; bytes beyond ASCII always do

PADDING = 64  # bytes that must be readable beyond the end of every text
BATCH = 1024  # tokens whose table entries are fetched while the next tokens are found

# The words of `state`: where to go on, and how much has been written.
DOCUMENT, POSITION, REFERENCES, NEW_FORMS, NEW_BYTES, NEEDED = 0, 1, 2, 3, 4, 5
STATE = 6

U64 = np.uint64


@helper
def boundaries(data, position, end, mode, open_token, starts, ends):
    """Find token boundaries from `position` on, until `end` or until the scratch is nearly full.

    A token open at the edge of a block has its start as the last of `starts`; `open_token` tells
    that the first of `starts` is such a one.

    Returns:
        (position after the last block read, complete tokens, whether a token is open there)
    """
    started = 1 if open_token else 0
    ended = 0
    carry = U64(1) if open_token else U64(0)
    room = starts.shape[0] - 34
    while position < end and started < room:
        if mode == WORD:
            inside = token_mask_word(data, position)
        elif mode == WHITESPACE:
            inside = token_mask_whitespace(data, position)
        elif mode == IDENTIFIER:
            inside = token_mask_identifier(data, position)
        else:
            inside = token_mask_multilingual(data, position)
        left = end - position
        if left < 64:
            inside &= (U64(1) << U64(left)) - U64(1)
        before = (inside << U64(1)) | carry
        carry = inside >> U64(63)
        bits = inside & ~before
        while bits != U64(0):
            starts[started] = position + count_trailing_zeros(bits)
            started += 1
            bits &= bits - U64(1)
        bits = before & ~inside
        while bits != U64(0):
            ends[ended] = position + count_trailing_zeros(bits)
            ended += 1
            bits &= bits - U64(1)
        position += 64
    if position >= end and started > ended:
        ends[ended] = end
        ended += 1
    return position, ended, started > ended


@outlined
def admit(data, start, length, h, new_table, new_bytes, new_ends, state):
    """Return the number of a form among the new ones, adding it if need be; -1 when there is no room."""
    mask = new_table.shape[0] - 1
    slot = np.intp(h >> U64(20)) & mask
    for _ in range(PROBE_LIMIT):
        number = np.intp(new_table[slot]) - 1
        if number < 0:
            break
        other = np.intp(new_ends[number - 1]) + 1 if number > 0 else 0
        if new_ends[number] - other == length and same_bytes(data, start, new_bytes, other, length):
            return number
        slot = (slot + 1) & mask
    count, used = state[NEW_FORMS], state[NEW_BYTES]
    if count == new_ends.shape[0] or used + length + 1 + PADDING > new_bytes.shape[0]:
        state[NEEDED] = length + 1 + PADDING
        return -1
    for i in range(0, length, 8):  # beyond the end too: there is room, and the next form comes over it
        store64(new_bytes, used + i, load64(data, start + i))
    new_bytes[used + length] = 10  # a line feed: it is inside no token
    new_ends[count] = used + length
    # After a search that met the probe limit the form stays without a slot: listed, found no more.
    if new_table[slot] == 0:
        new_table[slot] = count + 1
    state[NEW_FORMS] = count + 1
    state[NEW_BYTES] = used + length + 1
    return count


@kernel
def scan(
    data, starts, ends, mode, table, shift, arena, references, reference_ends,
    new_base, new_table, new_bytes, new_ends, state,
):  # fmt: skip
    """Look up the tokens of texts, from where `state` says, until all are done or the new forms are full.

    Args:
        data: uint8; text i is data[starts[i]:ends[i]] (int64), readable `PADDING` bytes beyond it.
        mode: `WORD`, `WHITESPACE`, `IDENTIFIER` or `MULTILINGUAL`.
        table, shift, arena: the table of surface forms, see `table`.
        references: uint32 out, one for each token that is not dropped; there is room for all.
        reference_ends: int64 out, one for each text: where its references end.
        new_base: number given to the first new form of this call.
        new_table: uint32 scratch of a power of two, zero at the first call after the list was emptied.
        new_bytes, new_ends: the new forms, each followed by a line feed, and where each ends.
        state: int64, see the names above; (0, starts[0], 0, 0, 0, 0) to begin with.

    Returns:
        True when all texts are done; False when the new forms must be resolved first. With no new
        form listed, `new_bytes` is too small for the next one: state[NEEDED] tells its size.
    """
    token_starts = np.empty(BATCH, np.int64)
    token_ends = np.empty(BATCH, np.int64)
    words0 = np.empty(BATCH, np.uint64)
    words1 = np.empty(BATCH, np.uint64)
    hashes = np.empty(BATCH, np.uint64)
    written = state[REFERENCES]
    position = state[POSITION]
    shift64 = U64(shift)
    for document in range(state[DOCUMENT], starts.shape[0]):
        end = ends[document]
        is_open = False
        while position < end:
            position, tokens, is_open = boundaries(
                data, position, end, mode, is_open, token_starts, token_ends
            )
            for i in range(tokens):
                start = token_starts[i]
                length = token_ends[i] - start
                word0, word1, h = hash_form(data, start, length)
                words0[i] = word0
                words1[i] = word1
                hashes[i] = h
                at = np.intp(h >> shift64) * ENTRY
                prefetch(table, at)
                prefetch(table, at + ENTRY)  # half the time in the next line, where a search goes on
            for i in range(tokens):
                start = token_starts[i]
                length = token_ends[i] - start
                h = hashes[i]
                reference = find(
                    table, arena, np.intp(h >> shift64), words0[i], words1[i], data, start, length
                )
                if reference == NOT_FOUND:
                    number = admit(data, start, length, h, new_table, new_bytes, new_ends, state)
                    if number < 0:
                        state[DOCUMENT] = document
                        state[POSITION] = start
                        state[REFERENCES] = written
                        return False
                    reference = NEW + new_base + number
                references[written] = reference
                written += 1 if reference != DROPPED else 0
            if is_open:
                token_starts[0] = token_starts[tokens]
        reference_ends[document] = written
        if document + 1 < starts.shape[0]:
            position = starts[document + 1]
    state[DOCUMENT] = starts.shape[0]
    state[REFERENCES] = written
    return True
