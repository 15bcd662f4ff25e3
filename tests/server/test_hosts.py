import pytest

from bm25.server.hosts import is_local


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:6340", "192.0.2.1:80", "[::1]", "[::1]:6340", "[fe80::1]:80", "localhost",
        "localhost:6340", "Localhost.", "bm25.localhost:1", "host.docker.internal:6340",
    ],
)  # fmt: skip
def test_names_of_this_machine(host):
    assert is_local(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        "", "example.org", "example.org:6340", "localhost.example.org", "127.0.0.1.example.org", "local",
        "notlocalhost", "127.0.0.1@x", "[example.org]:80", "::1.example.org", "docker.internal", "\xff",
        ":6340", "[::1", "[::1].example.org",
    ],
)  # fmt: skip
def test_other_names(host):
    assert not is_local(host.encode("latin-1"))
