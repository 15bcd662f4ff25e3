"""Scripts: which texts the `multilingual` tokenizer treats as a mere sequence of surface forms."""

from __future__ import annotations

import numpy as np

from bm25.kernels.intrinsics import load64
from bm25.kernels.jit import helper, kernel

__all__ = ["NEUTRAL", "SEPARATOR", "UNSUPPORTED", "find_simple"]

# What a character is: one of these, or the number of a script; separators that belong to a script have that
# number added.
UNSUPPORTED, NEUTRAL, SEPARATOR = 0, 1, 128

U64 = np.uint64
HIGH_BITS = U64(0x8080808080808080)


@helper
def is_ascii(data, start, end):
    """Tell whether all bytes are below 128."""
    position = start
    while position < end:
        block = load64(data, position) & HIGH_BITS
        left = end - position
        if left < 8:
            block &= (U64(1) << U64(8 * left)) - U64(1)
        if block != U64(0):
            return False
        position += 8
    return True


@helper
def is_simple(data, start, end, kinds):
    """Tell whether the tokens of a text are those of its surface forms, taken one by one.

    All characters must be of supported scripts, separators, or neutral. And no form may begin with neutral
    characters that would belong to the run of another script, the one before: `мир 3d`.
    """
    script = 0
    inside = False  # a character of a script has been seen in this form
    leading = False  # neutral characters have been seen at its beginning
    position = start
    while position < end:
        byte = np.intp(data[position])
        if byte < 0x80:
            code = byte
            position += 1
        elif byte < 0xE0:
            code = (byte & 0x1F) << 6 | (np.intp(data[position + 1]) & 0x3F)
            position += 2
        elif byte < 0xF0:
            code = (
                (byte & 0x0F) << 12
                | (np.intp(data[position + 1]) & 0x3F) << 6
                | (np.intp(data[position + 2]) & 0x3F)
            )
            position += 3
        else:
            code = (
                (byte & 0x07) << 18
                | (np.intp(data[position + 1]) & 0x3F) << 12
                | (np.intp(data[position + 2]) & 0x3F) << 6
                | (np.intp(data[position + 3]) & 0x3F)
            )
            position += 4
        kind = np.intp(kinds[code]) if code < kinds.shape[0] else UNSUPPORTED
        if kind == UNSUPPORTED:
            return False
        if kind >= SEPARATOR:
            leading = False  # what led is a token without a letter, which is dropped
            if code < 0x80:  # only these bound a form
                inside = False
            elif kind > SEPARATOR:
                inside = True
                script = kind - SEPARATOR
        elif kind == NEUTRAL:
            if not inside:
                leading = True
        else:
            if leading and script != 0 and script != kind:
                return False
            leading = False
            inside = True
            script = kind
    return True


@kernel
def find_simple(data, starts, ends, kinds, simple):
    """Write for each text whether it is simple; a text that is no valid UTF-8 is one or the other.

    Args:
        data: uint8; text i is data[starts[i]:ends[i]] (int64), readable 64 bytes beyond it.
        kinds: uint8, what each code point is; those beyond the last are unsupported.
        simple: bool out, one for each text.
    """
    for i in range(starts.shape[0]):
        start, end = starts[i], ends[i]
        simple[i] = is_ascii(data, start, end) or is_simple(data, start, end, kinds)
