"""A server that is asked for more than it can do: right answers and refusals, and nothing else."""

import asyncio
import contextlib
import json
import select
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse

import httpx
import pytest

from bm25 import Bm25Encoder
from tests.conftest import REDUCED
from tests.server import load
from tests.server.running import running

CONCURRENCY, QUEUE = 2, 4
PLACES = CONCURRENCY + QUEUE
SETTINGS = f"""
[server]
port = 0
api_key = "{load.KEY}"
plugins = ["held"]
[limits]
concurrency = {CONCURRENCY}
queue = {QUEUE}
[logging]
requests = false
[models.held]
type = "bm25"
options = {{ filters = [{{ type = "plugin", name = "held" }}] }}
"""
PLUGIN = """
import time
from pathlib import Path

from bm25 import plugins


def held(token):
    deadline = time.monotonic() + 120
    while token == "hold" and Path("held").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return token


plugins.register("held", held, version="1")
"""
DOCUMENTS = 100 if REDUCED else 5000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the server runs: while there is a file `held` in it, nothing with the word "hold" gets done."""
    found = tmp_path_factory.mktemp("overload")
    (found / "server.toml").write_text(SETTINGS)
    (found / "held.py").write_text(PLUGIN)
    return found


@pytest.fixture(scope="module")
def server(folder):
    with running("-m", "bm25", "serve", "--config", folder / "server.toml", cwd=folder) as started:
        yield started


@pytest.fixture(scope="module")
def encoder():
    return Bm25Encoder()


def counted(server):
    """What the server says it has answered and refused."""
    text = server.get("/metrics", headers=load.HEADERS).text
    refused = load.metric(text, "bm25_requests_refused_total", reason="queue")
    answered = {
        status: load.metric(text, "bm25_requests_total", route="/inference", status=str(status))
        for status in (200, 429)
    }
    return Counter({"refused": refused, **answered})


def assert_refusal(status, headers, content):
    assert status == 429
    assert int(headers["retry-after"]) >= 1
    assert "try again" in json.loads(content)["error"]


def assert_well_again(server, encoder):
    """The very next request is answered."""
    [text] = load.texts(1, seed=99)
    response = httpx.post(f"{server.url}/inference", content=load.body([text]), headers=load.HEADERS)
    assert response.status_code == 200
    assert load.is_right(response.content, load.expected(encoder, [text]))


def readable(sockets, number):
    """Those that something has come for, once they are as many."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found, _, _ = select.select(sockets, [], [], 1)
        if len(found) >= number:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{len(found)} of {number} requests were answered")


def response_of(connection):
    response = HTTPResponse(connection)
    response.begin()
    return response.status, response.headers, response.read()


def test_all_places_are_given_away_and_no_more(server, encoder, folder):
    batches = [["hold", *load.texts(30, seed)] for seed in range(4 * PLACES)]
    before = counted(server)
    (folder / "held").touch()
    with contextlib.ExitStack() as stack:
        stack.callback((folder / "held").unlink, missing_ok=True)
        sockets = []
        for texts in batches:
            connection = socket.create_connection((server.host, server.port), timeout=60)
            stack.callback(connection.close)
            body = load.body(texts, model="held")
            connection.sendall(load.head(len(body)) + body)
            sockets.append(connection)
        # No place becomes free before this, so it is certain how many are refused.
        refused = readable(sockets, 3 * PLACES)
        assert len(refused) == 3 * PLACES
        for connection in refused:
            assert_refusal(*response_of(connection))
        assert server.get("/health").status_code == 200  # full is not ill
        assert counted(server)["refused"] == before["refused"] + 3 * PLACES
        (folder / "held").unlink()
        for connection, texts in zip(sockets, batches, strict=True):
            if connection not in refused:
                status, _, content = response_of(connection)
                assert status == 200
                assert load.is_right(content, load.expected(encoder, texts))
        assert_well_again(server, encoder)
    counts = counted(server) - before
    assert counts == {"refused": 3 * PLACES, 429: 3 * PLACES, 200: PLACES + 1}


async def asked(client, url, body):
    started = time.monotonic()
    response = await client.post(url, content=body, headers=load.HEADERS)
    return response, time.monotonic() - started


def test_batches_four_times_as_many_as_there_are_places(server, encoder):
    batches = [load.texts(DOCUMENTS, seed) for seed in range(4 * PLACES)]
    bodies = [load.body(texts) for texts in batches]
    vectors = [load.expected(encoder, texts) for texts in batches]
    url = f"{server.url}/inference"

    async def waves(number):
        limits = httpx.Limits(max_connections=len(bodies))
        async with httpx.AsyncClient(timeout=120, limits=limits, trust_env=False) as client:
            # What one takes alone, with everything of the client's that comes on top of it.
            alone = max([(await asked(client, url, body))[1] for body in bodies[:3]])
            found = []
            for _ in range(number):
                found += await asyncio.gather(*(asked(client, url, body) for body in bodies))
                response, _ = await asked(client, url, bodies[0])
                assert response.status_code == 200
        return alone, found

    before = counted(server)
    alone, found = asyncio.run(waves(1 if REDUCED else 5))
    counts = counted(server) - before
    statuses = Counter(response.status_code for response, _ in found)
    assert set(statuses) <= {200, 429}
    assert statuses[200] >= len(found) / len(bodies) * PLACES
    assert REDUCED or statuses[429] > 0  # small batches may be done before the next ones are here
    assert counts["refused"] == counts[429] == statuses[429]
    for number, (response, seconds) in enumerate(found):
        if response.status_code == 429:
            assert_refusal(response.status_code, response.headers, response.content)
        else:
            assert load.is_right(response.content, vectors[number % len(vectors)])
            assert seconds < 5 + 10 * PLACES * alone
    assert_well_again(server, encoder)


def test_short_requests_over_many_connections(server, encoder):
    connections, requests = (20, 5) if REDUCED else (100, 20)
    texts = load.texts(50)
    bodies = [load.body([text], "search") for text in texts]
    vectors = [load.expected(encoder, [text], "search") for text in texts]
    together = threading.Barrier(connections)

    def one_connection(number):
        connection = HTTPConnection(server.host, server.port, timeout=120)
        connection.connect()
        together.wait()
        found = []
        for i in range(number, number + requests):
            connection.request("POST", "/inference", bodies[i % len(bodies)], load.HEADERS)
            response = connection.getresponse()
            found.append((i, response.status, response.read()))
        connection.close()
        return found

    before = counted(server)
    with ThreadPoolExecutor(connections) as pool:
        found = [one for part in pool.map(one_connection, range(connections)) for one in part]
    counts = counted(server) - before
    statuses = Counter(status for _, status, _ in found)
    assert set(statuses) <= {200, 429}
    assert statuses[200] > len(found) / 2
    assert counts[200] == statuses[200]
    for number, status, content in found:
        assert status == 429 or load.is_right(content, vectors[number % len(vectors)])
    assert_well_again(server, encoder)


def test_clients_that_go_away_leave_their_places(server, encoder):
    body = load.body(load.texts(DOCUMENTS))
    for _ in range(5):
        with contextlib.ExitStack() as stack:
            for _ in range(PLACES):
                connection = socket.create_connection((server.host, server.port))
                stack.callback(connection.close)
                connection.sendall(load.head(len(body)) + body[: len(body) // 2])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # the server has to see that they are gone, which is a matter of ms
        response = server.get("/metrics", headers=load.HEADERS)
        if response.status_code == 200:
            break
        time.sleep(0.01)
    assert_well_again(server, encoder)
