"""OpenAI's API, over HTTP."""

from __future__ import annotations

import base64
import re

import httpx
import numpy as np
import pytest

from bm25.inference.settings import Bm25Model, CompatibleModel, ProviderSettings
from bm25.server.settings import Limits, ServerOptions, ServerSettings
from tests.inference.providers import doubles
from tests.server.serving import serving

TEXTS = ["a quick fox", "", "a dog", "a quick fox"]


@pytest.fixture(scope="module")
def compatible():
    double = doubles.Compatible()
    yield double
    double.close()


@pytest.fixture(scope="module")
def provider():
    double = doubles.OpenAI()
    yield double
    double.close()


@pytest.fixture(scope="module")
def client(compatible, provider):
    settings = ServerSettings(
        limits=Limits(max_text_bytes=2000, max_inputs=5),
        models={
            "dense": CompatibleModel(
                base_url=f"{compatible.address}/v1", model="e5", query_prefix="query: ", retries=0
            ),
            "local/german": Bm25Model(options={"language": "german"}),
        },
        providers={"openai": ProviderSettings(base_url=provider.address, retries=0)},
    )
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def embedded(client, headers=None, **body):
    response = client.post("/v1/embeddings", json={"model": "dense", **body}, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


def refusal(response, status, kind="invalid_request_error", code=None):
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    error = response.json()["error"]
    assert error == {"message": error["message"], "type": kind, "param": None, "code": code}
    return error["message"]


# Embeddings


def test_texts_are_embedded_in_order(client):
    found = embedded(client, input=TEXTS)
    assert list(found) == ["object", "data", "model", "usage"]
    assert (found["object"], found["model"]) == ("list", "dense")
    assert found["data"] == [
        {"object": "embedding", "index": i, "embedding": doubles.vector(text)} for i, text in enumerate(TEXTS)
    ]
    # Equal texts go upstream once: a byte is a token of the double's.
    tokens = len("a quick fox") + len("a dog")
    assert found["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


def test_one_text_is_a_list_of_one(client):
    assert embedded(client, input="a dog")["data"] == embedded(client, input=["a dog"])["data"]


def test_base64_is_little_endian_float32(client):
    (found,) = embedded(client, input="a dog", encoding_format="base64")["data"]
    decoded = np.frombuffer(base64.b64decode(found["embedding"]), "<f4")
    assert decoded.tolist() == doubles.vector("a dog")
    assert embedded(client, input="a dog", encoding_format="float") == embedded(client, input="a dog")


@pytest.mark.parametrize("encoding_format", ["float", "base64"])
def test_dimensions_are_the_first_so_many_renormalised(client, encoding_format):
    (found,) = embedded(client, input="a dog", dimensions=3, encoding_format=encoding_format)["data"]
    vector = found["embedding"]
    if encoding_format == "base64":
        vector = np.frombuffer(base64.b64decode(vector), "<f4")
    head = np.array(doubles.vector("a dog")[:3])
    np.testing.assert_allclose(vector, head / np.linalg.norm(head), rtol=1e-6)


def test_an_input_type_of_query_makes_queries(client):
    (found,) = embedded(client, input="a dog", input_type="query")["data"]
    assert found["embedding"] == doubles.vector("query: a dog")
    for name in ("document", "passage", None):
        assert embedded(client, input="a dog", input_type=name) == embedded(client, input="a dog")


def test_a_user_and_unknown_fields_are_taken(client):
    assert embedded(client, input="a dog", user="me", metadata={}) == embedded(client, input="a dog")


def test_a_model_of_a_provider_gets_the_key_of_the_provider(client, provider):
    headers = {"openai-api-key": "sk-upstream", "authorization": "Bearer of-this-server"}
    found = embedded(client, headers, model="openai/text-embedding-3-small", input="a dog")
    assert found["model"] == "openai/text-embedding-3-small"
    assert found["data"][0]["embedding"] == doubles.vector("a dog")
    assert found["usage"]["total_tokens"] == len("a dog")
    assert provider.calls[-1].key == "sk-upstream"
    response = client.post("/v1/embeddings", json={"model": "openai/x", "input": "a dog"})
    problem = refusal(response, 401, "authentication_error", "invalid_api_key")
    assert "openai-api-key" in problem


# Refusals


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"input": []}, 400, "input: must not be empty"),
        ({}, 400, "the request: .*input"),
        ({"input": 5}, 400, r"input: expected str \| array, got int"),
        (
            {"input": [1, 2, 3]},
            400,
            r"input\[0\]: expected str, got int; tokens are not taken, send the text",
        ),
        ({"input": [[1, 2], [3]]}, 400, r"input\[0\]: expected str, got array; tokens are not taken"),
        ({"input": "a", "model": None}, 400, "model: expected str, got null"),
        ({"input": "a", "encoding_format": "hex"}, 400, "encoding_format: .*'hex'; allowed: float, base64"),
        ({"input": "a", "input_type": "x"}, 400, "input_type: .*; allowed: query, document, passage"),
        ({"input": "a", "dimensions": 0}, 400, "dimensions: "),
        ({"input": "a", "dimensions": 7}, 400, "dimensions: 7 dimensions were asked for"),
        ({"input": "a", "model": "bm25"}, 400, "model: 'bm25' makes sparse embeddings.*POST /embed_sparse"),
        ({"input": "a", "model": "local/german"}, 400, "model: 'local/german' makes sparse embeddings"),
        ({"input": ["a"] * 6}, 413, "input: 6 inputs, and 5 are allowed"),
        ({"input": "a" * 2001}, 413, "input: a text of more than 2,000 bytes"),
        ({"input": ["a", "a" * 2001]}, 413, r"input\[1\]: a text of more than 2,000 bytes"),
    ],
)
def test_what_cannot_be_embedded_is_refused_as_openai_does(client, body, status, problem):
    response = client.post("/v1/embeddings", json={"model": "dense", **body})
    found = refusal(response, status)
    assert re.match(problem, found), found


@pytest.mark.parametrize("content", [b"", b"[", b'{"input": "\xff"}', b"[" * 100_000])
def test_what_is_no_json_is_refused(client, content):
    refusal(client.post("/v1/embeddings", content=content), 400)


def test_an_unknown_model_is_404(client):
    response = client.post("/v1/embeddings", json={"model": "gpt", "input": "a"})
    assert re.match(
        "model: unknown model 'gpt'.*known: .*dense", refusal(response, 404, code="model_not_found")
    )


def test_a_failure_upstream_keeps_its_status(client, compatible):
    compatible.replies.append(doubles.Reply(503, {"error": "busy"}))
    response = client.post("/v1/embeddings", json={"model": "dense", "input": "a"})
    assert "busy" in refusal(response, 503, "server_error")
    compatible.replies.append(doubles.Reply(429, {"error": "slowly"}, {"Retry-After": "7"}))
    response = client.post("/v1/embeddings", json={"model": "dense", "input": "a"})
    assert "slowly" in refusal(response, 429, "rate_limit_error", "rate_limit_exceeded")
    assert response.headers["retry-after"] == "7"


def test_an_unknown_path_is_404_in_openais_shape(client):
    refusal(client.get("/v1/files"), 404)
    refusal(client.get("/v1/embeddings"), 405)


def test_the_api_key_is_a_bearer_as_openais_clients_send_it(compatible):
    settings = ServerSettings(server=ServerOptions(api_key="the-key"))
    with serving(settings) as address, httpx.Client(base_url=address) as client:
        for headers in ({}, {"authorization": "Bearer another"}):
            response = client.get("/v1/models", headers=headers)
            refusal(response, 401, "authentication_error", "invalid_api_key")
        assert client.get("/v1/models", headers={"authorization": "Bearer the-key"}).status_code == 200


# Models


def test_models_are_listed_without_providers(client):
    found = client.get("/v1/models").json()
    assert found["object"] == "list"
    assert [(one["id"], one["kind"]) for one in found["data"]] == [
        ("bm25", "sparse"),
        ("qdrant/bm25", "sparse"),
        ("dense", "dense"),
        ("local/german", "sparse"),
    ]
    assert found["data"][2] == {
        "id": "dense", "object": "model", "created": 0, "owned_by": "bm25", "kind": "dense",
        "modalities": ["text"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("dense", "dense", "dense"),
        ("local/german", "local/german", "sparse"),
        ("local%2Fgerman", "local/german", "sparse"),
        ("openai/text-embedding-3-small", "openai/text-embedding-3-small", "dense"),
    ],
)
def test_one_model_is_described(client, path, name, kind):
    found = client.get(f"/v1/models/{path}").json()
    assert (found["id"], found["object"], found["kind"]) == (name, "model", kind)


@pytest.mark.parametrize("path", ["gpt", "openai/", "", "local/german/"])
def test_another_model_is_404(client, path):
    refusal(client.get(f"/v1/models/{path}"), 404, code="model_not_found")
