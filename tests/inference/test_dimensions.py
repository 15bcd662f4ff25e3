import asyncio
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bm25.inference.dimensions import as_json, cut, embed_at_sizes
from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Embeddings
from bm25.inference.request import Input


def test_by_hand():
    # sqrt(3^2 + 4^2) = 5, so 3/5 and 4/5; the third number is cut off.
    found = cut([3.0, 4.0, 12.0], 2)
    assert found.dtype == np.float32
    assert found.tolist() == [np.float32(0.6), np.float32(0.8)]
    # sqrt(9 + 16 + 144) = 13
    assert cut([3.0, 4.0, 12.0], 3).tolist() == [np.float32(3 / 13), np.float32(4 / 13), np.float32(12 / 13)]
    assert cut([-7.0, 1.0], 1).tolist() == [-1.0]


def test_zeros_stay_zeros():
    assert cut([0.0, 0.0, 1.0], 2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e300])
def test_very_small_and_very_large_numbers(scale):
    assert cut(np.array([3.0, 4.0]) * scale, 2) == pytest.approx([0.6, 0.8])


def test_the_vector_is_not_changed():
    vector = np.array([3.0, 4.0], np.float32)
    cut(vector, 2)
    assert vector.tolist() == [3.0, 4.0]


def test_more_than_there_is():
    with pytest.raises(
        InvalidRequestError,
        match=r"^mrl: 3 dimensions were asked for, but the model gives 2; ask for 1 to 2$",
    ):
        cut([3.0, 4.0], 3)


@given(
    hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    st.data(),
)
def test_against_exact_arithmetic(vector, data):
    size = data.draw(st.integers(1, len(vector)))
    head = [Fraction(float(number)) for number in vector[:size]]
    largest = max(map(abs, head))
    if largest:
        scaled = [number / largest for number in head]
        norm = math.sqrt(sum(number * number for number in scaled))
        head = [float(number) / norm for number in scaled]
    np.testing.assert_allclose(cut(vector, size), np.array(head, np.float64), rtol=1e-6, atol=1e-45)


# One embedding for several sizes


class Recorder:
    """Embeds a text as its length, 1, 2, 3."""

    def __init__(self):
        self.seen = []

    async def __call__(self, inputs):
        self.seen.append(inputs)
        return Embeddings([np.array([len(str(one.data)), 1, 2, 3], np.float64) for one in inputs], 7)


def embed(*inputs):
    recorder = Recorder()
    found = asyncio.run(embed_at_sizes(inputs, recorder))
    (seen,) = recorder.seen
    return found, seen


def one(data="a", position=0, model="m", data_type="text", **options):
    return Input(data=data, model=model, data_type=data_type, options=options or None, position=position)


def test_sizes_are_spread():
    found, seen = embed(one("aaaa", 0, mrl=1), one("b", 1), one("aaaa", 2), one("aaaa", 3, mrl=4))
    assert [(each.data, each.options, each.position) for each in seen] == [("aaaa", None, 0), ("b", None, 1)]
    assert found.tokens == 7
    assert [vector.dtype for vector in found.embeddings] == [np.float32] * 4
    assert found.embeddings[0].tolist() == [1]
    assert found.embeddings[1].tolist() == [1, 1, 2, 3]
    assert found.embeddings[2].tolist() == [4, 1, 2, 3]
    assert found.embeddings[3] == pytest.approx(np.array([4, 1, 2, 3]) / math.sqrt(30))


def test_other_options_stay():
    inputs = [one("a", 0, mrl=1, x=1), one("a", 1, x=1), one("a", 2, x=2), one("a", 3, y={"b": 1, "a": 2})]
    inputs.append(one("a", 4, y={"a": 2, "b": 1}, mrl=2))
    _, seen = embed(*inputs)
    assert [each.options for each in seen] == [{"x": 1}, {"x": 2}, {"y": {"b": 1, "a": 2}}]


@pytest.mark.parametrize(("a", "b"), [(1, 1.0), (1, True), (0, False), ("1", 1), (None, 0), ([], {})])
def test_values_that_python_takes_for_equal(a, b):
    _, seen = embed(one("a", 0, x=a), one("a", 1, x=b))
    assert len(seen) == 2


def test_what_is_not_the_same():
    inputs = [
        one("a"), one("b"), one("a", model="n"), one("a", data_type="image"), one("a", data_type="object"),
        one('"a"'), one('"a"', data_type="object"), one(["a"], data_type="object"), one('["a"]'),
        one('["a"]', data_type="object"),
    ]  # fmt: skip
    _, seen = embed(*inputs)
    assert seen == inputs


def test_no_options_and_none():
    empty = Input(data="a", model="m", options={}, position=1)
    _, seen = embed(one("a"), empty, one("a", mrl=2))
    assert len(seen) == 1


def test_inputs_are_not_changed():
    given_ = one("a", mrl=2)
    embed(given_)
    assert given_.options == {"mrl": 2}


@pytest.mark.parametrize("size", [0, -3, 1.0, True, "1", None, [1], "x" * 1000])
def test_sizes_that_are_none(size):
    recorder = Recorder()
    with pytest.raises(InvalidRequestError, match=r"^inputs\[5\]\.options\.mrl: .*at least 1$") as caught:
        asyncio.run(embed_at_sizes([one(), one(position=5, mrl=size)], recorder))
    assert len(str(caught.value)) < 200
    assert recorder.seen == []


def test_a_size_beyond_the_vector_names_the_input():
    with pytest.raises(InvalidRequestError, match=r"^inputs\[5\]\.options\.mrl: 5 dimensions .* 1 to 4$"):
        embed(one(), one(position=5, mrl=5))


def test_as_json():
    assert as_json({"b": [1, 2.5, None, True], "a": "ä"}, "x") == '{"a": "ä", "b": [1, 2.5, null, true]}'
    for value in (float("nan"), {1, 2}, "\ud800", {(1,): 2}, {1: 2, "a": 3}):
        with pytest.raises(InvalidRequestError, match=r"^x: not a value of JSON;") as caught:
            as_json(value, "x")
        assert caught.value.__context__ is None
