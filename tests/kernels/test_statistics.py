import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels.statistics import accumulate, drain, merge, reduce_sorted, table_of, take_rows
from bm25.kernels.table import MAX_ID, PROBE_LIMIT
from tests import reference
from tests.kernels.helpers import call
from tests.strategies import examples

BITS = 8

term = st.one_of(
    st.integers(0, MAX_ID),
    st.integers(0, 5),
    st.sampled_from([0, 1, MAX_ID - 1, MAX_ID, 2**30, 2**23, 2**23 - 1]),
    st.integers(2**23 - 40, 2**23 + 40),
)
frequency = st.one_of(st.integers(1, 5), st.sampled_from([1, 2**31, 2**32 - 1]))
documents = st.lists(st.dictionaries(term, frequency, max_size=12), max_size=12)


def entries(texts):
    """The entries of texts, given as dicts, as the kernels take them."""
    pairs = [pair for text in texts for pair in sorted(text.items())]
    return (
        np.array([number for number, _ in pairs], np.uint32),
        np.array([value for _, value in pairs], np.uint32),
    )


def drained(table):
    size = len(table) // 2
    out = np.full(size, 7, np.uint32), np.full(size, 7, np.int64), np.full(size, 7, np.int64)
    written = int(call(drain, table, *out))
    assert not table.any(), "the table is used again, and must be empty"
    return tuple(array[:written].tolist() for array in out)


def run(texts, bits=BITS, room=1 << 20, start=0):
    """Accumulate until it stops; check what it took up against the twin, and return (stop, new ids)."""
    ids, frequencies = entries(texts)
    table = table_of(bits)
    stop, added = map(int, call(accumulate, ids, frequencies, start, table, bits, room))
    taken = list(zip(ids.tolist(), frequencies.tolist(), strict=True))[start:stop]
    expected = reference.frequencies_by_id([[pair] for pair in taken])
    assert drained(table) == expected
    assert added == len(expected[0])
    return stop, added


@given(documents)
@examples(100)
def test_accumulate_against_the_twin(texts):
    stop, _ = run(texts)
    size = sum(map(len, texts))
    if stop < size:
        ids, _ = entries(texts)
        # Only too many ids of nearly the same top bits stop it.
        near = np.abs((ids.astype(np.int64) >> (31 - BITS)) - (int(ids[stop]) >> (31 - BITS)))
        assert len(np.unique(ids[near <= PROBE_LIMIT])) >= PROBE_LIMIT


@given(documents, st.integers(0, 20))
@examples(50)
def test_it_stops_where_the_room_ends(texts, room):
    ids, _ = entries(texts)
    stop, added = run(texts, room=room)
    assert added <= room
    distinct = len(set(ids.tolist()))
    if distinct > room:
        assert stop < len(ids)


def test_it_goes_on_from_where_it_stopped():
    texts = [{i * 2**20: 2, 7: 1} for i in range(1, 50)]
    ids, frequencies = entries(texts)
    table = table_of(BITS)
    start = rounds = 0
    while start < len(ids):
        start, added = map(int, call(accumulate, ids, frequencies, start, table, BITS, 5))
        assert added <= 5
        rounds += 1
    assert rounds > 5
    assert drained(table) == reference.frequencies_by_id([text.items() for text in texts])


def test_ids_that_share_their_top_bits_find_no_place():
    for first in (0, 2**20, MAX_ID - 200):
        texts = [{first + i: 1} for i in range(200)]
        stop, added = run(texts)
        assert stop == added
        assert stop < 200
        # One that has a place is found there, wherever it is.
        assert run([*texts[:PROBE_LIMIT], *texts[:PROBE_LIMIT][::-1]])[0] == 2 * PROBE_LIMIT


def test_ids_in_the_wrong_order_come_out_in_the_right_one():
    step = 2**31 >> BITS
    # Each bucket runs over into the next, which has as many.
    buckets = [first + second for first in range(0, 256, 32) for second in (0, 1)]
    texts = [{(bucket + 1) * step - 1 - i: 1} for bucket in buckets for i in range(12)]
    assert run(texts) == (192, 192)
    assert run(texts[::-1]) == (192, 192)


def test_the_ends_of_the_range_of_ids():
    assert run([{0: 1, MAX_ID: 2}, {MAX_ID: 3}, {0: 2**32 - 1}]) == (4, 2)


def test_occurrences_beyond_32_bits():
    table = table_of(4)
    ids = np.full(1000, MAX_ID, np.uint32)
    call(accumulate, ids, np.full(1000, 2**32 - 1, np.uint32), 0, table, 4, 8)
    assert drained(table) == ([MAX_ID], [1000], [1000 * (2**32 - 1)])


def test_nothing():
    assert run([]) == (0, 0)
    assert run([{}, {}]) == (0, 0)
    assert run([{1: 1}, {2: 1}], start=1) == (2, 1)


@pytest.mark.parametrize("kind", [np.uint32, np.uint64, np.int64])
@given(data=st.data())
@examples(50)
def test_reduce_sorted_against_the_twin(kind, data):
    highest = MAX_ID if kind == np.uint32 else 2**40
    keys = sorted(data.draw(st.lists(st.integers(0, highest) | st.integers(0, 4), max_size=40)))
    values = data.draw(st.lists(frequency, min_size=len(keys), max_size=len(keys)))
    out = np.full(len(keys), 7, kind), np.full(len(keys), 7, np.int64), np.full(len(keys), 7, np.int64)
    written = int(call(reduce_sorted, np.array(keys, kind), np.array(values, np.uint32), *out))
    pairs = zip(keys, values, strict=True)
    assert tuple(a[:written].tolist() for a in out) == reference.frequencies_by_id([[p] for p in pairs])


large = st.sampled_from([2**33, -(2**33), 2**62 - 1])
signed = st.tuples(st.integers(-5, 5), st.integers(-5, 5) | large).filter(any)
counted = st.integers(1, 9).flatmap(
    lambda df: st.tuples(st.just(df), st.integers(df, df + 3) | st.just(2**40))
)


def arrays(mapping, kind=np.uint32):
    ids = sorted(mapping)
    return (
        np.array(ids, kind),
        np.array([mapping[i][0] for i in ids], np.int64),
        np.array([mapping[i][1] for i in ids], np.int64),
    )


def merged(one, other, sign, kind=np.uint32):
    size = len(one) + len(other)
    out = np.full(size, 7, kind), np.full(size, 7, np.int64), np.full(size, 7, np.int64)
    written, bad = map(int, call(merge, *arrays(one, kind), *arrays(other, kind), sign, *out))
    ids, document, collection = (array[:written].tolist() for array in out)
    result = dict(zip(ids, zip(document, collection, strict=True), strict=True))
    assert list(result) == ids, "ids are distinct and ascending"
    return result, bad


@pytest.mark.parametrize("sign", [1, -1])
@given(
    one=st.dictionaries(term, counted | signed, max_size=12),
    other=st.dictionaries(term, counted | signed, max_size=12),
)
@examples(100)
def test_merge_against_the_twin(sign, one, other):
    result, bad = merged(one, other, sign)
    expected = reference.signed_sum(one, other, sign)
    assert result == expected
    assert list(result) == list(expected)
    wrong = [i for i, (df, cf) in enumerate(expected.values()) if df <= 0 or cf < df]
    assert bad == (wrong[0] if wrong else -1)


@given(st.dictionaries(term, counted, max_size=12), st.dictionaries(term, counted, max_size=12))
@examples(50)
def test_what_was_added_can_be_subtracted(one, other):
    both, bad = merged(one, other, 1)
    assert bad == -1
    assert merged(both, other, -1) == (dict(sorted(one.items())), -1)
    assert merged(both, both, -1) == ({}, -1)


def test_merging_keys_of_64_bits():
    one, other = {2**40: (1, 1), 5: (2, 2)}, {2**40: (3, 4), 2**63: (1, 1)}
    assert merged(one, other, 1, np.uint64)[0] == {5: (2, 2), 2**40: (4, 5), 2**63: (1, 1)}


@given(st.lists(st.dictionaries(term, frequency, max_size=5), min_size=1, max_size=8), st.data())
@examples(50)
def test_take_rows_against_slices(texts, data):
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=10))
    ids, frequencies = entries(texts)
    indptr = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    out_indptr = np.cumsum([0, *(len(texts[row]) for row in rows)]).astype(np.int64)
    out = np.full(out_indptr[-1], 7, np.uint32), np.full(out_indptr[-1], 7, np.uint32)
    call(take_rows, indptr, ids, frequencies, np.array(rows, np.int64), out_indptr, *out)
    expected = [pair for row in rows for pair in sorted(texts[row].items())]
    assert list(zip(out[0].tolist(), out[1].tolist(), strict=True)) == expected
