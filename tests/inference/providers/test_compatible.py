import asyncio

import pytest

from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Call
from tests.inference.providers.conftest import KEY, OTHER_KEY


@pytest.mark.parametrize(("purpose", "sent"), [("update", "passage: a"), ("search", "query: a")])
def test_prefixes(local, purpose, sent):
    model = local.model(query_prefix="query: ", document_prefix="passage: ")
    local.embed(local.inputs("a"), model, purpose=purpose)
    (received,) = local.double.calls
    assert received.path == "/v1/embeddings"
    assert received.body == {"model": "m", "input": [sent]}


def test_no_key_is_sent(local):
    local.embed(local.inputs("a"), keys={"openai-api-key": KEY})
    assert "authorization" not in local.double.calls[0].headers


def test_no_key_is_taken(local):
    with pytest.raises(InvalidRequestError, match=r"'local-api-key' .* takes no key$"):
        local.embed(local.inputs("a", **{"local-api-key": OTHER_KEY}))


def test_a_key_of_its_own(local_with_key):
    local_with_key.embed(local_with_key.inputs("a"), keys={"local-api-key": KEY, "openai-api-key": OTHER_KEY})
    assert local_with_key.double.calls[0].key == KEY


def test_batches_are_small_unless_told_otherwise(local):
    local.embed(local.inputs(*map(str, range(40))))
    assert sorted(len(local.texts(i)) for i in range(2)) == [8, 32]


def test_describe(local):
    assert local.model().describe() == {
        "name": "local/e5",
        "type": "openai-compatible",
        "kind": "dense",
        "modalities": ["text"],
        "key": None,
        "max_batch": 32,
        "model": "m",
    }


def test_the_name_is_not_sent(local):
    asyncio.run(local.model().embed(local.inputs("a"), Call()))
    assert "e5" not in str(local.double.calls[0].body)
