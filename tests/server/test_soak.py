"""A server at work for a while, with reloads and new statistics: its answers are right, and it does not grow.

BM25_TESTS_SOAK_SECONDS says how long.
"""

import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from statistics import median

import httpx
import pytest

from bm25 import Bm25Config, Bm25Encoder, StatisticsStore
from tests.conftest import REDUCED
from tests.server import load
from tests.server.running import running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a process takes is read from /proc")

SECONDS = float(os.environ.get("BM25_TESTS_SOAK_SECONDS", 5 if REDUCED else 30))
CLIENTS = 4
GROWTH = 48.0
"""MB that a worker may be larger in the last third of the time than in the second."""

OPTIONS = ({"language": "german"}, {"k": 2.0, "b": 0.5}, {"tokenizer": "whitespace", "lowercase": False})
LANGUAGES = ("english", "french")
"""Of the model that each reload changes."""

SETTINGS = """
[server]
port = 0
api_key = "{key}"
[limits]
queue = {queue}
[logging]
requests = false
[models.counted]
type = "bm25"
statistics = "store"
[models.turning]
type = "bm25"
options = {{ language = "{language}" }}
"""


class Epochs:
    """A store whose texts become longer and longer, and shorter again, with an epoch for each change.

    `encoders` has one for each avg_len there ever was, `current` is that of the last commit.
    """

    def __init__(self, path):
        self.path = path
        self._store = StatisticsStore.create(path, max_drift=0.01)
        self._count = Bm25Encoder(self._store.config, threads=1).count_documents
        self._commits = 0
        self.encoders = {}
        self.commit()

    def commit(self):
        """Replace the documents by those of the next epoch."""
        length = 20 + self._commits % 7 * 30
        words = " ".join(f"word{i}" for i in range(length))
        with self._store.write() as batch:
            batch.add([f"{i}" for i in range(20)], self._count([words] * 20))
            batch.start_epoch()
        assert self._store.epoch.avg_len == length
        self._commits += 1
        self.current = self.encoders.get(length) or self._store.encoder(threads=1)
        self.encoders = {**self.encoders, length: self.current}

    def close(self):
        self._store.close()


class Client:
    """Asks for everything there is, in any order, and checks each answer."""

    def __init__(self, server, epochs, seed):
        self.url = f"{server.url}/inference"
        self._address = (server.host, server.port)
        self._epochs = epochs
        self._random = random.Random(seed)
        self._plain = Bm25Encoder(threads=1)
        self._optional = [(options, Bm25Encoder(Bm25Config(**options), threads=1)) for options in OPTIONS]
        self._turning = [Bm25Encoder(Bm25Config(language=one), threads=1) for one in LANGUAGES]
        self.counts = Counter()
        self.failure = None

    def run(self, until):
        """Ask until a time, or the first wrong answer."""
        try:
            with httpx.Client(headers=load.HEADERS, timeout=60, trust_env=False) as self._kept:
                while time.monotonic() < until:
                    kind = self._random.choice(self.KINDS)
                    kind(self)
                    self.counts[kind.__name__] += 1
        except BaseException as error:
            self.failure = error

    def _texts(self, number):
        return load.texts(number, seed=self._random.randrange(40))

    def _post(self, body, **headers):
        if self._random.random() < 0.05:
            return httpx.post(
                self.url, content=body, headers={**load.HEADERS, **headers}, timeout=60, trust_env=False
            )
        return self._kept.post(self.url, content=body, headers=headers)

    def _check(self, encoders, texts, inference="update", **request):
        """Ask, and expect what one of some encoders makes of the texts."""
        response = self._post(load.body(texts, inference, **request))
        assert response.status_code == 200, response.text
        deadline = time.monotonic() + 10
        while not any(
            load.is_right(response.content, load.expected(encoder, texts, inference))
            for encoder in encoders()
        ):
            # The server may know of an epoch sooner than the one who has begun it notes it.
            assert time.monotonic() < deadline, (inference, request, texts[0][:80])
            time.sleep(0.05)

    def query(self):
        self._check(lambda: [self._plain], self._texts(1), "search")

    def document(self):
        self._check(lambda: [self._plain], self._texts(1))

    def batch(self):
        self._check(lambda: [self._plain], self._texts(self._random.choice([20, 300])))

    def options(self):
        options, encoder = self._random.choice(self._optional)
        self._check(lambda: [encoder], self._texts(2), options=options)

    def statistics(self):
        self._check(lambda: self._epochs.encoders.values(), self._texts(3), model="counted")

    def turning(self):
        self._check(lambda: self._turning, self._texts(1), model="turning")

    def error(self):
        [text] = self._texts(1)
        status, response = self._random.choice(
            [
                (400, lambda: self._post(b"{")),
                (400, lambda: self._post(load.body([text], model="none"))),
                (400, lambda: self._post(load.body([text], options={"k": -1}))),
                (400, lambda: self._post(load.body([text], options={"k": self._random.random(), "x": 1}))),
                (401, lambda: self._post(load.body([text]), **{"api-key": "wrong"})),
                (404, lambda: self._kept.get(self.url + "/none")),
                (405, lambda: self._kept.put(self.url)),
                (413, lambda: self._post(load.body([text] * 10_001))),
            ]
        )
        answer = response()
        assert answer.status_code == status, answer.text
        assert json.loads(answer.content)["error"]

    def departure(self):
        """Go away in the middle of a request, or while it is answered."""
        body = load.body(self._texts(200))
        whole = load.head(len(body)) + body
        with closing(socket.create_connection(self._address)) as connection:
            connection.sendall(whole[: self._random.choice([20, len(whole) // 2, len(whole)])])

    KINDS = (query, query, query, document, document, batch, options, statistics, turning, error, departure)


def reload(server, config, number):
    """Have the server read its file again, which is a different one, and every third time a wrong one."""
    if number % 3 == 2:
        config.write_text("[models.turning]\ntype = 'none'\n")
        server.send(signal.SIGHUP, "reload failed")
        return
    settings = SETTINGS.format(key=load.KEY, queue=200 + number % 7, language=LANGUAGES[number % 2])
    config.write_text(settings)
    server.send(signal.SIGHUP, "configuration reloaded")


def last_of(reloads):
    """The number of the last reload that was no wrong one."""
    return max(number for number in range(reloads) if number % 3 != 2)


def is_answered_by(server, model, encoder):
    texts = load.texts(5)
    body = load.body(texts, model=model)
    response = httpx.post(f"{server.url}/inference", content=body, headers=load.HEADERS, timeout=60)
    assert response.status_code == 200
    return load.is_right(response.content, load.expected(encoder, texts))


def settled(is_so):
    """Whether something is so, now or after a while."""
    deadline = time.monotonic() + 15
    while not (found := is_so()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def test_soak(tmp_path):
    epochs = Epochs(tmp_path / "store")
    config = tmp_path / "server.toml"
    config.write_text(SETTINGS.format(key=load.KEY, queue=200, language=LANGUAGES[0]))
    with running("-m", "bm25", "serve", "--config", config) as server, closing(epochs):
        pid = server.process.pid
        sockets = load.open_sockets(pid)
        until = time.monotonic() + SECONDS
        clients = [Client(server, epochs, seed) for seed in range(CLIENTS)]
        threads = [threading.Thread(target=client.run, args=(until,)) for client in clients]
        for thread in threads:
            thread.start()
        sizes, reloads = [], 0
        while time.monotonic() < until and not any(client.failure for client in clients):
            reload(server, config, reloads)
            epochs.commit()
            reloads += 1
            sizes.append(load.resident(pid))
            time.sleep(min(1.0, SECONDS / 30))
        for thread in threads:
            thread.join()
        for client in clients:
            if client.failure is not None:
                raise client.failure
        sizes.append(load.resident(pid))
        assert settled(lambda: is_answered_by(server, "counted", epochs.current))
        language = LANGUAGES[last_of(reloads) % 2]
        assert is_answered_by(server, "turning", Bm25Encoder(Bm25Config(language=language)))
        assert settled(lambda: load.open_sockets(pid) <= sockets)
        statistics = load.open_below(pid, epochs.path)
        log = list(server.lines)
    counts = sum((client.counts for client in clients), Counter())
    # Medians, for a large request takes dozens of MB for a moment. The first third is the warm-up.
    third = len(sizes) // 3
    middle, last = median(sizes[third : 2 * third]), median(sizes[2 * third :])
    print(f"{counts.total()} requests, {reloads} reloads; MB {sizes[0]:.0f}, {middle:.0f}, {last:.0f}; "
          f"{dict(counts)}")  # fmt: skip
    assert set(counts) == {kind.__name__ for kind in Client.KINDS}
    assert reloads >= 5
    assert last < middle + GROWTH
    # Those of the last commit, each once: none that has been deleted since.
    assert len(statistics) == len(set(statistics))
    assert set(statistics) <= {str(path) for path in epochs.path.rglob("*")}
    complaints = [line for line in log if '"level":"error"' in line and "reload failed" not in line]
    assert not complaints
