"""The contract of every provider: what failures mean, and when a call is tried again."""

import asyncio
import json
import math
import socket
import time
from email.utils import formatdate

import pytest

from bm25.inference.errors import (
    AuthenticationError,
    InferenceError,
    InvalidRequestError,
    OverloadedError,
    RequestTimeoutError,
    UpstreamError,
)
from bm25.inference.providers import provider as provider_module
from bm25.inference.providers import retry
from tests.inference.providers.conftest import expected
from tests.inference.providers.doubles import Close, Hang, Reply

FAILURES = [
    (400, InvalidRequestError, 400),
    (401, AuthenticationError, 401),
    (402, InvalidRequestError, 400),
    (403, AuthenticationError, 403),
    (404, InvalidRequestError, 400),
    (413, InvalidRequestError, 400),
    (422, InvalidRequestError, 400),
    (429, OverloadedError, 429),
    (500, UpstreamError, 500),
    (502, UpstreamError, 502),
    (503, UpstreamError, 503),
    (504, UpstreamError, 504),
    (529, UpstreamError, 529),
]


@pytest.mark.parametrize(("status", "error", "ours"), FAILURES)
def test_a_status_keeps_its_meaning(subject, status, error, ours, outcomes):
    reply = Reply(status, subject.double.error("the reason why"))
    subject.double.replies.extend([reply] * 3)
    with pytest.raises(error) as caught:
        subject.embed(subject.inputs("a"))
    assert type(caught.value) is error
    assert caught.value.status == ours
    assert caught.value.retry_after is None
    assert subject.double.provider in str(caught.value)
    assert ("the reason why" in str(caught.value)) is (status != 401)
    again = status in (429, 500, 502, 503, 504)
    assert len(subject.double.calls) == (3 if again else 1)
    outcome = str(status) if status in (401, 403, 429) else f"{status // 100}xx"
    assert outcomes == [(subject.double.provider, outcome)] * len(subject.double.calls)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wait", ["3600", "date"])
def test_who_asks_for_a_long_wait_is_not_asked_again(subject, status, wait):
    wait = formatdate(time.time() + 3600, usegmt=True) if wait == "date" else wait
    subject.double.replies.append(Reply(status, subject.double.error("slow"), {"Retry-After": wait}))
    start = time.monotonic()
    with pytest.raises(InferenceError) as caught:
        subject.embed(subject.inputs("a"))
    assert caught.value.status == status
    assert caught.value.retry_after == wait
    assert len(subject.double.calls) == 1
    assert time.monotonic() - start < 10


def test_a_wait_beyond_the_deadline(subject):
    subject.double.replies.append(Reply(429, b"", {"Retry-After": "20"}))
    with pytest.raises(OverloadedError) as caught:
        subject.embed(subject.inputs("a"), deadline=time.monotonic() + 10)
    assert caught.value.retry_after == "20"
    assert len(subject.double.calls) == 1


@pytest.mark.parametrize("wait", ["1", "0", "past"])
def test_a_short_wait_is_waited_for(subject, wait):
    header = formatdate(time.time() - 60, usegmt=True) if wait == "past" else wait
    subject.double.replies.append(Reply(429, b"", {"Retry-After": header}))
    start = time.monotonic()
    assert subject.embed(subject.inputs("a"))[0] == expected("a")
    assert len(subject.double.calls) == 2
    assert time.monotonic() - start >= (wait == "1")


@pytest.mark.parametrize("wait", ["soon", "-1", "1e3", ""])
def test_a_wait_that_is_none_is_not_passed_on(subject, wait):
    subject.double.replies.append(Reply(429, b"", {"Retry-After": wait}))
    with pytest.raises(OverloadedError) as caught:
        subject.embed(subject.inputs("a"), subject.model(retries=0))
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    "failure", [Reply(429), Reply(500), Reply(503), Close()], ids=["429", "500", "503", "cut"]
)
def test_another_attempt_may_do_better(subject, failure, outcomes):
    subject.double.replies.extend([failure, failure])
    assert subject.embed(subject.inputs("a"))[0] == expected("a")
    assert subject.texts() == ["a"]
    assert len(subject.double.calls) == 3
    assert [outcome for _, outcome in outcomes][-1] == "ok"
    assert len(outcomes) == 3


def test_attempts_are_bounded(subject):
    subject.double.replies.extend([Reply(500)] * 5)
    with pytest.raises(UpstreamError):
        subject.embed(subject.inputs("a"), subject.model(retries=4))
    assert len(subject.double.calls) == 5
    subject.double.replies.append(Reply(500))
    with pytest.raises(UpstreamError):
        subject.embed(subject.inputs("a"), subject.model(retries=0))
    assert len(subject.double.calls) == 6


def test_attempts_end_with_the_deadline(subject, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 5.0)
    subject.double.replies.append(Reply(500, subject.double.error("broken")))
    with pytest.raises(UpstreamError, match="broken"):
        subject.embed(subject.inputs("a"), deadline=time.monotonic() + 2)
    assert len(subject.double.calls) == 1


def test_a_deadline_that_is_over(subject):
    model = subject.model()

    async def run():
        # There is a connection, which a call could be written to at once.
        await model.embed(subject.inputs("a"), subject.call())
        await model.embed(subject.inputs("b"), subject.call(deadline=time.monotonic() - 1))

    with pytest.raises(
        RequestTimeoutError, match=f"deadline came before {subject.double.provider} was called"
    ):
        asyncio.run(run())
    assert len(subject.double.calls) == 1


@pytest.mark.parametrize("drip", [False, True])
def test_a_provider_that_hangs(subject, drip, outcomes):
    hang = Hang(drip)
    subject.double.replies.append(hang)
    with pytest.raises(RequestTimeoutError, match=r"within its timeout of 0\.5 s") as caught:
        subject.embed(subject.inputs("a"), subject.model(timeout=0.5))
    assert caught.value.status == 504
    assert hang.left.wait(10)
    assert outcomes == [(subject.double.provider, "timeout")]


def test_a_deadline_in_the_middle_of_a_call(subject):
    hang = Hang()
    subject.double.replies.append(hang)
    with pytest.raises(RequestTimeoutError, match="before the request's deadline"):
        subject.embed(subject.inputs("a"), deadline=time.monotonic() + 0.5)
    assert hang.left.wait(10)


def test_nobody_listens(subject, outcomes):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UpstreamError, match="cannot be reached") as caught:
            subject.embed(subject.inputs("a"), subject.model(base_url=address))
    assert caught.value.status == 502
    assert outcomes == [(subject.double.provider, "connection")] * 3


def test_a_connection_that_breaks_in_the_middle_of_the_body(subject, outcomes):
    subject.double.replies.extend([lambda answer: Reply(body=json.dumps(answer)[:50], length=10_000)] * 3)
    with pytest.raises(UpstreamError, match="cannot be reached: RemoteProtocolError"):
        subject.embed(subject.inputs("a"))
    assert outcomes == [(subject.double.provider, "connection")] * 3


def spoiled(change):
    """Replies whose rows are changed in place."""

    def of(subject):
        def reply(answer):
            rows = subject.double.rows(answer)
            change(rows)
            return Reply(body=json.dumps(answer))

        return reply

    return of


def one_less(subject):
    def reply(answer):
        (answer["data"] if "data" in answer else answer["embeddings"]["float"]).pop()
        return Reply(body=answer)

    return reply


def one_more(subject):
    def reply(answer):
        rows = answer["data"] if "data" in answer else answer["embeddings"]["float"]
        rows.append(rows[-1])
        return Reply(body=answer)

    return reply


def body(content, **headers):
    return lambda subject: Reply(body=content, headers=headers)


BROKEN = {
    "truncated": lambda subject: lambda answer: Reply(body=json.dumps(answer)[:-9]),
    "one less": one_less,
    "one more": one_more,
    "no number": spoiled(lambda rows: rows[1].__setitem__(0, "1")),
    "null": spoiled(lambda rows: rows[1].__setitem__(0, None)),
    "NaN": spoiled(lambda rows: rows[1].__setitem__(0, math.nan)),
    "infinite": spoiled(lambda rows: rows[1].__setitem__(0, math.inf)),
    "too large": spoiled(lambda rows: rows[1].__setitem__(0, 1e39)),
    "longer": spoiled(lambda rows: rows[1].append(0.5)),
    "shorter": spoiled(lambda rows: rows[1].pop()),
    "empty": spoiled(lambda rows: rows[1].clear()),
    "all empty": spoiled(lambda rows: [row.clear() for row in rows]),
    "empty body": body(b""),
    "empty object": body({}),
    "a list": body([]),
    "null body": body("null"),
    "HTML": body("<html>sign in</html>", **{"Content-Type": "text/html"}),
    "no Unicode": body(b'{"data": "\xff"}'),
    "deep": body("[" * 100_000),
    "not gzip": body(b"{}", **{"Content-Encoding": "gzip"}),
    "huge": body(b" " * 5_000_000),
    "redirect": lambda subject: Reply(302, headers={"Location": f"{subject.double.address}/elsewhere"}),
    "no content": lambda subject: Reply(204),
    "created": lambda subject: lambda answer: Reply(201, answer),
}


@pytest.mark.parametrize("how", BROKEN)
def test_answers_that_are_not_understood(subject, how, outcomes):
    subject.double.replies.append(BROKEN[how](subject))
    with pytest.raises(UpstreamError) as caught:
        subject.embed(subject.inputs("a", "b"))
    assert caught.value.status == 502
    assert str(caught.value).startswith(f"{subject.double.provider} ")
    assert len(str(caught.value)) < 600
    # It costs tokens, and would be as broken again.
    assert len(subject.double.calls) == 1
    assert outcomes == [(subject.double.provider, "invalid")]


def test_a_redirect_is_not_followed(subject):
    subject.double.replies.append(Reply(307, headers={"Location": f"{subject.double.address}/elsewhere"}))
    with pytest.raises(UpstreamError, match=r"a redirect to 'http://127.*elsewhere'.*base_url"):
        subject.embed(subject.inputs("a"))
    assert [call.path for call in subject.double.calls] == [subject.double.path]


def test_a_large_answer_is_not_read_to_its_end(subject, monkeypatch):
    monkeypatch.setattr(provider_module, "BYTES_OF_ANSWER", 100)
    monkeypatch.setattr(provider_module, "BYTES_OF_VECTOR", 50)
    hang = Hang(drip=True)
    subject.double.replies.append(hang)
    with pytest.raises(UpstreamError, match="more than 200 bytes"):
        subject.embed(subject.inputs("a", "b"))
    assert hang.left.wait(10)


def test_an_error_with_status_200(subject):
    subject.double.replies.append(Reply(200, {"error": {"message": "the model is away", "code": 503}}))
    with pytest.raises(UpstreamError, match="answered an error: the model is away"):
        subject.embed(subject.inputs("a"))


def test_a_long_explanation_is_cut(subject):
    subject.double.replies.append(Reply(400, subject.double.error("because " * 10_000)))
    with pytest.raises(InvalidRequestError, match=r"because because.*\.\.\.$") as caught:
        subject.embed(subject.inputs("a"))
    assert len(str(caught.value)) < 400
