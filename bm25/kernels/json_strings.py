"""JSON strings: the texts of a request, taken out of its body as UTF-8.

A library makes an object of each text, which the encoder takes apart into UTF-8 again. Here the one becomes
the other in a pass, and what is left of the body is small.
"""

from __future__ import annotations

import numpy as np

from bm25.kernels.intrinsics import count_trailing_zeros, load64, store64
from bm25.kernels.jit import helper, kernel

__all__ = ["DIGITS", "FIRST", "SLACK", "STRING", "take_texts", "warmup"]

U64 = np.uint64
ONES = U64(0x0101_0101_0101_0101)
HIGHS = U64(0x8080_8080_8080_8080)
SLACK = 8
"""Bytes that must be there beyond what is read, which are zero, and writable beyond what is written."""

BACKSLASH = 92
QUOTE = 34
COLON = 58
SPACE = 32
KEY = U64(int.from_bytes(b'"data"', "little"))
KEY_SIZE = 6

STRING = KEY_SIZE + 3
"""Bytes of the shortest text with its key: `"data":""`."""
DIGITS = 19
"""Of a number that stands for a text."""
FIRST = 10 ** (DIGITS - 1)
"""The lowest number that may."""


def _escapes():
    """Return what the byte after a backslash stands for; 0 for what may not stand there."""
    table = np.zeros(256, np.uint8)
    for name, meaning in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
        table[name] = meaning
    return table


def _hexadecimal():
    """Return the value of each hexadecimal digit; 255 for what is none."""
    table = np.full(256, 255, np.uint8)
    for value, name in enumerate("0123456789abcdef"):
        table[ord(name)] = table[ord(name.upper())] = value
    return table


ESCAPES = _escapes()
HEXADECIMAL = _hexadecimal()


@helper
def equal_to(word, byte):
    """Return a word whose lowest set bit is in the first byte that is this one, 0 if none is."""
    # A difference borrows from higher bytes only: of those that are set, the first one is right.
    different = word ^ (ONES * U64(byte))
    return (different - ONES) & ~different & HIGHS


@helper
def below_space(word):
    """Return a word whose lowest set bit is in the first control character, 0 if there is none."""
    return (word - ONES * U64(SPACE)) & ~word & HIGHS


@helper
def code_unit(data, at):
    """Return the number that four hexadecimal digits say; -1 if they are none."""
    unit, worst = 0, 0
    for i in range(4):
        digit = np.int64(HEXADECIMAL[data[at + i]])
        worst = max(worst, digit)
        unit = 16 * unit + digit
    return -1 if worst > 15 else unit


@helper
def write_character(code, out, at):
    """Write a code point as UTF-8, and return where it ends."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | (code >> 6)
        out[at + 1] = 0x80 | (code & 0x3F)
        return at + 2
    if code < 0x1_0000:
        out[at] = 0xE0 | (code >> 12)
        out[at + 1] = 0x80 | ((code >> 6) & 0x3F)
        out[at + 2] = 0x80 | (code & 0x3F)
        return at + 3
    out[at] = 0xF0 | (code >> 18)
    out[at + 1] = 0x80 | ((code >> 12) & 0x3F)
    out[at + 2] = 0x80 | ((code >> 6) & 0x3F)
    out[at + 3] = 0x80 | (code & 0x3F)
    return at + 4


@helper
def write_code(data, i, out, at):
    r"""Write what `\uXXXX` at `i`, or two of them, stand for, and return where they and that end, or -1."""
    code = code_unit(data, i + 2)
    i += 6
    if code < 0 or 0xDC00 <= code < 0xE000:
        return -1, at
    if code >= 0xD800 and code < 0xDC00:
        if data[i] != BACKSLASH or data[i + 1] != ord("u"):
            return -1, at
        low = code_unit(data, i + 2)
        if low < 0xDC00 or low >= 0xE000:
            return -1, at
        code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        i += 6
    return i, write_character(code, out, at)


@helper
def write_string(data, i, out, at):
    """Write a string whose first character is at `i`, and return where it and that end; -1 if it is none."""
    while i >= 0:
        word = load64(data, i)
        store64(out, at, word)
        found = equal_to(word, QUOTE) | equal_to(word, BACKSLASH) | below_space(word)
        if found == U64(0):
            i += 8
            at += 8
            continue
        step = count_trailing_zeros(found) >> 3
        i += step
        at += step
        if data[i] == QUOTE:
            return i + 1, at
        if data[i] != BACKSLASH:  # a control, as are the zeros at the end
            break
        meaning = ESCAPES[data[i + 1]]
        if meaning != 0:
            out[at] = meaning
            i += 2
            at += 1
        elif data[i + 1] == ord("u"):
            i, at = write_code(data, i, out, at)
        else:
            break
    return -1, at


@helper
def copy_string(data, i, end, out, at):
    """Copy a string as it stands, from its quote on, and return where it and the copy end."""
    out[at] = data[i]
    i += 1
    at += 1
    while i < end:
        word = load64(data, i)
        store64(out, at, word)
        found = equal_to(word, QUOTE) | equal_to(word, BACKSLASH)
        if found == U64(0):
            i += 8
            at += 8
            continue
        step = count_trailing_zeros(found) >> 3
        i += step + 1
        at += step + 1
        if data[i - 1] == QUOTE:
            break
        out[at] = data[i]
        i += 1
        at += 1
    return i, at


@helper
def skip_space(data, i):
    """Return where the next byte is that is no space; there is one at the end."""
    while data[i] == SPACE or data[i] == 9 or data[i] == 10 or data[i] == 13:
        i += 1
    return i


@helper
def write_number(value, out, at):
    """Write a number of `DIGITS` digits, and return where it ends."""
    for i in range(DIGITS - 1, -1, -1):
        out[at + i] = U64(48) + value % U64(10)
        value //= U64(10)
    return at + DIGITS


@kernel
def take_texts(body, first, rest, texts, offsets):
    """Take the strings out of a document of JSON that are the values of keys spelled `"data"`.

    In their place are numbers that count up from `first`; what is around them stays as it is, whether or not
    that is JSON. Whether bytes are UTF-8 is not looked at.

    Args:
        body: uint8, and `SLACK`, zero.
        first: uint64, of `DIGITS` digits, as all that may follow it.
        rest: uint8 out, what is left: the size of the body, `DIGITS` for each text, and `SLACK`.
        texts: uint8 out, one after the other: the size of the body, and `SLACK`.
        offsets: int64 out, where each text begins, and the end of the last.

    Returns:
        How many texts there are, and the size of what is left. -1 and 0 for a text that is not closed, or has
        what may not stand in a string: a control character, an unknown escape, half of a surrogate pair.
    """
    end = body.shape[0] - SLACK
    i, to, at, found = 0, 0, 0, 0
    offsets[0] = 0
    while i < end:
        word = load64(body, i)
        store64(rest, to, word)
        quotes = equal_to(word, QUOTE)
        if quotes == U64(0):
            i += 8
            to += 8
            continue
        step = count_trailing_zeros(quotes) >> 3
        i += step
        to += step
        word = load64(body, i)
        if (word << U64(64 - 8 * KEY_SIZE)) != (KEY << U64(64 - 8 * KEY_SIZE)):
            i, to = copy_string(body, i, end, rest, to)
            continue
        store64(rest, to, word)
        i += KEY_SIZE
        to += KEY_SIZE
        after = skip_space(body, i)
        if body[after] != COLON:
            continue
        after = skip_space(body, after + 1)
        if body[after] != QUOTE:
            continue
        rest[to] = COLON
        i, at = write_string(body, after + 1, texts, at)
        if i < 0:
            return -1, 0
        to = write_number(first + U64(found), rest, to + 1)
        found += 1
        offsets[found] = at
    return found, to - (i - end)


def warmup() -> None:
    """Compile it, or load it from the cache of compiled code."""
    body = np.frombuffer(b'"data":""' + bytes(SLACK), np.uint8)
    rest, texts = np.empty(len(body) + DIGITS, np.uint8), np.empty(len(body), np.uint8)
    take_texts(body, U64(FIRST), rest, texts, np.empty(2, np.int64))
