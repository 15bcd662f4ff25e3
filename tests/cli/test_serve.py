import signal
import time

import pytest

from bm25 import Bm25Encoder
from bm25.cli.main import main
from tests.cli.process import ENVIRONMENT, run
from tests.server.running import running

CONFIG = """
[server]
port = 0
api_key_file = "api.key"

[models."tuned"]
type = "bm25"
preset = "tuned"

[providers.openai]
"""
REQUEST = {"inputs": [{"data": "a fox, a dog", "model": "bm25"}], "inference": "search"}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "api.key").write_text("sesame\n")
    path = tmp_path / "server.toml"
    path.write_text(CONFIG)
    return path


def ask(server, body=REQUEST, **options):
    import httpx

    return httpx.post(server.url + "/inference", json=body, timeout=30, **options)


def check(*arguments, environment=None):
    return run("serve", "--check-config", *arguments, text=True, env={**ENVIRONMENT, **(environment or {})})


def test_without_a_configuration():
    with running("-m", "bm25", "serve", "--port", "0") as server:
        assert server.host == "127.0.0.1"
        assert server.summary == "models: bm25, qdrant/bm25; 1 worker; no API key"
        [embedding] = ask(server).json()["embeddings"]
        indices, values = Bm25Encoder().encode_query("a fox, a dog")
        assert embedding == {"indices": indices.tolist(), "values": values.tolist()}
        server.process.send_signal(signal.SIGTERM)
        assert server.end() == 0


def test_a_key_is_needed_and_models_are_reloaded(config):
    with running("-m", "bm25", "serve", "--config", config) as server:
        assert server.summary == "models: bm25, qdrant/bm25, tuned, openai/...; 1 worker; API key required"
        assert ask(server).status_code == 401
        assert ask(server, headers={"api-key": "sesame"}).status_code == 200
        (config.parent / "api.key").write_text("new\nsesame\n")
        config.write_text(CONFIG + '[models."other"]\ntype = "bm25"\n')
        server.send(signal.SIGHUP, "configuration reloaded")
        other = {"inputs": [{"data": "fox", "model": "other"}]}
        for key in ("new", "sesame"):
            assert ask(server, other, headers={"api-key": key}).status_code == 200
        assert server.end(signal.SIGINT) == 0
        assert not any("sesame" in line or "fox" in line for line in server.lines)


def test_workers(config):
    with running("-m", "bm25", "serve", "--workers", "2", "--port", "0", "--log-format", "text") as server:
        assert {ask(server).status_code for _ in range(10)} == {200}
        # The worker that did not answer this one tells its part once a second.
        line = 'bm25_requests_total{route="/inference",status="200"} 10.0'
        deadline = time.monotonic() + 30
        while line not in (metrics := server.get("/metrics").text) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert line in metrics
        assert server.end() == 0


def test_check_config_of_what_is_right(config):
    done = check("--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "address    http://127.0.0.1:0"
    assert lines[1] == "server     models: bm25, qdrant/bm25, tuned, openai/...; 1 worker; API key required"
    assert lines[2].startswith("model      tuned: type=bm25, ")
    assert lines[3].startswith("provider   openai: ")
    assert "max_body_bytes=33554432" in lines[4]
    assert lines[-1] == "all is well: 4 models and providers can be served"
    assert "sesame" not in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1\n", "unknown key 'prot' (did you mean 'port'?)"),
        ("[models.a]\ntype = 'bm25'\nstatistics = 'nope.stats'\n", 'models."a": '),
        ("[models.a]\ntype = 'bm25'\noptions = {languag = 'german'}\n", "did you mean 'language'?"),
        ("[models.a]\ntype = 'bm25'\noptions = {stemmer = {type = 'plugin', name = 'nope'}}\n", "nope"),
        (
            "[server]\nplugins = ['no_such_module']\n",
            "'no_such_module' cannot be imported: ModuleNotFoundError",
        ),
    ],
)
def test_check_config_of_what_is_wrong(call, config, text, message):
    config.write_text(text)
    done = call("serve", "--check-config", "--config", config)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("bm25: error: ")
    assert done.err.count("\n") == 1
    assert message in done.err


def test_a_model_that_cannot_be_built_ends_the_server(config):
    config.write_text("[models.a]\ntype = 'bm25'\noptions = {k = -1}\n")
    for workers in ("1", "2"):
        done = run("serve", "--config", config, "--port", "0", "--workers", workers, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith('bm25: error: models."a": ')
        assert "k must be" in done.stderr
        assert done.stderr.count("\n") == 1


def test_variables_and_flags(config):
    environment = {
        "BM25__SERVER__PORT": "8080",
        "BM25__SERVER__WORKERS": "2",
        "BM25__LOGGING__LEVEL": "error",
    }
    done = check("--config", config, "--port", "9090", "--no-api-key", environment=environment)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "address    http://127.0.0.1:9090"
    assert lines[1].endswith("; 2 workers; no API key")
    done = check(environment={"BM25__SERVER__PRT": "1"})
    assert done.returncode == 2
    assert "BM25__SERVER__PRT: unknown key 'prt' (did you mean 'port'?)" in done.stderr


def test_plugins_of_the_current_folder(config, tmp_path):
    (tmp_path / "my_stemmer.py").write_text(
        "import bm25.plugins\nbm25.plugins.register('chop', str.strip, version='1')\n"
    )
    config.write_text(
        "[models.a]\ntype = 'bm25'\noptions = {filters = [{type = 'plugin', name = 'chop', version = '1'}]}\n"
    )
    arguments = ["serve", "--config", config, "--check-config"]
    assert run(*arguments, cwd=tmp_path).returncode == 2
    assert run(*arguments, "--plugins", "my_stemmer", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--host", "0.0.0.0"],
            "--host: '0.0.0.0' can be reached from other machines, and no API key is set",
        ),
        (["--port", "65536"], "--port: must be an integer of at most 65535, got 65536"),
        (["--port", "x"], "argument --port: invalid int value: 'x'"),
        (["--config", "/nope.toml"], "/nope.toml: cannot be read: No such file or directory"),
        (["--tls-key", "x"], "--tls-key: needs tls_certificate too"),
        (["--api-key-file", "x", "--no-api-key"], "not allowed with argument"),
        (["--log-format", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_usage_errors(arguments, message, capsys):
    assert main(["serve", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("bm25: error: ")
    assert error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", "this machine has no such address"),
        ("x" * 64, "no address of that name is known"),
    ],
)
def test_addresses_that_cannot_be_listened_on(host, message, capsys):
    assert main(["serve", "--host", host, "--no-api-key", "--port", "0"]) == 1
    assert message in capsys.readouterr().err


def test_help_teaches(capsys):
    assert main(["serve", "--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:\n  bm25 serve\n" in text
    assert "SIGHUP reads the file again" in text
