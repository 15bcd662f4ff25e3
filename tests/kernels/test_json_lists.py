import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels.json_lists import ENTRY, ROW, WORD, number_values, write_vectors
from tests.kernels.helpers import call
from tests.strategies import examples

uint32 = st.one_of(
    st.integers(0, 2**32 - 1),
    st.integers(0, 200),
    st.sampled_from([0, 9, 10, 99, 100, 10**7, 10**8 - 1, 10**8, 10**9 - 1, 10**9, 2**31, 2**32 - 1]),
    st.builds(lambda power, off: max(0, 10**power + off), st.integers(0, 9), st.integers(-2, 2)),
)


def number(values, spare=0):
    bits = np.array(values, np.uint32)
    logarithm = (2 * len(bits)).bit_length() + spare
    distinct, numbers = np.full(len(bits), 7, np.uint32), np.full(len(bits), 7, np.uint32)
    found = int(
        call(number_values, bits, np.zeros(1 << logarithm, np.uint32), 64 - logarithm, distinct, numbers)
    )
    return distinct[:found].tolist(), numbers.tolist()


@given(st.lists(uint32, max_size=50), st.integers(0, 4))
@examples(100)
def test_values_are_numbered_in_order_of_appearance(values, spare):
    expected = list(dict.fromkeys(values))
    assert number(values, spare) == (expected, [expected.index(value) for value in values])


def test_a_table_that_is_too_small():
    bits, numbers = np.arange(9, dtype=np.uint32), np.zeros(9, np.uint32)
    assert call(number_values, bits[:8], np.zeros(16, np.uint32), 60, numbers.copy(), numbers) == 8
    assert call(number_values, bits, np.zeros(16, np.uint32), 60, numbers.copy(), numbers) == -1


def test_many_values_in_a_table_of_which_half_is_full():
    values = np.random.default_rng(3).integers(0, 2**32, 1023, np.uint32).tolist()
    distinct, numbers = number(values)
    assert distinct == list(dict.fromkeys(values))
    assert [distinct[i] for i in numbers] == values


def written(rows, texts, start=0):
    """The text of rows of (id, number of its weight), weights given as text."""
    indptr = np.cumsum([0, *map(len, rows)])
    pairs = [pair for row in rows for pair in row]
    indices = np.array([one for one, _ in pairs], np.uint32)
    numbers = np.array([one for _, one in pairs], np.uint32)
    lengths = np.array([len(text) + 1 for text in texts], np.int64)
    longest = int(lengths.max(initial=0))
    width = -(-longest // WORD) * WORD
    padded = "".join(f"{text},".ljust(width, "?") for text in texts).encode()
    words = np.frombuffer(padded, np.uint64).reshape(len(texts), -1)
    room = start + len(rows) * ROW + len(pairs) * (ENTRY + longest)
    out = np.full(room + width + 16, 7, np.uint8)
    end = int(call(write_vectors, indptr, indices, numbers, words, lengths, out[: room + width], start))
    assert end <= room
    assert (out[room + width :] == 7).all(), "written beyond the output"
    assert (out[:start] == 7).all(), "written before the start"
    return out[start:end].tobytes().decode()


@given(
    st.lists(st.lists(st.tuples(uint32, st.integers(0, 3)), max_size=5), max_size=5),
    st.lists(st.sampled_from(["1.0", "0", "1.6832038", "3.4028235e38", "1.17549435e-38", "12345678.0"]),
             min_size=4, max_size=4),
    st.sampled_from([0, 1, 9]),
)  # fmt: skip
@examples(150)
def test_rows_against_the_library(rows, texts, start):
    expected = "".join(
        json.dumps({"indices": [one for one, _ in row], "values": [None for _ in row]}, separators=(",", ":"))
        .replace("null", "{}")
        .replace("{", "{{", 1)
        .replace("]}", "]}},")
        .format(*(texts[number] for _, number in row))
        for row in rows
    )
    assert written(rows, texts, start) == expected


@pytest.mark.parametrize("digits", range(1, 11))
def test_numbers_of_every_length(digits):
    low, high = (0 if digits == 1 else 10 ** (digits - 1)), min(10**digits, 2**32) - 1
    draw = np.random.default_rng(digits).integers(low, high + 1, 300).tolist()
    ids = [low, low + 1, high - 1, high, *draw]
    assert (
        json.loads("[" + written([[(one, 0) for one in ids]], ["1.0"]).rstrip(",") + "]")[0]["indices"] == ids
    )


def test_literal_text():
    assert written([], ["1.0"]) == ""
    assert written([[], [(0, 1), (4294967295, 0)], []], ["1.0", "0.25"]) == (
        '{"indices":[],"values":[]},{"indices":[0,4294967295],"values":[0.25,1.0]},{"indices":[],"values":[]},'
    )
