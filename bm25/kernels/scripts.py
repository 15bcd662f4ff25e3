"""Scripts: which texts the `multilingual` tokenizer treats as a mere sequence of surface forms."""

from __future__ import annotations

import numpy as np

from bm25.kernels.intrinsics import load64
from bm25.kernels.jit import helper, kernel

__all__ = ["NEUTRAL", "SEPARATOR", "UNSUPPORTED", "blank_leading", "supported_texts", "warmup"]

# What a character is: one of these, or the number of a script; separators that belong to a script have that
# number added.
UNSUPPORTED, NEUTRAL, SEPARATOR = 0, 1, 128

U64 = np.uint64
HIGH_BITS = U64(0x8080808080808080)
SPACE = 32


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
def code_point(data, position):
    """Return (the code point there, the position after it); of bytes that are no UTF-8, something."""
    byte = np.intp(data[position])
    if byte < 0x80:
        return byte, position + 1
    second = np.intp(data[position + 1]) & 0x3F
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | second, position + 2
    third = np.intp(data[position + 2]) & 0x3F
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | second << 6 | third, position + 3
    return (byte & 0x07) << 18 | second << 12 | third << 6 | np.intp(data[position + 3]) & 0x3F, position + 4


@helper
def walk(data, start, end, kinds, blank, out):
    """Go through a text, see `supported_texts`; with `blank`, write spaces to `out` as `blank_leading` says.

    Returns:
        (whether all characters are supported, whether some form needs blanks)
    """
    script = 0  # of the run that a neutral character would join
    inside = False  # a character of a script has been seen in this form
    leading = -1  # where the neutral characters before it begin
    needs_blanks = False
    position = start
    while position < end:
        at = position
        code, position = code_point(data, position)
        kind = np.intp(kinds[code]) if code < kinds.shape[0] else UNSUPPORTED
        if kind == UNSUPPORTED:
            return False, False
        if kind >= SEPARATOR:
            leading = -1  # what led is a token of its own then, without a letter
            if code < 0x80:  # only these bound a form
                inside = False
            elif kind > SEPARATOR:
                inside = True
                script = kind - SEPARATOR
        elif kind == NEUTRAL:
            if not inside and leading < 0:
                leading = at
        else:
            if leading >= 0 and script != 0 and script != kind:
                needs_blanks = True
                if blank:
                    out[leading - start : at - start] = SPACE
            leading = -1
            inside = True
            script = kind
    return True, needs_blanks


@kernel
def supported_texts(data, starts, ends, kinds, supported, needs_blanks):
    """Write for each text whether its tokens are those of its surface forms, taken one by one.

    That is so if all characters are of supported scripts, separators, or neutral. But a form that begins
    with neutral characters (`3d`, `<b>`) lends them to the script before it, if that is another: there they
    are a token without a letter, which is dropped. Such a text needs `blank_leading` first.

    Args:
        data: uint8; text i is data[starts[i]:ends[i]] (int64), readable 64 bytes beyond it.
        kinds: uint8, what each code point is; those beyond the last are unsupported.
        supported, needs_blanks: bool out, one for each text. Of what is no valid UTF-8 they say something.
    """
    for i in range(starts.shape[0]):
        start, end = starts[i], ends[i]
        if is_ascii(data, start, end):
            supported[i], needs_blanks[i] = True, False
        else:
            supported[i], needs_blanks[i] = walk(data, start, end, kinds, False, supported.view(np.uint8))


@kernel
def blank_leading(data, starts, ends, kinds, out, out_starts):
    """Copy texts, with spaces in the place of neutral characters that belong to another script's run.

    Args:
        data, starts, ends, kinds: supported texts, as for `supported_texts`.
        out: uint8 out; text i goes to out_starts[i] (int64).
    """
    for i in range(starts.shape[0]):
        start, end = starts[i], ends[i]
        copy = out[out_starts[i] : out_starts[i] + end - start]
        copy[:] = data[start:end]
        walk(data, start, end, kinds, True, copy)


def warmup() -> None:
    """Compile the kernels for the types of arrays that they are called with, or load them from the cache."""
    data = np.frombuffer(bytes(72), np.uint8)
    starts, ends = np.zeros(1, np.int64), np.ones(1, np.int64)
    kinds = np.frombuffer(bytes(128), np.uint8)
    supported_texts(data, starts, ends, kinds, np.empty(1, bool), np.empty(1, bool))
    blank_leading(data, starts, ends, kinds, np.empty(72, np.uint8), starts)
