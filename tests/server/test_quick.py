"""Short requests, whole and in pieces: answered by `QuickProtocol`, and on the way of all others, alike."""

import asyncio
import json
import re
import socket
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Encoder
from bm25.inference.engine import InferenceEngine
from bm25.inference.settings import Bm25Model
from bm25.server.app import create_app
from bm25.server.process import Server
from bm25.server.quick import QuickProtocol
from bm25.server.settings import Limits, ServerOptions, ServerSettings
from tests.server.serving import serving
from tests.strategies import examples, nasty_text

KEY = "s3cret"
LIMITS = Limits(
    header_timeout=0.7, idle_timeout=20, body_timeout=2, request_timeout=60, max_text_bytes=9000,
    max_inputs=20, max_body_bytes=50_000,
)  # fmt: skip


@pytest.fixture(scope="module")
def address():
    german = Bm25Model(options={"language": "german"})
    settings = ServerSettings(server=ServerOptions(api_key=KEY), limits=LIMITS, models={"german": german})
    with serving(settings) as url:
        yield httpx.URL(url)


@pytest.fixture
def connect(address):
    opened = []

    def connect():
        opened.append(socket.create_connection((address.host, address.port), timeout=20))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def quick(monkeypatch):
    """How many requests are answered at once."""
    answered = []
    plain = QuickProtocol.on_message_complete

    def counted(self):
        held, to_be_read_again = self._held, self._upgrade is not None
        plain(self)
        if not to_be_read_again:
            answered.append(held and self.cycle is None)

    monkeypatch.setattr(QuickProtocol, "on_message_complete", counted)
    return answered


def one(data, model="bm25", **rest):
    return {"data": data, "data_type": "text", "model": model, "options": None, **rest}


def body_of(*inputs, inference="update", token=None):
    return json.dumps({"inputs": inputs, "inference": inference, "token": token}).encode()


def request(body, *headers, path="/inference", method="POST", version="1.1", key=KEY):
    lines = [f"{method} {path} HTTP/{version}", "host: x", f"content-length: {len(body)}", *headers]
    lines += [f"api-key: {key}"] if key else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(connection, number=1):
    """So many answers: status, headers and body of each."""
    found, read = [], b""
    for _ in range(number):
        while b"\r\n\r\n" not in read:
            piece = connection.recv(65536)
            assert piece, read
            read += piece
        head, _, read = read.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100"):
            head, _, read = read.partition(b"\r\n\r\n")
        size = int(re.search(rb"content-length: (\d+)", head)[1])
        while len(read) < size:
            read += connection.recv(65536)
        lines = head.decode().split("\r\n")
        found.append((int(lines[0].split()[1]), lines[1:], read[:size]))
        read = read[size:]
    assert read == b""
    return found


def shown(answer):
    """An answer without what differs from one to the next."""
    status, headers, body = answer
    return status, [re.sub(r"^(date: |x-request-id: [0-9a-f]{12}-).*", r"\1", one) for one in headers], body


REQUESTS = {
    "query": (request(body_of(one("the dogs"), inference="search")), True),
    "document": (request(body_of(one("the dogs run"))), True),
    "several": (request(body_of(one("a dog"), one(""), one("a dog"))), True),
    "another model": (request(body_of(one("die Hunde", "german"))), True),
    "the name in capitals": (request(body_of(one("a dog", "Qdrant/BM25"))), False),
    "a name for the request": (request(body_of(one("a")), "x-request-id: mine-1"), True),
    "a bearer": (request(body_of(one("a")), f"authorization: Bearer {KEY}", key=None), True),
    "a token": (request(body_of(one("a"), token=KEY), key=None), True),
    "a wrong token": (request(body_of(one("a"), token="x"), key=None), False),
    "a wrong key": (request(body_of(one("a"), token=KEY), key="x"), False),
    "no key": (request(body_of(one("a")), key=None), False),
    "no key and no JSON": (request(b"{", key=None), False),
    "two models": (request(body_of(one("a"), one("b", "german"))), False),
    "an unknown model": (request(body_of(one("a", "bm26"))), False),
    "a wrong option": (request(body_of(one("a", options={"k": "x"}))), False),
    "an option that is not allowed": (request(body_of(one("a", "german", options={"k": 1}))), False),
    "a lone surrogate": (request(body_of(one("\ud800"))), False),
    "no JSON": (request(b"{"), False),
    "no inputs": (request(body_of()), False),
    "no body": (request(b""), False),
    "an image": (request(body_of(one("a", data_type="image"))), False),
    "a wrong purpose": (request(body_of(one("a"), inference="x")), False),
    "too many inputs": (request(body_of(*[one("a")] * 21)), False),
    "a text that is too long": (request(body_of(one("a " * 5000))), False),
    "a body that is too large": (request(body_of(one("a " * 30_000))), False),
    "a long text": (request(body_of(one("a " * 4400))), False),
    "another path": (request(body_of(one("a")), path="/inferences"), False),
    "a query in the path": (request(body_of(one("a")), path="/inference?x=1"), False),
    "another method": (request(body_of(one("a")), method="PUT"), False),
    "GET": (request(b"", method="GET"), False),
    "an old version": (request(body_of(one("a")), version="1.0"), False),
    "an old version kept open": (request(body_of(one("a")), "connection: keep-alive", version="1.0"), False),
    "the last request": (request(body_of(one("a")), "connection: close"), False),
    "with a question first": (request(body_of(one("a")), "expect: 100-continue"), False),
    "an offer of HTTP/2": (request(body_of(one("a")), "connection: upgrade", "upgrade: h2c"), True),
    "chunks": (
        request(b"", "transfer-encoding: chunked").replace(b"content-length: 0\r\n", b"")
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body_of(one("a"))), body_of(one("a"))),
        True,
    ),
    "several chunks": (
        request(b"", "transfer-encoding: chunked").replace(b"content-length: 0\r\n", b"")
        + b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n"
        % (body_of(one("a"))[:5], len(body_of(one("a"))) - 5, body_of(one("a"))[5:]),
        False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_whole_and_in_pieces(connect, quick, name):
    sent, at_once = REQUESTS[name]
    connection = connect()
    connection.sendall(sent)
    (whole,) = answers(connection)
    assert quick[:1] == [at_once]
    head = sent.index(b"\r\n\r\n") + 4
    connection = connect()
    for piece in (sent[:head], sent[head : head + 3], sent[head + 3 :]):
        connection.sendall(piece)
        time.sleep(0.05)
    (pieces,) = answers(connection)
    assert quick[1:] == [False]
    assert shown(whole) == shown(pieces)


def test_the_bytes_of_an_answer(connect):
    connection = connect()
    connection.sendall(request(body_of(one("hello world"), inference="search"), "x-request-id: 7"))
    assert re.fullmatch(
        rb"HTTP/1\.1 200 OK\r\ndate: [^\r]+ GMT\r\ncontent-type: application/json\r\n"
        rb"content-length: 109\r\nx-request-id: 7\r\n\r\n"
        rb'\{"embeddings":\[\{"indices":\[74040069,613153351\],"values":\[1\.0,1\.0\]\}\],'
        rb'"usage":\{"models":\{"bm25":\{"tokens":2\}\}\}\}',
        connection.recv(65536),
    )


@given(st.lists(nasty_text, min_size=1, max_size=4), st.sampled_from(["search", "update"]))
@examples(60)
def test_equal_to_the_library(texts, purpose):
    encoder = SHARED["encoder"]
    expected = (encoder.encode_queries if purpose == "search" else encoder.encode_documents)(texts)
    with socket.create_connection(SHARED["address"], timeout=20) as connection:
        connection.sendall(request(body_of(*map(one, texts), inference=purpose)))
        ((status, _, body),) = answers(connection)
    assert status == 200
    found = json.loads(body)["embeddings"]
    assert [one["indices"] for one in found] == [ids.tolist() for ids, _ in expected]
    for one_, (_, values) in zip(found, expected, strict=True):
        assert one_["values"] == [float(str(value)) for value in values]


SHARED = {}


@pytest.fixture(scope="module", autouse=True)
def _shared(address):
    SHARED.update(address=(address.host, address.port), encoder=Bm25Encoder())


def test_requests_in_one_piece_are_answered_in_order(connect, quick):
    """Some at once and some not: one that comes after one that is under way has to wait for it."""
    plain = [request(body_of(one(f"dog{i}")), f"x-request-id: {i}") for i in range(6)]
    other = request(b"", "x-request-id: other", path="/v1/models", method="GET")
    sent = [*plain[:2], other, *plain[2:4], other, *plain[4:]]
    connection = connect()
    connection.sendall(b"".join(sent))
    found = answers(connection, len(sent))
    assert [status for status, *_ in found] == [200] * len(sent)
    ids = [next(one[14:] for one in headers if one.startswith("x-request-id")) for _, headers, _ in found]
    assert ids == ["0", "1", "other", "2", "3", "other", "4", "5"]
    for number in (0, 1, 3, 4, 6, 7):
        indices, _ = Bm25Encoder().encode_document(f"dog{ids[number]}")
        assert json.loads(found[number][2])["embeddings"][0]["indices"] == indices.tolist()
    assert quick[:3] == [True, True, False]
    connection.sendall(plain[0])
    answers(connection)
    assert quick[-1] is True


def test_many_requests_in_one_piece(connect, quick):
    """One connection does not have the loop for itself."""
    connection = connect()
    connection.sendall(b"".join(request(body_of(one(f"dog{i}")), f"x-request-id: {i}") for i in range(40)))
    found = answers(connection, 40)
    assert [int(headers[-1].split()[1]) for _, headers, _ in found] == list(range(40))
    assert quick[:17] == [True] * 16 + [False]


def test_a_connection_may_be_idle_between_requests(connect):
    """For `idle_timeout`, not only for `header_timeout`, whatever was answered before."""
    connection = connect()
    for kind in ("document", "two models", "document", "another path", "query"):
        connection.sendall(REQUESTS[kind][0])
        answers(connection)
        time.sleep(1.2)
    connection.sendall(REQUESTS["query"][0])
    assert answers(connection)[0][0] == 200


def test_empty_lines_do_not_hold_a_connection(connect):
    connection = connect()
    connection.sendall(REQUESTS["query"][0])
    answers(connection)
    connection.sendall(b"\r\n")
    started = time.monotonic()
    assert connection.recv(100) == b""
    assert time.monotonic() - started < 5


def test_a_request_at_work_is_no_idle_connection(monkeypatch, connect):
    """Also where one that was answered at once came with it."""
    plain = InferenceEngine.ainfer

    async def slow(self, *arguments):
        await asyncio.sleep(1.5)
        return await plain(self, *arguments)

    monkeypatch.setattr(InferenceEngine, "ainfer", slow)
    monkeypatch.setattr(
        QuickProtocol, "timeout_keep_alive", property(lambda _: 0.5, lambda *_: None), raising=False
    )
    connection = connect()
    connection.sendall(REQUESTS["query"][0] + REQUESTS["two models"][0])
    assert [status for status, *_ in answers(connection, 2)] == [200, 200]


def test_the_next_headers_have_to_come_in_time(connect):
    connection = connect()
    connection.sendall(REQUESTS["query"][0] + b"POST /inf")
    answers(connection)
    started = time.monotonic()
    assert connection.recv(100) == b""
    assert time.monotonic() - started < 5


def test_broken_requests(connect):
    for rest in (b"content-length: x\r\n\r\n", b"transfer-encoding: chunked\r\n\r\nzz\r\n"):
        connection = connect()
        connection.sendall(REQUESTS["query"][0] + b"POST /inference HTTP/1.1\r\nhost: x\r\n" + rest)
        assert [status for status, *_ in answers(connection, 2)] == [200, 400]
        assert connection.recv(100) == b""


def test_a_client_that_does_not_read(connect):
    """Its answers are not made without end, and others are served."""
    connection = connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(1.0)
    many = REQUESTS["several"][0] * 200
    with pytest.raises(TimeoutError):
        connection.sendall(many * 500)
    another = connect()
    another.sendall(REQUESTS["query"][0])
    assert answers(another)[0][0] == 200


def test_each_is_counted_once(address, connect, quick):
    def count():
        text = httpx.get(address.join("/metrics"), headers={"api-key": KEY}).text
        names = ('requests_total{route="/inference",status="200"}', 'inputs_total{model="bm25"}',
                 'tokens_total{model="bm25"}')  # fmt: skip
        return [float(re.search(rf"bm25_{re.escape(name)} (\S+)", text)[1]) for name in names]

    before = count()
    connection = connect()
    for name in ("query", "several", "a wrong key"):
        connection.sendall(REQUESTS[name][0])
        answers(connection)
    assert quick[1:4] == [True, True, False]
    assert [now - then for now, then in zip(count(), before, strict=True)] == [2.0, 4.0, 3.0]


def test_the_server_asks_the_application():
    settings = ServerSettings()
    config = Server(create_app(settings), settings, lambda: None).config
    config.load()
    assert config.http_protocol_class is QuickProtocol
    assert config.loaded_app.answer_now([], body_of(one("a dog"))) is not None
