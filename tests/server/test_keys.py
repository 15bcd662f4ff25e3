import pytest

from bm25.server.keys import ApiKeys


def test_no_keys_let_everybody_in():
    keys = ApiKeys([])
    assert not keys
    assert keys.accepts(None)
    assert keys.accepts(b"anything")


@pytest.mark.parametrize("key", [b"one", b"two-with-more"])
def test_each_key_opens(key):
    keys = ApiKeys(["one", "two-with-more"])
    assert keys
    assert keys.accepts(key)


@pytest.mark.parametrize(
    "key", [None, b"", b"On", b"One", b"one ", b"onetwo-with-more", "\udcff".encode("utf-8", "replace")]
)
def test_nothing_else_does(key):
    assert not ApiKeys(["one", "two-with-more"]).accepts(key)


def test_keys_are_not_shown():
    assert repr(ApiKeys(["one", "two-with-more"])) == "ApiKeys(2 keys)"
