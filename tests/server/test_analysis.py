"""`POST /analyze` and `POST /explain` over HTTP."""

from __future__ import annotations

import asyncio
import json
import math
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics, StatisticsStore, plugins
from bm25.explain import explain
from bm25.inference.settings import Bm25Model, CompatibleModel
from bm25.server.app import create_app
from bm25.server.settings import Limits, ServerSettings
from tests import reference
from tests.inference.test_engine import Dense
from tests.server.serving import serving

CORPUS = ["Dogs run.", "A fox and a dog.", "Foxes are running after foxes.", "Nothing of that."]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "store"
    store = StatisticsStore.create(path)
    with store.write() as batch:
        batch.add([str(i) for i in range(len(CORPUS))], Bm25Encoder(threads=1).count_documents(CORPUS))
    store.close()
    return str(path)


@pytest.fixture(scope="module")
def client(store):
    settings = ServerSettings(
        limits=Limits(max_text_bytes=2000, max_inputs=5),
        models={
            "counted": Bm25Model(statistics=store, allowed_options=None),
            "fixed": Bm25Model(options={"language": "german"}, allowed_options=["b"]),
            "dense": CompatibleModel(base_url="http://127.0.0.1:9/v1", model="dense"),
        },
    )
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def refusal(client, path, body, status=400):
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    response = client.post(path, **sent)
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    return response.json()["error"]


# POST /analyze


def test_a_text_is_analyzed_as_a_document(client):
    response = client.post("/analyze", json={"text": "The foxes ran"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    found = response.json()
    assert found == Bm25Encoder().analyze("The foxes ran").to_dict()
    assert found["role"] == "document"
    assert [token["term"] for token in found["tokens"]] == [None, "fox", "ran"]
    assert found["tokens"][0]["changes"][-1]["reason"] == "stopword (english)"
    # Two tokens of 256: 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 256)) = 1.6832
    assert found["vector"][0]["weight"] == pytest.approx(1.6832, abs=1e-4)


@pytest.mark.parametrize(
    ("inference", "role"), [("update", "document"), (None, "document"), ("search", "query")]
)
def test_inference_says_the_role(client, inference, role):
    found = client.post("/analyze", json={"text": "foxes", "inference": inference}).json()
    assert found == Bm25Encoder().analyze("foxes", role=role).to_dict()


def test_options_are_laid_over_the_models(client):
    body = {"text": "Die Füchse", "model": "qdrant/bm25", "options": {"language": "de", "k": 2}}
    found = client.post("/analyze", json=body).json()
    assert found == Bm25Encoder(Bm25Config(language="german", k=2)).analyze("Die Füchse").to_dict()
    assert [token["term"] for token in found["tokens"]] == [None, "fuchs"]


def test_options_of_the_model_count(client):
    found = client.post("/analyze", json={"text": "Die Füchse", "model": "fixed"}).json()
    assert [token["term"] for token in found["tokens"]] == [None, "fuchs"]


def test_an_empty_text_has_no_tokens(client):
    found = client.post("/analyze", json={"text": ""}).json()
    assert (found["tokens"], found["vector"], found["length"]) == ([], [], 0)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "the request is not valid JSON"),
        (b"{", "the request is not valid JSON"),
        (b'{"text": "a", "options": ' + b'{"a": ' * 100_000, "nested too deeply"),
        (b'{"text": "\xff"}', "the request is not valid JSON"),
        (b'{"text": "\\ud800 and more of it"}', "the request is not valid JSON"),
        ([], "the request: expected object, got array"),
        ({}, "text"),
        ({"text": 5}, "text: expected str, got int"),
        ({"text": None}, "text: expected str, got null"),
        ({"text": "a", "option": {}}, "option"),
        ({"text": "a", "options": []}, "options: expected object | null, got array"),
        ({"text": "a", "inference": "query"}, "inference: invalid enum value 'query'"),
        ({"text": "a", "model": "bm52"}, "model: unknown model 'bm52'"),
        ({"text": "a", "model": "dense"}, "model: 'dense' is no BM25 model.*those here: bm25, qdrant/bm25, "),
        ({"text": "a", "options": {"b": 2}}, r"options: b must be in \[0.0, 1.0\], got 2"),
        ({"text": "a", "options": {"kk": 2}}, "options.kk"),
        ({"text": "a", "model": "fixed", "options": {"k": 2}}, "options.k: model 'fixed' has no option 'k'"),
        ({"text": "a", "options": {"tokenizer": "multilingual"}}, "'multilingual' has no steps.*/explain"),
    ],
)
def test_what_cannot_be_analyzed_is_refused(client, body, error):
    message = refusal(client, "/analyze", body)
    assert re.search(error, message), message


def test_the_length_of_a_text_is_limited(client):
    assert client.post("/analyze", json={"text": "ü" * 1000}).status_code == 200
    message = refusal(client, "/analyze", {"text": "ü" * 1000 + "a"}, 413)
    assert message == "text: the text has 2,001 bytes, and 2,000 are allowed (limits.max_text_bytes)"


def test_only_posts_are_answered(client):
    assert client.get("/analyze").status_code == 405
    assert client.get("/explain").status_code == 405


# POST /explain


def statistics(texts, config=None):
    return CorpusStatistics.from_counts(Bm25Encoder(config).count_documents(texts))


def test_one_document_is_its_own_corpus(client):
    response = client.post("/explain", json={"query": "fox dog", "document": "Two foxes"})
    assert response.headers["cache-control"] == "no-store"
    found = response.json()
    about = found.pop("statistics")
    assert about == {"source": "document", "document_count": 1, "average_length": 2.0}
    assert found == explain(Bm25Encoder(), statistics(["Two foxes"]), "fox dog", "Two foxes").to_dict()
    fox, dog = found["terms"]
    assert (fox["term"], fox["document_frequency"]) == ("fox", 1)
    assert fox["idf"] == pytest.approx(math.log(1 + 0.5 / 1.5))
    assert found["score"] == pytest.approx(math.log(1 + 0.5 / 1.5) * 1.6832, abs=1e-4)
    assert (dog["term_frequency"], dog["score"]) == (0, 0)


def test_the_corpus_may_be_given(client):
    body = {"query": "fox dog", "document": "Two foxes", "documents": CORPUS}
    found = client.post("/explain", json=body).json()
    about = found.pop("statistics")
    assert about["source"] == "documents"
    assert about["document_count"] == found["document_count"] == 4
    assert about["average_length"] == statistics(CORPUS).average_length
    assert found == explain(Bm25Encoder(), statistics(CORPUS), "fox dog", "Two foxes").to_dict()


def test_a_corpus_of_nothing_is_one(client):
    found = client.post("/explain", json={"query": "fox", "document": "fox", "documents": []}).json()
    assert found["statistics"] == {"source": "documents", "document_count": 0, "average_length": 0.0}
    assert found["terms"][0]["idf"] == pytest.approx(math.log(2))


def test_the_store_of_a_model_is_its_corpus(client):
    found = client.post(
        "/explain", json={"query": "fox dog", "document": "Two foxes", "model": "counted"}
    ).json()
    about = found["statistics"]
    assert about["source"] == "model"
    assert about["document_count"] == found["document_count"] == 4
    assert [term["document_frequency"] for term in found["terms"]] == [2, 2]


def test_a_corpus_that_is_given_replaces_the_store(client):
    body = {"query": "fox", "document": "Two foxes", "documents": ["fox"], "model": "counted"}
    found = client.post("/explain", json=body).json()
    assert found["statistics"]["source"] == "documents"
    assert found["document_count"] == 1


@pytest.mark.parametrize(
    ("options", "source"), [({"k": 2}, "model"), ({"stemmer": {"type": "none"}}, "document")]
)
def test_the_store_does_not_count_for_another_analysis(client, options, source):
    body = {"query": "foxes", "document": "Two foxes", "model": "counted", "options": options}
    found = client.post("/explain", json=body).json()
    assert found["statistics"]["source"] == source
    assert found["terms"][0]["term_frequency"] == 1


def test_options_decide_the_weights(client):
    options = {"k": 0, "k3": 8}
    found = client.post(
        "/explain", json={"query": "fox fox", "document": "fox fox fox", "options": options}
    ).json()
    assert (found["k"], found["k3"]) == (0, 8)
    assert found["terms"][0]["document_weight"] == 1
    assert found["terms"][0]["query_weight"] == pytest.approx(9 * 2 / 10)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"query": "a"}, 400, "document"),
        ({"query": "a", "document": ["a"]}, 400, "document: expected str, got array"),
        ({"query": "a", "document": "a", "documents": "a"}, 400, "documents: expected array"),
        ({"query": "a", "document": "a", "documents": ["a", 1]}, 400, r"documents\[1\]: expected str"),
        ({"query": "a", "document": "a", "text": "a"}, 400, "text"),
        ({"query": "a", "document": "a", "model": "dense"}, 400, "model: 'dense' is no BM25 model"),
        ({"query": "a", "document": "a", "options": {"b": -1}}, 400, "options: b must be"),
        ({"query": "a" * 2001, "document": "a"}, 413, "query: the text has 2,001 bytes"),
        ({"query": "a", "document": "a" * 2001}, 413, "document: the text"),
        ({"query": "a", "document": "a", "documents": ["a", "a" * 2001]}, 413, r"documents\[1\]: the text"),
        (
            {"query": "a", "document": "a", "documents": ["a"] * 6},
            413,
            "documents: there are 6 of them, and 5",
        ),
    ],
)
def test_what_cannot_be_explained_is_refused(client, body, status, error):
    message = refusal(client, "/explain", body, status)
    assert re.search(error, message), message


def test_ids_without_terms_are_explained(client):
    pytest.importorskip("qdrant_edge")
    body = {"query": "fox", "document": "foxes", "options": {"tokenizer": "multilingual"}}
    found = client.post("/explain", json=body).json()
    assert [(term["term"], term["term_frequency"]) for term in found["terms"]] == [(None, 1)]


# What is too much


@pytest.fixture(scope="module")
def roomy():
    """A server with the default limits."""
    with serving(ServerSettings()) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def sharing(count):
    """Distinct words with one id."""
    alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789"
    found, number = [], 0
    while len(found) < count:
        word = reference.term_with_id(77, number, alphabet)
        found.append(word.decode())
        number = sum(alphabet.index(byte) * len(alphabet) ** i for i, byte in enumerate(word[:4])) + 1
    return found


NO_STEMMER = {"type": "none"}
MANY = [f"x{i}" for i in range(900)]


@pytest.mark.parametrize(
    ("text", "options", "error"),
    [
        ("a" * 65_537, {}, "the text has 65,537 bytes, and 65,536 are allowed here: .* single texts"),
        ("a " * 10_001, {}, "up to 10,001 rows and .* single texts; send less text$"),
        ("ä—" * 10_001, {}, "up to 10,001 rows"),
        ("aB" * 5_000, {"tokenizer": "code"}, "up to 5,002 rows and 50,060,000"),
        (
            ("a" * 900 + " ") * 30,
            {"tokenizer": "prefix"},
            "up to 27,000 rows and 60,763,500 characters.*max_token_len",
        ),
        ("a " * 20_000, {"synonyms": {"a": MANY}, "stopwords": {}}, "up to 18,000,000 rows"),
        ("a", {"synonyms": {"a": MANY}, "stopwords": {}}, "up to 900 rows and [0-9]+,"),
        (" ".join(sharing(1000)), {"stemmer": NO_STEMMER}, "up to 1,000 rows and 8,024,000 characters"),
    ],
    ids=["bytes", "rows", "pieces", "code", "prefix", "synonyms", "rule", "shared"],
)
def test_an_analysis_that_would_be_large_is_refused(roomy, text, options, error):
    body = {"text": text, "options": options, "inference": "update"}
    message = refusal(roomy, "/analyze", body, 413)
    assert message.startswith("text: ")
    assert re.search(error, message), message


def test_the_largest_analyses_have_few_megabytes(roomy):
    for body in (
        {"text": "a " * 10_000},
        {"text": "a" * 65_536},
        {"text": "Ä" * 500, "options": {"tokenizer": "prefix", "ascii_folding": True}},
        {"text": " ".join(sharing(300)), "options": {"stemmer": NO_STEMMER}},
    ):
        response = roomy.post("/analyze", json=body)
        assert response.status_code == 200
        assert 100_000 < len(response.content) < 5_000_000


def test_a_token_with_too_many_prefixes_is_told_what_to_do(roomy):
    body = {"text": "a" * 1001, "options": {"tokenizer": "prefix"}}
    assert "set max_token_len" in refusal(roomy, "/analyze", body)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"query": "a" * 65_537}, "^query: the text has 65,537 bytes, and 65,536 are allowed here"),
        ({"document": "a" * 65_537}, "^document: the text has 65,537 bytes"),
        ({"documents": ["a" * 65_537] * 64}, "^documents: they have 4,194,368 bytes, and 4,194,304"),
        ({"query": " ".join(f"x{i}" for i in range(10_001))}, "^query: it has 10,001 different terms"),
        ({"documents": ["a" * 900] * 1200, "options": {"tokenizer": "prefix"}}, "up to 1,080,002 tokens"),
        ({"documents": ["a" * 900] * 50, "options": {"tokenizer": "prefix"}}, "terms of 20,272,502"),
        ({"document": "aa " * 1700, "options": {"synonyms": {"aa": MANY}}}, "up to 1,530,001 tokens"),
    ],
)
def test_an_explanation_that_would_take_long_is_refused(roomy, changes, error):
    body = {"query": "x", "document": "x", **changes}
    message = refusal(roomy, "/explain", body, 413)
    assert re.search(error, message), message


def test_a_large_corpus_is_counted(roomy):
    documents = [" ".join(f"x{i}" for i in range(j, j + 8000)) for j in range(80)]
    found = roomy.post(
        "/explain", json={"query": "x7999", "document": "x7999", "documents": documents}
    ).json()
    assert found["document_count"] == 80
    assert found["terms"][0]["document_frequency"] == 80


# What takes long


class Held:
    """A plug-in that does not go on until it is told to, and notes how many threads are in it."""

    def __init__(self):
        self.seen = set()
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __call__(self, token):
        self.seen.add(token)
        if token == "hold":
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            self.entered.release()
            self.go_on.wait(60)
            with self.lock:
                self.now -= 1
        return token


MODEL = Bm25Model(options={"filters": [{"type": "plugin", "name": "held"}]})


@pytest.fixture
def held():
    found = Held()
    plugins.register("held", found, version="1")
    yield found
    found.go_on.set()
    plugins.unregister("held")


@contextmanager
def holding(**limits):
    settings = ServerSettings(models={"held": MODEL}, limits=Limits(**limits))
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def analyze(client, text="hold"):
    return client.post("/analyze", json={"text": text, "model": "held"})


def hang_up(client, held):
    """Ask for what is held, and go away once a thread is at work with it."""
    body = json.dumps({"text": "hold", "model": "held"}).encode()
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
        head = f"POST /analyze HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        assert held.entered.acquire(timeout=60)


@pytest.mark.parametrize(
    ("path", "body"), [("/analyze", {"text": "hold"}), ("/explain", {"query": "hold", "document": "a"})]
)
def test_the_time_for_a_request_counts(held, path, body):
    with holding(request_timeout=0.3) as client:
        started = time.monotonic()
        message = refusal(client, path, {**body, "model": "held"}, 504)
        assert message.startswith("the analysis took longer than a request may (limits.request_timeout)")
        assert time.monotonic() - started < 15
        assert held.now == 1  # which nobody waits for
        held.go_on.set()
        assert analyze(client, "fox").status_code == 200


def test_whoever_goes_away_gives_the_place_back(held):
    with holding(concurrency=1, queue=1) as client:
        for _ in range(2):
            hang_up(client, held)
        body = {"inputs": [{"data": "fox", "model": "bm25"}]}
        deadline = time.monotonic() + 30
        while client.post("/inference", json=body).status_code != 200:
            assert time.monotonic() < deadline
        assert held.now == 2
        held.go_on.set()


def test_few_analyses_are_made_at_once(held):
    with holding() as client, ThreadPoolExecutor(6) as others:
        answers = [others.submit(analyze, client) for _ in range(6)]
        for _ in range(2):
            assert held.entered.acquire(timeout=60)
        assert client.get("/page/models").status_code == 200  # which has threads of its own
        assert (held.now, held.most) == (2, 2)
        held.go_on.set()
        assert [answer.result().status_code for answer in answers] == [200] * 6
        assert held.most == 2


def test_what_waits_for_a_thread_is_not_made_for_nobody(held):
    texts = [f"hold x{i}" for i in range(4)]
    with holding(request_timeout=0.5) as client, ThreadPoolExecutor(4) as others:
        answers = [others.submit(analyze, client, text) for text in texts]
        assert [answer.result().status_code for answer in answers] == [504] * 4
        held.go_on.set()
        assert analyze(client, "fox").status_code == 200  # whose turn was after theirs
        assert len(held.seen & {"x0", "x1", "x2", "x3"}) <= 2


def test_the_engine_stays_open_while_a_thread_is_at_work_with_it(held):
    body = json.dumps({"text": "hold", "model": "held"}).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": "POST", "path": "/analyze", "headers": headers, "query_string": b""}
    coming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if coming:
            return coming.pop()
        assert await asyncio.to_thread(held.entered.acquire, timeout=60)
        return {"type": "http.disconnect"}

    async def send(message):
        raise AssertionError(message)

    async def run():
        app = create_app(ServerSettings(models={"held": MODEL}))
        model = Dense()
        app.state.engine._models["dense"] = model
        await app(scope, receive, send)
        await app.reload(ServerSettings())
        await asyncio.sleep(0.01)
        assert (held.now, model.closed) == (1, 0)
        held.go_on.set()
        deadline = time.monotonic() + 60
        while not model.closed:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        await app.state.close()

    asyncio.run(run())
