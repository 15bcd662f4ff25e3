import pytest

from bm25.inference.errors import UpstreamError
from bm25.inference.providers.answers import openai_answer
from bm25.inference.request import Input
from tests.inference.providers.conftest import KEY
from tests.inference.providers.doubles import Reply, vector


def test_the_body(openai):
    openai.embed(openai.inputs("a", "b", dimensions=3, user="me"))
    (received,) = openai.double.calls
    assert received.path == "/v1/embeddings"
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.body == {"model": "m", "input": ["a", "b"], "dimensions": 3, "user": "me"}


def test_documents_and_queries_are_the_same(openai):
    for purpose in ("update", "search"):
        openai.embed(openai.inputs("a"), purpose=purpose)
    first, second = openai.double.calls
    assert first.body == second.body == {"model": "m", "input": ["a"]}


@pytest.mark.parametrize("family", ["openai", "openrouter"])
@pytest.mark.parametrize(
    "name", ["text-embedding-3-small", "openai/text-embedding-3-small", "a/b/c:free", " "]
)
def test_the_rest_of_the_name_is_passed_on_whole(family, name, request):
    subject = request.getfixturevalue(family)
    subject.embed([Input(data="a", model=f"{family}/{name}", position=0)])
    assert subject.double.calls[0].body["model"] == name


def test_openrouter(openrouter):
    openrouter.embed(openrouter.inputs("a"))
    (received,) = openrouter.double.calls
    assert received.path == "/api/v1/embeddings"
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.body == {"model": "m", "input": ["a"]}


def numbered(indices):
    def reply(answer):
        for item, index in zip(answer["data"], indices, strict=True):
            if index is None:
                del item["index"]
            else:
                item["index"] = index
        return Reply(body=answer)

    return reply


@pytest.mark.parametrize(
    "indices", [(0, 0, 1), (1, 2, 3), (0, 1, 3), (-1, 0, 1), (0, None, 2), (0, "1", 2), (0, 1.5, 2)]
)
def test_indices_that_are_no_permutation(openai, indices):
    openai.double.replies.append(numbered(indices))
    with pytest.raises(UpstreamError, match="openai answered"):
        openai.embed(openai.inputs("a", "b", "c"))
    assert len(openai.double.calls) == 1


def test_indices_decide_not_places(openai):
    openai.double.replies.append(numbered((2, 0, 1)))
    found, _ = openai.embed(openai.inputs("a", "b", "c"))
    # The double gave a's vector the index 2, b's the index 0, c's the index 1.
    assert found == [pytest.approx(vector(text), rel=1e-6) for text in "bca"]


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ('{"prompt_tokens": 4, "total_tokens": 5}', 5),
        ('{"prompt_tokens": 4}', 4),
        ('{"total_tokens": 0}', 0),
        ('{"total_tokens": null, "prompt_tokens": 4}', 4),
        ('{"total_tokens": "5"}', None),
        ('{"total_tokens": -5}', None),
        ('{"total_tokens": true}', None),
        ("{}", None),
        ("null", None),
        ("7", None),
    ],
)
def test_tokens(usage, tokens):
    content = f'{{"data": [{{"index": 0, "embedding": [1]}}], "usage": {usage}}}'.encode()
    assert openai_answer(content, 1, "openai", None).tokens == tokens
