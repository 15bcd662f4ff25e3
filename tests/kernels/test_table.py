from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels.table import DROPPED, ENTRY, MANY, MAX_ID, NEW, PROBE_LIMIT, SIDE
from tests.conftest import REDUCED
from tests.kernels.helpers import Numbers, Table, same_slot, scan_texts
from tests.strategies import LENGTHS, examples

# A form as the `whitespace` mode has it: any bytes but ASCII whitespace.
byte = st.sampled_from([b for b in range(256) if b not in b" \t\n\v\f\r"])
forms = st.one_of(
    st.lists(byte, min_size=1, max_size=30).map(bytes),
    st.builds(
        lambda length, place, other: bytes(other if i == place % length else 97 for i in range(length)),
        st.sampled_from(LENGTHS),
        st.integers(0, 300),
        byte,
    ),
)
references = st.one_of(st.integers(0, MAX_ID), st.sampled_from([0, 1, MAX_ID, MANY, SIDE - 1, DROPPED]))


def test_references_of_each_kind_have_their_own_range():
    bounds = [MAX_ID, MANY, SIDE, NEW, DROPPED]
    assert all(low < high for low, high in pairwise(bounds))
    assert MAX_ID == 2**31
    assert DROPPED < 2**32


@given(st.dictionaries(forms, references, max_size=60))
@examples(100)
def test_what_was_added_is_found_and_nothing_else(entries):
    table = Table(bits=8)
    half = dict(list(entries.items())[::2])
    assert table.add(list(half), half.values()) == len(half)
    assert table.lookup(list(entries)) == [half.get(form) for form in entries]


@pytest.mark.parametrize("length", LENGTHS)
def test_forms_that_differ_in_one_byte_are_kept_apart(length):
    places = range(length) if not REDUCED else {0, length // 2, length - 1}
    near = [b"a" * i + b"b" + b"a" * (length - 1 - i) for i in places]
    table = Table(bits=10)
    table.add(near, range(1, len(near) + 1))
    assert table.lookup(near) == list(range(1, len(near) + 1))
    others = [form.replace(b"b", b"c") for form in near] + [b"a" * length]
    assert table.lookup(others) == [None] * len(others)


def test_a_form_is_not_its_own_beginning_nor_itself_with_nul_bytes():
    family = [b"\0" * n for n in range(1, 40)] + [b"a" * 20 + b"\0" * n for n in range(20)]
    family += [b"a" * n for n in range(1, 20)]
    table = Table(bits=10)
    for number, form in enumerate(family):
        assert table.lookup([form]) == [None]
        assert table.add([form], [number]) == 1
    assert table.lookup(family) == list(range(len(family)))


def alike():
    """Forms that have their first bytes, or their padded words, or all but one byte in common."""
    yield [b"\0" * n for n in range(1, 40)]
    yield [b"a" * n + b"\0" * m for n in (1, 7, 8, 15, 16, 23, 24, 25) for m in (0, 1, 8, 16)]
    for length in (1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 40):
        yield [b"a" * length, *(b"a" * i + b"b" + b"a" * (length - 1 - i) for i in range(length))]


@pytest.mark.parametrize("family", list(alike()), ids=lambda family: f"{len(family)} forms")
def test_one_form_is_not_taken_for_another_of_its_slot(family):
    # Of two slots, that is: half of the forms point at the one that is taken.
    for form in family:
        table = Table(bits=1)
        table.add([form], [7])
        assert table.lookup(family) == [7 if other == form else None for other in family]


def test_the_first_reference_stays():
    table = Table()
    forms = [b"short", b"seventeen letters", b"more than twenty-four bytes in all".replace(b" ", b"_")]
    forms[1] = forms[1].replace(b" ", b"_")
    assert table.add(forms, [1, 2, 3]) == 3
    used = table.used
    assert table.add([*forms, b"new"], [4, 5, 6, 7]) == 1
    assert table.used == used
    assert table.lookup([*forms, b"new"]) == [1, 2, 3, 7]
    assert table.add([b"twice", b"twice"], [8, 9]) == 1
    assert table.lookup([b"twice"]) == [8]


@pytest.mark.parametrize("longest", [1, 16, 17, 24, 25, 256])
def test_forms_longer_than_the_longest_are_left_out(longest):
    table = Table()
    assert table.add([b"a" * longest, b"b" * (longest + 1)], [1, 2], longest) == 1
    assert table.lookup([b"a" * longest, b"b" * (longest + 1)]) == [1, None]


def test_an_empty_form_is_left_out():
    table = Table()
    assert table.add([b"", b"a", b""], [1, 2, 3]) == 1
    assert table.lookup([b"a"]) == [2]


@pytest.mark.parametrize("slot", [0, 5, 127])
def test_forms_of_one_slot_are_found_up_to_the_probe_limit(slot):
    # Slot 127 is the last one: what follows it is the first.
    crafted = same_slot(7, PROBE_LIMIT + 20, slot=slot)
    table = Table(bits=7)
    assert table.add(crafted, range(len(crafted))) == PROBE_LIMIT
    assert table.lookup(crafted) == [*range(PROBE_LIMIT), *[None] * 20]


def test_forms_beyond_the_probe_limit_are_new_each_time_they_come():
    crafted = same_slot(7, PROBE_LIMIT + 5)
    table = Table(bits=7)
    numbers = Numbers()
    text = b" ".join(crafted * 3)
    for _ in range(2):
        result = scan_texts([text], "word", table=table, resolve=numbers, learn=table)
        assert result.references == [numbers(crafted * 3)]
    assert sorted(set(result.new_forms[0])) == sorted(crafted[PROBE_LIMIT:])


def test_a_full_table_takes_no_more_and_still_finds_its_own():
    table = Table(bits=3)
    many = [f"form{i}".encode() for i in range(20)]
    assert table.add(many, range(20)) == 8
    found = table.lookup(many)
    assert found == [*range(8), *[None] * 12]
    numbers = Numbers()
    result = scan_texts(
        [b" ".join(many)], "word", table=table, resolve=lambda new: [n + 8 for n in numbers(new)]
    )
    assert result.references == [list(range(20))]


@pytest.mark.parametrize("bits", [9, 10, 12])
def test_a_larger_table_has_all_entries(bits):
    rng = np.random.default_rng(bits)
    alphabet = np.array([b for b in range(256) if b not in b" \t\n\v\f\r"], np.uint8)
    lengths = [*LENGTHS, *rng.integers(1, 60, 200).tolist()]
    many = sorted({alphabet[rng.integers(0, len(alphabet), n)].tobytes() for n in lengths})
    table = Table(bits=9)
    added = table.add(many, range(len(many)))
    assert added == len(many)
    bigger, copied = table.grown(bits)
    assert copied == added
    assert bigger.lookup(many) == list(range(len(many)))
    assert np.count_nonzero(bigger.table[3::ENTRY]) == added
    # And it can be added to, without what it has being taken for something new.
    assert bigger.add([*many, b"another"], [0] * len(many) + [77]) == 1
    assert bigger.lookup([*many[:50], b"another"]) == [*range(50), 77]


def test_entries_of_a_crowded_slot_keep_their_place_in_a_larger_table():
    crafted = same_slot(7, PROBE_LIMIT)
    table = Table(bits=7)
    assert table.add(crafted, range(PROBE_LIMIT)) == PROBE_LIMIT
    bigger, copied = table.grown(8)
    assert copied == PROBE_LIMIT
    assert bigger.lookup(crafted) == list(range(PROBE_LIMIT))
