"""What every request passes, over HTTP: ids, keys, limits, the queue, metrics and the log."""

import asyncio
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from itertools import islice
from urllib.parse import urlsplit

import httpx
import pytest

from bm25.inference.settings import CompatibleModel
from bm25.server import logs
from bm25.server.app import create_app
from bm25.server.settings import Limits, Logging, ServerOptions, ServerSettings
from tests.inference.providers import doubles
from tests.server.serving import serving

KEY = "s3cret"
TEXT = {"inputs": [{"data": "a dog", "model": "bm25"}]}
SLOW = {"inputs": [{"data": "a dog", "model": "slow"}]}


@pytest.fixture(scope="module")
def upstream():
    double = doubles.Compatible()
    yield double
    double.close()


@pytest.fixture(autouse=True)
def fast_again(upstream):
    upstream.pause = 0.0
    upstream.busiest = 0
    upstream.replies.clear()
    upstream.calls.clear()


def settings_with(upstream=None, **limits):
    models = {}
    if upstream is not None:
        models["slow"] = CompatibleModel(base_url=f"{upstream.address}/v1", model="m", retries=0)
    return ServerSettings(models=models, limits=Limits(**limits))


@pytest.fixture(scope="module")
def client(upstream):
    with serving(settings_with(upstream)) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def raw(address, data, wait=10):
    """Send bytes, and return what comes until the server closes, or for `wait` seconds."""
    where = urlsplit(address)
    received = b""
    with socket.create_connection((where.hostname, where.port), timeout=wait) as connection:
        connection.sendall(data)
        try:
            while piece := connection.recv(65536):
                received += piece
        except TimeoutError:
            pass
    return received


def head(length, path="/inference", more=b""):
    return b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n%s\r\n" % (path.encode(), length, more)


# Ids


def test_a_request_has_an_id_of_its_own(client):
    ids = [client.post("/inference", json=TEXT).headers["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", one) for one in ids)
    assert "x-request-id" in client.get("/health").headers
    assert "x-request-id" in client.get("/nowhere").headers


@pytest.mark.parametrize("given", ["abc", "4bf92f3577b34da6", "a/b:c=+.-_", "x" * 128])
def test_the_clients_id_is_kept(client, given):
    assert (
        client.post("/inference", json=TEXT, headers={"x-request-id": given}).headers["x-request-id"] == given
    )


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", 'a"b', "{}"])
def test_an_id_that_could_harm_a_log_is_replaced(client, given):
    response = client.post("/inference", json=TEXT, headers={"x-request-id": given})
    assert response.headers["x-request-id"] != given


# Keys


@pytest.fixture(scope="module")
def locked():
    settings = ServerSettings(server=ServerOptions(api_key=KEY))
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/health", "/page.css", "/page.js", "/openapi.json"])
def test_what_needs_no_key(locked, path):
    assert locked.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/nowhere", "/page/models", "/v1/models"])
def test_what_needs_a_key(locked, path):
    assert locked.get(path).status_code == 401
    assert locked.get(path, headers={"api-key": "wrong"}).status_code == 401
    assert locked.get(path, headers={"api-key": KEY}).status_code != 401


@pytest.mark.parametrize("path", ["/analyze", "/explain", "/embed_sparse", "/v1/embeddings"])
def test_a_token_in_the_body_opens_no_other_door(locked, path):
    response = locked.post(path, json={"token": KEY, "text": "x"})
    assert response.status_code == 401
    assert "api-key" in response.text


# Sizes


@pytest.fixture(scope="module")
def small():
    limits = {"max_body_bytes": 2000, "max_inputs": 3, "max_text_bytes": 100, "body_timeout": 0.5}
    with serving(settings_with(**limits)) as address:
        yield address


def test_a_body_that_says_it_is_too_large_is_not_read(small):
    answer = raw(small, head(2001))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"2,001 bytes or more, and 2,000 are allowed (limits.max_body_bytes)" in answer


def test_a_body_that_grows_too_large(small):
    chunked = b"POST /inference HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = raw(
        small, chunked + b"3e8\r\n" + b" " * 1000 + b"\r\n" + (b"3e8\r\n" + b" " * 1000 + b"\r\n") * 2
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_of_just_the_size(small):
    body = json.dumps(TEXT).encode().ljust(2000)
    assert httpx.post(f"{small}/inference", content=body).status_code == 200


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["x"] * 4, "inputs: 4 inputs, and 3 are allowed in one request (limits.max_inputs)"),
        (["x", "y" * 101], "inputs[1].data: a text of more than 100 bytes (limits.max_text_bytes)"),
        (["ä" * 51], "inputs[0].data: a text of more than 100 bytes"),
    ],
)
def test_too_many_inputs_and_too_long_a_text(small, inputs, message):
    body = {"inputs": [{"data": text, "model": "bm25"} for text in inputs]}
    response = httpx.post(f"{small}/inference", json=body)
    assert response.status_code == 413
    assert response.json()["error"].startswith(message)


@pytest.mark.parametrize("texts", [["x"] * 3, ["y" * 100], ["ä" * 50], ["a" * 30]])
def test_just_within_the_limits(small, texts):
    body = {"inputs": [{"data": text, "model": "bm25"} for text in texts]}
    assert httpx.post(f"{small}/inference", json=body).status_code == 200


@pytest.mark.parametrize("sent", [b"", b'{"inputs"'])
def test_a_body_that_does_not_come(small, sent):
    started = time.monotonic()
    answer = raw(small, head(100) + sent)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"limits.body_timeout" in answer
    assert time.monotonic() - started < 8


def test_a_body_that_drips(small):
    where = urlsplit(small)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(head(100))
        answer = b""
        for _ in range(40):
            try:
                connection.sendall(b" ")
                connection.settimeout(0.05)
                answer += connection.recv(65536)
                break
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_bodies_that_fill_the_memory(upstream):
    upstream.pause = 0.5
    limits = {"max_buffered_bytes": 150_000, "max_body_bytes": 100_000}
    with serving(settings_with(upstream, **limits)) as address, ThreadPoolExecutor(4) as pool:
        body = json.dumps(SLOW).encode().ljust(90_000)
        responses = list(
            pool.map(lambda _: httpx.post(f"{address}/inference", content=body, timeout=30), range(4))
        )
        codes = sorted(response.status_code for response in responses)
        assert codes[0] == 200
        assert codes[-1] == 429
        assert all(one.headers["retry-after"] == "1" for one in responses if one.status_code == 429)
        assert httpx.post(f"{address}/inference", content=body, timeout=30).status_code == 200


def test_who_shows_no_key_keeps_out_nobody_who_does():
    """Bodies without an end fill no more than half of the memory."""
    limits = Limits(max_buffered_bytes=200_000, max_body_bytes=100_000)
    settings = ServerSettings(server=ServerOptions(api_key=KEY), limits=limits)
    with serving(settings) as address, ExitStack() as connections:
        where = urlsplit(address)
        for _ in range(4):
            one = connections.enter_context(
                socket.create_connection((where.hostname, where.port), timeout=10)
            )
            one.sendall(head(95_000) + b" " * 90_000)
        body = json.dumps(TEXT).encode().ljust(90_000)
        for _ in range(3):
            answer = httpx.post(f"{address}/inference", content=body, headers={"api-key": KEY}, timeout=30)
            assert answer.status_code == 200


def test_a_body_without_the_key_is_not_decoded():
    with serving(ServerSettings(server=ServerOptions(api_key=KEY))) as address:
        body = b'{"inputs":[{"model":"x","data":[' + b"[]," * 3_000_000 + b"[]]}]}"
        assert httpx.post(f"{address}/inference", content=body, timeout=60).status_code == 401
        with_key = httpx.post(f"{address}/inference", content=body, headers={"api-key": KEY}, timeout=60)
        assert with_key.status_code == 413
        assert "brackets" in with_key.json()["error"]


def test_source_code_may_have_many_brackets(client):
    text = "f(x)[0]{1}" * 90_000
    body = {
        "inputs": [{"data": text, "model": "bm25", "options": {"k": 1.5}}, {"data": text, "model": "bm25"}]
    }
    answer = client.post("/inference", json=body)
    assert answer.status_code == 200
    assert len(answer.json()["embeddings"]) == 2


# The queue


def test_requests_wait_for_a_place_and_more_are_refused(upstream):
    upstream.replies.append(hang := doubles.Hang())
    with serving(settings_with(upstream, concurrency=1, queue=2)) as address, ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(httpx.post, f"{address}/inference", json=SLOW, timeout=60) for _ in range(8)]
        refused = [future.result() for future in islice(as_completed(sent, timeout=60), 5)]
        for response in refused:
            assert response.status_code == 429
            assert response.headers["retry-after"] == "1"
            assert list(response.json()) == ["error"]
        assert 'bm25_requests_refused_total{reason="queue"} 5.0' in httpx.get(f"{address}/metrics").text
        hang.cut.set()
        codes = sorted(future.result().status_code for future in sent)
        assert codes == [200, 200, 429, 429, 429, 429, 429, 502]
        assert upstream.busiest == 1
        # At once again what it was.
        assert httpx.post(f"{address}/inference", json=SLOW, timeout=30).status_code == 200


def test_health_and_metrics_are_told_by_a_server_that_is_full(upstream):
    upstream.replies.append(hang := doubles.Hang())
    with serving(settings_with(upstream, concurrency=1, queue=1)) as address, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx.post, f"{address}/inference", json=SLOW, timeout=30)
        assert hang.asked.wait(10)
        assert httpx.get(f"{address}/health").status_code == 200
        assert httpx.get(f"{address}/metrics").status_code == 200
        hang.cut.set()
        assert slow.result().status_code == 502


def test_the_time_of_a_request_runs_while_it_waits(upstream):
    upstream.replies.append(doubles.Hang())
    limits = {"concurrency": 1, "queue": 5, "request_timeout": 0.6}
    with serving(settings_with(upstream, **limits)) as address, ThreadPoolExecutor(2) as pool:
        first = pool.submit(httpx.post, f"{address}/inference", json=SLOW, timeout=30)
        time.sleep(0.1)
        second = pool.submit(httpx.post, f"{address}/inference", json=TEXT, timeout=30)
        assert first.result().status_code == 504
        assert second.result().status_code in (200, 504)
        assert httpx.post(f"{address}/inference", json=TEXT, timeout=30).status_code == 200


def test_a_client_that_goes_away_while_it_waits_leaves_its_place(upstream):
    upstream.replies.append(hang := doubles.Hang())
    with serving(settings_with(upstream, concurrency=1, queue=5)) as address, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx.post, f"{address}/inference", json=SLOW, timeout=30)
        assert hang.asked.wait(10)
        for _ in range(5):
            body = json.dumps(SLOW).encode()
            raw(address, head(len(body)) + body, wait=0.05)
        hang.cut.set()
        assert slow.result().status_code == 502
        for _ in range(3):
            assert httpx.post(f"{address}/inference", json=TEXT, timeout=30).status_code == 200
        deadline = time.monotonic() + 10
        while (
            "bm25_requests_open 1.0" in httpx.get(f"{address}/metrics").text and time.monotonic() < deadline
        ):
            time.sleep(0.1)


# Metrics


def test_metrics(upstream):
    with serving(settings_with(upstream)) as address:
        for body in (TEXT, TEXT, SLOW, {"inputs": [{"data": "x", "model": "nobody"}]}):
            httpx.post(f"{address}/inference", json=body)
        httpx.get(f"{address}/some/path")
        text = httpx.get(f"{address}/metrics").text
    for line in (
        'bm25_requests_total{route="/inference",status="200"} 3.0',
        'bm25_requests_total{route="/inference",status="400"} 1.0',
        'bm25_requests_total{route="other",status="404"} 1.0',
        'bm25_request_seconds_count{route="/inference"} 4.0',
        'bm25_inputs_total{model="bm25"} 2.0',
        'bm25_inputs_total{model="slow"} 1.0',
        'bm25_tokens_total{model="bm25"} 2.0',
        'bm25_upstream_calls_total{outcome="ok",provider="slow"} 1.0',
        'bm25_upstream_seconds_count{provider="slow"} 1.0',
        "bm25_requests_waiting 0.0",
    ):
        assert line in text.splitlines(), line
    assert "nobody" not in text
    assert "/some/path" not in text


# The log


def lines(capfd):
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


@pytest.fixture
def logged(capfd):
    """A function that sends requests to an application and returns what it logs."""
    logs.configure("json", "info")

    def send(settings, requests):
        app = create_app(settings)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)

        async def run():
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return [await client.post("/inference", **request) for request in requests]

        answers = asyncio.run(run())
        logs.flush()
        return answers, lines(capfd)

    capfd.readouterr()
    return send


def test_a_line_for_each_request_without_texts_or_keys(logged):
    secret = {"inputs": [{"data": "the secret text", "model": "bm25", "options": {"openai-api-key": "sk-1"}}],
              "token": "tok"}  # fmt: skip
    headers = {"api-key": "k1", "openai-api-key": "sk-2", "x-request-id": "mine"}
    answers, found = logged(ServerSettings(), [{"json": TEXT, "headers": headers}, {"json": secret}])
    assert [answer.status_code for answer in answers] == [200, 400]
    assert [(line["event"], line["method"], line["path"], line["status"]) for line in found] == [
        ("request", "POST", "/inference", 200), ("request", "POST", "/inference", 400),
    ]  # fmt: skip
    assert found[0]["id"] == "mine"
    assert found[0]["inputs"] == 1
    assert found[0]["ms"] > 0
    assert found[0]["bytes"] == len(json.dumps(TEXT, separators=(",", ":")))
    assert set(found[0]) == {
        "event", "id", "method", "path", "status", "ms", "bytes", "inputs", "level", "timestamp"
    }  # fmt: skip
    for word in ("secret", "sk-1", "sk-2", "tok", "k1"):
        assert word not in str(found)


def test_an_unexpected_error_is_logged_without_its_message(logged, monkeypatch):
    def broken(self, request):
        raise ZeroDivisionError(f"while reading {request.inputs[0].data}")

    monkeypatch.setattr("bm25.inference.engine.InferenceEngine.embed_now", broken)
    answers, found = logged(ServerSettings(logging=Logging(requests=False)), [{"json": TEXT}])
    assert answers[0].status_code == 500
    assert "a dog" not in answers[0].text
    assert found[0]["id"] in answers[0].json()["error"]
    assert found[0]["level"] == "error"
    assert found[0]["error"] == "ZeroDivisionError"
    assert found[0]["where"][-1].endswith(" broken")
    assert "a dog" not in str(found)


def test_no_lines_where_none_are_wanted(logged):
    _, found = logged(ServerSettings(logging=Logging(requests=False)), [{"json": TEXT}])
    assert found == []


def test_many_threads_of_clients(client):
    def work(_):
        return [client.post("/inference", json=TEXT).status_code for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        assert {code for codes in pool.map(work, range(8)) for code in codes} == {200}
    assert threading.active_count() < 50
