import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import accumulator
from bm25.accumulator import (
    Frequencies,
    FrequencyAccumulator,
    distinct_ids,
    merge_frequencies,
    reduce_by_key,
)  # fmt: skip
from tests import reference
from tests.strategies import examples

MAX_ID = 2**31

term = st.one_of(
    st.integers(0, MAX_ID), st.integers(0, 9), st.sampled_from([0, 1, MAX_ID - 1, MAX_ID, 2**30])
)
text = st.dictionaries(term, st.integers(1, 4) | st.just(2**32 - 1), max_size=30)


def feed(sums, texts):
    pairs = [pair for one in texts for pair in sorted(one.items())]
    sums.add(
        np.array([number for number, _ in pairs], np.uint32),
        np.array([value for _, value in pairs], np.uint32),
        len(texts),
    )


def as_lists(frequencies):
    assert [array.dtype for array in frequencies] == [np.uint32, np.int64, np.int64]
    return tuple(array.tolist() for array in frequencies)


def expected(texts):
    return reference.frequencies_by_id([one.items() for one in texts])


@given(
    batches=st.lists(st.lists(text, max_size=5), max_size=6),
    first_bits=st.sampled_from([6, 15]),
    last_bits=st.sampled_from([8, 24]),
    most_parts=st.sampled_from([1, 2, 8]),
    most_texts=st.sampled_from([1, 7, 2**31]),
    peek=st.booleans(),
)
@examples(100)
def test_texts_in_batches_against_the_twin(batches, first_bits, last_bits, most_parts, most_texts, peek):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            ("FIRST_BITS", first_bits), ("LAST_BITS", last_bits), ("MOST_PARTS", most_parts),
            ("MOST_TEXTS", most_texts),
        ):  # fmt: skip
            patch.setattr(accumulator, name, value)
        sums = FrequencyAccumulator()
        for number, batch in enumerate(batches):
            feed(sums, batch)
            if peek:
                seen = [one for part in batches[: number + 1] for one in part]
                assert as_lists(sums.result()) == expected(seen)
        texts = [one for batch in batches for one in batch]
        assert as_lists(sums.result()) == expected(texts)
        assert as_lists(sums.result()) == expected(texts), "asking changes nothing"


@given(st.lists(st.tuples(st.lists(text, max_size=4), st.booleans()), max_size=8), st.sampled_from([1, 8]))
@examples(100)
def test_texts_and_frequencies_of_others(batches, most_parts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accumulator, "MOST_PARTS", most_parts)
        sums = FrequencyAccumulator()
        for batch, apart in batches:
            if apart:
                others = FrequencyAccumulator()
                feed(others, batch)
                sums.add_part(others.result())
            else:
                feed(sums, batch)
        assert as_lists(sums.result()) == expected([one for batch, _ in batches for one in batch])


@pytest.mark.parametrize("first", [0, 2**20, MAX_ID - 5000])
def test_ids_crafted_to_share_their_top_bits(first):
    crafted = [{first + i: i % 3 + 1 for i in range(5000)}] * 3
    fair = [{i * 2**18: 1 for i in range(1000)}]
    sums = FrequencyAccumulator()
    for part in (crafted, fair, crafted):
        feed(sums, part)
    assert as_lists(sums.result()) == expected([*crafted, *fair, *crafted])


def test_a_table_that_grows_loses_nothing():
    rng = np.random.default_rng(3)
    ids = rng.integers(0, MAX_ID + 1, 200_000).astype(np.uint32)
    sums = FrequencyAccumulator()
    for start in range(0, len(ids), 7000):
        part = np.unique(ids[start : start + 7000])
        sums.add(part, np.full(len(part), 2, np.uint32), 1)
    kept, df = np.unique(
        np.concatenate([np.unique(ids[start : start + 7000]) for start in range(0, len(ids), 7000)]),
        return_counts=True,
    )
    result = sums.result()
    assert np.array_equal(result.term_ids, kept)
    assert np.array_equal(result.document, df)
    assert np.array_equal(result.collection, 2 * df)


def test_occurrences_beyond_32_bits():
    sums = FrequencyAccumulator()
    for _ in range(5):
        feed(sums, [{0: 2**32 - 1, MAX_ID: 2**32 - 1}] * 3)
    assert as_lists(sums.result()) == ([0, MAX_ID], [15, 15], [15 * (2**32 - 1)] * 2)


def test_nothing():
    sums = FrequencyAccumulator()
    assert as_lists(sums.result()) == ([], [], [])
    feed(sums, [{}, {}])
    assert as_lists(sums.result()) == ([], [], [])
    assert as_lists(Frequencies.empty()) == ([], [], [])


def frequencies(mapping):
    ids = sorted(mapping)
    return Frequencies(
        np.array(ids, np.uint32),
        np.array([mapping[i][0] for i in ids], np.int64),
        np.array([mapping[i][1] for i in ids], np.int64),
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_arrays_that_cannot_be_written_are_merged_too(sign):
    one, other = {1: (2, 3), 5: (1, 1)}, {1: (2, 3), 7: (4, 4)}
    parts = [frequencies(one), frequencies(other)]
    for part in parts:
        for array in part:
            array.flags.writeable = False
    result, bad = merge_frequencies(*parts, sign)
    pairs = reference.signed_sum(one, other, sign)
    assert as_lists(result) == as_lists(frequencies(pairs))
    assert bad == (-1 if sign > 0 else 1)


@pytest.mark.parametrize("kind", [np.uint32, np.uint64])
@given(data=st.data())
@examples(30)
def test_reducing_keys_in_any_order(kind, data):
    keys = data.draw(st.lists(st.integers(0, 5) | st.integers(0, 2**31), max_size=30))
    values = data.draw(st.lists(st.integers(1, 2**32 - 1), min_size=len(keys), max_size=len(keys)))
    result = reduce_by_key(np.array(keys, kind), np.array(values, np.uint32))
    assert result.term_ids.dtype == kind
    pairs = zip(keys, values, strict=True)
    assert tuple(a.tolist() for a in result) == reference.frequencies_by_id([[p] for p in pairs])


@given(st.lists(term, max_size=50))
@examples(30)
def test_distinct_ids(ids):
    assert distinct_ids(np.array(ids, np.uint32)).tolist() == sorted(set(ids))
