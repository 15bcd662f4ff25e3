"""The OpenAPI document: every endpoint and no other, and what they answer is what it says."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import jsonschema
import pytest

from bm25.inference.settings import Bm25Model, CompatibleModel
from bm25.server.app import create_app
from bm25.server.gate import INFERENCE
from bm25.server.openapi import document
from bm25.server.settings import Limits, ServerOptions, ServerSettings
from tests.inference.providers import doubles
from tests.server.serving import serving

LIMITS = Limits(max_inputs=5, max_text_bytes=2000, max_body_bytes=10_000)
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
FOX = {"data": "a fox", "data_type": "text", "model": "bm25"}

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "http-api.md"

# Method, path of the document, address, body, status: of every operation a success, and its refusals.
CASES = [
    ("get", "/", "/", None, 200),
    ("get", "/page.css", "/page.css", None, 200),
    ("get", "/page.js", "/page.js", None, 200),
    ("get", "/page/models", "/page/models", None, 200),
    ("get", "/health", "/health", None, 200),
    ("get", "/metrics", "/metrics", None, 200),
    ("get", "/openapi.json", "/openapi.json", None, 200),
    ("post", "/inference", "/inference", {"inputs": [FOX, {**FOX, "model": "dense"}]}, 200),
    ("post", "/inference", "/inference", {"inputs": [{**FOX, "data": "the"}], "inference": "search"}, 200),
    ("post", "/inference", "/inference", {"inputs": []}, 200),
    ("post", "/inference", "/inference", {"inputs": [{**FOX, "model": "?"}]}, 400),
    ("post", "/inference", "/inference", {"inputs": [FOX] * 6}, 413),
    ("post", "/embed_sparse", "/embed_sparse", {"inputs": ["a fox", "the"]}, 200),
    ("post", "/embed_sparse", "/embed_sparse", {"inputs": []}, 400),
    ("post", "/embed_sparse", "/embed_sparse", {"inputs": [1]}, 422),
    ("post", "/embed_sparse", "/embed_sparse", {"inputs": "a fox", "model": "dense"}, 424),
    ("post", "/embed_sparse", "/embed_sparse", {"inputs": ["a"] * 6}, 413),
    ("post", "/embed", "/embed", {"inputs": ["a fox"]}, 200),
    ("post", "/embed", "/embed", {"inputs": ["a fox"], "model": "bm25"}, 424),
    ("post", "/embed", "/embed", {"inputs": "a" * 11_000}, 413),
    ("get", "/info", "/info", None, 200),
    ("post", "/v1/embeddings", "/v1/embeddings", {"input": "a fox", "model": "dense"}, 200),
    (
        "post", "/v1/embeddings", "/v1/embeddings",
        {"input": "a fox", "model": "dense", "encoding_format": "base64"}, 200,
    ),
    ("post", "/v1/embeddings", "/v1/embeddings", {"input": [1], "model": "dense"}, 400),
    ("post", "/v1/embeddings", "/v1/embeddings", {"input": "a", "model": "?"}, 404),
    ("post", "/v1/embeddings", "/v1/embeddings", {"input": "a" * 2001, "model": "dense"}, 413),
    ("get", "/v1/models", "/v1/models", None, 200),
    ("get", "/v1/models/{id}", "/v1/models/qdrant/bm25", None, 200),
    ("get", "/v1/models/{id}", "/v1/models/?", None, 404),
    ("post", "/analyze", "/analyze", {"text": "The quick foxes", "inference": "search"}, 200),
    ("post", "/analyze", "/analyze", {"text": "fox", "model": "ids", "options": {}}, 400),
    ("post", "/analyze", "/analyze", {"text": "a" * 2001}, 413),
    ("post", "/explain", "/explain", {"query": "fox", "document": "a fox"}, 200),
    ("post", "/explain", "/explain", {"query": "fox", "document": "fox", "model": "ids"}, 200),
    ("post", "/explain", "/explain", {"query": "fox", "document": "fox", "documents": ["a"]}, 200),
    ("post", "/explain", "/explain", {"query": "fox"}, 400),
]  # fmt: skip


@pytest.fixture(scope="module")
def client():
    upstream = doubles.Compatible()
    models = {
        "dense": CompatibleModel(base_url=f"{upstream.address}/v1", model="e5"),
        "ids": Bm25Model(options={"tokenizer": "multilingual"}),
    }
    settings = ServerSettings(limits=LIMITS, models=models)
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client
    upstream.close()


@pytest.fixture(scope="module")
def described(client):
    return client.get("/openapi.json").json()


def operations(described):
    return {
        (method, path): operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def references(value):
    if isinstance(value, dict):
        yield from (one for key, one in value.items() if key == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


def validate(instance, schema, described):
    whole = {**schema, "components": described["components"]}
    jsonschema.Draft202012Validator(whole).validate(instance)


def test_every_route_is_described_and_nothing_else():
    app = create_app(ServerSettings())
    gate = app._gate
    routes = {("post", INFERENCE)}
    for route in gate.app.routes:
        routes |= {(method.lower(), route.path_format) for method in route.methods - {"HEAD"}}
    assert set(operations(document(LIMITS, locked=False))) == routes


def test_every_reference_leads_somewhere_and_everything_is_referred_to(described):
    found = set(references(described))
    components = described["components"]
    there = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "headers", "parameters")
        for name in components[kind]
    }
    assert found == there


def test_operations_have_names_of_their_own(described):
    names = [operation["operationId"] for operation in operations(described).values()]
    assert len(set(names)) == len(names)


def test_schemas_are_valid_and_described(described):
    for name, schema in described["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema({**schema, "components": described["components"]})
        assert "Attributes:" not in schema.get("description", ""), name
    requests = described["components"]["schemas"]
    for name in ("InferenceRequest", "SparseRequest", "EmbedRequest", "EmbeddingsRequest", "ExplainRequest"):
        assert requests[name]["description"], name
    for field, schema in requests["EmbedRequest"]["properties"].items():
        assert schema["description"], field
    assert list(requests["Input"]["properties"]) == ["data", "model", "data_type", "options"]


def test_the_limits_in_force_are_in_it(described):
    assert "5 inputs" in described["info"]["description"]
    assert "2,000 bytes" in described["info"]["description"]
    schemas = described["components"]["schemas"]
    assert schemas["InferenceRequest"]["properties"]["inputs"]["maxItems"] == 5
    assert schemas["SparseRequest"]["properties"]["inputs"]["anyOf"][1]["maxItems"] == 5


def test_cases_are_of_every_operation(described):
    assert {(method, path) for method, path, *_, status in CASES if status == 200} == set(
        operations(described)
    )


@pytest.mark.parametrize(("method", "path", "address", "body", "status"), CASES)
def test_answers_are_as_described(client, described, method, path, address, body, status):
    operation = operations(described)[method, path]
    response = client.request(method, address.replace("?", "%3F"), json=body)
    assert response.status_code == status, response.text
    said = operation["responses"][str(status)]
    ((media_type, content),) = said["content"].items()
    assert response.headers["content-type"].split(";")[0] == media_type
    assert set(said["headers"]) - {"retry-after"} <= set(response.headers)
    if media_type == "application/json":
        validate(response.json(), content["schema"], described)
    if body is not None and status == 200:
        validate(body, operation["requestBody"]["content"][media_type]["schema"], described)


def test_examples_are_answered(client, described):
    answered = 0
    for (method, path), operation in operations(described).items():
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            validate(content["example"], content["schema"], described)
            response = client.request(method, path, json=content["example"])
            assert response.status_code == 200, response.text
            answered += 1
    assert answered == 6


@pytest.mark.parametrize("body", [{"inputs": [1]}, {"inputs": "a", "prompt_name": "x"}, {"inputs": []}, {}])
def test_requests_that_are_refused_are_not_valid(client, described, body):
    assert client.post("/embed_sparse", json=body).status_code in (400, 422)
    with pytest.raises(jsonschema.ValidationError):
        validate(body, described["components"]["schemas"]["SparseRequest"], described)


def test_what_needs_a_key_says_so():
    settings = ServerSettings(server=ServerOptions(api_key="the-key"))
    with serving(settings) as address, httpx.Client(base_url=address) as client:
        described = client.get("/openapi.json").json()
        assert described["security"] == [{"api-key": []}, {"bearer": []}]
        schemes = described["components"]["securitySchemes"]
        assert schemes["api-key"] == {"type": "apiKey", "in": "header", "name": "api-key"}
        for (method, path), operation in operations(described).items():
            response = client.request(method, path.replace("{id}", "bm25"), json={"inputs": []})
            needs = operation.get("security") != []
            assert (response.status_code == 401) == needs, path
            assert ("401" in operation["responses"]) == needs, path
            if needs:
                schema = operation["responses"]["401"]["content"]["application/json"]["schema"]
                validate(response.json(), schema, described)
        headers = {schemes["api-key"]["name"]: "the-key"}
        assert client.get("/info", headers=headers).status_code == 200


def test_without_a_key_none_is_asked_for(described):
    assert {} in described["security"]


# The page


def test_the_page_names_every_path(described):
    page = PAGE.read_text(encoding="utf-8")
    missing = [path for path in described["paths"] if f"{path.replace('{id}', 'NAME')}`" not in page]
    assert not missing


def test_the_examples_of_the_page_are_answered_as_it_says(client):
    page = PAGE.read_text(encoding="utf-8")
    commands = re.findall(
        r"^\$ curl -s 127\.0\.0\.1:6340(\S+)(?: -d '([^']*)')?\n(?![$`])(.*)$", page, re.MULTILINE
    )
    shown = [one for one in commands if "MODEL" not in one[1]]
    assert len(shown) == 3
    for path, body, answer in shown:
        response = client.request("POST" if body else "GET", path, content=body)
        assert response.text == answer
    others = re.findall(r"^\$ curl -s 127\.0\.0\.1:6340(\S+) -d '([^']*)'\n(?=[$`])", page, re.MULTILINE)
    assert len(others) == 2
    for path, body in others:
        assert client.post(path, content=body).status_code == 200
