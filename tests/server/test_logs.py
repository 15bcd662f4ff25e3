import json
import logging

import pytest
import structlog

from bm25.server import logs


@pytest.fixture(autouse=True)
def as_before():
    yield
    logs.configure("json", "info")


def test_every_logger_writes_json(capfd):
    logs.configure("json", "info")
    structlog.get_logger("bm25.server").info("hello", n=1)
    logging.getLogger("uvicorn.error").info("Started %s", "it")
    logging.getLogger("bm25.inference.bm25_model").warning("model %s", "m")
    logging.getLogger("bm25").debug("too much")
    found = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["event"] for line in found] == ["hello", "Started it", "model m"]
    assert [line["level"] for line in found] == ["info", "info", "warning"]
    assert found[0]["n"] == 1
    assert found[1]["logger"] == "uvicorn.error"
    assert all(line["timestamp"].endswith("Z") for line in found)


def test_lines_for_people(capfd):
    logs.configure("text", "warning")
    logging.getLogger("bm25.server").warning("look %s", "here")
    logging.getLogger("bm25.server").info("too much")
    err = capfd.readouterr().err
    assert "look here" in err
    assert "{" not in err
    assert "too much" not in err


def test_a_failure_says_where_and_not_what():
    def inner():
        raise ValueError("the secret text")

    with pytest.raises(ValueError) as caught:
        inner()
    found = logs.failure(caught.value)
    assert found["error"] == "ValueError"
    assert found["where"][-1].endswith(" inner")
    assert "secret" not in str(found)
