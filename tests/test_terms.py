import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.terms import TermBlock, TermDictionary
from tests.strategies import examples, valid_characters

terms = st.text(valid_characters().filter(lambda char: char != "\n"), max_size=5)
# Few ids, so that many are shared.
entries = st.lists(st.lists(st.tuples(st.integers(0, 6) | st.just(2**31), terms), max_size=6), max_size=5)


def block_of(pairs):
    return TermBlock(
        np.array([term_id for term_id, _ in pairs], np.uint32), "\n".join(term for _, term in pairs).encode()
    )


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


@given(st.lists(terms, min_size=1, max_size=10))
@examples(100)
def test_blocks_as_arrow(words):
    array = block_of([(0, word) for word in words]).to_arrow()
    array.validate(full=True)
    assert array.type == pa.large_string()
    assert array.to_pylist() == words


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
    assert dictionary.to_arrow().num_rows == 0
    assert 0 not in dictionary


def test_arrow():
    table = TermDictionary.from_blocks([block_of([(9, "z"), (0, "ä"), (9, "a")])]).to_arrow()
    assert table.schema == pa.schema([("id", pa.uint32()), ("term", pa.large_string())])
    assert table.to_pydict() == {"id": [0, 9], "term": ["ä", "a"]}


def test_pickling():
    dictionary = TermDictionary.from_blocks([block_of([(2**31, "z"), (7, "a"), (7, "b")])])
    again = pickle.loads(pickle.dumps(dictionary))
    assert list(again.items()) == list(dictionary.items())
    assert again.collisions == {7: ("a", "b")}
