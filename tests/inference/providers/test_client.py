import asyncio
import gc
import ssl
import threading

import pytest
import trustme

from bm25.inference import providers
from bm25.inference.errors import UpstreamError
from tests.inference.providers import doubles
from tests.inference.providers.conftest import Subject
from tests.inference.providers.doubles import Hang, Reply


def test_an_observer_gets_each_attempt(openai):
    seen = []
    providers.observe(lambda *what: seen.append(what))
    try:
        openai.double.replies.append(Reply(503))
        openai.embed(openai.inputs("a"))
    finally:
        providers.observe(None)
    openai.embed(openai.inputs("a"))
    assert [what[:2] for what in seen] == [("openai", "5xx"), ("openai", "ok")]
    assert all(0 < seconds < 10 for _, _, seconds in seen)


def test_two_loops_at_the_same_time(openai):
    model = openai.model()
    hang = Hang()
    openai.double.replies.append(hang)
    found = []
    thread = threading.Thread(target=lambda: found.append(openai.embed(openai.inputs("a"), model)))
    thread.start()
    assert hang.asked.wait(10)
    # This loop opens and closes connections of its own; the call in the other one goes on.
    assert openai.embed(openai.inputs("b"), model)[1] == 1
    assert not hang.left.is_set()
    hang.cut.set()
    thread.join(10)
    assert found[0][1] == 1
    assert len(openai.double.calls) == 3


def test_a_loop_closes_its_connections(openai):
    model = openai.model()

    async def run():
        await model.embed(openai.inputs("a"), openai.call())
        assert len(model._client._sessions) == 1

    asyncio.run(run())
    assert model._client._sessions == {}
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_was_closed_without_its_end(openai):
    model = openai.model()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(model.embed(openai.inputs("a"), openai.call()))
    loop.close()
    assert openai.embed(openai.inputs("b"), model)[1] == 1
    assert model._client._sessions == {}
    gc.collect()


def test_no_connection_is_opened_before_the_first_call(openai):
    openai.model()
    assert openai.double.calls == []


def test_a_server_that_restarts(openai):
    model = openai.model()

    async def run():
        await model.embed(openai.inputs("a"), openai.call())
        # The kept connection is closed by the other side while nothing is under way.
        openai.double.replies.append(lambda answer: Reply(body=answer, headers={"Connection": "close"}))
        await model.embed(openai.inputs("b"), openai.call())
        await model.embed(openai.inputs("c"), openai.call())

    asyncio.run(run())
    assert len(openai.double.calls) == 3


def test_a_certificate_that_nobody_vouches_for(outcomes):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    double = doubles.OpenAI(context)
    double.server.handle_error = lambda *args: None
    subject = Subject(double)
    try:
        with pytest.raises(UpstreamError, match=r"ConnectError: .*CERTIFICATE_VERIFY_FAILED"):
            subject.embed(subject.inputs("a"))
    finally:
        double.close()
    assert double.calls == []
    assert outcomes == [("openai", "connection")] * 3
