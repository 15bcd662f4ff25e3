import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels.plain import separate_plain
from tests.kernels.helpers import call, lines_of
from tests.strategies import examples


def separate(forms, longest=256):
    """(which forms are plain, the plain ones, the others) by the kernel, which must keep to its room."""
    lines, ends = lines_of(forms)
    size = int(ends[-1]) + 1
    is_plain = np.full(len(forms), 7, np.uint8).view(bool)
    plain, rest = np.full(size + 8, 0xEE, np.uint8), np.full(size + 8, 0xEE, np.uint8)
    sizes = call(separate_plain, lines, ends, longest, is_plain, plain, rest)
    assert plain[size:].tolist() == rest[size:].tolist() == [0xEE] * 8
    parts = [out[:n].tobytes().split(b"\n") for out, n in zip((plain, rest), sizes, strict=True)]
    assert [part.pop() for part in parts] == [b"", b""]
    return is_plain.tolist(), *parts


def is_plain(form, longest):
    return len(form) <= longest and form.isalnum() and form.isascii() and form[-1:].isdigit()


byte = st.sampled_from([b for b in range(256) if b != 10])
forms = st.one_of(
    st.lists(byte, min_size=1, max_size=8).map(bytes),
    st.text("abzAZ019_`@[{/:\x10\x11\x19éÁ", min_size=1, max_size=8).map(str.encode),
    st.integers(0, 10**20).map(lambda number: b"%d" % number),
)


@given(st.lists(forms, min_size=1, max_size=20), st.sampled_from([1, 3, 256]))
@examples(100)
def test_against_python(forms, longest):
    flags, plain, rest = separate(forms, longest)
    assert flags == [is_plain(form, longest) for form in forms]
    assert plain == [form.lower() for form, flag in zip(forms, flags, strict=True) if flag]
    assert rest == [form for form, flag in zip(forms, flags, strict=True) if not flag]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_byte_at_every_place(place):
    for value in range(256):
        if value == 10:
            continue
        form = bytearray(b"a11")
        form[place] = value
        assert separate([bytes(form), b"Zz9"])[0] == [is_plain(bytes(form), 256), True]


@pytest.mark.parametrize("length", [255, 256, 257])
def test_forms_beyond_the_longest_are_not_plain(length):
    form = b"A" * (length - 1) + b"5"
    assert separate([form])[0] == [length <= 256]
