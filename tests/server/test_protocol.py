import asyncio
import contextlib
import json
import re
import signal
import socket
import ssl
import struct
import threading
import time

import pytest
import trustme
import uvloop

from bm25.server.protocol import OTHER_HOST, GuardedProtocol
from bm25.server.transports import Together
from tests.server.running import standin

LIMITS = """
[server]
allow_unauthenticated = true  # whatever the requests say about hosts

[limits]
header_timeout = 1.0
idle_timeout = 3.0
request_timeout = 2.0
max_connections = 12
max_header_bytes = 4096
"""
GET = b"GET /one HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    config = tmp_path_factory.mktemp("protocol") / "server.toml"
    config.write_text(LIMITS)
    with standin(config) as server:
        yield server


@pytest.fixture
def connect(server):
    opened = []

    def connect():
        opened.append(socket.create_connection((server.host, server.port), timeout=20))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def read_all(connection):
    """Everything until the server closes."""
    found = []
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            found.append(piece)
    return b"".join(found)


def read_answer(connection):
    """One answer with a content-length: status, headers and body."""
    found = b""
    while b"\r\n\r\n" not in found:
        piece = connection.recv(65536)
        assert piece, found
        found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), head, json.loads(body)


def drip(connection, data, interval=0.05):
    """Send a byte at a time until the server closes, and return the seconds that took."""
    started = time.monotonic()
    connection.settimeout(interval)
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
            if connection.recv(65536) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        raise AssertionError("the connection is still open")
    return time.monotonic() - started


def test_a_header_a_byte_at_a_time(connect):
    seconds = drip(connect(), b"GET / HTTP/1.1\r\nx-slow: " + b"x" * 400)
    assert 0.9 < seconds < 10


def test_a_header_a_byte_at_a_time_in_a_later_request(connect):
    connection = connect()
    connection.sendall(GET)
    assert read_answer(connection)[0] == 200
    time.sleep(1.5)  # longer than headers may take: a connection may be idle
    assert 0.9 < drip(connection, GET[:-2] + b"x-slow: " + b"x" * 400) < 10


def test_a_connection_that_sends_nothing(connect):
    connection = connect()
    started = time.monotonic()
    assert read_all(connection) == b""
    assert 0.9 < time.monotonic() - started < 10


def test_headers_in_pieces_that_come_in_time(connect):
    connection = connect()
    for _ in range(3):
        for piece in (GET[:10], GET[10:20], GET[20:]):
            connection.sendall(piece)
            time.sleep(0.1)
        assert read_answer(connection)[0] == 200
    time.sleep(1.2)  # the time for headers is over, but they have come
    connection.sendall(GET)
    assert read_answer(connection)[0] == 200


def test_an_idle_connection_is_closed(connect):
    connection = connect()
    connection.sendall(GET)
    assert read_answer(connection)[0] == 200
    started = time.monotonic()
    assert read_all(connection) == b""
    assert 2.5 < time.monotonic() - started < 15


def test_empty_lines_do_not_keep_a_connection_open(connect):
    connection = connect()
    connection.sendall(GET)
    assert read_answer(connection)[0] == 200
    assert drip(connection, b"\r\n" * 400) < 10


def test_nor_does_the_body_of_a_request_that_has_been_answered(connect):
    connection = connect()
    connection.sendall(b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
    assert read_answer(connection)[0] == 200
    assert drip(connection, b"x" * 800) < 10


def test_the_time_for_headers_does_not_count_against_the_answer(connect):
    connection = connect()
    connection.sendall(b"GET /slow?1.5 HTTP/1.1\r\nhost: x\r\n\r\nGET /never HTTP/1.1\r\n")
    status, _, answer = read_answer(connection)
    assert (status, answer["path"]) == (200, "/slow")
    assert read_all(connection) == b""


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\nx: ", *[b"x" * 1000] * 10],  # one header without an end
        [b"GET / HTTP/1.1\r\n", *[b"x-header: value\r\n" * 100] * 10],  # many
        [b"GET / HTTP/1.1\r\n" + b"x-header: value\r\n" * 500 + b"\r\n"],  # complete, in one piece
        [b"GET /", b"x" * 3000, b"x" * 3000, b" HTTP/1.1\r\n\r\n"],  # a long address
        [b"GET / HTTP/1.1\r\n" + b"x-header: value\r\n" * 5000],
    ],
)
def test_headers_that_are_too_large(connect, pieces):
    connection = connect()
    for piece in pieces:
        connection.sendall(piece)
    status, head, body = read_answer(connection)
    assert status == 431
    assert b"connection: close" in head
    assert body == {"error": "the headers are larger than 4096 bytes, which is the limit"}
    assert read_all(connection) == b""


def test_headers_that_are_too_large_in_a_later_request(connect):
    connection = connect()
    connection.sendall(GET)
    assert read_answer(connection)[0] == 200
    connection.sendall(b"GET / HTTP/1.1\r\n" + b"x-header: value\r\n" * 500 + b"\r\n")
    assert read_answer(connection)[0] == 431


def test_headers_behind_a_body_in_one_piece(connect):
    request = b"POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n" + b"x" * 60000
    connection = connect()
    connection.sendall(request + GET[:-2] + b"connection: close\r\n\r\n")
    assert re.findall(rb'"length": (\d+)', read_all(connection)) == [b"60000", b"0"]
    connection = connect()
    connection.sendall(request + b"GET /two HTTP/1.1\r\n" + b"x-header: value\r\n" * 500 + b"\r\n")
    answers = read_all(connection)
    # The request before is answered, and nothing after it.
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200"]


def test_headers_up_to_the_limit(connect):
    connection = connect()
    connection.sendall(b"GET / HTTP/1.1\r\nx: " + b"x" * 4000 + b"\r\n\r\n")
    assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("close", [b"", b"connection: close\r\n"])
def test_an_answer_that_is_not_taken(connect, close):
    connection = connect()
    connection.sendall(b"GET /large?50000000 HTTP/1.1\r\nhost: x\r\n" + close + b"\r\n")
    time.sleep(3)
    assert len(read_all(connection)) < 50_000_000


def test_an_answer_that_is_taken_slowly(connect):
    connection = connect()
    connection.sendall(b"GET /large?30000000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    length = 0
    while length < 30_000_000:  # in all that takes longer than the client may take nothing
        time.sleep(0.3)
        due = length + 2_500_000
        while length < due:
            piece = connection.recv(1 << 20)
            length += len(piece)
            if not piece:
                break
        assert piece or length > 30_000_000


@pytest.mark.parametrize("framing", [b"content-length: 5000000", b"transfer-encoding: chunked"])
def test_a_body_is_no_header(connect, framing):
    connection = connect()
    body = b"x" * 5_000_000
    if b"chunked" in framing:
        body = b"".join(b"1f40\r\n" + body[i : i + 8000] + b"\r\n" for i in range(0, len(body), 8000))
        body += b"0\r\n\r\n"
    for _ in range(2):
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\n" + framing + b"\r\n\r\n" + body)
        assert read_answer(connection)[2]["length"] == 5_000_000


@pytest.mark.parametrize(
    "tail",
    [
        [b"0\r\n", *[b"x-trailer: value\r\n" * 100] * 100],
        [b"0\r\nx-trailer: ", *[b"x" * 1000] * 100],
        [b"5;", *[b"x" * 1000] * 100],
    ],
)
def test_a_flood_beside_the_body(connect, tail):
    connection = connect()
    connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
    started = time.monotonic()
    with contextlib.suppress(OSError):  # it does not even listen any more
        for piece in tail:
            connection.sendall(piece)
            time.sleep(0.002)
    assert re.findall(rb"HTTP/1.1 (\d+)", read_all(connection)) in ([b"431"], [])
    assert time.monotonic() - started < 10


def test_what_is_no_request(connect):
    connection = connect()
    connection.sendall(b"HELLO\r\n\r\n")
    status, head, body = read_answer(connection)
    assert status == 400
    assert b"content-type: application/json" in head
    assert body == {"error": "Invalid HTTP request received."}


def test_what_is_no_request_does_not_take_an_answer_away(connect):
    connection = connect()
    connection.sendall(b"GET /slow?0.3 HTTP/1.1\r\nhost: x\r\n\r\nHELLO\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", read_all(connection)) == [b"200"]


def test_pipelined_requests(connect):
    connection = connect()
    connection.sendall(GET * 20)
    found = b""
    while found.count(b"HTTP/1.1 200") < 20:
        found += connection.recv(65536)


def test_too_many_connections(connect, server):
    deadline = time.monotonic() + 20  # those of other tests are still closing
    kept = []
    while len(kept) < 12:
        assert time.monotonic() < deadline
        connection = connect()
        connection.sendall(b"GET /one HTTP/1.1\r\nhost: x\r\n\r\n")
        if read_answer(connection)[0] == 200:
            kept.append(connection)
        else:
            kept = [each for each in kept if _open(each)]
    surplus = connect()
    surplus.sendall(b"POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 500000\r\n\r\n" + b"x" * 500_000)
    status, head, body = read_answer(surplus)
    assert status == 429
    assert b"retry-after: 1" in head
    assert b"connection: close" in head
    assert body == {"error": "12 connections are open, which is the limit"}
    assert read_all(surplus) == b""
    for connection in kept[:6]:
        connection.sendall(GET)
        assert read_answer(connection)[0] == 200  # those that are open are served on
        connection.close()
    while True:
        assert time.monotonic() < deadline
        connection = connect()
        connection.sendall(GET)
        if read_answer(connection)[0] == 200:
            break
    server.wait_for("connections are open")


def _open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(20)


def test_a_flood_of_connections_is_not_a_flood_of_lines(server):
    before = len(server.lines)

    def flood():
        for _ in range(40):
            with socket.create_connection((server.host, server.port), timeout=20) as connection:
                connection.sendall(b"HELLO\r\n\r\n")
                read_all(connection)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.lines) - before < 10


# Offers of another protocol

H2C = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
WEBSOCKET = (
    b"connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_an_offer_of_another_protocol_is_ignored(connect, offer, chunked, pieces):
    body = b"x" * 3000
    framing = b"transfer-encoding: chunked\r\n" if chunked else b"content-length: 3000\r\n"
    sent = b"bb8\r\n" + body + b"\r\n0\r\n\r\n" if chunked else body
    request = b"POST /one HTTP/1.1\r\nhost: x\r\n" + offer + framing + b"\r\n" + sent
    connection = connect()
    for _ in range(2):  # and the connection is kept
        step = -(-len(request) // pieces)
        for start in range(0, len(request), step):
            connection.sendall(request[start : start + step])
            time.sleep(0.01)
        status, _, answer = read_answer(connection)
        assert (status, answer["path"], answer["length"]) == (200, "/one", 3000)
    connection.sendall(GET)
    assert read_answer(connection)[0] == 200


def test_offers_in_requests_that_follow_at_once(connect):
    offer = GET[:-2] + H2C + b"\r\n"
    post = b"POST /two HTTP/1.1\r\nhost: x\r\n" + H2C + b"content-length: 3\r\n\r\nabc"
    connection = connect()
    connection.sendall((offer + GET + post) * 400 + GET[:-2] + b"connection: close\r\n\r\n")
    answers = read_all(connection)
    assert re.findall(rb'"length": (\d+)', answers) == [b"0", b"0", b"3"] * 400 + [b"0"]


def test_an_offer_and_an_expectation(connect):
    connection = connect()
    head = b"POST /one HTTP/1.1\r\nhost: x\r\n" + H2C + b"expect: 100-continue\r\ncontent-length: 3\r\n\r\n"
    connection.sendall(head)
    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"abc")
    assert read_answer(connection)[2]["length"] == 3


def test_an_offer_in_headers_that_are_too_large(connect):
    connection = connect()
    connection.sendall(GET[:-2] + H2C + b"x-header: value\r\n" * 500 + b"\r\n")
    assert read_answer(connection)[0] == 431


def test_connect_is_refused(connect):
    connection = connect()
    connection.sendall(b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n" + GET)
    assert re.findall(rb"HTTP/1.1 (\d+)", read_all(connection)) == [b"400"]


# What is written at once


def test_an_answer_comes_in_one_piece(connect):
    connection = connect()
    for _ in range(50):
        connection.sendall(GET)
        assert connection.recv(65536).endswith(b"}")


def test_answers_of_all_sizes_in_order(connect):
    sizes = [1, 60_000, 65_536, 300_000, 2, 5_000_000, 3]
    requests = [b"GET /large?%d HTTP/1.1\r\nhost: x\r\n\r\n" % size for size in sizes]
    connection = connect()
    connection.sendall(b"".join(requests) + GET[:-2] + b"connection: close\r\n\r\n")
    found = read_all(connection)
    for size in sizes:
        head, _, found = found.partition(b"\r\n\r\n")
        assert b"content-length: %d" % size in head
        assert found[:size] == bytes(size)
        found = found[size:]
    assert found.endswith(b"}")


def test_an_answer_in_many_pieces_to_a_client_that_does_not_read(connect):
    connection = connect()
    connection.sendall(b"GET /stream?50000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    time.sleep(1)
    other = connect()
    other.sendall(GET)
    assert 0 < read_answer(other)[2]["sent"] < 30_000  # what the sockets take; the rest has to wait
    body = read_all(connection).partition(b"\r\n\r\n")[2]
    assert body.count(b"3e8\r\n") == 50_000
    assert body.endswith(b"0\r\n\r\n")


class Writing(asyncio.Protocol):
    """Does one thing with its transport once something has come."""

    def __init__(self, loop, act, at_end=None):
        self._loop = loop
        self._act = act
        self._at_end = at_end

    def connection_made(self, transport):
        self.transport = Together(transport, self._loop)
        time.sleep(0.05)  # so that all that the client sends is there

    def data_received(self, data):
        self._act(self.transport)

    eof_received = GuardedProtocol.eof_received

    def connection_lost(self, error):
        if self._at_end is not None:
            self._at_end(self.transport)


@pytest.fixture(scope="module")
def contexts():
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


@pytest.fixture(params=["asyncio", "asyncio-tls", "uvloop", "uvloop-tls"])
def exchange(request, contexts):
    """What a client gets from a server that acts in one way, and what the loop complains of."""
    name, _, tls = request.param.partition("-")

    def talk(port, client):
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            if tls:
                connection = stack.enter_context(
                    contexts[1].wrap_socket(connection, server_hostname="127.0.0.1")
                )
            connection.sendall(b"go")
            if client == "ends":
                connection.shutdown(socket.SHUT_WR)
            if client == "resets":
                connection.recv(1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return b""
            return read_all(connection)

    async def main(act, at_end, client):
        loop = asyncio.get_running_loop()
        complaints = []
        loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
        server = await loop.create_server(
            lambda: Writing(loop, act, at_end), "127.0.0.1", 0, ssl=contexts[0] if tls else None
        )
        found = await asyncio.to_thread(talk, server.sockets[0].getsockname()[1], client)
        server.close()
        await asyncio.sleep(0.1)
        return found, complaints

    def exchange(act, at_end=None, *, client="reads"):
        factory = uvloop.new_event_loop if name == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main(act, at_end, client))

    exchange.tls = tls
    return exchange


def test_what_was_written_comes_before_the_end(exchange):
    def act(transport):
        for piece in (b"one ", b"two ", b"x" * 200_000, b" three"):
            transport.write(piece)
        assert transport.get_write_buffer_size() >= 6
        transport.close()
        transport.write(b"too late")

    assert exchange(act) == (b"one two " + b"x" * 200_000 + b" three", [])


def test_what_was_written_comes_before_the_end_of_writing(exchange):
    if exchange.tls:
        pytest.skip("TLS has no such thing")

    def act(transport):
        transport.write(b"one ")
        transport.write(b"two")
        transport.write_eof()
        transport._loop.call_later(0.2, transport.abort)

    assert exchange(act) == (b"one two", [])


def test_nothing_is_sent_of_what_is_broken_off(exchange):
    def act(transport):
        transport.write(b"one ")
        transport.abort()
        assert transport.get_write_buffer_size() == 0

    try:
        assert exchange(act) == (b"", [])
    except ssl.SSLEOFError:
        assert exchange.tls


def test_writing_to_a_connection_that_is_lost(exchange):
    def act(transport):
        transport.write(b"x")

    assert exchange(act, act, client="resets") == (b"", [])


def test_a_client_that_has_said_its_last_gets_what_was_written(exchange):
    if exchange.tls:
        pytest.skip("TLS has no such thing")

    def write(transport):
        transport.write(b"one ")
        transport.write(b"two")

    def act(transport):  # as an application does, which is not called in the turn that its request comes in
        transport._loop.call_soon(write, transport)

    assert exchange(act, client="ends") == (b"one two", [])


# Names of hosts


def ask(server, host):
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        line = b"" if host is None else b"host: %s\r\n" % host
        connection.sendall(
            b"POST /one HTTP/1.1\r\n" + line + b"content-length: 50000\r\n\r\n" + b"x" * 50_000
        )
        return read_answer(connection)


def test_other_names_of_hosts_are_refused_where_there_is_no_key(tmp_path):
    config = tmp_path / "server.toml"
    config.write_text("")
    with standin(config) as server:
        for host in (b"127.0.0.1:%d" % server.port, b"LOCALHOST", b"a.localhost:1", b"[::1]:1", None):
            assert ask(server, host)[0] == 200, host
        for host in (b"example.org", b"localhost.example.org:80", b"127.0.0.1.example.org", b""):
            status, head, body = ask(server, host)
            assert (status, body) == (421, {"error": OTHER_HOST}), host
            assert b"connection: close" in head
        assert ask(server, b"127.0.0.1\r\nhost: example.org")[0] == 421
        server.wait_for("the Host header is neither")
        for settings in ("api_key = 'key'", "allow_unauthenticated = true"):
            config.write_text(f"[server]\n{settings}\n")
            server.send(signal.SIGHUP, "configuration reloaded")
            assert ask(server, b"example.org")[0] == 200  # the key is the application's affair
        config.write_text("")
        server.send(signal.SIGHUP, "configuration reloaded")
        assert ask(server, b"example.org")[0] == 421
