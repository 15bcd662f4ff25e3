from hypothesis import given
from hypothesis import strategies as st

from bm25.inference.providers.batches import MAX_BYTES, Item, batches
from bm25.inference.providers.keys import Key


def item(number, size=1, key="k", model="m", options="{}", data_type="text"):
    return Item(number, "x", data_type, size, model, {}, options, Key(key))


MOST = {"text": 3, "image": 1}


def numbers(items):
    return [[one.number for one in batch.items] for batch in batches(items, MOST)]


def test_by_number():
    assert numbers([item(i) for i in range(7)]) == [[0, 1, 2], [3, 4, 5], [6]]


def test_by_size():
    half = MAX_BYTES // 2
    assert numbers([item(0, half), item(1, half), item(2), item(3, MAX_BYTES)]) == [[0, 1], [2], [3]]


def test_what_is_too_large_goes_alone():
    assert numbers([item(0), item(1, MAX_BYTES + 1), item(2)]) == [[0], [1], [2]]


def test_what_does_not_go_together():
    items = [
        item(0),
        item(1, key="l"),
        item(2, model="n"),
        item(3, options='{"a": 1}'),
        item(4, data_type="image"),
    ]
    assert numbers(items) == [[0], [1], [2], [3], [4]]
    assert numbers([*items, item(5), item(6, key="l"), item(7, data_type="image")]) == [
        [0, 5], [1, 6], [2], [3], [4], [7]
    ]  # fmt: skip


def test_nothing():
    assert batches([], MOST) == []


@given(st.lists(st.tuples(st.sampled_from("kl"), st.integers(0, MAX_BYTES + 5))))
def test_each_once_in_order_within_bounds(drawn):
    items = [item(number, size, key) for number, (key, size) in enumerate(drawn)]
    found = batches(items, MOST)
    assert sorted(one.number for batch in found for one in batch.items) == list(range(len(items)))
    for batch in found:
        assert 1 <= len(batch.items) <= 3
        assert len(batch.items) == 1 or sum(one.size for one in batch.items) <= MAX_BYTES
        assert [one.number for one in batch.items] == sorted(one.number for one in batch.items)
        assert {one.key for one in batch.items} == {batch.first.key}
