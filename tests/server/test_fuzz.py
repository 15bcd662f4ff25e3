"""The server under requests drawn at random: it answers as its document says, and each input of each 200."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bm25.inference.settings import Bm25Model, CompatibleModel
from bm25.schema import config_schema
from bm25.server.openapi import document
from bm25.server.settings import Limits, Logging, ServerSettings
from tests.conftest import REDUCED
from tests.inference.providers import doubles
from tests.server.serving import serving

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
LIMITS = Limits(max_inputs=8, max_text_bytes=2000, max_body_bytes=40_000)
OPERATIONS = [
    (path, method.upper())
    for path, item in document(LIMITS, locked=False)["paths"].items()
    for method in item
]
TIMEOUT = 30
MODELS = ["bm25", "Qdrant/BM25", "open", "dense"]

fixed = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck),
    max_examples=5 if REDUCED else 25,
)  # fmt: skip
many = settings(fixed, max_examples=20 if REDUCED else 250)


@pytest.fixture(scope="module")
def address():
    upstream = doubles.Compatible()
    settings = ServerSettings(
        limits=LIMITS,
        logging=Logging(requests=False),
        models={
            "open": Bm25Model(allowed_options=None),
            "dense": CompatibleModel(base_url=f"{upstream.address}/v1", model="e5", retries=0),
        },
    )
    with serving(settings) as address:
        yield address
    upstream.close()


# By the document


@pytest.fixture(scope="module")
def described(address):
    """The server's document, with the models that there are, and their options: others are all refused."""
    whole = httpx.get(f"{address}/openapi.json", timeout=TIMEOUT).json()
    schemas = whole["components"]["schemas"]
    # Where the schema of the options refers to itself, it is part of the document.
    config = json.loads(json.dumps(config_schema()).replace("#/$defs/", "#/components/schemas/"))
    schemas |= config["$defs"]
    for schema in schemas.values():
        fields = schema.get("properties", {})
        if "model" in fields and schema["type"] == "object":
            fields["model"] = {"enum": MODELS}
        if "options" in fields:
            fields["options"] = {"type": "object", "properties": config["properties"]}
    return whole


@pytest.fixture(scope="module")
def schema(address, described):
    schema = schemathesis.openapi.from_dict(described)
    schema.config.update(base_url=address)
    return schema


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_valid_requests_are_answered_as_described(schema, path, method):
    operation = schema[path][method]
    statuses = set()

    @fixed
    @given(operation.as_strategy())
    def answered(case):
        statuses.add(case.call_and_validate(checks=CHECKS, timeout=TIMEOUT).status_code)

    answered()
    if path != "/v1/models/{id}":  # of which hardly any is drawn
        assert 200 in statuses


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if one[1] == "POST"])
def test_invalid_requests_are_answered_as_described(schema, path, method):
    operation = schema[path][method]
    statuses = set()

    @fixed
    @given(operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def answered(case):
        statuses.add(case.call_and_validate(checks=CHECKS, timeout=TIMEOUT).status_code)

    answered()
    assert statuses & {400, 422}


# Bodies of POST /inference

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()  # also NaN and infinities, which Python writes and JSON does not have
    | st.text(st.characters(), max_size=8)  # also lone surrogates
    | st.sampled_from(
        [10**400, -(10**400), 2**63, 2**64, 1e308, "\x00", "update", "search", "bm25", "open", "dense"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OPTIONS = st.dictionaries(
    st.sampled_from(
        ["k", "b", "k3", "avg_len", "language", "stopwords", "stemmer", "min_token_len", "mrl", "x"]
    ),
    st.floats(0, 2) | st.sampled_from(["german", "none", "english"]) | VALUES,
    max_size=3,
)
INPUTS = st.fixed_dictionaries(
    {
        "data": st.text(max_size=30) | VALUES,
        "model": st.sampled_from(MODELS),
    },
    optional={
        "data_type": st.sampled_from(["text", "image", "object"]) | VALUES,
        "options": st.none() | OPTIONS | VALUES,
        " position": VALUES,
    },
)
REQUESTS = st.fixed_dictionaries(
    {"inputs": st.lists(INPUTS, max_size=9)},
    optional={"inference": st.sampled_from(["update", "search", None]), "token": VALUES},
)
GOOD = st.builds(
    lambda texts, model, purpose: {
        "inputs": [{"data": text, "data_type": "text", "model": model, "options": None} for text in texts],
        "inference": purpose,
    },
    st.lists(st.text(max_size=60), max_size=8),
    st.sampled_from(MODELS),
    st.sampled_from(["update", "search", None]),
)


@st.composite
def changed(draw, requests):
    """A request with something else in some place of it: a value, a name, or nothing."""
    request = draw(requests)
    places = [(request, name) for name in request]
    for one in request["inputs"]:
        if isinstance(one, dict):
            places += [(one, name) for name in one]
    places += [(request["inputs"], i) for i in range(len(request["inputs"]))]
    where, name = draw(st.sampled_from(places))
    change = draw(st.sampled_from(["value", "delete", "name"]))
    if change == "value" or not isinstance(where, dict):
        where[name] = draw(VALUES)
    else:
        value = where.pop(name)
        if change == "name":
            where[draw(st.text(max_size=5))] = value
    return request


@st.composite
def damaged(draw, requests):
    """Bytes of a request, cut, twisted, or with more bytes in them."""
    body = bytearray(written(draw(requests)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        kind = draw(st.sampled_from(["cut", "twist", "insert"]))
        if kind == "cut":
            del body[at : at + draw(st.integers(1, 200))]
        elif kind == "twist" and at < len(body):
            body[at] = draw(st.integers(0, 255))
        else:
            body[at:at] = draw(st.binary(max_size=4) | st.sampled_from(FRAGMENTS))
    return bytes(body)


FRAGMENTS = [
    b"NaN", b"Infinity", b"1e999", b"-0", b"\\ud800", b"\\udc00\\ud800", b"\xff", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b"\x00", b"null", b'"inputs":[],', b'"data":"x",', b"//", b",",
    b"[" * 5000, b'{"a":' * 5000, b"9" * 5000,
]  # fmt: skip


def written(value):
    return json.dumps(value).encode()  # surrogates as \ud800, NaN as NaN


def post(address, body):
    """Send a body; return the status, and what the answer says."""
    response = CLIENT.post(f"{address}/inference", content=body)
    said = response.json()
    assert response.status_code in (200, 400, 413), said
    if response.status_code != 200:
        assert list(said) == ["error"]
        assert said["error"]
    return response.status_code, said


def check_embeddings(said, count):
    assert len(said["embeddings"]) == count
    for embedding in said["embeddings"]:
        if isinstance(embedding, dict):
            indices, values = embedding["indices"], embedding["values"]
            assert len(indices) == len(values)
            assert all(a < b for a, b in pairwise(indices))
            assert all(0 <= index < 2**32 for index in indices)
        else:
            values = embedding
            assert len(values) > 0
        assert all(isinstance(value, float) and math.isfinite(value) for value in values)


CLIENT = httpx.Client(timeout=TIMEOUT)


@pytest.fixture(scope="module", autouse=True)
def closed():
    yield
    CLIENT.close()


@many
@given(GOOD)
def test_every_input_of_a_request_gets_one_embedding(address, request_):
    status, said = post(address, written(request_))
    surrogates = any(0xD800 <= ord(char) < 0xE000 for one in request_["inputs"] for char in one["data"])
    assert status == (400 if surrogates else 200), said
    if status == 200:
        check_embeddings(said, len(request_["inputs"]))


@many
@given(REQUESTS | changed(GOOD) | changed(REQUESTS) | VALUES)
def test_json_at_random_gets_one_embedding_for_each_input_or_an_error(address, value):
    status, said = post(address, written(value))
    if status == 200:
        check_embeddings(said, len(value["inputs"]))


@many
@given(st.binary(max_size=60) | damaged(GOOD))
@example(b"")
@example(b"\xef\xbb\xbf{}")
@example(b'{"inputs": [], "inputs": [{"data": "a", "model": "bm25"}]}')
@example(b'{"inputs": [{"data": "a", "model": "bm25"}], "inputs": []}')
@example(b'{"inputs": [{"data": "a", "data": "b", "model": "x", "model": "bm25"}]}')
@example(b'{"inputs": [{"data": "\\ud83d\\ude00 \\u0000", "model": "bm25"}]}')
@example(b'{"inputs": [{"data": "a", "model": "open", "options": {"k": 1e400}}]}')
@example(b'{"inputs": [{"data": "fox fox dog", "model": "bm25", "options": {"k": 1e308}}]}')
@example(b'{"inputs": [{"data": "a a", "model": "bm25", "options": {"k3": 1e308}}], "inference": "search"}')
@example(b'{"inputs": [{"data": "a", "model": "bm25", "options": {"k": 0, "avg_len": 1e-310}}]}')
@example(b'{"inputs": [{"data": "fox fox", "model": "bm25", "options": {"k": 3.4e38, "avg_len": 1e-290}}]}')
@example(b'{"inputs": [{"data": "a", "model": "open", "options": {"k": NaN}}]}')
def test_bytes_at_random_get_one_embedding_for_each_input_or_an_error(address, body):
    status, said = post(address, body)
    if status == 200:
        # The server does not look into names and values that it does not know.
        check_embeddings(said, len(json.loads(body.decode("utf-8", "replace"))["inputs"]))


@pytest.mark.parametrize("depth", [100, 1000, 19_000])
@pytest.mark.parametrize(
    ("before", "opening", "closing", "after"),
    [
        ("", "[", "]", ""),
        ("", '{"inputs":', "}", ""),
        ('{"inputs":', "[", "]", "}"),
        ('{"unknown":', "[", "]", ', "inputs": []}'),
        ('{"inputs": [{"data": "a", "model": "open", "options": {"stopwords":', "[", "]", "}}]}"),
        ('{"inputs": [{"data": "a", "model": "dense", "options": {"x":', "[", "]", "}}]}"),
        ('{"inputs": [{"model": "dense", "data_type": "object", "data":', "[", "]", "}]}"),
    ],
)
def test_deep_nesting_is_answered(address, depth, before, opening, closing, after):
    body = before + opening * depth + closing * depth + after
    status, said = post(address, body[: LIMITS.max_body_bytes].encode())
    if status == 200:
        check_embeddings(said, body.count('"model"'))
