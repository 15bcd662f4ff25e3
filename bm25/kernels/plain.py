"""Plain forms: those that analysis would leave as they are, told apart before Python sees them.

Numbers, hexadecimal digests and other identifiers are most of the distinct forms of many corpora. A form
of ASCII letters and digits that ends in a digit is no stopword, and the rules of most stemmers, which strip
suffixes of letters, find nothing to do in it: its term is the form in lowercase.
"""

from __future__ import annotations

from bm25.kernels.jit import kernel

__all__ = ["separate_plain"]


@kernel
def separate_plain(lines, line_ends, longest, is_plain, plain, rest):
    """Copy plain forms, lowercased, to one place and the others to another, each followed by a line feed.

    Args:
        lines, line_ends: uint8 forms each followed by one byte, and int64 where each ends.
        longest: forms of more bytes are not plain.
        is_plain: bool out, one for each form.
        plain, rest: uint8 out, each with room for all.

    Returns:
        (bytes written to `plain`, bytes written to `rest`)
    """
    plain_size = 0
    rest_size = 0
    start = 0
    for i in range(line_ends.shape[0]):
        end = line_ends[i]
        plain_form = end - start <= longest and 48 <= lines[end - 1] <= 57
        if plain_form:
            for j in range(start, end):
                byte = lines[j]
                lower = byte | 32
                if 97 <= lower <= 122 and byte < 128:
                    plain[plain_size + j - start] = lower
                elif 48 <= byte <= 57:
                    plain[plain_size + j - start] = byte
                else:
                    plain_form = False
                    break
        is_plain[i] = plain_form
        if plain_form:
            plain_size += end - start
            plain[plain_size] = 10
            plain_size += 1
        else:
            rest[rest_size : rest_size + end - start] = lines[start:end]
            rest_size += end - start
            rest[rest_size] = 10
            rest_size += 1
        start = end + 1
    return plain_size, rest_size
