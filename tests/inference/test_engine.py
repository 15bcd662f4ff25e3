import asyncio
import os
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25ConfigError, Bm25Error, inference
from bm25.inference.engine import InferenceEngine, infer, plain
from bm25.inference.errors import InvalidRequestError, RequestTimeoutError, UpstreamError
from bm25.inference.models import Call, Embeddings
from bm25.inference.request import InferenceRequest, Input
from bm25.inference.settings import Bm25Model, CompatibleModel, ProviderSettings
from tests.oracle import oracle
from tests.strategies import examples, nasty_text


class Dense:
    """A model that says what it was asked, as numbers."""

    kind = "dense"
    modalities = ("text", "image")

    def __init__(self, name="dense"):
        self.name = name
        self.asked = []
        self.closed = self.cancelled = 0
        self.wait = 0.0
        self.lose = 0
        self.failure = None

    async def embed(self, inputs, call):
        self.asked.append([(one.data, one.options, call.purpose, dict(call.keys)) for one in inputs])
        try:
            await asyncio.sleep(self.wait)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        found = [
            np.array([len(str(one.data)), (one.options or {}).get("n", 0)], np.float64) for one in inputs
        ]
        return Embeddings(found[self.lose :], 10 * len(inputs))

    async def close(self):
        self.closed += 1

    def describe(self):
        return {"name": self.name}


@pytest.fixture
def engine():
    engine = InferenceEngine({"mine": Bm25Model(options={"language": "german"}, allowed_options=["k"])})
    engine._models["dense"] = Dense()
    yield engine
    engine.close()


def one(data, model="bm25", options=None, data_type="text"):
    return {"data": data, "data_type": data_type, "model": model, "options": options}


def sparse(config, text, purpose="update"):
    reference = oracle(config)
    vector = (reference.embed_query if purpose == "search" else reference.embed_document)(text)
    return {"indices": vector.indices, "values": vector.values}


def test_literal_values():
    request = {"inputs": [one("hello world"), one("")], "inference": "update"}
    assert infer(request) == {
        "embeddings": [
            {"indices": [74040069, 613153351], "values": [1.6832038164138794, 1.6832038164138794]},
            {"indices": [], "values": []},
        ],
        "usage": {"models": {"bm25": {"tokens": 2}}},
    }
    request["inference"] = "search"
    assert infer(request)["embeddings"][0]["values"] == [1.0, 1.0]


def test_mixed_inputs_come_back_in_their_order(engine):
    inputs = [
        one("die Häuser"), one("pic", "dense", data_type="image"), one("die Häuser", "mine"),
        one("die Häuser"), one("abc", "dense", {"n": 7}), one("", "bm25", {"k": 2.0}),
    ]  # fmt: skip
    found = engine.infer({"inputs": inputs, "inference": None})
    assert found["embeddings"] == [
        sparse(Bm25Config(), "die Häuser"), [3.0, 0.0], sparse(Bm25Config(language="german"), "die Häuser"),
        sparse(Bm25Config(), "die Häuser"), [3.0, 7.0], {"indices": [], "values": []},
    ]  # fmt: skip
    assert found["usage"] == {
        "models": {"bm25": {"tokens": 4}, "dense": {"tokens": 20}, "mine": {"tokens": 1}}
    }


@given(
    st.lists(
        st.tuples(nasty_text, st.sampled_from(["bm25", "qdrant/bm25", "BM25", "Qdrant/Bm25", "mine"])),
        max_size=6,
    ),
    st.sampled_from(["update", "search", None]),
    st.booleans(),
)
@examples(60)
def test_one_embedding_for_each_input_against_the_oracle(pairs, purpose, long):
    pairs = [(text * (500 if long else 1), model) for text, model in pairs] * 2
    found = SHARED.infer({"inputs": [one(*pair) for pair in pairs], "inference": purpose})
    configs = {"mine": Bm25Config(language="german")}
    assert found["embeddings"] == [
        sparse(configs.get(model, Bm25Config()), text, purpose) for text, model in pairs
    ]


SHARED = InferenceEngine({"mine": Bm25Model(options={"language": "german"})})


def test_equal_inputs_of_a_dense_model_are_sent_once(engine):
    inputs = [one("a", "dense"), one("b", "dense"), one("a", "dense", {}), one("a", "dense", {"n": 1}),
              one("a", "dense", data_type="image")]  # fmt: skip
    found = engine.infer({"inputs": inputs})
    assert found["embeddings"] == [[1, 0], [1, 0], [1, 0], [1, 1], [1, 0]]
    assert [[data for data, *_ in asked] for asked in engine._models["dense"].asked] == [["a", "b", "a", "a"]]


def test_what_belongs_to_the_request_reaches_the_model(engine):
    request = {"inputs": [one("a", "dense")], "inference": "search", "token": "t"}
    engine.infer(request, keys={"Openai-Api-Key": "secret"})
    assert engine._models["dense"].asked == [[("a", None, "search", {"openai-api-key": "secret"})]]


def test_no_inputs(engine):
    assert engine.infer({"inputs": []}) == {"embeddings": [], "usage": None}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (one("x", "bm26"), r"inputs\[1\]\.model: unknown model 'bm26' \(did you mean 'bm25'\?\); known: "
                           r"bm25, qdrant/bm25, mine, dense"),
        (one("x", "Mine"), r"inputs\[1\]\.model: unknown model 'Mine'"),
        (one("x", "openai/x"), r"inputs\[1\]\.model: unknown model 'openai/x'"),
        (one("x", ""), r"inputs\[1\]\.model: unknown model ''"),
        (one(1), r"inputs\[1\]\.data: a text must be a string, got a number"),
        (one(None), r"inputs\[1\]\.data: a text must be a string, got null"),
        (one(["x"]), r"inputs\[1\]\.data: a text must be a string, got an array"),
        (one({"text": "x"}), r"inputs\[1\]\.data: a text must be a string, got an object"),
        (one("x", data_type="image"), r"inputs\[1\]\.data_type: model 'bm25' takes text, got image"),
        (one("x", "dense", data_type="object"), r".*: model 'dense' takes text and image, got object"),
        (one("x", data_type="audio"), r"inputs\[1\]\.data_type: unknown type 'audio'; allowed: text, image"),
    ],
)  # fmt: skip
def test_what_cannot_be_embedded_is_named_by_its_place(engine, given, message):
    with pytest.raises(InvalidRequestError, match=f"^{message}"):
        engine.infer({"inputs": [one("fine"), given]})


def test_one_failure_cancels_the_rest(engine):
    slow, failing = Dense("slow"), Dense("failing")
    slow.wait, failing.failure = 60, UpstreamError("it is down")
    engine._models.update(slow=slow, failing=failing)
    started = time.monotonic()
    with pytest.raises(UpstreamError, match="it is down"):
        engine.infer({"inputs": [one("a", "slow"), one("b", "failing")]})
    assert time.monotonic() - started < 30
    wait_for(lambda: slow.cancelled == 1)


def test_the_time_of_a_request_ends(engine):
    engine._models["dense"].wait = 60
    with pytest.raises(RequestTimeoutError) as caught:
        engine.infer({"inputs": [one("a", "dense"), one("b")]}, timeout=0.05)
    assert caught.value.status == 504
    wait_for(lambda: engine._models["dense"].cancelled == 1)


def test_a_model_that_loses_an_embedding_is_found_out(engine):
    engine._models["dense"].lose = 1
    with pytest.raises(UpstreamError, match="made 1 embeddings of 2 inputs"):
        engine.infer({"inputs": [one("a", "dense"), one("b", "dense")]})


def test_no_coroutine_is_left_behind_by_a_refused_request(engine):
    with pytest.raises(InvalidRequestError):  # and a coroutine that nobody awaited would be a warning
        engine.infer({"inputs": [one("a", "dense"), one("b", "unknown")]})
    assert engine._models["dense"].asked == []


def test_many_threads(engine):
    expected = engine.infer({"inputs": [one("die Häuser", "mine"), one("x", "dense")]})["embeddings"]
    found = []

    def work():
        for _ in range(50):
            found.append(
                engine.infer({"inputs": [one("die Häuser", "mine"), one("x", "dense")]})["embeddings"]
            )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 200


# Building and replacing


def test_an_engine_like_another_takes_over_what_is_the_same():
    old = InferenceEngine({"a": Bm25Model(), "b": Bm25Model(options={"k": 2.0})})
    new = InferenceEngine({"a": Bm25Model(), "b": Bm25Model(options={"k": 3.0}), "c": Bm25Model()}, like=old)
    assert new.model("a") is old.model("a")
    assert new.model("bm25") is old.model("bm25")
    assert new.model("b").encoder().config.k == 3.0
    asyncio.run(old.aclose())
    long = "dog " * 10_000  # goes through the threads, which the old engine must not have ended
    assert new.infer({"inputs": [one(long, "a")]})["embeddings"] == [sparse(Bm25Config(), long)]
    new.close()


def test_what_is_taken_over_is_not_closed():
    old = InferenceEngine({"a": Bm25Model()})
    kept, dropped = Dense(), Dense()
    old._models["a"] = kept
    old._models["z"] = dropped
    new = InferenceEngine({"a": Bm25Model()}, like=old)
    asyncio.run(old.aclose())
    assert (kept.closed, dropped.closed) == (0, 1)
    new.close()
    assert kept.closed == 1


def test_errors_of_settings_begin_with_the_name():
    with pytest.raises(Bm25ConfigError, match=r'^models\."acme/x": unknown option'):
        InferenceEngine({"acme/x": Bm25Model(options={"lang": "de"})})
    with pytest.raises(Bm25Error, match=r"^providers\.nobody: "):
        InferenceEngine(providers={"nobody": ProviderSettings()})


def test_families_are_found_by_their_prefix():
    engine = InferenceEngine(
        {"own/e5": CompatibleModel(base_url="http://127.0.0.1:9/v1", model="e5")},
        {"openai": ProviderSettings(), "cohere": ProviderSettings()},
    )
    assert engine.model("openai/text-embedding-3-small") is engine.model("openai/other")
    assert engine.model("own/e5").kind == "dense"
    assert engine.label("openai/whatever") == "openai/"
    assert engine.label("Qdrant/BM25") == "qdrant/bm25"
    for name in ("openai/", "own/", "jinaai/x"):
        with pytest.raises(
            InvalidRequestError, match=r"known: bm25, qdrant/bm25, own/e5, openai/\.\.\., cohere/"
        ):
            engine.model(name)
    names = [one["name"] for one in engine.describe()]
    assert names[:3] == ["bm25", "qdrant/bm25", "own/e5"]
    engine.close()


@pytest.mark.parametrize("name", ["bm25", "BM25", "Qdrant/bm25", "acme/"])
def test_names_that_are_taken(name):
    with pytest.raises(Bm25ConfigError, match="name"):
        InferenceEngine({name: Bm25Model()})


def test_inputs_made_by_hand_keep_their_order(engine):
    names = ("bm25", "dense", "bm25")
    request = InferenceRequest([Input("a dog", name) for name in names])
    found = asyncio.run(engine.ainfer(request, Call()))
    assert [plain(one) for one in found.embeddings] == [
        sparse(Bm25Config(), "a dog"), [5.0, 0.0], sparse(Bm25Config(), "a dog"),
    ]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_child_has_threads_of_its_own(engine):
    requests = [{"inputs": [one("dog " * 10_000)]}, {"inputs": [one("a dog", "dense"), one("a dog")]}]
    expected = [engine.infer(request) for request in requests]
    child = os.fork()
    if child == 0:
        same = [engine.infer(request) for request in requests] == expected
        os._exit(0 if same else 1)
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, 9)
        time.sleep(0.02)
    assert ended[1] == 0


def test_plain_values():
    assert plain(np.array([0.1], np.float32)) == [float(np.float32(0.1))]
    assert plain([1.5]) == [1.5]
    assert plain([[1.0], [2.0]]) == [[1.0], [2.0]]
    assert plain({"indices": np.array([2**32 - 1], np.uint32), "values": [1.0]}) == {
        "indices": [2**32 - 1], "values": [1.0],
    }  # fmt: skip


def test_names_of_the_package():
    assert inference.infer is infer
    assert inference.InferenceEngine is InferenceEngine
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        inference.nothing


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
