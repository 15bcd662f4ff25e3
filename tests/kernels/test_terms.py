import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels.terms import (
    SIEVE_BITS,
    absent_rows,
    find_ids,
    find_texts,
    fold_rows,
    merge_rows,
    merged_size,
    union_rows,
)
from tests.kernels.helpers import call, read_only
from tests.strategies import LENGTHS, examples

few_ids = st.integers(0, 12) | st.sampled_from([2**31 - 1, 2**31])
# Much alike, so that terms differ in one byte, before or after the eighth.
words = st.one_of(
    st.binary(max_size=20),
    st.builds(
        lambda size, at, byte: (b"a" * size)[:at] + byte + (b"a" * size)[at + 1 :],
        st.sampled_from(LENGTHS), st.integers(0, 40), st.sampled_from([b"", b"b", b"\0", b"\xff"]),
    ),
)  # fmt: skip
dictionaries = st.dictionaries(few_ids, words, max_size=10)


def arrays_of(rows, before=b"", behind=b""):
    """Ids, offsets and bytes of a dict, or of pairs, within other bytes."""
    pairs = sorted(rows.items() if isinstance(rows, dict) else rows)
    offsets = np.cumsum([len(before), *(len(word) for _, word in pairs)], dtype=np.int64)
    data = read_only(before + b"".join(word for _, word in pairs) + behind)
    ids = np.array([term_id for term_id, _ in pairs], np.uint32)
    for array in (ids, offsets):
        array.flags.writeable = False
    return ids, offsets, data


def rows_of(ids, offsets, data):
    assert offsets[0] == 0
    return {
        int(term_id): data[offsets[i] : offsets[i + 1]].tobytes() for i, term_id in enumerate(ids.tolist())
    }


def merge(a, b, room=100):
    rows, size = map(int, call(merged_size, *a[:2], *b[:2]))
    ids, offsets, data = np.zeros(rows, np.uint32), np.zeros(rows + 1, np.int64), np.zeros(size, np.uint8)
    clashes = np.full(room, -1, np.int64), np.full(room, -1, np.int64)
    used, clashing = map(int, call(merge_rows, *a, *b, ids, offsets, data, *clashes))
    assert offsets[-1] == used <= size
    assert ids.tolist() == sorted(set(ids.tolist()))
    assert clashing or used == size
    pairs = list(zip(*(places[:clashing].tolist() for places in clashes), strict=True))
    return rows_of(ids, offsets, data), pairs, clashing


@given(dictionaries, dictionaries, st.binary(max_size=9), st.binary(max_size=9))
@examples(300)
def test_merging_against_dicts(one, other, before, behind):
    a, b = arrays_of(one, before, behind), arrays_of(other, behind)
    shared = sorted(one.keys() & other.keys())
    expected = {**one, **other, **{key: min(one[key], other[key]) for key in shared}}
    found, clashes, clashing = merge(a, b)
    assert found == expected
    different = [key for key in shared if one[key] != other[key]]
    assert [(int(a[0][i]), int(b[0][j])) for i, j in clashes] == [(key, key) for key in different]
    assert merge(a, b, room=1) == (expected, clashes[:1], clashing)
    assert merge(b, a)[0] == expected


@given(*[st.sets(st.tuples(few_ids, words), max_size=12)] * 2, *[st.binary(max_size=9)] * 2)
@examples(300)
def test_rows_against_sets(one, other, before, behind):
    a, b = arrays_of(one, before, behind), arrays_of(other, behind)
    rows = len(one) + len(other)
    size = sum(len(word) for _, word in [*one, *other])
    ids, offsets, data = np.zeros(rows, np.uint32), np.zeros(rows + 1, np.int64), np.zeros(size, np.uint8)
    rows, used = map(int, call(union_rows, *a, *b, ids, offsets, data))
    assert (rows, used) == (len(one | other), sum(len(word) for _, word in one | other))
    expected = arrays_of(one | other)
    for found, wanted in zip((ids[:rows], offsets[: rows + 1], data[:used]), expected, strict=True):
        assert found.tolist() == wanted.tolist()
    places = np.full(len(one), -1, np.int64)
    absent = call(absent_rows, *a, *b, places)
    assert [sorted(one)[place] for place in places[:absent].tolist()] == sorted(one - other)


@given(
    st.lists(st.tuples(few_ids, words.map(lambda word: word.replace(b"\n", b""))), min_size=1, max_size=15)
)
@examples(300)
def test_folding_against_dicts(pairs):
    lines = b"\n".join(word for _, word in pairs)
    ends = np.cumsum([len(word) + 1 for _, word in pairs], dtype=np.int64) - 1
    starts = np.append(0, ends[:-1] + 1)
    keys = np.array(sorted((term_id << 32) + i for i, (term_id, _) in enumerate(pairs)), np.uint64)
    size = len(pairs)
    ids, offsets, data = (
        np.zeros(size, np.uint32),
        np.zeros(size + 1, np.int64),
        np.zeros(len(lines), np.uint8),
    )
    clashes = np.full(size, -1, np.int64)
    rows, used, clashing = map(
        int, call(fold_rows, keys, starts, ends, read_only(lines), ids, offsets, data, clashes)
    )
    groups = {}
    for term_id, word in pairs:
        groups.setdefault(term_id, set()).add(word)
    assert rows_of(ids[:rows], offsets[: rows + 1], data) == {i: min(group) for i, group in groups.items()}
    assert ids[:rows].tolist() == sorted(groups)
    assert used == offsets[rows]
    first = [key >> 32 for key in keys.tolist()].index
    assert clashes[:clashing].tolist() == [first(i) for i in sorted(groups) if len(groups[i]) > 1]


ascending = st.sets(st.integers(0, 60) | st.sampled_from([2**31, 2**32 - 1]), max_size=40).map(sorted)


@given(ascending, ascending)
@examples(300)
def test_finding_ids(known, wanted):
    places = np.full(min(len(known), len(wanted)), -1, np.int64)
    found = call(find_ids, np.array(known, np.uint32), np.array(wanted, np.uint32), places)
    assert places[:found].tolist() == [i for i, number in enumerate(known) if number in wanted]


@given(st.lists(st.integers(0, 12) | st.just(2**32 - 1)).map(sorted), ascending, st.integers(0, 20))
@examples(300)
def test_finding_the_rows_of_ids(known, wanted, room):
    places = np.full(room, -1, np.int64)
    found = call(find_ids, np.array(known, np.uint32), np.array(wanted, np.uint32), places)
    expected = [i for i, number in enumerate(known) if number in wanted]
    assert found == len(expected)
    assert places[:found].tolist() == expected[:room]


def test_finding_few_among_many_and_many_among_few():
    many = np.arange(0, 3000, 3, dtype=np.uint32)
    for few in ([0], [2997], [1], [2998], [0, 1500, 2997], [6, 9, 12, 2000]):
        places = np.full(len(few), -1, np.int64)
        found = call(find_ids, many, np.array(few, np.uint32), places)
        assert places[:found].tolist() == [number // 3 for number in few if number % 3 == 0]
        found = call(find_ids, np.array(few, np.uint32), many, places)
        assert places[:found].tolist() == [i for i, number in enumerate(few) if number % 3 == 0]


# Ids that differ in their high bits only, too.
alike = st.integers(0, 12) | st.integers(0, 3).map(lambda high: (high << SIEVE_BITS) + 7) | st.just(2**32 - 1)


@given(st.lists(st.sets(alike, max_size=6).map(sorted), max_size=8), st.sets(alike, max_size=4).map(sorted))
@examples(300)
def test_finding_the_texts_that_have_any_of_some_ids(texts, wanted):
    indptr = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    term_ids = np.array([term_id for text in texts for term_id in text], np.uint32)
    rows = np.full(len(texts), -1, np.int64)
    found = call(find_texts, indptr, term_ids, np.array(wanted, np.uint32), rows)
    assert rows[:found].tolist() == [i for i, text in enumerate(texts) if set(text) & set(wanted)]
