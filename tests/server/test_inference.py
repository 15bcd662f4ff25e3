"""POST /inference as Qdrant speaks it: raw HTTP over loopback."""

import http.client
import json
import random
import socket
import time
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder
from bm25.inference.settings import Bm25Model, CompatibleModel, ProviderSettings
from bm25.server.settings import Limits, ServerOptions, ServerSettings
from tests.inference.providers import doubles
from tests.server.serving import serving
from tests.strategies import examples, nasty_text

GERMAN = Bm25Model(options={"language": "german"}, allowed_options=["k"])
PLAIN = Bm25Encoder(threads=1)
PROVIDERS = (doubles.OpenAI, doubles.Cohere, doubles.JinaAI, doubles.OpenRouter)


@pytest.fixture(scope="module")
def running():
    """The doubles of all providers, by the name of the provider."""
    started = {double.provider: double() for double in (*PROVIDERS, doubles.Compatible)}
    yield started
    for double in started.values():
        double.close()


@pytest.fixture(scope="module")
def address(running):
    settings = ServerSettings(
        models={
            "acme/support-de": GERMAN,
            "local/e5": CompatibleModel(base_url=f"{running['local/e5'].address}/v1", model="e5", retries=0),
        },
        providers={
            double.provider: ProviderSettings(base_url=running[double.provider].address, retries=0)
            for double in PROVIDERS
        },
        limits=Limits(request_timeout=4.0, max_inputs=3000, max_body_bytes=4_000_000),
    )
    with serving(settings) as address:
        yield address


@pytest.fixture(scope="module")
def client(address):
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture(autouse=True)
def forgotten(running):
    for double in running.values():
        double.calls.clear()
        double.replies.clear()
        double.pause = 0.0


def one(data, model="bm25", options=None, data_type="text"):
    return {"data": data, "data_type": data_type, "model": model, "options": options}


def post(client, inputs, inference="update", token=None, headers=None):
    """Send a request verbatim as Qdrant does."""
    body = {"inputs": inputs, "inference": inference, "token": token}
    return client.post("/inference", content=json.dumps(body), headers=headers)


def embeddings(response):
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"embeddings", "usage"}
    return response.json()["embeddings"]


def assert_bits(embedding, indices, values):
    """A client that reads the numbers as float32, as Qdrant does, has the library's bits."""
    assert set(embedding) == {"indices", "values"}
    assert embedding["indices"] == indices.tolist()
    read = np.array(embedding["values"], np.float32)
    assert read.view(np.uint32).tolist() == values.view(np.uint32).tolist()


# What is embedded


def test_the_bytes_of_an_answer(client):
    response = post(client, [one("hello world"), one("")])
    assert response.content == (
        b'{"embeddings":[{"indices":[74040069,613153351],"values":[1.6832038,1.6832038]},'
        b'{"indices":[],"values":[]}],"usage":{"models":{"bm25":{"tokens":2}}}}'
    )


@pytest.mark.parametrize("purpose", ["update", None, "search"])
def test_documents_and_queries(client, purpose):
    text = "The dogs run, and a dog runs"
    embedding = embeddings(post(client, [one(text)], purpose))[0]
    expected = PLAIN.encode_query(text) if purpose == "search" else PLAIN.encode_document(text)
    assert_bits(embedding, *expected)


@given(st.lists(nasty_text, max_size=8), st.sampled_from(["update", "search"]), st.booleans())
@examples(60)
def test_equal_to_the_library_bit_for_bit(texts, purpose, long):
    """By whatever path: one text, several, and more than is encoded in the event loop."""
    texts = [text * (1000 if long else 1) for text in texts] * 2
    encode = PLAIN.encode_queries if purpose == "search" else PLAIN.encode_documents
    expected = encode(texts)
    found = embeddings(post(SHARED["client"], [one(text) for text in texts], purpose))
    assert len(found) == len(texts)
    for i, embedding in enumerate(found):
        assert_bits(embedding, *expected[i])


SHARED = {}


@pytest.fixture(scope="module", autouse=True)
def _shared(client):
    SHARED["client"] = client


def test_every_weight_survives_json(client):
    """Frequencies and lengths of all sizes."""
    draw = random.Random(7)
    texts = [" ".join(draw.choices("abcdefgh", k=draw.randint(1, 400))) for _ in range(500)]
    for k, b, avg_len in ((1.2, 0.75, 256), (0.3, 0.1, 7.77), (97.3, 1.0, 1e-3)):
        options = {"k": k, "b": b, "avg_len": avg_len}
        expected = Bm25Encoder(Bm25Config(**options)).encode_documents(texts)
        found = embeddings(post(client, [one(text, options=options) for text in texts]))
        for i, embedding in enumerate(found):
            assert_bits(embedding, *expected[i])


def test_duplicates_keep_cardinality_and_order(client):
    texts = ["dog", "cat", "dog", "", "dog", "cat"]
    found = embeddings(post(client, [one(text) for text in texts]))
    assert len(found) == 6
    for embedding, text in zip(found, texts, strict=True):
        assert_bits(embedding, *PLAIN.encode_document(text))


@pytest.mark.parametrize("name", ["bm25", "BM25", "qdrant/bm25", "Qdrant/bm25", "Qdrant/BM25"])
def test_names_of_qdrants_model(client, name):
    response = post(client, [one("a dog", name)])
    assert_bits(embeddings(response)[0], *PLAIN.encode_document("a dog"))
    assert response.json()["usage"] == {"models": {name: {"tokens": 1}}}


@pytest.mark.parametrize("options", [None, {}, {"k": None, "language": None}])
def test_null_options(client, options):
    assert_bits(embeddings(post(client, [one("a dog", options=options)]))[0], *PLAIN.encode_document("a dog"))


def test_fields_that_may_be_missing(client):
    response = client.post("/inference", json={"inputs": [{"data": "a dog", "model": "bm25"}]})
    assert_bits(embeddings(response)[0], *PLAIN.encode_document("a dog"))


def test_options_of_qdrant(client):
    options = {
        "language": "german", "k": 1.5, "b": 0.5, "avg_len": 20, "tokenizer": "word", "lowercase": True,
        "ascii_folding": True, "stopwords": {"languages": ["german"], "custom": ["haus"]},
        "stemmer": {"type": "snowball", "language": "german"}, "min_token_len": 2, "max_token_len": 20,
    }  # fmt: skip
    text = "Die Häuser am Fluß und das Haus"
    expected = Bm25Encoder(Bm25Config.from_dict(options)).encode_document(text)
    assert_bits(embeddings(post(client, [one(text, options=options)]))[0], *expected)


def test_a_model_of_the_users(client):
    found = embeddings(post(client, [one("die Häuser", "acme/support-de", {"k": 0.5})]))
    expected = Bm25Encoder(Bm25Config(language="german", k=0.5)).encode_document("die Häuser")
    assert_bits(found[0], *expected)


def test_mixed_inputs_with_headers_as_qdrant_forwards_them(client, running):
    inputs = [
        one("a dog"), one("bonjour", "openai/text-embedding-3-small"),
        one("data:image/png;base64,AA", "jinaai/clip", data_type="image"),
        one({"text": "an object"}, "jinaai/clip", data_type="object"), one("a dog"),
        one("die Häuser", "acme/support-de"), one("salut", "cohere/embed-v4", {"mrl": 2}),
        one("e5", "local/e5"), one("bonjour", "openrouter/qwen/qwen3", {"openrouter-api-key": "in-options"}),
    ]  # fmt: skip
    keys = {"openai-api-key": "o", "cohere-api-key": "c", "jina-api-key": "j", "other-api-key": "x"}
    response = post(client, inputs, headers=keys)
    found = embeddings(response)
    assert_bits(found[0], *PLAIN.encode_document("a dog"))
    assert found[4] == found[0]
    assert found[1] == doubles.vector("bonjour")
    assert found[2] == doubles.vector({"image": "data:image/png;base64,AA"})
    assert found[3] == doubles.vector({"text": "an object"})
    assert_bits(found[5], *Bm25Encoder(Bm25Config(language="german")).encode_document("die Häuser"))
    assert len(found[6]) == 2
    assert np.isclose(np.linalg.norm(found[6]), 1)
    assert found[7] == doubles.vector("e5")
    assert found[8] == doubles.vector("bonjour")
    assert {name: double.calls[0].key for name, double in running.items()} == {
        "openai": "o", "cohere": "c", "jinaai": "j", "openrouter": "in-options", "local/e5": "",
    }  # fmt: skip
    models = response.json()["usage"]["models"]
    assert models["bm25"] == {"tokens": 2}
    assert set(models) == {item["model"] for item in inputs}


def test_many_inputs(client):
    texts = [f"dog number {i}" for i in range(3000)]
    found = embeddings(post(client, [one(text) for text in texts]))
    expected = PLAIN.encode_documents(texts)
    assert len(found) == 3000
    for i in (0, 1, 1500, 2999):
        assert_bits(found[i], *expected[i])


# What is refused


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([one("x", "bm52")], "inputs[0].model: unknown model 'bm52' (did you mean 'bm25'?); known: bm25, "),
        ([one("x"), one("x", options={"kk": 1})], "inputs[1].options.kk: model 'bm25' has no option 'kk'"),
        ([one("x", options={"k": "1"})], "inputs[0].options: k must be a number, got str '1'"),
        ([one("x", "acme/support-de", {"b": 1})], "inputs[0].options.b: model 'acme/"),
        ([one("x", data_type="image")], "inputs[0].data_type: model 'bm25' takes text, got image"),
        ([one({"a": 1}, data_type="object")], "inputs[0].data_type: model 'bm25' takes text, got object"),
        ([one(5)], "inputs[0].data: a text must be a string, got a number"),
        ([{"data": "x"}], "inputs[0]: object missing required field model"),
        ([one("x", "openai/m", data_type="image")], "inputs[0].data_type: "),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_answered(client, inputs, message):
    response = post(client, inputs)
    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    assert response.json()["error"].startswith(message)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"inputs":{}}'])
def test_a_body_that_is_no_request(client, body):
    response = client.post("/inference", content=body)
    assert response.status_code == 400
    assert list(response.json()) == ["error"]


def test_other_methods_and_paths(client):
    assert client.get("/inference").status_code == 405
    assert client.put("/inference", content=b"{}").status_code == 405
    missing = client.post("/inferences", content=b"{}")
    assert missing.status_code == 404
    assert "POST /inference is Qdrant's protocol" in missing.json()["error"]


# Failures of providers: what Qdrant makes of each status is in the protocol's table


@pytest.mark.parametrize(
    ("reply", "status", "retry_after"),
    [
        (doubles.Reply(400, {"error": {"message": "too long"}}), 400, None),
        (doubles.Reply(401, {"error": {"message": "bad key"}}), 401, None),
        (doubles.Reply(403, {"error": {"message": "no access"}}), 403, None),
        (doubles.Reply(404, {"error": {"message": "no model"}}), 400, None),
        (doubles.Reply(422, {"error": {"message": "bad"}}), 400, None),
        (doubles.Reply(429, {}, {"Retry-After": "17"}), 429, "17"),
        (doubles.Reply(429, {}, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}), 429,
         "Wed, 21 Oct 2099 07:28:00 GMT"),
        (doubles.Reply(429, {}), 429, None),
        (doubles.Reply(500, b"oops"), 500, None),
        (doubles.Reply(503, b"oops"), 503, None),
        (doubles.Reply(200, b"{broken"), 502, None),
        (doubles.Reply(200, {"data": []}), 502, None),
        (doubles.Reply(302, b"", {"Location": "http://127.0.0.1:9/"}), 502, None),
        (doubles.Close(), 502, None),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_provider_that_fails(client, running, reply, status, retry_after):
    running["openai"].replies.append(reply)
    inputs = [one("a dog"), one("x", "openai/m")]
    response = post(client, inputs, headers={"openai-api-key": "secret-key-of-mine"})
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    assert response.headers.get("retry-after") == retry_after
    assert "secret-key-of-mine" not in response.text


def test_a_provider_without_a_key(client):
    response = post(client, [one("x", "openai/m")])
    assert response.status_code == 401
    assert "openai-api-key" in response.json()["error"]


def test_a_provider_that_hangs(client, running):
    hang = doubles.Hang()
    running["openai"].replies.append(hang)
    response = post(client, [one("x", "openai/m")], headers={"openai-api-key": "k"})
    assert response.status_code == 504
    assert hang.left.wait(10)  # the call upstream ended with the request


def test_a_provider_that_dies_in_the_middle(client, running):
    running["openai"].replies.append(doubles.Reply(200, b'{"data": [', {}, length=10_000))
    assert post(client, [one("x", "openai/m")], headers={"openai-api-key": "k"}).status_code == 502


# Clients that go away


def raw(address):
    where = urlsplit(address)
    return socket.create_connection((where.hostname, where.port), timeout=30)


def test_a_client_that_goes_away_ends_the_call_upstream(address, client, running):
    hang = doubles.Hang()
    running["openai"].replies.append(hang)
    body = json.dumps({"inputs": [one("x", "openai/m")]}).encode()
    with raw(address) as connection:
        head = b"POST /inference HTTP/1.1\r\nhost: x\r\nopenai-api-key: k\r\ncontent-length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        assert hang.asked.wait(10)
        left = time.monotonic()
    assert hang.left.wait(10)
    assert time.monotonic() - left < 3.5  # not at the end of the request's time
    assert post(client, [one("x")]).status_code == 200


@pytest.mark.parametrize(
    "sent", [b"POST /inf", b"POST /inference HTTP/1.1\r\nhost: x\r\ncontent-length: 90\r\n\r\n{"]
)
def test_a_client_that_goes_away_in_the_middle(address, client, sent):
    with raw(address) as connection:
        connection.sendall(sent)
    assert post(client, [one("x")]).status_code == 200


def test_a_client_that_reads_nothing(address, client):
    body = json.dumps({"inputs": [one(" ".join(map(str, range(2000))))] * 100}).encode()
    with raw(address) as connection:
        head = b"POST /inference HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
        connection.sendall((head + body) * 3)
        time.sleep(0.3)
        assert post(client, [one("x")]).status_code == 200


def test_chunked_bodies_and_many_requests_in_one_connection(address):
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    body = json.dumps({"inputs": [one("a dog")]}).encode()
    for size in (1, 7, len(body)):
        pieces = [body[i : i + size] for i in range(0, len(body), size)]
        connection.request("POST", "/inference", iter(pieces), encode_chunked=True,
                           headers={"transfer-encoding": "chunked"})  # fmt: skip
        response = connection.getresponse()
        assert response.status == 200
        assert_bits(json.loads(response.read())["embeddings"][0], *PLAIN.encode_document("a dog"))
    connection.close()


# Keys of the server


@pytest.fixture(scope="module")
def locked():
    settings = ServerSettings(server=ServerOptions(api_key="s3cret"))
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    "headers", [{"api-key": "s3cret"}, {"Authorization": "Bearer s3cret"}, {"authorization": "bearer s3cret"}]
)
def test_the_key_in_a_header(locked, headers):
    assert post(locked, [one("x")], headers=headers).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"token": 5}'])
def test_what_has_no_token_is_not_looked_at(locked, body):
    assert locked.post("/inference", content=body).status_code == 401
    assert locked.get("/inference").status_code == 401


def test_the_key_as_qdrants_token(locked):
    assert post(locked, [one("x")], token="s3cret").status_code == 200


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, None), ({}, "wrong"), ({}, ""), ({}, "s3cret "), ({"api-key": "wrong"}, None),
        ({"api-key": ""}, None),
        ({"api-key": "wrong"}, "s3cret"), ({"Authorization": "Basic s3cret"}, None),
        ({"Authorization": "Bearer"}, None), ({"x-api-key": "s3cret"}, None),
    ],
)  # fmt: skip
def test_a_wrong_key(locked, headers, token):
    response = post(locked, [one("x")], headers=headers, token=token)
    assert response.status_code == 401
    assert "s3cret" not in response.text
    assert "inference.token" in response.text or "api-key" in response.text
