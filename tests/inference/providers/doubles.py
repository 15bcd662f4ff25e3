"""Doubles of the providers' APIs: real HTTP over loopback, strict about what they are sent."""

import hashlib
import json
import select
import threading
import time
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple

DIMENSIONS = 6


def vector(data, dimensions=DIMENSIONS):
    """What a double answers for some data: numbers that say which data it was."""
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).digest()
    return [(byte - 127) / 128 for byte in digest[:dimensions]]


class Received(NamedTuple):
    path: str
    headers: dict
    body: dict

    @property
    def key(self):
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class Reply(NamedTuple):
    """A scripted answer; `length` is what Content-Length claims."""

    status: int = 200
    body: bytes | str | dict | list = b""
    headers: Mapping = MappingProxyType({})
    length: int | None = None

    def send(self, handler):
        body = self.body if isinstance(self.body, bytes | str) else json.dumps(self.body)
        body = body.encode() if isinstance(body, str) else body
        handler.send_response(self.status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body) if self.length is None else self.length))
        handler.end_headers()
        handler.wfile.write(body)
        if self.length is not None:
            handler.close_connection = True


class Close:
    """No answer at all."""

    def send(self, handler):
        handler.close_connection = True


class Hang:
    """No answer until the client has gone, or `drip`: a little of it now and then.

    Attributes:
        asked: the call has come.
        left: the client has gone.
        cut: set it to close the connection.
    """

    def __init__(self, drip=False):
        self.drip = drip
        self.asked = threading.Event()
        self.left = threading.Event()
        self.cut = threading.Event()

    def send(self, handler):
        if self.drip:
            handler.send_response(200)
            handler.send_header("Content-Length", "10000000")
            handler.end_headers()
        self.asked.set()
        handler.close_connection = True
        end = time.monotonic() + 20
        readable = select.poll()  # `select` itself takes no descriptor beyond 1023
        readable.register(handler.connection, select.POLLIN)
        while time.monotonic() < end and not self.cut.is_set():
            if self.drip:
                try:
                    handler.wfile.write(b" " * 50)
                except OSError:
                    self.left.set()
                    return
            if readable.poll(20) and not handler.connection.recv(1):
                self.left.set()
                return


class Bad(Exception):
    """The request is not what the API takes."""


class Double:
    """An API; subclasses say which. With an SSL context it speaks HTTPS.

    Attributes:
        calls: what was received, in order.
        replies: scripted answers, taken first; then each call is answered by `answer`.
        busiest: how many calls were under way at once, at most.
    """

    provider = "?"
    path = "/?"
    header: str | None = None
    prefix = ""
    limit = 10**9
    reserved = ("model", "encoding_format")

    def __init__(self, context=None):
        self.calls = []
        self.replies = deque()
        self.pause = 0.0
        self.busy = self.busiest = 0
        self.lock = threading.Lock()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # An answer is written in two pieces; the second must not wait for the client's acknowledgement.
            disable_nagle_algorithm = True

            def do_POST(self):
                double.take(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "http" if context is None else "https"
        if context is not None:
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def address(self):
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def take(self, handler):
        content = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        received = Received(handler.path, headers, json.loads(content))
        with self.lock:
            self.calls.append(received)
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
            reply = self.replies.popleft() if self.replies else None
        time.sleep(self.pause)
        try:
            if reply is None:
                reply = self.judged(received)
            elif callable(reply):
                reply = reply(self.answer(received.body))
        finally:
            with self.lock:
                self.busy -= 1
        reply.send(handler)

    def judged(self, received):
        try:
            check(received.path == self.path, f"no such path {received.path}")
            check(received.headers["content-type"] == "application/json", "not JSON")
            if self.header is None:
                check("authorization" not in received.headers, "a key was sent")
            else:
                check(received.headers["authorization"].startswith("Bearer "), "no bearer")
            check("cookie" not in received.headers, "a cookie was sent")
            return Reply(200, self.answer(received.body))
        except Bad as error:
            return Reply(400, self.error(str(error)))

    def answer(self, body):
        raise NotImplementedError

    def error(self, message):
        """An error in the provider's shape."""
        raise NotImplementedError

    def rows(self, answer):
        """The list of vectors in an answer, to spoil."""
        raise NotImplementedError


def check(condition, problem):
    if not condition:
        raise Bad(problem)


def check_body(body, allowed):
    check(set(body) <= set(allowed), f"unknown: {sorted(set(body) - set(allowed))}")
    check(isinstance(body.get("model"), str), "no model")


class OpenAI(Double):
    provider = "openai"
    path = "/v1/embeddings"
    header = "openai-api-key"
    prefix = "openai/"
    limit = 2048
    options = ("dimensions", "user")

    def answer(self, body):
        check_body(body, ("model", "input", *self.options))
        inputs = body["input"]
        check(isinstance(inputs, list) and 0 < len(inputs) <= self.limit, "input: a wrong number")
        check(all(self.takes(one) for one in inputs), "input: a wrong kind")
        check(self.tokens(inputs) <= 300_000, "too many tokens")
        rows = [
            {"object": "embedding", "index": i, "embedding": vector(one, body.get("dimensions", DIMENSIONS))}
            for i, one in enumerate(inputs)
        ]
        tokens = self.tokens(inputs)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": rows, "model": body["model"], "usage": usage}

    def takes(self, one):
        return isinstance(one, str)

    def tokens(self, inputs):
        return sum(len(one.encode()) for one in inputs)

    def error(self, message):
        return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}

    def rows(self, answer):
        return [item["embedding"] for item in answer["data"]]


class OpenRouter(OpenAI):
    provider = "openrouter"
    path = "/api/v1/embeddings"
    header = "openrouter-api-key"
    prefix = "openrouter/"
    limit = 96

    def error(self, message):
        return {"error": {"message": message, "code": 400}}


class JinaAI(OpenAI):
    provider = "jinaai"
    header = "jina-api-key"
    prefix = "jinaai/"
    limit = 512
    options = ("dimensions", "task")

    def takes(self, one):
        return isinstance(one, str) or (
            isinstance(one, dict) and len(one) == 1 and {*one} < {"text", "image"}
        )

    def tokens(self, inputs):
        return sum(len(json.dumps(one, ensure_ascii=False).encode()) - 2 for one in inputs)

    def error(self, message):
        return {"detail": message}


class Compatible(OpenAI):
    provider = "local/e5"
    header = None
    prefix = "local/e5"
    limit = 32

    def error(self, message):
        return {"error": message, "error_type": "Validation"}


class CompatibleWithKey(Compatible):
    header = "local-api-key"


class Cohere(Double):
    provider = "cohere"
    path = "/v2/embed"
    header = "cohere-api-key"
    prefix = "cohere/"
    limit = 96

    def answer(self, body):
        check_body(
            body,
            ("model", "texts", "images", "input_type", "embedding_types", "output_dimension", "truncate"),
        )
        check(body.get("embedding_types") == ["float"], "embedding_types")
        check(("texts" in body) != ("images" in body), "texts or images")
        texts, images = body.get("texts", []), body.get("images", [])
        check(all(isinstance(one, str) for one in texts), "texts: a wrong kind")
        check(len(texts) <= self.limit, "texts: at most 96")
        check(len(images) <= 1, "images: at most 1")
        check(all(one.startswith("data:image/") for one in images), "images: no data URI")
        types = ("search_document", "search_query", "classification", "clustering", "image")
        check(body.get("input_type") in types, "input_type")
        size = body.get("output_dimension", DIMENSIONS)
        return {
            "id": "1",
            "embeddings": {"float": [vector(one, size) for one in texts + images]},
            "texts": texts,
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": sum(map(len, texts))}},
        }

    def error(self, message):
        return {"id": "1", "message": message}

    def rows(self, answer):
        return answer["embeddings"]["float"]


DOUBLES = (OpenAI, Cohere, JinaAI, OpenRouter, Compatible, CompatibleWithKey)
