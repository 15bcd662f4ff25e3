"""Derive bm25/analysis/data/unicode.json, the Unicode tables of the tokenizers, from the oracle.

    python scripts/derive_unicode.py            write the file
    python scripts/derive_unicode.py --check    exit with 1 unless the file equals a fresh derivation

Needs numpy and the oracle, and takes about half a minute. Every entry is what the engine does with that
code point; Python's own tables and brute force only propose strings, which count when their term id is
the engine's, alone and again between two letters. A code point that no proposal explains is an error.

Tables: ranges are [first, last], maps go from hexadecimal code point to string, identities are left out.

    alphanumeric    the code points that the `word` tokenizer keeps
    whitespace      the code points at which the `whitespace` tokenizer splits
    cased           what makes a neighbouring capital sigma final. Case_Ignorable is tested first, so a
                    code point that has both properties is only listed there
    case_ignorable  what the search for such a neighbour skips
    lowercase       the lowercase of a code point that stands alone
    ascii_folding   its replacement under `ascii_folding`
    uppercase       before what the `code` tokenizer splits a word
    numeric         alphanumeric, but neither uppercase nor what makes the last capital of several begin a
                    new word, under `code`
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import numpy as np
import oracle
import qdrant_edge
import tables

PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]


class Unexplained(Exception):
    """The oracle did something that the shape of the tables cannot express."""


def derive() -> dict[str, object]:
    """All tables, ready to be written."""
    whitespace = {c for c in oracle.code_points() if not _ids(_WHITESPACE, chr(c))}
    in_tokens = [c for c in oracle.code_points() if c not in whitespace]
    lowercase = dict(_mapping(in_tokens, _LOWERCASE, _lowercase_candidates))
    cased, case_ignorable = _sigma_neighbours(in_tokens, lowercase)
    alphanumeric = [c for c in oracle.code_points() if _ids(_WORD, chr(c))]
    uppercase, numeric = _parts_of_words(alphanumeric)
    return {
        "oracle": oracle.name_and_version(),
        "alphanumeric": tables.ranges(alphanumeric),
        "whitespace": tables.ranges(whitespace),
        "cased": tables.ranges(cased),
        "case_ignorable": tables.ranges(case_ignorable),
        "lowercase": {f"{c:x}": lower for c, lower in lowercase.items()},
        "ascii_folding": {f"{c:x}": fold for c, fold in _mapping(in_tokens, _FOLDING, _folding_candidates)},
        "uppercase": tables.ranges(uppercase),
        "numeric": tables.ranges(numeric),
    }


_WORD = oracle.tokenizer("word")
_WHITESPACE = oracle.tokenizer("whitespace")
_LOWERCASE = oracle.tokenizer("whitespace", lowercase=True)
_CODE = oracle.tokenizer("code")
_FOLDING = oracle.tokenizer("whitespace", ascii_folding=True)


def _ids(bm25: qdrant_edge.Bm25, text: str) -> list[int]:
    return bm25.embed_document(text).indices


def _id(bm25: qdrant_edge.Bm25, token: str) -> int:
    ids = _ids(bm25, token)
    if len(ids) != 1:
        raise Unexplained(f"{token!a} gave {len(ids)} terms instead of one")
    return ids[0]


def _mapping(
    code_points: Iterable[int],
    bm25: qdrant_edge.Bm25,
    candidates: Callable[[str, int], Iterable[str]],
) -> Iterator[tuple[int, str]]:
    """(code point, string) for each code point whose term under `bm25` is not itself."""
    for code in code_points:
        char = chr(code)
        alone = _id(bm25, char)
        if alone == _id(_WHITESPACE, char):
            continue
        # The second context makes an accidental equality of 31-bit ids harmless, and shows that the
        # replacement does not depend on its neighbours.
        between = _id(bm25, f"a{char}b")
        for string in candidates(char, alone):
            if oracle.term_id(string) == alone and oracle.term_id(f"a{string}b") == between:
                yield code, string
                break
        else:
            raise Unexplained(f"no candidate has the term id of U+{code:04X}")


def _lowercase_candidates(char: str, wanted: int) -> Iterator[str]:
    yield char.lower()
    yield from _code_points_by_id().get(wanted, ())


@cache
def _code_points_by_id() -> dict[int, list[str]]:
    """Term id -> the characters that have it, for letters that this Python's Unicode does not know yet."""
    found: dict[int, list[str]] = {}
    for code in oracle.code_points():
        for term in _ids(_WHITESPACE, chr(code)):
            found.setdefault(term, []).append(chr(code))
    return found


def _folding_candidates(char: str, wanted: int) -> Iterator[str]:
    yield "".join(filter(str.isascii, unicodedata.normalize("NFKD", char)))
    yield ""
    for length in range(1, 4):
        for index in _matching_strings(length, wanted):
            yield _string(length, int(index))


def _matching_strings(length: int, wanted: int) -> np.ndarray:
    return np.flatnonzero(_printable_ids(length) == wanted)


@cache
def _printable_ids(length: int) -> np.ndarray:
    """Term ids of all printable ASCII strings of 1 to 3 characters, in `_string` order.

    Up to three bytes are murmur3's tail alone, mixed into a state of zero.
    """
    alphabet = np.arange(0x20, 0x7F, dtype=np.uint32)
    tail = np.zeros(1, dtype=np.uint32)
    for position in range(length):
        tail = (tail[:, None] | alphabet << np.uint32(8 * position)).ravel()
    tail = tail * np.uint32(0xCC9E2D51)
    tail = (tail << np.uint32(15) | tail >> np.uint32(17)) * np.uint32(0x1B873593)
    state = tail ^ np.uint32(length)
    state = (state ^ state >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    state = (state ^ state >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    state ^= state >> np.uint32(16)
    return np.abs(state.view(np.int32).astype(np.int64))


def _string(length: int, index: int) -> str:
    chars = []
    for _ in range(length):
        index, last = divmod(index, len(PRINTABLE))
        chars.append(PRINTABLE[last])
    return "".join(reversed(chars))


def _sigma_neighbours(code_points: Iterable[int], lowercase: dict[int, str]) -> tuple[set[int], set[int]]:
    """(cased, case-ignorable): what each code point does to a capital sigma before and after it."""
    cased: set[int] = set()
    case_ignorable: set[int] = set()
    for code in code_points:
        char = chr(code)
        # A capital sigma as a neighbour is subject to the rule itself.
        lowers = ("σ", "ς") if char == "Σ" else (lowercase.get(code, char),)
        answers = tuple(_is_final(context, char, lowers) for context in ("{}Σ", "a{}Σ", "aΣ{}", "aΣ{}a"))
        if answers == (True, True, False, False):
            cased.add(code)
        elif answers == (False, True, True, False):
            case_ignorable.add(code)
        elif answers != (False, False, True, True):
            raise Unexplained(f"the capital sigma rule at U+{code:04X} gave {answers}")
    return cased, case_ignorable


def _parts_of_words(alphanumeric: Iterable[int]) -> tuple[set[int], set[int]]:
    """(uppercase, numeric): where the `code` tokenizer splits around each code point."""
    uppercase: set[int] = set()
    numeric: set[int] = set()
    for code in alphanumeric:
        char = chr(code)
        if _splits(f"xq{char}zw", "xq", f"{char}zw"):
            uppercase.add(code)
        # A single s after capitals is a plural and splits nothing, so another letter stands behind it.
        elif not _splits(f"QX{char}é", "Q", f"X{char}é"):
            numeric.add(code)
    return uppercase, numeric


def _splits(word: str, *parts: str) -> bool:
    """Whether `code` splits a word into these parts, or else leaves it whole."""
    found = set(_ids(_CODE, word))
    if found == {oracle.term_id(part) for part in parts}:
        return True
    if found != {oracle.term_id(word)}:
        raise Unexplained(f"the code tokenizer gave {len(found)} terms for {word!a}")
    return False


def _is_final(context: str, char: str, lowers: tuple[str, ...]) -> bool:
    """Whether the sigma of `context` becomes a final one when `char` fills its gap."""
    seen = _id(_LOWERCASE, context.format(char))
    for sigma in "ςσ":
        written = context.replace("Σ", sigma)
        if any(_id(_WHITESPACE, written.format(lower)) == seen for lower in lowers):
            return sigma == "ς"
    raise Unexplained(f"no kind of sigma explains {context.format(char)!a}")


if __name__ == "__main__":
    sys.exit(tables.main("unicode.json", __doc__, derive))
