import numpy as np
import pytest

from bm25.inference.errors import UpstreamError
from bm25.inference.providers.answers import openai_answer, vectors


def test_vectors():
    found = vectors([[1, 2.5], [3e38, -0.1]], 2, "p")
    assert [one.dtype for one in found] == [np.float64, np.float64]
    assert [one.tolist() for one in found] == [[1, 2.5], [3e38, -0.1]]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "0 embeddings for 2 inputs"),
        ([[1.0]], "1 embeddings for 2 inputs"),
        ([[1.0]] * 3, "3 embeddings for 2 inputs"),
        ([[1.0], []], "an empty embedding, number 1"),
        ([[], []], "an empty embedding, number 0"),
        ([[1.0], [1.0, 2.0]], "number 0 has 1 numbers, number 1 has 2"),
        ([[1.0], [float("nan")]], "number 1, with a number that no float32 can be"),
        ([[float("-inf")], [1.0]], "number 0, with a number that no float32 can be"),
        ([[-3.5e38], [1.0]], "number 0, with a number that no float32 can be"),
    ],
)
def test_what_are_no_vectors(rows, problem):
    with pytest.raises(UpstreamError, match=problem) as caught:
        vectors(rows, 2, "p")
    assert str(caught.value).startswith("p answered ")


def test_the_path_is_in_the_message():
    with pytest.raises(
        UpstreamError, match=r"^p answered what is not understood: .*\$\.data\[0\]\.embedding\[1\]"
    ):
        openai_answer(b'{"data": [{"index": 0, "embedding": [1, "2"]}]}', 1, "p", None)


def test_unknown_fields_are_passed_over():
    content = b'{"object": 1, "data": [{"index": 0, "object": [], "embedding": [1]}], "x": {}}'
    assert openai_answer(content, 1, "p", None).vectors[0].tolist() == [1]
