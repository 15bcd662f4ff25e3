import pickle
import re
from pathlib import Path

import msgspec
import pytest
import trustme

from bm25.errors import Bm25ConfigError
from bm25.inference.settings import BUILT_IN, Bm25Model, CompatibleModel, FastEmbedModel, ProviderSettings
from bm25.server.settings import (
    PROVIDERS,
    Limits,
    Logging,
    ServerOptions,
    ServerSettings,
    is_loopback,
    load_settings,
)

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "server-configuration.md"

WHOLE = """
[server]
host = "::1"
port = 0
workers = 3
api_key_file = "keys/api.key"
shutdown_timeout = 5
plugins = ["my_stemmer"]

[limits]
concurrency = 7
header_timeout = 3

[logging]
format = "text"
level = "warning"
requests = false

[models."articles"]
type = "bm25"
preset = "tuned"
options = {language = "german"}
statistics = "articles.stats"
allowed_options = ["k"]

[models."e5"]
type = "openai-compatible"
base_url = "http://127.0.0.1:11434/v1"
model = "e5"

[models."own"]
type = "fastembed"
model = "x/y"
path = "/models/own"

[providers.openai]

[providers.cohere]
timeout = 5.5
"""


@pytest.fixture
def load(tmp_path):
    def load(text="", environment=None, overrides=None):
        path = tmp_path / "server.toml"
        path.write_text(text)
        return load_settings(str(path), environment, overrides)

    return load


@pytest.fixture
def fails(load, tmp_path):
    """What an error says, without the name of the file."""

    def fails(*arguments):
        with pytest.raises(Bm25ConfigError) as caught:
            load(*arguments)
        return str(caught.value).replace(f"{tmp_path}/", "").removeprefix("server.toml: ")

    return fails


def test_nothing_gives_defaults():
    assert load_settings() == ServerSettings()


def test_a_whole_file(load, tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "api.key").write_text("\ufeffone\n\n  two  \n")
    assert load(WHOLE) == ServerSettings(
        server=ServerOptions(
            host="::1", port=0, workers=3, api_key_file=str(tmp_path / "keys/api.key"), shutdown_timeout=5,
            plugins=["my_stemmer"],
        ),
        limits=Limits(concurrency=7, header_timeout=3.0),
        logging=Logging(format="text", level="warning", requests=False),
        models={
            "articles": Bm25Model(
                preset="tuned", options={"language": "german"}, statistics=str(tmp_path / "articles.stats"),
                allowed_options=["k"],
            ),
            "e5": CompatibleModel(base_url="http://127.0.0.1:11434/v1", model="e5"),
            "own": FastEmbedModel(model="x/y", path="/models/own"),
        },
        providers={"openai": ProviderSettings(), "cohere": ProviderSettings(timeout=5.5)},
        api_keys=("one", "two"),
    )  # fmt: skip


def test_flags_win_over_variables_and_these_over_the_file(load):
    text = "[server]\nport = 1\nworkers = 1\nshutdown_timeout = 1\n"
    settings = load(
        text, {"BM25__SERVER__WORKERS": "2", "BM25__SERVER__PORT": "2"}, {"server.port": 3}
    ).server
    assert (settings.port, settings.workers, settings.shutdown_timeout) == (3, 2, 1)


def test_variables(load):
    settings = load(
        "[providers.cohere]\nretries = 7\n",
        {
            "BM25__SERVER__API_KEY": "1234",  # a string, although it looks like a number
            "BM25__SERVER__HOST": '"::1"',
            "BM25__SERVER__PLUGINS": '["one", "two"]',
            "BM25__LIMITS__IDLE_TIMEOUT": "5",
            "BM25__LIMITS__MAX_INPUTS": "10_000",
            "BM25__LOGGING__REQUESTS": "false",
            "BM25__PROVIDERS__OPENAI": "{}",
            "BM25__PROVIDERS__COHERE__TIMEOUT": "1.5",
            "BM25_TRACEBACK": "1",
            "BM25_SERVER__PORT": "what it likes",
        },
    )
    assert settings == ServerSettings(
        server=ServerOptions(host="::1", api_key="1234", plugins=["one", "two"]),
        limits=Limits(idle_timeout=5.0, max_inputs=10_000),
        logging=Logging(requests=False),
        providers={"openai": ProviderSettings(), "cohere": ProviderSettings(timeout=1.5, retries=7)},
        api_keys=("1234",),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server\n", "not valid TOML: Expected ']' at the end of a table declaration (at line 1"),
        ("[sever]\n", "unknown table 'sever' (did you mean 'server'?); allowed: server, limits,"),
        ("port = 1\n", "unknown key outside of a table, 'port'; allowed: server,"),
        ("server = 1\n", "[server]: must be a table, got 1"),
        ("models = [1]\n", "[models]: must be a table, got [1]"),
        ("[server]\nprot = 1\n", "[server]: unknown key 'prot' (did you mean 'port'?); allowed: host,"),
        ("[server]\nport = 'x'\n", "[server] port: must be an integer, got 'x'"),
        ("[server]\nport = true\n", "[server] port: must be an integer, got True"),
        ("[server]\nport = 65536\n", "[server] port: must be an integer of at most 65535, got 65536"),
        ("[server]\nworkers = 0\n", "[server] workers: must be an integer of at least 1, got 0"),
        ("[server]\nhost = ''\n", "[server] host: must not be empty"),
        ("[server]\nplugins = [1]\n", "[server] plugins: must be a string at [0], got [1]"),
        ("[limits]\nbody_timeout = 0\n", "[limits] body_timeout: must be a number above 0.0, got 0"),
        ("[limits]\nbody_timeout = inf\n", "must be a number of at most 86400.0, got inf"),
        ("[limits]\nbody_timeout = nan\n", "[limits] body_timeout: must be a number"),
        (
            "[logging]\nformat = 'jsno'\n",
            "[logging] format: must be 'json' or 'text', got 'jsno' (did you mean 'json'?)",
        ),
        ("[providers.opena]\n", "unknown provider 'opena' (did you mean 'openai'?); allowed: openai, "),
        ("[providers.openai]\nretires = 1\n", "[providers.openai]: unknown key 'retires' (did you mean"),
        ("[models.'a/b']\n", "[models.\"a/b\"]: 'type' is missing; allowed: 'bm25', "),
        (
            "[models.'a/b']\ntype = 'bm52'\n",
            "[models.\"a/b\"] type: unknown type 'bm52' (did you mean 'bm25'?); allowed: bm25, ",
        ),
        ("[models.a]\ntype = 1\n", "[models.a] type: unknown type 1"),
        ("[models.a]\ntype = 'fastembed'\n", "[models.a]: 'model' is missing"),
        ("[models.' a']\n", "[models]: a name must not be empty or have white space around it, got ' a'"),
        (
            "[models.a]\ntype = 'bm25'\nstatistic = 'x'\n",
            "[models.a]: unknown key 'statistic' (did you mean 'statistics'?)",
        ),
        (
            "[models.bm25]\ntype = 'bm25'\n",
            "[models] bm25: 'bm25', in any case, is Qdrant's own model, with Qdrant's weights; choose ",
        ),
        ("[models.'Qdrant/BM25']\ntype = 'bm25'\n", "[models] Qdrant/BM25: 'qdrant/bm25', in any case, is"),
        ("[models.'acme/']\ntype = 'bm25'\n", "[models] acme/: a name must not end in a slash, as the"),
        (
            "[limits]\nmax_buffered_bytes = 1000\n",
            "[limits] max_buffered_bytes: 1000 does not fit max_body_bytes, 33554432: a body of "
            "max_body_bytes has to fit in max_buffered_bytes, or it would be told to try again for ever; "
            "change one of the two",
        ),
        (
            "[limits]\nmax_body_bytes = 300_000_000\n",
            "[limits] max_body_bytes: 300000000 does not fit max_buffered_bytes, 268435456: a body of",
        ),
    ],
)  # fmt: skip
def test_errors_in_the_file(fails, text, message):
    assert message in fails(text)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SERVER__PORT", "80a", "must be an integer, got '80a'"),
        ("SERVER__PORT", "1\nhost = 2", "must be an integer, got '1\\nhost = 2'"),
        ("SERVER__PROT", "80", "unknown key 'prot' (did you mean 'port'?); allowed: host,"),
        ("SRVER__PORT", "80", "unknown table 'srver' (did you mean 'server'?); allowed: server,"),
        ("SERVER", "{}", "names no key; it should look like BM25__SERVER__PORT"),
        ("SERVER__PORT__X", "1", "names no key"),
        ("MODELS__X__TYPE", "bm25", "unknown table 'models'; "),
        ("PROVIDERS", "{}", "names no key; it should look like BM25__PROVIDERS__OPENAI__TIMEOUT"),
        ("PROVIDERS__OPNAI", "{}", "unknown provider 'opnai' (did you mean 'openai'?)"),
        ("PROVIDERS__OPENAI", "on", "must be a table, such as {}, got 'on'"),
        ("PROVIDERS__OPENAI", "{x = 1}", "unknown key 'x'"),
        ("PROVIDERS__OPENAI", "{retries = 'x'}", "retries: must be an integer, got 'x'"),
        ("SERVER__API_KEY", "", "must not be empty; leave it out, or use --no-api-key"),
        ("SERVER__API_KEY_FILE", "/nope", "/nope cannot be read: No such file"),
    ],
)  # fmt: skip
def test_errors_in_variables(fails, name, value, message):
    assert fails("", {f"BM25__{name}": value}).startswith(f"BM25__{name}: {message}")


def test_an_error_names_the_file(load, tmp_path):
    with pytest.raises(Bm25ConfigError) as caught:
        load("[server]\nport = -1\n")
    assert str(caught.value).startswith(f"{tmp_path}/server.toml: [server] port: ")


def test_a_body_may_fill_what_is_buffered(load):
    limits = load("[limits]\nmax_buffered_bytes = 1000\nmax_body_bytes = 1000\n").limits
    assert (limits.max_buffered_bytes, limits.max_body_bytes) == (1000, 1000)


def test_names_that_are_taken():
    assert BUILT_IN == ("bm25", "qdrant/bm25")


def test_errors_in_flags(fails):
    assert fails("", {}, {"server.port": -1}) == "--port: must be an integer of at least 0, got -1"
    assert fails("", {}, {"server.api_key_file": "/nope"}).startswith("--api-key-file: /nope cannot be read")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(Bm25ConfigError, match=r"nope.toml: cannot be read: No such file or directory"):
        load_settings(str(tmp_path / "nope.toml"))
    path = tmp_path / "latin.toml"
    path.write_bytes(b"[server]\nhost = '\xff'\n")
    with pytest.raises(Bm25ConfigError, match=r"latin.toml: not valid UTF-8 at byte 17"):
        load_settings(str(path))


# Keys


def test_a_key_is_never_shown(load, fails, tmp_path):
    settings = load("[server]\napi_key = 'hush'\n")
    assert settings.api_keys == ("hush",)
    assert settings.server.api_key == "hush"
    assert "hush" not in f"{settings} {settings!r} {settings.server!r} {settings.api_keys!r}"
    assert "hush" not in repr(list(settings.__rich_repr__()))
    copy = pickle.loads(pickle.dumps(settings))
    assert copy == settings
    assert "hush" not in repr(copy)
    for text in ("api_key = ['hush']", "api_key = 'hush hush'", "api_key = 'hushé'"):
        message = fails(f"[server]\n{text}\n")
        assert message.startswith("[server] api_key: ")
        assert "hush" not in message


def test_keys_from_a_file(load, fails, tmp_path):
    path = tmp_path / "api.key"
    text = "[server]\napi_key_file = 'api.key'\n"
    path.write_text("new\nold")
    assert load(text).api_keys == ("new", "old")
    for content, message in [
        (b"\n  \n", "[server] api_key_file: api.key has no key in it; write one a line"),
        (b"a b\n", "[server] api_key_file: a key must be printable ASCII without white space"),
        (b"\xff\n", "[server] api_key_file: api.key: not valid UTF-8 at byte 0"),
    ]:
        path.write_bytes(content)
        assert fails(text) == message


def test_one_source_of_keys(load, fails, tmp_path):
    (tmp_path / "api.key").write_text("other")
    both = "[server]\napi_key = 'one'\napi_key_file = 'api.key'\n"
    assert fails(both) == "[server] api_key: excludes api_key_file; keep one of the two"
    variables = {"BM25__SERVER__API_KEY": "a", "BM25__SERVER__API_KEY_FILE": "b"}
    assert fails("", variables) == "BM25__SERVER__API_KEY and BM25__SERVER__API_KEY_FILE exclude each other"
    # Of what stands in several places the last counts.
    one = "[server]\napi_key = 'one'\n"
    flag = {"server.api_key_file": str(tmp_path / "api.key")}
    assert load(one, {"BM25__SERVER__API_KEY": "two"}).api_keys == ("two",)
    assert load(one, {"BM25__SERVER__API_KEY": "two"}, flag).api_keys == ("other",)
    nobody = {"server.api_key": None, "server.api_key_file": None}
    assert load(one, {"BM25__SERVER__API_KEY": "two"}, nobody).api_keys == ()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "localhost.example.org"])
def test_beyond_loopback_a_key_is_needed(load, fails, host):
    text = f"[server]\nhost = '{host}'\n"
    assert fails(text) == (
        f"[server] host: {host!r} can be reached from other machines, and no API key is set; set [server] "
        "api_key_file (--api-key-file) or BM25__SERVER__API_KEY, listen on 127.0.0.1, or let everybody in "
        "with allow_unauthenticated = true (--no-api-key)"
    )
    assert load(text + "api_key = 'x'\n").server.host == host
    assert load(text + "allow_unauthenticated = true\n").api_keys == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_on_loopback_none_is(load, host):
    assert is_loopback(host)
    assert load(f"[server]\nhost = '{host}'\n").api_keys == ()


# TLS


@pytest.fixture(scope="module")
def pairs():
    return [trustme.CA().issue_cert("127.0.0.1") for _ in range(2)]


def test_a_certificate_and_its_key(load, fails, tmp_path, pairs):
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    text = "[server]\ntls_certificate = 'c.pem'\ntls_key = 'k.pem'\n"
    assert fails(text) == "[server] tls_certificate: c.pem cannot be read: No such file or directory"
    pairs[0].cert_chain_pems[0].write_to_path(certificate)
    assert fails(text) == "[server] tls_key: k.pem cannot be read: No such file or directory"
    pairs[1].private_key_pem.write_to_path(key)
    assert fails(text) == "[server] tls_certificate: c.pem: does not belong to the key k.pem"
    key.write_text("no key")
    assert "c.pem: with the key k.pem: not a PEM certificate and its PEM key (" in fails(text)
    pairs[0].private_key_pem.write_to_path(key)
    assert load(text).server.tls_key == str(key)


@pytest.mark.parametrize(("given", "other"), [("tls_key", "tls_certificate"), ("tls_certificate", "tls_key")])
def test_one_without_the_other(fails, given, other):
    assert fails(f"[server]\n{given} = 'x'\n") == f"[server] {given}: needs {other} too"


# The page

TABLES = {
    "server": ServerOptions, "limits": Limits, "logging": Logging, "providers": ProviderSettings,
    "bm25": Bm25Model, "openai-compatible": CompatibleModel, "fastembed": FastEmbedModel,
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_every_key_and_its_default(name):
    section = re.search(
        rf"^## [^\n]*`{name}`[^\n]*\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    assert section is not None
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section[1], re.MULTILINE))
    fields = {field.name: field for field in msgspec.structs.fields(TABLES[name])}
    assert set(rows) == set(fields)
    for key, field in fields.items():
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if field.required:
            assert rows[key] == "needed", key
        elif default is None:
            assert not rows[key].startswith("`"), key
        else:
            shown = msgspec.json.encode(default).decode()
            assert rows[key].replace(" ", "").replace(",", "") == f"`{shown}`", key


def test_the_page_names_every_provider_and_its_example_is_right(load, tmp_path):
    page = PAGE.read_text()
    assert all(f"`{name}`" in page for name in PROVIDERS)
    (tmp_path / "api.key").write_text("key")
    examples = re.findall(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert examples
    for example in examples:
        load(example)
