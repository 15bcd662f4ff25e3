from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.analysis.multilingual import CharacterKinds, character_kinds
from bm25.kernels.scan import PADDING
from bm25.kernels.scripts import NEUTRAL, SEPARATOR, UNSUPPORTED, blank_leading, supported_texts
from tests import reference
from tests.conftest import REDUCED
from tests.kernels.helpers import BEYOND, call, read_only
from tests.strategies import EMOJI, LENGTHS, SPECIAL, examples, nasty_bytes, nasty_text

KINDS = character_kinds()
LATIN, CYRILLIC, GREEK = (KINDS[ord(letter)] for letter in "zяβ")


def kind_of(char):
    return KINDS[ord(char)] if ord(char) < len(KINDS) else UNSUPPORTED


def is_supported(text):
    return all(kind_of(char) != UNSUPPORTED for char in text)


def blanked(text):
    """A supported text, with spaces for neutral characters that begin a form after another script."""
    out = list(text)
    script = None
    bounds = [-1, *(i for i, c in enumerate(text) if ord(c) in reference.MULTILINGUAL_SEPARATORS), len(text)]
    for before, end in pairwise(bounds):
        kinds = [kind_of(char) for char in text[before + 1 : end]]
        scripted = [i for i, kind in enumerate(kinds) if kind % SEPARATOR > NEUTRAL]
        if not scripted:
            continue
        first = scripted[0]
        leading = first
        while leading > 0 and kinds[leading - 1] == NEUTRAL:
            leading -= 1
        # A separator that has a script changes the script, but nothing joins it.
        if kinds[first] < SEPARATOR and script not in (None, kinds[first]):
            for i in range(leading, first):
                out[before + 1 + i] = " " * len(out[before + 1 + i].encode())
        script = kinds[scripted[-1]] % SEPARATOR
    return "".join(out)


def look(texts, kinds=KINDS, before=b"", between=b""):
    """(whether each text is supported, whether it needs blanks), with something behind every text."""
    window, starts, ends = laid_out(texts, before, between)
    supported, needs = np.full(len(texts), 7, np.uint8), np.full(len(texts), 7, np.uint8)
    call(supported_texts, window, starts, ends, read_only(kinds), supported.view(bool), needs.view(bool))
    assert set(supported.tolist()) | set(needs.tolist()) <= {0, 1}, "written for each text"
    return supported.astype(bool).tolist(), needs.astype(bool).tolist()


def blank(texts, kinds=KINDS, before=b"", between=b""):
    """The texts as `blank_leading` copies them to places of their own, and nothing beside those."""
    window, starts, ends = laid_out(texts, before, between)
    sizes = np.array([len(text) for text in texts], np.int64)
    out_starts = np.cumsum(sizes + 3) - sizes
    out = np.full(int((sizes + 3).sum()) + PADDING, 0xEE, np.uint8)
    call(blank_leading, window, starts, ends, read_only(kinds), out, out_starts)
    found = []
    for start, size in zip(out_starts.tolist(), sizes.tolist(), strict=True):
        found.append(out[start : start + size].tobytes())
        out[start : start + size] = 0xEE
    assert (out == 0xEE).all(), "written beside the texts"
    return found


def laid_out(texts, before, between):
    data, starts, ends = bytearray(before), [], []
    for text in texts:
        starts.append(len(data))
        data += text
        ends.append(len(data))
        data += between
    return read_only(bytes(data) + BEYOND[:PADDING]), np.array(starts, np.int64), np.array(ends, np.int64)


def check(texts, **options):
    """Assert that the kernels say of texts what the twin says."""
    data = [text.encode() for text in texts]
    supported, needs = look(data, **options)
    assert supported == [is_supported(text) for text in texts]
    expected = {text: blanked(text) for text, good in zip(texts, supported, strict=True) if good}
    for text, need in zip(texts, needs, strict=True):
        assert need is (text in expected and expected[text] != text)
    good = [text for text in texts if text in expected]
    assert blank([text.encode() for text in good], **options) == [expected[text].encode() for text in good]
    return supported, needs


def test_numbers_are_those_of_the_analysis():
    kinds = CharacterKinds()
    assert (
        (kinds.unsupported, kinds.neutral, kinds.separator)
        == (UNSUPPORTED, NEUTRAL, SEPARATOR)
        == (0, 1, 128)
    )
    # The kernel takes an ASCII text for supported and in need of nothing without a look at the table.
    assert {KINDS[code] for code in range(128)} == {NEUTRAL, SEPARATOR, LATIN}
    separators = {code for code in range(128) if KINDS[code] == SEPARATOR}
    assert separators == reference.MULTILINGUAL_SEPARATORS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("мир 3d", "мир  d"),
        ("мир 3 d", "мир 3 d"),
        ("мир3d", "мир3d"),
        ("мир 3-d", "мир 3-d"),
        ("мир 3—d", "мир 3—d"),
        ("мир —3d", "мир — d"),
        ("мир —d3", "мир —d3"),
        ("мир 3я", "мир 3я"),
        ("3d мир 4d", "3d мир  d"),
        ("d 3мир", "d  мир"),
        ("d 3«4мир", "d 3«4мир"),
        ("мир 3«4d", "мир 3«4d"),
        ("мир «4d", "мир «4d"),
        ("мир\t$<5>я 6β", "мир\t$<5>я  β"),
        ("мир 😀d", "мир     d"),
        ("мир x3 4я", "мир x3  я"),
        ("мир", "мир"),
        ("é 1", "é 1"),
        ("", ""),
    ],
)
def test_what_is_blanked(text, expected):
    assert len(expected.encode()) == len(text.encode())
    assert blanked(text) == expected
    check([text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("世", False), ("a世", False), ("ا", False), ("ไ", False), ("ա", False), ("日本", False), ("の", False),
     ("\U0001fb00", False), ("\U00020000", False), ("\U0010ffff", False),
     ("é", True), ("я", True), ("가", True), ("क", True), ("😀", True), ("—", True), ("a", True)],
)  # fmt: skip
def test_which_are_supported(text, expected):
    assert check([text])[0] == [expected]


@pytest.mark.parametrize("char", ["é", "я", "世", "😀", "\U00020000", "\x7f"])
def test_one_character_anywhere_near_the_edges_of_blocks(char):
    # The look for bytes beyond ASCII goes eight at a time: none may be missed, and none beyond the end seen.
    texts = ["a" * n + char + "b" * m for n in range(26) for m in (0, 1, 7, 8, 9)]
    check(texts, before=b"q")
    check(texts, before=b"\xc3\xa9qqq", between=b"\xe4\xb8\x96")


def test_ascii_of_every_length_beside_what_is_not_supported():
    texts = ["x1 " * 100, *("y 2-" * 64 for _ in range(2))]
    check([text[:n] for text in texts for n in LENGTHS if n <= len(text)], between="世".encode())
    everything = "".join(map(chr, range(128)))
    check([everything, everything[::-1]], between=b"\xff")


mixed_text = st.lists(
    st.one_of(
        st.sampled_from(["мир", "слово", "d", "word", "β", "λόγος", "가", "क", "א", "é", "世", "ไทย", "ա"]),
        st.text("zяβ1$<^=|~ _.-\t\n«»—…،।・¡१३½😀\u0301\x01\x7f\xa0\u200d", max_size=8),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
        st.sampled_from(EMOJI),
        st.text(SPECIAL, max_size=3),
    ),
    max_size=14,
).map("".join)


@given(texts=st.lists(mixed_text | nasty_text, max_size=6), before=st.integers(0, 9))
@examples(300)
def test_random_text_against_the_twin(texts, before):
    check(texts, before=b"q" * before, between="世".encode())


# Supported, so that all of it is about blanks: letters of three scripts, separators with and without one.
@given(texts=st.lists(st.text("zяβ1$3 -\n«¡—·\u0589।\u05be!\x01é😀", max_size=30), max_size=6))
@examples(400)
def test_random_scripts_against_the_twin(texts):
    check(texts)


def test_many_texts_at_once():
    size = 3000 if not REDUCED else 200
    rng = np.random.default_rng(4)
    alphabet = np.array(list("zzzяяβ13$ « -é😀世"))
    texts = ["".join(alphabet[rng.integers(0, len(alphabet), n)]) for n in rng.integers(0, 40, size)]
    supported, needs = check(texts)
    assert 0.1 < np.mean(supported) < 0.9
    assert np.mean(needs) > 0.02


def test_no_texts():
    assert look([]) == ([], [])
    assert blank([]) == []
    assert look([b"", b""]) == ([True, True], [False, False])


@pytest.mark.parametrize("char", ["\xff", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff"])
def test_code_points_of_every_size_find_their_kind(char):
    # A table up to the character, and one that ends right before it.
    kinds = bytearray([LATIN]) * (ord(char) + 1)
    for text in (f"é{char}", f"{char}é", f"{char}{char}{char}"):
        assert look([text.encode()], bytes(kinds)) == ([True], [False])
        assert look([text.encode()], bytes(kinds[:-1])) == ([False], [False])
    kinds[ord(char)] = NEUTRAL
    kinds[0x20] = SEPARATOR
    kinds[ord("b")] = GREEK
    assert blank([f"é {char}b".encode()], bytes(kinds)) == [b"\xc3\xa9 " + b" " * len(char.encode()) + b"b"]
    assert look([f"é {char}b".encode()], bytes(kinds)) == ([True], [True])


INVALID = [
    b"\x80", b"\xbf" * 9, b"\xc3", b"\xe4", b"\xe4\xb8", b"\xf0", b"\xf0\x9f\x98", b"\xff" * 20, b"\xc0\x80",
    b"\xe0\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf",
]  # fmt: skip


@pytest.mark.parametrize("bad", INVALID, ids=repr)
def test_invalid_utf8_stays_within_its_text(bad):
    # What is said of it does not matter, but it is bytes or spaces, and the neighbours are as without it.
    around = ["é", "мир 3d", "世"]
    for text in (
        bad,
        b"a" + bad,
        b"aaaaaaaa" + bad,
        bad + b"z",
        b"\xd0\xbc 1" + bad,
        b"\xd0\xbc " + bad + b"z",
    ):
        data = [around[0].encode(), text, around[1].encode(), text, around[2].encode()]
        supported, needs = look(data)
        assert (supported[::2], needs[::2]) == ([True, True, False], [False, True, False])
        found = blank(data[:4])
        assert found[::2] == [b"\xc3\xa9", "мир  d".encode()]
        for copy in found[1::2]:
            assert all(ours in (theirs, 0x20) for ours, theirs in zip(copy, text, strict=True))


@given(texts=st.lists(nasty_bytes | st.binary(max_size=40), max_size=5))
@examples(200)
def test_random_bytes_stay_within_their_texts(texts):
    look(texts)
    for copy, text in zip(blank(texts), texts, strict=True):
        assert all(ours in (theirs, 0x20) for ours, theirs in zip(copy, text, strict=True))


@given(data=st.text(st.characters(codec="ascii"), max_size=30).map(str.encode) | st.binary(max_size=30))
@examples(300)
def test_ascii_is_what_has_no_byte_beyond(data):
    window = read_only(data + b"\xff" * PADDING)
    # An empty table supports nothing but what is not looked up in it.
    starts, ends = np.zeros(1, np.int64), np.array([len(data)], np.int64)
    supported, needs = np.ones(1, bool), np.ones(1, bool)
    call(supported_texts, window, starts, ends, read_only(b""), supported, needs)
    assert bool(supported[0]) is data.isascii()
    assert not needs[0]
