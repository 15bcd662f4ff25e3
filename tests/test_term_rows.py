"""Rows of terms against sets of pairs, which sort as the rows do."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.term_rows import TermRows, union_all
from bm25.terms import TermDictionary
from tests.strategies import LENGTHS, examples, valid_characters

SCHEMA = pa.schema([("term_id", pa.uint32()), ("term", pa.large_string())])

# Many that begin alike, around the eight bytes that are compared and copied at a time; NUL and characters of
# up to four bytes, where the order of UTF-16 would be another.
terms = st.one_of(
    st.text(st.sampled_from("ab\0ä\uffff😀"), max_size=4),
    st.builds(lambda size, end: "a" * size + end, st.sampled_from(LENGTHS), st.sampled_from(["", "b", "\0"])),
    st.text(valid_characters(), max_size=5),
)
few_ids = st.integers(0, 6) | st.sampled_from([2**31, 2**32 - 1])
pairs = st.sets(st.tuples(few_ids, terms), max_size=15)
some_ids = st.sets(few_ids).map(sorted)


def rows_of(pairs, before=(), behind=()):
    """Rows over arrays that begin and end within others, as in a file."""
    ordered = sorted(pairs)
    around = pa.array([*before, *(term for _, term in ordered), *behind], pa.large_string())
    ids = np.array([*[9] * len(before), *(term_id for term_id, _ in ordered), *[9] * len(behind)], np.uint32)
    part = slice(len(before), len(before) + len(ordered))
    ids.flags.writeable = False
    return TermRows(ids[part], around.slice(part.start, len(ordered)))


def pairs_of(rows):
    assert rows.ids.dtype == np.uint32
    assert rows.terms.type == pa.large_string()
    rows.terms.validate(full=True)
    assert len(rows) == len(rows.ids) == len(rows.terms)
    return list(zip(rows.ids.tolist(), rows.terms.to_pylist(), strict=True))


around = st.lists(st.sampled_from(["", "xyz", "beyond all bounds"]), max_size=2)
rows_and_pairs = st.builds(
    lambda pairs, before, behind: (rows_of(pairs, before, behind), pairs), pairs, around, around
)


@given(rows_and_pairs, rows_and_pairs)
@examples(300)
def test_merging_and_taking_away(one, other):
    (mine, a), (theirs, b) = one, other
    assert pairs_of(mine.merge(theirs)) == pairs_of(theirs.merge(mine)) == sorted(a | b)
    assert pairs_of(mine.without(theirs)) == sorted(a - b)
    assert pairs_of(mine.merge(theirs).without(theirs)) == sorted(a - b)
    assert (pairs_of(mine), pairs_of(theirs)) == (sorted(a), sorted(b))


@given(st.lists(rows_and_pairs, max_size=5))
@examples(100)
def test_the_union_of_many(parts):
    assert pairs_of(union_all(rows for rows, _ in parts)) == sorted(set().union(*(one for _, one in parts)))


@given(rows_and_pairs, some_ids)
@examples(300)
def test_rows_of_some_ids(one, wanted):
    rows, pairs = one
    found = rows.restricted(np.array(wanted, np.uint32))
    assert pairs_of(found) == [pair for pair in sorted(pairs) if pair[0] in wanted]


@given(rows_and_pairs)
@examples(300)
def test_dictionaries_and_back(one):
    rows, pairs = one
    dictionary = TermDictionary.from_rows(rows)
    groups = {i: tuple(term for other, term in sorted(pairs) if other == i) for i, _ in sorted(pairs)}
    assert list(dictionary.items()) == [(i, group[0]) for i, group in groups.items()]
    assert dictionary.collisions == {i: group for i, group in groups.items() if len(group) > 1}
    assert pairs_of(dictionary.rows()) == sorted(pairs)


@given(rows_and_pairs)
@examples(100)
def test_arrow_and_back(one):
    rows, pairs = one
    table = rows.to_arrow()
    assert table.schema == SCHEMA
    assert [tuple(row.values()) for row in table.to_pylist()] == sorted(pairs)
    [batch] = table.to_batches() or [pa.RecordBatch.from_pylist([], SCHEMA)]
    ids, column = batch.columns
    for again in (
        TermRows.from_arrow(ids, column),
        TermRows.from_arrow(ids.to_numpy(), column.cast("string")),
    ):
        assert pairs_of(again) == sorted(pairs)


def test_what_changes_nothing_copies_nothing():
    rows, none = rows_of([(1, "a"), (1, "b"), (5, "c")]), TermRows.empty()
    assert rows.merge(none) is none.merge(rows) is rows.merge(rows) is rows
    assert union_all([none, rows, none]) is rows
    assert rows.restricted(np.array([0, 1, 5, 9], np.uint32)) is rows
    assert rows.without(none) is rows.without(rows_of([(1, "aa"), (5, "b"), (6, "a")])) is rows
    assert rows.to_arrow()["term"].chunk(0).buffers()[2].address == rows.terms.buffers()[2].address
    assert rows.to_arrow()["term_id"].chunk(0).buffers()[1].address == rows.ids.ctypes.data
    for nothing in (
        union_all([]),
        none.merge(none),
        none.without(rows),
        rows.restricted([]),
        none.restricted([1]),
    ):
        assert pairs_of(nothing) == []
        assert nothing.to_arrow().schema == SCHEMA


@pytest.mark.parametrize("terms", [[""], ["", "a"]])
def test_terms_without_bytes(terms):
    rows, other = rows_of((0, term) for term in terms), rows_of([(1, "")])
    assert pairs_of(rows.merge(other)) == [*((0, term) for term in terms), (1, "")]
    assert pairs_of(other.merge(rows).without(rows)) == [(1, "")]


def test_many_terms_of_one_id():
    ids = np.array([3], np.uint32)
    rows = rows_of([(2, "x"), *((3, f"{i:04}") for i in range(2000)), (4, "x")])
    assert len(rows.restricted(ids)) == 2000
    later = rows_of((3, f"{i:04}") for i in range(1000, 3000))
    assert pairs_of(later.without(rows)) == [(3, f"{i:04}") for i in range(2000, 3000)]
    assert len(rows.merge(later)) == 3002
