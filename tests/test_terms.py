import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.terms import CLASHES, TermBlock, TermDictionary, TermIndex
from tests.strategies import examples, valid_characters

SCHEMA = pa.schema([("term_id", pa.uint32()), ("term", pa.large_string())])

# Some longer than the eight bytes that are compared and copied at a time, and much alike.
terms = st.text(st.sampled_from("ab\0ä😀"), max_size=20) | st.text(
    valid_characters().filter(lambda char: char != "\n"), max_size=5
)
# Few ids, so that many are shared.
entries = st.lists(st.lists(st.tuples(st.integers(0, 6) | st.just(2**31), terms), max_size=6), max_size=5)


def block_of(pairs):
    return TermBlock(
        np.array([term_id for term_id, _ in pairs], np.uint32), "\n".join(term for _, term in pairs).encode()
    )


def dictionary_of(pairs):
    return TermDictionary.from_blocks([block_of(pairs)])


def everything(dictionary):
    """All terms by id, ascending."""
    return {i: list(dictionary.collisions.get(i, (term,))) for i, term in dictionary.items()}


def check(dictionary):
    """What holds of any dictionary."""
    assert dictionary.ids.dtype == np.uint32
    assert dictionary.terms.type == pa.large_string()
    dictionary.terms.validate(full=True)
    assert len(dictionary.ids) == len(dictionary.terms) == len(dictionary)
    assert dictionary.ids.tolist() == sorted(set(dictionary.ids.tolist()))
    for term_id, group in dictionary.collisions.items():
        assert len(group) > 1
        assert group == tuple(sorted(set(group)))
        assert dictionary[term_id] == group[0]
    return dictionary


def moved(dictionary):
    """The same dictionary over arrays that begin and end within others, as in a file."""
    around = pa.array(["", "xyz", *dictionary.terms.to_pylist(), "beyond"], pa.large_string())
    ids = np.concatenate([np.zeros(2, np.uint32), dictionary.ids, np.zeros(1, np.uint32)])
    n = len(dictionary)
    return TermDictionary(ids[2 : n + 2], around.slice(2, n), dictionary.collisions)


def grouped(pairs, among=None):
    """Terms by id, ascending, in the order of their bytes."""
    groups = {}
    for term_id, term in sorted(set(pairs), key=lambda pair: (pair[0], pair[1].encode())):
        if among is None or term_id in among:
            groups.setdefault(term_id, []).append(term)
    return groups


@given(entries, st.none() | st.sets(st.integers(0, 6)))
@examples(150)
def test_dictionaries_of_blocks(blocks, among):
    expected = grouped([pair for block in blocks for pair in block], among)
    wanted = None if among is None else np.array(sorted(among), np.uint32)
    dictionary = TermDictionary.from_blocks(map(block_of, blocks), among=wanted)
    assert list(dictionary.items()) == [(term_id, group[0]) for term_id, group in expected.items()]
    assert len(dictionary) == len(expected)
    assert dictionary.collisions == {i: tuple(group) for i, group in expected.items() if len(group) > 1}
    assert dictionary.ids.dtype == np.uint32
    reordered = TermDictionary.from_blocks(map(block_of, blocks[::-1]), among=wanted)
    assert (dict(reordered), reordered.collisions) == (dict(dictionary), dictionary.collisions)


def test_a_term_that_is_empty():
    # Arabic tatweel stems to nothing, whose id is 0.
    dictionary = TermDictionary.from_blocks([block_of([(0, "")]), block_of([(5, "a"), (0, "")])])
    assert dict(dictionary) == {0: "", 5: "a"}
    assert dictionary.collisions == {}


def test_it_is_a_mapping():
    dictionary = TermDictionary.from_blocks([block_of([(2**31, "z"), (0, "ä"), (7, "a"), (7, "b")])])
    assert list(dictionary) == [0, 7, 2**31]
    assert dictionary[7] == dictionary[np.uint32(7)] == "a"
    assert dictionary[2**31] == "z"
    assert dictionary.get(1) is None
    assert 7 in dictionary
    assert all(key not in dictionary for key in (-1, 1, 2**31 + 1, 2**32 + 7, 2**70))
    with pytest.raises(KeyError, match="6"):
        dictionary[6]
    assert dictionary == {0: "ä", 7: "a", 2**31: "z"}
    assert dictionary != {0: "ä"}
    assert repr(dictionary) == "<TermDictionary of 3 ids, 1 of them shared by several terms>"


@pytest.mark.parametrize("key", ["7", None, (7,), 7.5])
def test_keys_that_are_no_ids_are_not_in_it(key):
    dictionary = TermDictionary.from_blocks([block_of([(7, "a")])])
    assert key not in dictionary
    assert dictionary.get(key) is None


@pytest.mark.parametrize("blocks", [[], [block_of([])], [TermBlock(np.empty(0, np.uint32), b"")] * 2])
def test_no_terms(blocks):
    dictionary = TermDictionary.from_blocks(blocks)
    assert (len(dictionary), dict(dictionary), dictionary.collisions) == (0, {}, {})
    assert len(dictionary.rows()) == 0
    assert dictionary.rows().to_arrow().schema == SCHEMA
    assert 0 not in dictionary


def test_pickling():
    dictionary = TermDictionary.from_blocks([block_of([(2**31, "z"), (7, "a"), (7, "b")])])
    again = pickle.loads(pickle.dumps(dictionary))
    assert list(again.items()) == list(dictionary.items())
    assert again.collisions == {7: ("a", "b")}


# Merging


def merged(dictionaries):
    result = dictionary_of([])
    for dictionary in dictionaries:
        result = result.merge(dictionary)
    return result


@given(entries, st.data())
@examples(300)
def test_however_terms_are_grouped_the_merged_dictionary_is_the_same(groups, data):
    expected = grouped([pair for group in groups for pair in group])
    parts = [dictionary_of(group) for group in groups] or [dictionary_of([])]
    if data.draw(st.booleans()):
        parts = [moved(part) for part in parts]
    before = [everything(part) for part in parts]
    left = list(parts)
    while len(left) > 1:
        i = data.draw(st.integers(0, len(left) - 2))
        left[i : i + 2] = [check(left[i].merge(left[i + 1]))]
    assert everything(left[0]) == expected
    assert left[0] == merged(parts) == merged(parts[::-1])
    assert left[0] == dictionary_of([pair for group in groups for pair in group])
    assert [everything(part) for part in parts] == before


def test_merging():
    one = dictionary_of([(0, ""), (3, "b"), (2**31, "z")])
    other = dictionary_of([(0, ""), (3, "a"), (4, "c"), (2**31, "z")])
    both = one.merge(other)
    assert list(both.items()) == [(0, ""), (3, "a"), (4, "c"), (2**31, "z")]
    assert both.collisions == {3: ("a", "b")}
    assert both.merge(dictionary_of([(3, "c"), (4, "c")])).collisions == {3: ("a", "b", "c")}
    # A collision that only one of the two knows of, under the same least term.
    assert both.merge(other).collisions == other.merge(both).collisions == both.collisions


def test_merging_with_nothing_copies_nothing():
    one, none = dictionary_of([(3, "b")]), dictionary_of([])
    assert one.merge(none) is one
    assert none.merge(one) is one
    assert one.merge(one) is one
    assert len(none.merge(none)) == 0


def test_terms_of_no_bytes_at_all():
    one = TermDictionary.from_arrow(np.array([0], np.uint32), pa.array([""], pa.large_string()))
    assert dict(check(one.merge(dictionary_of([(1, "")])))) == {0: "", 1: ""}


def test_more_collisions_than_a_merge_has_room_for_at_first():
    size = 2 * CLASHES + 1
    one = dictionary_of([(i, f"b{i}") for i in range(size)])
    other = dictionary_of([(i, f"a{i}") for i in range(size)])
    both = check(one.merge(other))
    assert both.collisions == {i: (f"a{i}", f"b{i}") for i in range(size)}
    assert list(both.values()) == list(other.values())


# Looking up


@given(
    st.lists(st.tuples(st.integers(0, 40) | st.just(2**31), terms), max_size=40), st.sets(st.integers(0, 41))
)
@examples(150)
def test_lookup_and_its_complement(pairs, wanted):
    dictionary = moved(dictionary_of(pairs))
    ids = np.array(sorted(wanted), np.uint32)
    found, others = check(dictionary.lookup(ids)), check(dictionary.without(ids))
    assert everything(found) == grouped(pairs, among=wanted)
    assert everything(others) == grouped(pairs, among=set(dictionary) - wanted)
    assert found.merge(others) == dictionary


def test_lookup_of_all_copies_nothing():
    dictionary = dictionary_of([(1, "a"), (1, "b"), (5, "c")])
    assert dictionary.lookup(np.array([0, 1, 5, 9], np.uint32)) is dictionary
    assert dictionary.lookup([5, 2**31]) == dictionary_of([(5, "c")])


# Arrow


@given(st.lists(st.tuples(st.integers(0, 6) | st.just(2**31), terms), max_size=12))
@examples(150)
def test_rows_and_back(pairs):
    dictionary = moved(dictionary_of(pairs))
    table = dictionary.rows().to_arrow()
    assert table.schema == SCHEMA
    expected = [(term_id, term) for term_id, group in grouped(pairs).items() for term in group]
    assert [tuple(row.values()) for row in table.to_pylist()] == expected
    table = table.combine_chunks()
    ids, column = (
        table[name].chunk(0) if len(table) else table[name].combine_chunks() for name in SCHEMA.names
    )
    for again in (
        TermDictionary.from_arrow(ids, column),
        TermDictionary.from_arrow(ids.to_numpy(), column.cast(pa.string())),
    ):
        assert check(again) == dictionary


def test_rows_without_collisions_are_not_copied():
    dictionary = dictionary_of([(9, "z"), (0, "ä")])
    ids, column = dictionary.rows().to_arrow().columns
    assert ids.chunk(0).buffers()[1].address == dictionary.ids.ctypes.data
    assert column.chunk(0).buffers()[2].address == dictionary.terms.buffers()[2].address
    again = TermDictionary.from_arrow(ids.chunk(0), column.chunk(0))
    assert again.ids.ctypes.data == dictionary.ids.ctypes.data
    assert again.terms.buffers()[2].address == dictionary.terms.buffers()[2].address


# Equality


def test_equality():
    dictionary = dictionary_of([(1, "a"), (2, "b")])
    assert dictionary == moved(dictionary_of([(2, "b"), (1, "a")])) == {1: "a", 2: "b"}
    for other in ([(1, "a")], [(1, "a"), (2, "c")], [(1, "a"), (3, "b")], [(1, "a"), (2, "b"), (2, "c")]):
        assert dictionary != dictionary_of(other)
    assert dictionary_of([(1, "a"), (1, "b")]) == {1: "a"}
    assert dictionary != {1: "a", 2: "c"}
    assert dictionary != [1, 2]
    with pytest.raises(TypeError, match="unhashable"):
        hash(dictionary)


# Growing


@given(st.lists(entries, max_size=8), st.none() | st.sets(st.integers(0, 6)))
@examples(100)
def test_an_index_knows_what_a_dictionary_of_all_blocks_knows(steps, wanted):
    index, pairs = TermIndex(), []
    ids = None if wanted is None else np.array(sorted(wanted), np.uint32)
    for blocks in steps:
        for block in blocks:
            index.blocks.append(block_of(block))
            pairs += block
        index.fold()
        assert index.blocks == []
        assert everything(check(index.lookup(ids))) == grouped(pairs, wanted)


def test_an_index_copies_a_term_a_few_times_only(monkeypatch):
    copied = []
    merge = TermDictionary.merge

    def counting(self, other):
        result = merge(self, other)
        copied.append(len(result))
        return result

    monkeypatch.setattr(TermDictionary, "merge", counting)
    index = TermIndex()
    for i in range(256):
        index.blocks.append(block_of([(256 * j + i, f"term{256 * j + i}") for j in range(4)]))
        index.fold()
    assert sum(copied) <= 1024 * 9
    assert len(index.lookup()) == 1024


def test_folding_nothing():
    index = TermIndex()
    index.fold()
    assert len(index.lookup()) == len(index.lookup(np.array([1], np.uint32))) == 0
    index.blocks.append(block_of([]))
    index.fold()
    assert len(index.lookup()) == 0
