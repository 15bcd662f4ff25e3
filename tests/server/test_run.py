import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import trustme

from tests.cli.process import ENVIRONMENT, run, run_python
from tests.server.running import running, standin
from tests.server.standin import StandIn

MODEL = '[models."{}"]\ntype = "bm25"\n'


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "server.toml"
    path.write_text("")
    return path


class Asking:
    """Requests one after the other over connections that are kept, until the end of the block."""

    def __init__(self, server, clients=2, **options):
        self._server = server
        self._options = options
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._clients = clients
        self.answers = []

    def _ask(self):
        with httpx.Client(timeout=30, **self._options) as client:
            while not self._over.is_set():
                answer = client.get(self._server.url + "/slow?0.001")
                answer.raise_for_status()
                self.answers.append(answer.json())

    def wait_for(self, predicate, timeout=30):
        """Wait for an answer that comes after now."""
        seen = len(self.answers)
        deadline = time.monotonic() + timeout
        while not any(predicate(answer) for answer in self.answers[seen:]):
            assert time.monotonic() < deadline, self.answers[-3:]
            time.sleep(0.01)

    def __enter__(self):
        self._futures = [self._pool.submit(self._ask) for _ in range(self._clients)]
        self.wait_for(lambda _: True)
        return self

    def __exit__(self, *_):
        self._over.set()
        self._pool.shutdown()
        for future in self._futures:
            future.result()  # raises if a request got no answer


def test_a_slow_request_is_answered_before_the_end(config):
    with standin(config) as server, ThreadPoolExecutor(1) as pool:
        assert server.get("/one").json()["metrics"] is None
        slow = pool.submit(server.get, "/slow?1.5")
        time.sleep(0.5)
        os.kill(server.process.pid, signal.SIGTERM)
        assert slow.result().json()["path"] == "/slow"
        assert server.end() == 0
        with pytest.raises(httpx.ConnectError):
            server.get("/one")


def test_a_request_that_takes_too_long_is_cut_off(config):
    config.write_text("[server]\nshutdown_timeout = 1\n")
    with standin(config) as server, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(server.get, "/slow?60")
        time.sleep(0.5)
        assert server.end(signal.SIGINT, timeout=20) == 0
        assert "500" in str(slow.result()) or slow.exception()


def test_an_exception_is_logged_without_its_message(config):
    with standin(config) as server:
        assert server.get("/fail").status_code == 500
        line = json.loads(server.wait_for("Exception in ASGI application"))
        assert line["error"] == "RuntimeError"
        assert "standin.py" in line["where"][-1]
        assert not any("quotes a text" in line for line in server.lines)


def test_reloads_under_load(config):
    with standin(config) as server, Asking(server) as asking:
        assert asking.answers[0]["models"] == []
        config.write_text(MODEL.format("one") + "[limits]\nmax_connections = 500\n")
        server.send(signal.SIGHUP, "configuration reloaded")
        asking.wait_for(lambda answer: answer["models"] == ["one"])
        for broken, message in [
            ("[server]\nprot = 1\n", "unknown key 'prot' (did you mean 'port'?)"),
            ("[server\n", "not valid TOML"),
            (MODEL.format("broken"), "broken cannot be built"),
        ]:
            config.write_text(broken)
            assert message in server.send(signal.SIGHUP, "the old configuration stays in force")
            asking.wait_for(lambda answer: answer["models"] == ["one"])
        config.unlink()
        assert "cannot be read" in server.send(signal.SIGHUP, "the old configuration stays in force")
        config.write_text(MODEL.format("two") + "[server]\nhost = '::1'\nworkers = 3\n")
        assert "server.host, server.workers" in server.send(signal.SIGHUP, "restart the server for")
        asking.wait_for(lambda answer: answer["models"] == ["two"])
        assert len({answer["pid"] for answer in asking.answers}) == 1


def test_several_workers(config):
    config.write_text("[server]\nworkers = 2\n")
    with standin(config) as server, Asking(server, clients=8) as asking:
        assert "2 workers" in server.summary
        asking.wait_for(lambda answer: answer["pid"] != asking.answers[0]["pid"])
        workers = {answer["pid"] for answer in asking.answers}
        assert len(workers) == 2
        assert {answer["parent"] for answer in asking.answers} == {server.process.pid}
        [metrics] = {answer["metrics"] for answer in asking.answers}
        assert os.path.isdir(metrics)

        config.write_text("[server]\nworkers = 2\n" + MODEL.format("one"))
        server.send(signal.SIGHUP, "configuration reloaded")
        asking.wait_for(lambda answer: answer["models"] == ["one"])
        after = len(asking.answers)
        config.write_text("[server]\nworkers = 2\n" + MODEL.format("broken"))
        message = server.send(signal.SIGHUP, "the old configuration stays in force")
        assert "broken cannot be built" in message
        asking.wait_for(lambda _: True)
        assert {tuple(answer["models"]) for answer in asking.answers[after + 16 :]} == {("one",)}
        assert {answer["pid"] for answer in asking.answers} == workers
    assert not os.path.exists(metrics)


def test_workers_finish_their_requests(config):
    config.write_text("[server]\nworkers = 2\n")
    with standin(config) as server, ThreadPoolExecutor(6) as pool:
        slow = [pool.submit(server.get, "/slow?1.5") for _ in range(6)]
        time.sleep(0.7)
        # As Ctrl-C in a terminal does: to the whole group.
        os.killpg(server.process.pid, signal.SIGINT)
        assert {future.result().status_code for future in slow} == {200}
        assert server.end() == 0


def test_a_worker_that_dies_is_replaced(config):
    config.write_text("[server]\nworkers = 2\n" + MODEL.format("one"))
    with standin(config) as server:
        config.write_text("[server\n")  # a new worker does not read the file
        victim = server.get().json()["pid"]
        os.kill(victim, signal.SIGKILL)
        assert f"worker {victim} ended: signal 9" in server.wait_for("another one is started")
        deadline = time.monotonic() + 30
        pids = set()
        while len(pids) < 2:
            assert time.monotonic() < deadline
            with contextlib.suppress(httpx.TransportError):
                answer = server.get().json()
                assert answer["models"] == ["one"]
                pids.add(answer["pid"])
        assert victim not in pids


def test_workers_end_with_a_supervisor_that_is_killed(config):
    config.write_text("[server]\nworkers = 2\n")
    with standin(config) as server:
        metrics = server.get().json()["metrics"]
        os.kill(server.process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while True:
            assert time.monotonic() < deadline
            try:
                server.get()
            except httpx.TransportError:
                break
            time.sleep(0.05)
        for name in os.listdir(metrics):
            os.unlink(os.path.join(metrics, name))
        os.rmdir(metrics)  # which nobody was left to do


FAILING = """
import socket
from bm25.server.process import Server
from bm25.server.run import serve
from bm25.server.settings import ServerSettings
from tests.server.standin import StandIn

listener = socket.create_server(("127.0.0.1", 0))
clients = [socket.create_connection(listener.getsockname()) for _ in range(20)]
for client in clients:
    client.sendall(b"GET /slow?1 HTTP/1.1\\r\\nhost: localhost\\r\\n\\r\\n")

def ready():
    raise OSError("nobody wants to know")

Server(StandIn(ServerSettings()), ServerSettings(), ready).run([listener])
"""


def test_an_error_at_the_start_ends_the_process_although_clients_wait():
    done = run_python("-c", FAILING, text=True, timeout=60)
    assert done.returncode == 1
    assert "OSError: nobody wants to know" in done.stderr
    assert "destroyed but it is pending" not in done.stderr


STUCK = """
import asyncio, sys, threading, time
from bm25.server.process import Server, leave
from bm25.server.settings import ServerOptions, ServerSettings
from tests.server.standin import StandIn

class Stuck(StandIn):
    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await asyncio.sleep(120)

def ready():
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 120)
    threading.Thread(target=time.sleep, args=(120,)).start()
    server.should_exit = True

settings = ServerSettings(server=ServerOptions(shutdown_timeout=1))
server = Server(Stuck(settings), settings, ready)
server.run([])
print("all is closed")
leave(3)
"""


def test_neither_threads_nor_the_application_keep_a_process_from_its_end():
    done = run_python("-c", STUCK, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, "all is closed\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_the_end_does_not_wait_for_threads(config, workers):
    module = "import threading, time\nthreading.Thread(target=time.sleep, args=(120,)).start()\n"
    (config.parent / "stuck.py").write_text(module)
    config.write_text(f"[server]\nport = 0\nplugins = ['stuck']\nworkers = {workers}\n")
    with running("-m", "bm25", "serve", "--config", config, cwd=config.parent) as server:
        started = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - started < 20  # less than workers get that have requests


def test_a_reload_leaves_no_files_of_metrics(config):
    config.write_text("[server]\nport = 0\nworkers = 2\n")
    with running(
        "-m", "bm25", "serve", "--config", config, environment={"TMPDIR": str(config.parent)}
    ) as server:
        [folder] = config.parent.glob("bm25-metrics-*")
        server.get("/health")
        workers = {path.stem.rpartition("_")[2] for path in folder.iterdir()}
        assert len(workers) == 2
        for _ in range(2):
            server.send(signal.SIGHUP, "configuration reloaded")
        assert {path.stem.rpartition("_")[2] for path in folder.iterdir()} == workers
        assert server.end() == 0
        assert not folder.exists()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def wait_until_it_answers(port):
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health", timeout=30)
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


CLOSED = "import os, sys; os.close(2); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", ["closed", "nobody reads it"])
def test_without_a_standard_error(workers, how):
    port = free_port()
    command = ["-m", "bm25", "serve", "--port", str(port), "--workers", str(workers)]
    reading, writing = os.pipe()
    os.close(reading)
    start = [sys.executable, *(["-c", CLOSED] if how == "closed" else []), *command]
    with subprocess.Popen(start, stderr=writing, env=ENVIRONMENT, stdout=subprocess.PIPE) as process:
        os.close(writing)
        try:
            assert wait_until_it_answers(port).status_code == 200
            process.terminate()
            assert process.wait(30) == 0
            assert process.stdout.read() == b""
        finally:
            process.kill()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_standard_error_that_is_closed_while_the_server_runs(log_format):
    port = free_port()
    command = ["-m", "bm25", "serve", "--port", str(port), "--log-format", log_format]
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        try:
            assert b"listening on" in process.stderr.readline()
            assert wait_until_it_answers(port).status_code == 200
            process.stderr.close()
            for _ in range(3):
                assert httpx.get(f"http://127.0.0.1:{port}/nothing", timeout=30).status_code == 404
            process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            assert wait_until_it_answers(port).status_code == 200
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_workers_that_cannot_start_end_the_server(config):
    config.write_text("[server]\nworkers = 2\n" + MODEL.format("broken"))
    done = run_python("-m", "tests.server.standin", str(config), text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "bm25.errors.Bm25ConfigError: broken cannot be built"


def test_tls(config, tmp_path):
    authority = trustme.CA()
    pairs = [authority.issue_cert("127.0.0.1") for _ in range(2)]

    def install(pair):
        pair.private_key_pem.write_to_path(tmp_path / "key.pem")
        pair.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")

    context = ssl.create_default_context()
    authority.configure_trust(context)
    install(pairs[0])
    config.write_text('[server]\ntls_certificate = "certificate.pem"\ntls_key = "key.pem"\n')

    def served():
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            return connection.getpeercert()["serialNumber"]

    with standin(config) as server, Asking(server, verify=context) as asking:
        assert server.scheme == "https"
        first = served()
        install(pairs[1])
        server.send(signal.SIGHUP, "configuration reloaded")
        second = served()
        assert second != first
        # A pair that is none changes nothing.
        pairs[0].private_key_pem.write_to_path(tmp_path / "key.pem")
        assert "does not belong to the key" in server.send(signal.SIGHUP, "stays in force")
        assert served() == second
        config.write_text("")
        assert "server.tls_certificate" in server.send(signal.SIGHUP, "restart the server for")
        assert served() == second
        asking.wait_for(lambda _: True)


CHANGING = """
import asyncio, sys
from bm25.errors import Bm25ConfigError
from bm25.server.process import Server
from bm25.server.settings import Limits, ServerOptions, ServerSettings
from tests.server.standin import StandIn

certificate, key = sys.argv[1:]

def settings(**options):
    return ServerSettings(
        server=ServerOptions(tls_certificate=certificate, tls_key=key, shutdown_timeout=1), **options
    )

class Changing(StandIn):
    async def reload(self, settings):
        await super().reload(settings)
        open(key, "w").write("gone")  # after it was read, before it is in force

async def reload():
    for step in range(2):
        try:
            await server.reload(settings(limits=Limits(max_inputs=step + 1)))
            print("reloaded", app.settings.limits.max_inputs, server.config.limits.max_inputs)
        except Bm25ConfigError as error:
            print(str(error).partition(" (")[0].replace(certificate, "C").replace(key, "K"))
            print("stays", app.settings.limits.max_inputs, server.config.limits.max_inputs)
    server.should_exit = True

app = Changing(settings())
server = Server(app, settings(), lambda: server.reload_soon(reload))
server.run([])
"""


def test_a_certificate_that_changes_during_a_reload(tmp_path):
    pair = trustme.CA().issue_cert("127.0.0.1")
    pair.cert_chain_pems[0].write_to_path(tmp_path / "c.pem")
    pair.private_key_pem.write_to_path(tmp_path / "k.pem")
    done = run_python("-c", CHANGING, tmp_path / "c.pem", tmp_path / "k.pem", text=True, timeout=60)
    assert done.stdout.splitlines() == [
        "reloaded 1 1",
        "C: with the key K: not a PEM certificate and its PEM key",
        "stays 1 1",
    ], done.stderr


def test_a_client_that_does_not_finish_the_tls_handshake(config, tmp_path):
    pair = trustme.CA().issue_cert("127.0.0.1")
    pair.private_key_and_cert_chain_pem.write_to_path(tmp_path / "pair.pem")
    config.write_text(
        '[server]\ntls_certificate = "pair.pem"\ntls_key = "pair.pem"\n[limits]\nheader_timeout = 1.0\n'
    )
    with (
        standin(config) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection,
    ):
        started = time.monotonic()
        connection.sendall(b"\x16\x03\x01")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        assert 0.5 < time.monotonic() - started < 15


@pytest.mark.parametrize("workers", [1, 2])
def test_an_address_in_use(config, workers):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(f"[server]\nworkers = {workers}\n")
        done = run("serve", "--config", config, "--port", port, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"bm25: error: http://127.0.0.1:{port}: the address is in use; ")
    assert done.stderr.count("\n") == 1


def test_systemd_is_told(config, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        with standin(config, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as server:
            assert manager.recv(100) == b"READY=1"
            server.end()
            assert manager.recv(100) == b"STOPPING=1"


def hang_up(settings):
    """The application, made while the signal comes."""
    os.kill(os.getpid(), signal.SIGHUP)
    return StandIn(settings)


def test_a_hang_up_before_the_server_is_ready(config):
    code = """
import os, signal
from bm25.server.run import serve
from bm25.server.settings import load_settings

def load():
    print("read again")
    os.kill(os.getpid(), signal.SIGTERM)
    return settings

settings = load_settings(None, None, {"server.port": 0})
serve(settings, load, app="tests.server.test_run:hang_up", warm_up=False)
"""
    done = run_python("-c", code, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "read again\n")


def test_ipv6(config):
    config.write_text("[server]\nhost = '::1'\n")
    with standin(config) as server:
        assert server.url == f"http://[::1]:{server.port}"
        assert server.get("/one").json()["path"] == "/one"
