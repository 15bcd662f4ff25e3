"""The API of text-embeddings-inference, over HTTP."""

from __future__ import annotations

import re
import struct

import httpx
import numpy as np
import pytest

from bm25 import Bm25Config, Bm25Encoder
from bm25.inference.settings import Bm25Model, CompatibleModel, ProviderSettings
from bm25.server.settings import Limits, ServerOptions, ServerSettings
from bm25.server.tei import FEW
from tests.inference.providers import doubles
from tests.server.serving import serving

TEXTS = ["The quick brown fox, and the lazy dog.", "", "the", "foxes foxes foxes dogs"]


@pytest.fixture(scope="module")
def upstream():
    double = doubles.Compatible()
    yield double
    double.close()


@pytest.fixture(scope="module")
def client(upstream):
    settings = ServerSettings(
        limits=Limits(max_text_bytes=2000, max_inputs=5, queue=7, concurrency=3),
        models={
            "german": Bm25Model(options={"language": "german"}, preset="tuned"),
            "dense": CompatibleModel(
                base_url=f"{upstream.address}/v1", model="e5", query_prefix="query: ", retries=0
            ),
        },
    )
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def sparse(client, **body):
    response = client.post("/embed_sparse", json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def expected(encode, text):
    """The entries of a vector, their values exact: 0.1 of a float32 is not 0.1 of a float64."""
    indices, values = encode(text)
    return list(zip(indices.tolist(), [struct.pack("<f", value) for value in values.tolist()], strict=True))


def entries(vector):
    assert all(set(entry) == {"index", "value"} for entry in vector)
    return [(entry["index"], struct.pack("<f", entry["value"])) for entry in vector]


def refusal(client, path, status, error_type, content=None, **body):
    sent = {"json": body} if content is None else {"content": content}
    response = client.post(path, **sent)
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error", "error_type"]
    assert response.json()["error_type"] == error_type
    return response.json()["error"]


# Sparse


def test_the_wire_format_is_locked(client):
    response = client.post("/embed_sparse", json={"inputs": "fox"})
    # 2.2 / (1 + 1.2 * (0.25 + 0.75 / 256)), the value of one term in a document of one.
    assert response.content == b'[[{"index":1621867415,"value":1.6877434}]]'


def test_several_texts_are_documents_of_bm25_bit_for_bit(client):
    found = sparse(client, inputs=TEXTS)
    encoder = Bm25Encoder()
    assert [entries(one) for one in found] == [expected(encoder.encode_document, text) for text in TEXTS]
    assert found[1:3] == [[], []]


def test_one_text_is_a_list_of_one(client):
    assert sparse(client, inputs=TEXTS[0]) == sparse(client, inputs=TEXTS[:1])
    assert sparse(client, inputs="") == [[]]


def test_values_are_the_shortest_decimals_of_float32(client):
    text = client.post("/embed_sparse", json={"inputs": TEXTS}).text
    values = [value.split("}")[0] for value in text.split('"value":')[1:]]
    assert values
    for value in values:
        assert value == str(np.float32(value))


def test_a_prompt_name_of_query_makes_queries(client):
    encoder = Bm25Encoder()
    found = sparse(client, inputs=TEXTS, prompt_name="query")
    assert [entries(one) for one in found] == [expected(encoder.encode_query, text) for text in TEXTS]
    for name in ("document", "passage", None):
        assert sparse(client, inputs=TEXTS, prompt_name=name) == sparse(client, inputs=TEXTS)


def test_a_model_may_be_named(client):
    encoder = Bm25Encoder(Bm25Config(language="german", k=1.5, k3=8.0))
    text = "Die Häuser am Fluss sind Häuser"
    (document,) = sparse(client, inputs=text, model="german")
    (query,) = sparse(client, inputs=text, model="german", prompt_name="query")
    assert entries(document) == expected(encoder.encode_document, text)
    assert entries(query) == expected(encoder.encode_query, text)


def test_fields_of_tei_and_unknown_ones_are_taken(client):
    more = {"truncate": True, "truncation_direction": "Right", "normalize": True, "anything": {}}
    assert sparse(client, inputs="fox", **more) == sparse(client, inputs="fox")


@pytest.mark.parametrize("size", [0, FEW, FEW + 1])
def test_the_vectors_are_those_of_inference_also_beyond_few_entries(size):
    texts = [" ".join(f"w{i}" for i in range(size)), *TEXTS]
    inputs = [{"data": text, "data_type": "text", "model": "bm25"} for text in texts]
    with serving(ServerSettings()) as address, httpx.Client(base_url=address, timeout=60) as client:
        answer = client.post("/inference", json={"inputs": inputs}).json()
        found = sparse(client, inputs=texts)
    assert len(found[0]) == size
    assert [
        {"indices": [entry["index"] for entry in one], "values": [entry["value"] for entry in one]}
        for one in found
    ] == answer["embeddings"]


# Dense


def test_dense_vectors_have_length_one_unless_asked_otherwise(client):
    plain = client.post("/embed", json={"inputs": TEXTS, "model": "dense", "normalize": False}).json()
    assert plain == [doubles.vector(text) for text in TEXTS]
    unit = client.post("/embed", json={"inputs": TEXTS, "model": "dense"}).json()
    for raw, one in zip(plain, unit, strict=True):
        np.testing.assert_allclose(one, np.array(raw) / np.linalg.norm(raw), rtol=1e-6)


def test_the_only_dense_model_need_not_be_named(client):
    body = {"inputs": "a fox", "normalize": False}
    assert client.post("/embed", json=body).json() == [doubles.vector("a fox")]


def test_queries_get_the_prefix_of_queries(client):
    body = {"inputs": "a fox", "prompt_name": "query", "normalize": False}
    assert client.post("/embed", json=body).json() == [doubles.vector("query: a fox")]


def test_dimensions_are_the_first_so_many_renormalised(client):
    (found,) = client.post("/embed", json={"inputs": "a fox", "dimensions": 2, "normalize": False}).json()
    head = np.array(doubles.vector("a fox")[:2])
    np.testing.assert_allclose(found, head / np.linalg.norm(head), rtol=1e-6)


def test_a_failure_upstream_is_424(client, upstream):
    upstream.replies.append(doubles.Reply(503, {"error": "busy"}))
    assert "busy" in refusal(client, "/embed", 424, "Backend", inputs="a fox")
    upstream.replies.append(doubles.Reply(429, {"error": "slowly"}, {"Retry-After": "7"}))
    response = client.post("/embed", json={"inputs": "a fox"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.json()["error_type"] == "Overloaded"


def test_where_there_is_no_single_dense_model_one_must_be_named():
    with serving(ServerSettings()) as address, httpx.Client(base_url=address) as client:
        assert "/embed_sparse" in refusal(client, "/embed", 422, "Validation", inputs="fox")
    settings = ServerSettings(providers={"openai": ProviderSettings()})
    with serving(settings) as address, httpx.Client(base_url=address) as client:
        assert "openai/..." in refusal(client, "/embed", 422, "Validation", inputs="fox")
        problem = refusal(client, "/embed", 401, "Unauthenticated", inputs="fox", model="openai/x")
        assert problem.startswith("inputs: ")
        assert "openai-api-key" in problem


# Refusals


@pytest.mark.parametrize("path", ["/embed_sparse", "/embed"])
@pytest.mark.parametrize(
    ("body", "status", "error_type", "problem"),
    [
        ({"inputs": []}, 400, "Empty", "inputs: must not be empty"),
        ({}, 422, "Validation", "the request: .*inputs"),
        ({"inputs": None}, 422, "Validation", "inputs: expected str | array, got null"),
        ({"inputs": [1, 2]}, 422, "Validation", r"inputs\[0\]: expected str, got int; tokens are not taken"),
        ({"inputs": ["a", [1]]}, 422, "Validation", r"inputs\[1\]: .* tokens are not taken"),
        ({"inputs": "a", "prompt_name": "x"}, 422, "Validation", "prompt_name: .*: query, document, passage"),
        ({"inputs": "a", "prompt_name": "x" * 9999}, 422, "Validation", r"prompt_name: .{500}"),
        ({"inputs": "a", "model": "nothing"}, 422, "Validation", "model: unknown model 'nothing'.*known:"),
        ({"inputs": ["a"] * 6}, 413, "Validation", "inputs: 6 inputs, and 5 are allowed"),
        ({"inputs": "a" * 2001}, 413, "Validation", "inputs: a text of more than 2,000 bytes"),
        ({"inputs": ["a", "a" * 2001]}, 413, "Validation", r"inputs\[1\]: a text of more than 2,000 bytes"),
    ],
)
def test_what_cannot_be_embedded_is_refused_as_tei_does(client, path, body, status, error_type, problem):
    found = refusal(client, path, status, error_type, **body)
    assert re.match(problem, found), found
    assert len(found) < 1000


@pytest.mark.parametrize("content", [b"", b"{", b"nonsense", b'{"inputs": "\xff"}', b'{"inputs": "\\ud800"}'])
def test_what_is_no_json_is_refused(client, content):
    assert "JSON" in refusal(client, "/embed_sparse", 422, "Validation", content=content)


def test_a_model_of_another_kind_is_424(client):
    problem = refusal(client, "/embed_sparse", 424, "Backend", inputs="fox", model="dense")
    assert problem == "model: 'dense' makes dense embeddings, not sparse ones; use POST /embed"
    problem = refusal(client, "/embed", 424, "Backend", inputs="fox", model="bm25")
    assert problem.endswith("use POST /embed_sparse")


def test_too_many_dimensions_are_refused_by_the_name_of_the_field(client):
    assert refusal(client, "/embed", 422, "Validation", inputs="fox", dimensions=99).startswith(
        "dimensions: 99"
    )
    assert refusal(client, "/embed", 422, "Validation", inputs="fox", dimensions=0).startswith("dimensions: ")


def test_the_api_key_is_wanted():
    settings = ServerSettings(server=ServerOptions(api_key="the-key"))
    with serving(settings) as address, httpx.Client(base_url=address) as client:
        refusal(client, "/embed_sparse", 401, "Unauthenticated", inputs="fox")
        headers = {"authorization": "Bearer the-key"}
        assert client.post("/embed_sparse", json={"inputs": "fox"}, headers=headers).status_code == 200
        assert client.get("/info").json()["error_type"] == "Unauthenticated"


# Info


def test_info_has_the_fields_that_clients_read(client):
    found = client.get("/info").json()
    assert found["model_id"] == "bm25"
    assert found["model_type"] == {"embedding": {"pooling": "splade"}}
    assert found["max_client_batch_size"] == 5
    assert found["max_input_length"] == 2000
    assert found["max_concurrent_requests"] == 3 + 7
    assert found["auto_truncate"] is False


def test_what_is_embedded_is_counted(client):
    def count():
        lines = client.get("/metrics").text.splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith('bm25_inputs_total{model="bm25"}')
        )

    before = count()
    sparse(client, inputs=TEXTS)
    assert count() - before == len(TEXTS)
