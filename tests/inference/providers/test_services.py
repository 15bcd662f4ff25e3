import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from bm25.errors import Bm25ConfigError
from bm25.inference import providers
from bm25.inference.providers.services import SERVICES
from bm25.inference.settings import CompatibleModel, ProviderSettings

SECRET = "hunter2"
PAGE = Path(__file__).parents[3] / "docs/how-to/external-providers.md"


def url_of(model):
    return model._client.endpoint.url


@pytest.mark.parametrize(
    ("name", "prefix", "header", "url"),
    [
        ("openai", "openai/", "openai-api-key", "https://api.openai.com/v1/embeddings"),
        ("cohere", "cohere/", "cohere-api-key", "https://api.cohere.com/v2/embed"),
        ("jinaai", "jinaai/", "jina-api-key", "https://api.jina.ai/v1/embeddings"),
        ("openrouter", "openrouter/", "openrouter-api-key", "https://openrouter.ai/api/v1/embeddings"),
    ],
)
def test_the_table(name, prefix, header, url):
    model = providers.build(name, ProviderSettings())
    assert model.name == prefix == providers.PREFIXES[name]
    assert model.describe()["key"] == header
    assert url_of(model) == url


def test_the_limits():
    assert {name: service.limit for name, service in SERVICES.items()} == {
        "openai": 2048,
        "cohere": 96,
        "jinaai": 512,
        "openrouter": 96,
    }
    assert set(providers.PREFIXES) == set(SERVICES)


def test_an_unknown_provider():
    with pytest.raises(
        Bm25ConfigError, match=r"^providers\.opena: not known; use openai, cohere, jinaai, openrouter$"
    ):
        providers.build("opena", ProviderSettings())


@pytest.mark.parametrize("address", ["http://h", "http://h/", "http://h//"])
def test_a_base(address):
    assert url_of(providers.build("openai", ProviderSettings(base_url=address))) == "http://h/v1/embeddings"
    settings = CompatibleModel(base_url=address, model="m")
    assert url_of(providers.compatible("x", settings)) == "http://h/embeddings"


@pytest.mark.parametrize(
    "address",
    ["", "h", "//h", "ftp://h", "file:///etc/passwd", "http://", "http:///v1", "http://h:x", "http://h:0", "http://h:99999",
     "http://h/?a=b", "http://h/#a", "http://[::1", "http://h\n"],
)  # fmt: skip
def test_what_is_no_base(address):
    with pytest.raises(Bm25ConfigError, match=r'^models\."local/e5"\.base_url: '):
        providers.compatible("local/e5", CompatibleModel(base_url=address, model="m"))
    with pytest.raises(Bm25ConfigError, match=r"^providers\.openai\.base_url: "):
        providers.build("openai", ProviderSettings(base_url=address))


@pytest.mark.parametrize("address", [f"http://me:{SECRET}@h", f"https://{SECRET}@h/v1"])
def test_credentials_in_an_address(address):
    with pytest.raises(Bm25ConfigError, match="user or password") as caught:
        providers.compatible("x", CompatibleModel(base_url=address, model="m"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0), ("timeout", -1.0), ("timeout", float("inf")), ("timeout", float("nan")),
        ("max_connections", 0), ("max_batch", 0), ("retries", -1),
    ],
)  # fmt: skip
def test_numbers_that_make_no_sense(name, value):
    with pytest.raises(Bm25ConfigError, match=rf"^providers\.cohere\.{name}: .*; use "):
        providers.build("cohere", ProviderSettings(**{name: value}))
    with pytest.raises(Bm25ConfigError, match=rf'^models\."x"\.{name}: .*; use '):
        providers.compatible("x", CompatibleModel(base_url="http://h", model="m", **{name: value}))


def test_more_than_a_provider_takes():
    with pytest.raises(Bm25ConfigError, match=r"^providers\.cohere\.max_batch: 97; cohere takes at most 96"):
        providers.build("cohere", ProviderSettings(max_batch=97))
    # A gateway may take more.
    settings = ProviderSettings(max_batch=97, base_url="http://h")
    assert providers.build("cohere", settings).describe()["max_batch"] == 97


def test_the_header_of_a_key():
    model = providers.compatible(
        "x", CompatibleModel(base_url="http://h", model="m", key_header="TEI-Api-Key")
    )
    assert model.describe()["key"] == "tei-api-key"
    for name in ("authorization", "api-key", "-api-key", "a b-api-key", ""):
        with pytest.raises(Bm25ConfigError, match=r'^models\."x"\.key_header: .*-api-key'):
            providers.compatible("x", CompatibleModel(base_url="http://h", model="m", key_header=name))


def test_the_configurations_of_the_documentation():
    built = []
    for example in re.findall(
        r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        tables = tomllib.loads(example)
        for name, table in tables.pop("providers", {}).items():
            built.append(providers.build(name, msgspec.convert(table, ProviderSettings)))
        for name, table in tables.pop("models", {}).items():
            built.append(providers.compatible(name, msgspec.convert(table, CompatibleModel)))
        assert tables == {}
    assert {model.name for model in built} >= set(providers.PREFIXES.values())
    assert any(model.describe()["key"] is None for model in built)


def test_the_documentation_states_the_limits():
    page = PAGE.read_text(encoding="utf-8")
    for service in SERVICES.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{service.prefix}`"))
        assert f"`{service.header}`" in row
        assert f" {service.limit:,} |" in row
        assert f"`{service.size_option}`" in row or service.size_option is None
