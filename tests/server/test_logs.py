import asyncio
import json
import logging
import os
from concurrent.futures import Future

import pytest
import structlog

from bm25.server import logs
from tests.cli.process import run_python

LOGGERS = ["bm25", "uvicorn", "uvicorn.error", "asyncio", "concurrent.futures", "httpx", "httpcore"]


@pytest.fixture(autouse=True)
def as_before():
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    logs.configure("json", "info")
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


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


def raised():
    try:
        raise ValueError("the secret text")
    except ValueError as error:
        return error


@pytest.mark.parametrize("format", ["json", "text"])
def test_no_line_has_the_message_of_an_exception(capfd, format):
    logs.configure(format, "info")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=raised())
    structlog.get_logger("bm25.server").error("of our own", exc_info=raised())
    future = Future()
    future.add_done_callback(lambda future: future.result())
    future.set_exception(raised())  # which the module logs

    async def main():
        loop = asyncio.get_running_loop()

        def call(argument):
            raise ValueError(argument)

        loop.call_soon(call, "the secret text")
        failing = loop.create_future()
        failing.set_exception(raised())
        del failing  # which the loop logs
        await asyncio.sleep(0.01)
        loop.call_exception_handler({"message": "in the loop", "exception": raised(), "of": "a secret"})

    asyncio.run(main())
    err = capfd.readouterr().err
    assert "secret" not in err
    assert err.count("\n") == 6
    assert err.count("ValueError") >= 5
    for event in ("Exception in ASGI application", "of our own", "exception calling callback", "in the loop"):
        assert event in err
    if format == "json":
        lines = [json.loads(line) for line in err.splitlines()]
        assert {line.get("error") for line in lines} == {"ValueError"}
        assert lines[0]["event"] == "Exception in ASGI application"
        assert lines[0]["where"][-1].endswith(" raised")
        assert {line["event"] for line in lines if line.get("logger") == "asyncio"} == {
            "Exception in callback", "Future exception was never retrieved", "in the loop",
        }  # fmt: skip


def test_lines_of_requests(capfd):
    logs.configure("json", "info")

    async def main():
        for number in range(1000):
            logs.log_request({"path": "/one", "number": number})
        logs.log_request({"path": "/two"}, failed=True)
        assert capfd.readouterr().err == ""
        await asyncio.sleep(0.2)

    asyncio.run(main())
    *lines, last = map(json.loads, capfd.readouterr().err.splitlines())
    assert [line["number"] for line in lines] == list(range(1000))
    assert {(line["event"], line["level"], line["path"]) for line in lines} == {("request", "info", "/one")}
    assert (last["level"], last["path"]) == ("error", "/two")
    logs.configure("json", "error")

    async def again():
        logs.log_request({"path": "/one"})
        logs.log_request({"path": "/two"}, failed=True)
        await asyncio.sleep(0.2)

    asyncio.run(again())
    assert [json.loads(line)["path"] for line in capfd.readouterr().err.splitlines()] == ["/two"]


def test_lines_of_requests_for_people(capfd):
    logs.configure("text", "info")
    logs.log_request({"path": "/one"})
    assert "request" in capfd.readouterr().err


USE = """
import asyncio, logging, os, structlog, sys
from bm25.server import logs

async def main():
    logs.log_request({"path": "/one"})
    await asyncio.sleep(0.2)

for format in ("json", "text"):
    logs.configure(format, "info")
    logs.say("here I am")
    structlog.get_logger("x").info("hello")
    logging.getLogger("bm25").warning("hello")
    asyncio.run(main())
print(os.fstat(2).st_rdev == os.stat(os.devnull).st_rdev)
"""


CLOSED = "import os, sys; os.close(0); os.close(2); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


def test_without_a_standard_error():
    done = run_python("-c", CLOSED, "-c", USE, text=True)
    assert (done.returncode, done.stdout) == (0, "True\n")  # and no connection gets its number


def test_with_a_standard_error_that_nobody_reads():
    reading, writing = os.pipe()
    os.close(reading)
    done = run_python("-c", USE, text=True, capture_output=False, stdout=-1, stderr=writing)
    os.close(writing)
    assert (done.returncode, done.stdout) == (0, "False\n")
