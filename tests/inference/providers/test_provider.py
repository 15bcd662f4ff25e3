"""The contract of every provider: what goes up, what comes back, and within what bounds."""

import asyncio
import json
import math

import numpy as np
import pytest

from bm25.inference import providers
from bm25.inference.errors import (
    InvalidRequestError,
)
from bm25.inference.models import Call
from bm25.inference.providers import client as client_module
from bm25.inference.providers import provider as provider_module
from bm25.inference.providers.services import SERVICES
from bm25.inference.request import Input
from bm25.inference.settings import ProviderSettings
from tests.inference.providers.conftest import KEY, expected
from tests.inference.providers.doubles import DIMENSIONS, Hang, Reply, vector

# What goes up and what comes back


def test_embeddings_in_order(subject):
    assert subject.embed(subject.inputs("one", "two", "three")) == (expected("one", "two", "three"), 11)
    assert subject.texts() == ["one", "two", "three"]
    assert len(subject.double.calls) == 1


def test_what_is_sent(subject):
    subject.embed(subject.inputs("a dog"))
    (received,) = subject.double.calls
    assert received.path == subject.double.path
    assert received.headers["content-type"] == "application/json"
    assert received.headers.get("authorization") == (f"Bearer {KEY}" if subject.header else None)
    assert received.headers["user-agent"] == "bm25-engine"
    assert received.body["model"] == "m"
    own = {"input_type", "embedding_types"} if subject.double.provider == "cohere" else set()
    assert set(received.body) - own in ({"model", "input"}, {"model", "texts"})


def test_vectors_are_float32_arrays(subject):
    found = asyncio.run(subject.model().embed(subject.inputs("a"), subject.call()))
    assert found.embeddings[0].dtype == np.float32
    assert found.embeddings[0].shape == (DIMENSIONS,)


def test_an_address_may_end_in_a_slash_and_have_a_path(subject):
    subject.double.path = f"/gateway/x{subject.double.path}"
    model = subject.model(
        base_url=f"{subject.double.address}/gateway/x/".removesuffix("/" * subject.one_model)
    )
    assert subject.embed(subject.inputs("a"), model)[0] == expected("a")


def test_permuted_answers_are_put_in_order(subject):
    def permuted(answer):
        if "data" in answer:
            answer["data"] = answer["data"][::-1]
        return Reply(body=answer)

    subject.double.replies.append(permuted)
    assert subject.embed(subject.inputs("one", "two", "three"))[0] == expected("one", "two", "three")


def test_several_sizes_are_one_call(subject):
    inputs = [
        subject.input("a", 0),
        subject.input("b", 1, mrl=2),
        subject.input("a", 2, mrl=2),
        subject.input("a", 3, mrl=4),
        subject.input("b", 4, mrl=DIMENSIONS),
    ]
    found, tokens = subject.embed(inputs)
    (received,) = subject.double.calls
    assert "mrl" not in received.body
    assert subject.texts() == ["a", "b"]
    assert tokens == 2
    assert found[0] == expected("a")[0]
    for one, text, size in ((1, "b", 2), (2, "a", 2), (3, "a", 4), (4, "b", DIMENSIONS)):
        head = vector(text)[:size]
        norm = math.sqrt(sum(number * number for number in head))
        assert found[one] == pytest.approx([number / norm for number in head], rel=1e-6)


def test_a_size_beyond_the_vector(subject):
    with pytest.raises(
        InvalidRequestError, match=r"^inputs\[7\]\.options\.mrl: 7 .* gives 6; ask for 1 to 6$"
    ):
        subject.embed([subject.input("a", 7, mrl=7)])


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "2", None, [2]])
def test_a_size_that_is_none(subject, size):
    with pytest.raises(InvalidRequestError, match=r"^inputs\[1\]\.options\.mrl: "):
        subject.embed([subject.input("a", 0), subject.input("a", 1, mrl=size)])
    assert subject.double.calls == []


def test_the_size_option_of_the_provider_is_passed_on(subject):
    option = "output_dimension" if subject.double.provider == "cohere" else "dimensions"
    found, _ = subject.embed(subject.inputs("a", **{option: 3}))
    assert found == expected("a", size=3)
    assert subject.double.calls[0].body[option] == 3


def test_other_options_are_other_calls(subject):
    option = "output_dimension" if subject.double.provider == "cohere" else "dimensions"
    inputs = [
        subject.input("a", 0, **{option: 3}),
        subject.input("b", 1),
        subject.input("c", 2, **{option: 3}),
        subject.input("d", 3, **{option: 4}),
    ]
    found, tokens = subject.embed(inputs)
    assert found == [
        *expected("a", size=3), *expected("b"), *expected("c", size=3), *expected("d", size=4)
    ]  # fmt: skip
    assert tokens == 4
    sent = sorted((call.body.get(option, 0), subject.texts(i)) for i, call in enumerate(subject.double.calls))
    assert sent == [(0, ["b"]), (3, ["a", "c"]), (4, ["d"])]


def test_tokens_that_nobody_counts(subject):
    def silent(answer):
        answer.pop("usage", None)
        answer.pop("meta", None)
        return Reply(body=answer)

    subject.double.replies.extend([silent, silent])
    assert subject.embed(subject.inputs("a"))[1] is None
    option = "output_dimension" if subject.double.provider == "cohere" else "dimensions"
    # One of two calls counts.
    assert subject.embed([subject.input("a"), subject.input("bcd", 1, **{option: 2})])[1] in (1, 3)


def test_describe(subject):
    described = subject.model(max_batch=7).describe()
    assert described["name"] == subject.double.prefix
    assert described["type"] == ("openai-compatible" if subject.one_model else "provider")
    assert described["kind"] == "dense"
    assert described["modalities"] == list(subject.model().modalities)
    assert described["key"] == subject.header
    assert described["max_batch"] == 7
    assert "127.0.0.1" not in json.dumps(described)


# What cannot be embedded


@pytest.mark.parametrize("name", ["model", "input", "texts", "encoding_format", "embedding_types"])
def test_reserved_options(subject, name):
    with pytest.raises(InvalidRequestError, match=rf"^inputs\[3\]\.options\.{name}: .*remove it$"):
        subject.embed([subject.input("a", 3, **{name: "x"})])
    assert subject.double.calls == []


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), float("inf"), b"x", {"x": object()}, "\ud800"])
def test_options_that_are_no_json(subject, value):
    with pytest.raises(InvalidRequestError, match=r"^inputs\[3\]\.options: not a value of JSON"):
        subject.embed([subject.input("a", 3, user=value)])


def test_options_too_deep_for_json(subject):
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidRequestError, match=r"^inputs\[3\]\.options: not a value of JSON"):
        subject.embed([subject.input("a", 3, user=value)])


@pytest.mark.parametrize("data", [None, 1, ["a"], {"text": "a"}])
def test_a_text_that_is_none(subject, data):
    with pytest.raises(InvalidRequestError, match=r"^inputs\[3\]\.data: Expected a string for 'text', got "):
        subject.embed([subject.input(data, 3)])


def test_a_text_that_is_no_unicode(subject):
    with pytest.raises(InvalidRequestError, match=r"^inputs\[3\]\.data: not valid Unicode at character \d+$"):
        subject.embed([subject.input("a\ud800", 3)])


def test_other_kinds_of_data(subject):
    modalities = subject.model().modalities
    takes = " or ".join(modalities)
    for data_type in {"image", "object", "video"}.difference(modalities):
        problem = rf"^inputs\[3\]: '.*' takes {takes}, not '{data_type}'$"
        with pytest.raises(InvalidRequestError, match=problem):
            subject.embed([subject.input("a", 3, data_type)])
    assert subject.double.calls == []


@pytest.mark.parametrize("name", providers.PREFIXES)
def test_a_provider_without_a_model(name):
    prefix = providers.PREFIXES[name]
    model = providers.build(name, ProviderSettings())
    call = Call(keys={SERVICES[name].header: "k"})
    with pytest.raises(InvalidRequestError, match=rf"^inputs\[3\]\.model: '{prefix}' .*'{prefix}MODEL'$"):
        asyncio.run(model.embed([Input(data="a", model=prefix, position=3)], call))


# Bounds


def test_inputs_in_a_call(subject):
    texts = [str(i) for i in range(10)]
    assert subject.embed(subject.inputs(*texts), subject.model(max_batch=4))[0] == expected(*texts)
    assert sorted(len(subject.texts(i)) for i in range(len(subject.double.calls))) == [2, 4, 4]


def test_the_limit_of_the_provider(subject):
    limit = subject.double.limit
    texts = [str(i) for i in range(limit + 1)]
    found, tokens = subject.embed(subject.inputs(*texts))
    assert found == expected(*texts)
    assert tokens == sum(map(len, texts))
    assert sorted(len(subject.texts(i)) for i in range(len(subject.double.calls))) == [1, limit]


def test_bytes_in_a_call(subject):
    texts = [f"{i}" + "字" * 40_000 for i in range(5)]
    assert subject.embed(subject.inputs(*texts))[0] == expected(*texts)
    assert sorted(len(subject.texts(i)) for i in range(len(subject.double.calls))) == [1, 2, 2]


def test_calls_at_once(subject):
    subject.double.pause = 0.05
    texts = [str(i) for i in range(12)]
    assert subject.embed(subject.inputs(*texts), subject.model(max_batch=1))[0] == expected(*texts)
    assert len(subject.double.calls) == 12
    assert 1 < subject.double.busiest <= provider_module.CONCURRENT_CALLS


def test_connections_at_once(subject):
    subject.double.pause = 0.02
    texts = [str(i) for i in range(6)]
    subject.embed(subject.inputs(*texts), subject.model(max_batch=1, max_connections=1))
    assert subject.double.busiest == 1


def test_one_failure_ends_the_other_calls(subject):
    hangs = [Hang() for _ in range(3)]
    subject.double.replies.extend([*hangs, Reply(422, subject.double.error("no"))])
    texts = [str(i) for i in range(12)]
    with pytest.raises(InvalidRequestError, match="no"):
        subject.embed(subject.inputs(*texts), subject.model(max_batch=1))
    assert all(hang.left.wait(10) for hang in hangs if hang.asked.is_set())
    assert len(subject.double.calls) <= provider_module.CONCURRENT_CALLS


def test_cancelling_ends_the_call(subject, outcomes):
    hang = Hang()
    subject.double.replies.append(hang)
    model = subject.model(max_connections=1)

    async def run():
        task = asyncio.create_task(model.embed(subject.inputs("a"), subject.call()))
        await asyncio.to_thread(hang.asked.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(hang.left.wait, 10)
        # The only connection is free again.
        await model.embed(subject.inputs("b"), subject.call())

    asyncio.run(run())
    assert outcomes == [(subject.double.provider, "cancelled"), (subject.double.provider, "ok")]


def test_one_model_in_several_loops(subject):
    model = subject.model()
    for text in ("a", "b", "c"):
        assert subject.embed(subject.inputs(text), model)[0] == expected(text)


def test_close_and_use_again(subject):
    model = subject.model()

    async def run():
        await model.close()
        await model.embed(subject.inputs("a"), subject.call())
        await model.close()
        await model.close()
        await model.embed(subject.inputs("b"), subject.call())

    asyncio.run(run())
    assert len(subject.double.calls) == 2


def test_cookies_are_not_kept(subject):
    subject.double.replies.append(lambda answer: Reply(body=answer, headers={"Set-Cookie": "who=me; Path=/"}))
    model = subject.model()

    async def run():
        await model.embed(subject.inputs("a"), subject.call())
        await model.embed(subject.inputs("b"), subject.call())

    asyncio.run(run())
    assert ["cookie" in call.headers for call in subject.double.calls] == [False, False]


def test_the_environment_names_no_proxy(subject, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert subject.embed(subject.inputs("a"))[0] == expected("a")


def test_connections_are_kept(openai):
    model = openai.model()
    opened = []
    accept = openai.double.server.process_request
    openai.double.server.process_request = lambda *args: (opened.append(args), accept(*args))

    async def run():
        for text in "abc":
            await model.embed(openai.inputs(text), openai.call())

    asyncio.run(run())
    assert len(opened) == 1
    assert client_module.KEEPALIVE > 1
