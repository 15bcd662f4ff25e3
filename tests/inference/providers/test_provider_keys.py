"""The contract of every provider: keys go where they belong, and are not to be seen."""

import asyncio
import gc
import json
import logging
import time

import pytest

from bm25.inference.errors import (
    AuthenticationError,
    InferenceError,
    InvalidRequestError,
)
from bm25.inference.models import Call
from tests.inference.providers.conftest import KEY, OTHER_KEY, expected
from tests.inference.providers.doubles import Reply


def test_a_key_in_the_options(keyed):
    found, _ = keyed.embed(keyed.inputs("a", **{keyed.header: OTHER_KEY}), keys={})
    assert found == expected("a")
    assert keyed.double.calls[0].key == OTHER_KEY
    assert OTHER_KEY not in json.dumps(keyed.double.calls[0].body)


def test_options_come_before_headers(keyed):
    keyed.embed(keyed.inputs("a", **{keyed.header.title(): OTHER_KEY}))
    assert keyed.double.calls[0].key == OTHER_KEY


def test_keys_do_not_mix(keyed):
    inputs = [
        keyed.input("a", 0),
        keyed.input("a", 1, **{keyed.header: OTHER_KEY}),
        keyed.input("b", 2),
        keyed.input("c", 3, **{keyed.header: OTHER_KEY}),
    ]
    assert keyed.embed(inputs)[0] == expected("a", "a", "b", "c")
    sent = {call.key: keyed.texts(i) for i, call in enumerate(keyed.double.calls)}
    assert sent == {KEY: ["a", "b"], OTHER_KEY: ["a", "c"]}
    assert len(keyed.double.calls) == 2


def test_calls_of_one_model_do_not_share_keys(keyed):
    model = keyed.model()

    async def both():
        first, second = Call(keys={keyed.header: KEY}), Call(keys={keyed.header: OTHER_KEY})
        await asyncio.gather(model.embed(keyed.inputs("a"), first), model.embed(keyed.inputs("b"), second))
        with pytest.raises(AuthenticationError):
            await model.embed(keyed.inputs("c"), Call())

    asyncio.run(both())
    assert {(call.key, *keyed.texts(i)) for i, call in enumerate(keyed.double.calls)} == {
        (KEY, "a"),
        (OTHER_KEY, "b"),
    }


@pytest.mark.parametrize("keys", [{}, {"some-other-api-key": KEY}, "empty"])
def test_no_key(keyed, keys):
    keys = {keyed.header: ""} if keys == "empty" else keys
    with pytest.raises(
        AuthenticationError, match=rf"^inputs\[3\]: .* needs a key.*'{keyed.header}'"
    ) as caught:
        keyed.embed([keyed.input("a", 3)], keys=keys)
    assert caught.value.status == 401
    assert keyed.double.calls == []


@pytest.mark.parametrize("key", [f"{KEY}\r\nX-Evil: 1", f"{KEY} ", f"{KEY}é", 7, [KEY], KEY * 1000])
def test_a_key_that_no_header_holds(keyed, key):
    with pytest.raises(AuthenticationError, match=keyed.header) as caught:
        keyed.embed([keyed.input("a", 3, **{keyed.header: key})])
    assert KEY not in str(caught.value)
    assert keyed.double.calls == []


def test_the_key_of_another_service_is_not_sent(subject):
    with pytest.raises(
        InvalidRequestError, match=r"^inputs\[3\]\.options: 'Else-Api-Key' .* takes"
    ) as caught:
        subject.embed([subject.input("a", 3, **{"Else-Api-Key": OTHER_KEY})])
    assert OTHER_KEY not in str(caught.value)
    assert subject.double.calls == []


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 422, 429, 500])
@pytest.mark.parametrize("echo", ["key", "masked", "cut", "quoted"])
def test_a_key_that_is_echoed_is_not_shown(keyed, status, echo, caplog):
    caplog.set_level(logging.DEBUG)
    text = {
        "key": f"Bearer {KEY} is wrong",
        "masked": f"key {KEY[:8]}********{KEY[-6:]} is wrong",
        "cut": "x" * 285 + " " + KEY,
        "quoted": f"key=%22{KEY}%22; is wrong",
    }[echo]
    headers = {"Location": f"http://127.0.0.1/?{text.replace(' ', '')}"} if status == 302 else {}
    keyed.double.replies.append(
        Reply(status, keyed.double.error(text) if status != 200 else {"error": text}, headers)
    )
    with pytest.raises(InferenceError) as caught:
        keyed.embed(keyed.inputs("a"), keyed.model(retries=0))
    shown = f"{caught.value} {caught.value!r} {caught.value.__dict__}"
    # The log of httpcore has the headers of answers, where DEBUG is asked for.
    shown += caplog.text if status != 302 else ""
    assert not [KEY[i : i + 8] for i in range(len(KEY) - 7) if KEY[i : i + 8] in shown]
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert len(str(caught.value)) < 450


def test_keys_are_not_logged(keyed, caplog):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx")  # which the server's log leaves out
    model = keyed.model()
    keyed.embed(keyed.inputs("a", **{keyed.header: OTHER_KEY}), model)
    keyed.embed(keyed.inputs("a"), model)
    assert "HTTP Request" in caplog.text
    shown = f"{caplog.text} {model!r} {vars(model)!r} {model.describe()}"
    assert KEY not in shown
    assert OTHER_KEY not in shown


def test_keys_are_not_kept(keyed):
    model = keyed.model()
    # Not a constant of this module.
    key = "".join(["sk-", "x" * 5, str(time.time_ns())])

    async def run():
        await model.embed(keyed.inputs("a"), Call(keys={keyed.header: key}))
        seen, todo = set(), [model]
        while todo:
            one = todo.pop()
            if (
                id(one) in seen
                or isinstance(one, type)
                or type(one).__name__ in ("module", "frame", "function")
            ):
                continue
            seen.add(id(one))
            assert not (
                isinstance(one, str | bytes) and (key in one if isinstance(one, str) else key.encode() in one)
            )
            todo += gc.get_referents(one)
        assert len(seen) > 100
        await model.close()

    asyncio.run(run())
