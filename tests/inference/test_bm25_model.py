import asyncio
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25ConfigError, Bm25Encoder, StatisticsStore
from bm25.errors import StoreError, StoreMismatchError
from bm25.inference import bm25_model, encoders
from bm25.inference.bm25_model import Bm25Model
from bm25.inference.encoders import options_key
from bm25.inference.engine import plain
from bm25.inference.errors import InvalidRequestError, RequestTimeoutError, TooLargeError
from bm25.inference.models import Call
from bm25.inference.request import Input
from bm25.inference.settings import Bm25Model as Settings
from tests.oracle import oracle
from tests.strategies import examples, nasty_text

EVERYTHING = Settings(allowed_options=None)


def inputs_of(texts, options=None):
    return [Input(text, "m", "text", options, i) for i, text in enumerate(texts)]


def as_lists(embeddings):
    return [(one["indices"], one["values"]) for one in map(plain, embeddings)]


@pytest.mark.parametrize("purpose", ["update", "search"])
@pytest.mark.parametrize("size", [1, 3, 40])
@given(texts=st.lists(nasty_text, min_size=1, max_size=4))
@examples(40)
def test_against_the_oracle_by_every_path(purpose, size, texts):
    """One by one, as a batch, and in a thread: what is chosen depends on the size."""
    model = Bm25Model("m", EVERYTHING)
    texts = [text * size for text in texts]
    reference = oracle(Bm25Config())
    embed = reference.embed_query if purpose == "search" else reference.embed_document
    expected = [(vector.indices, vector.values) for vector in map(embed, texts)]
    found = model.embed_now(inputs_of(texts), purpose)
    assert as_lists(found.embeddings) == expected
    again = asyncio.run(model.embed(inputs_of(texts), Call(purpose)))
    assert as_lists(again.embeddings) == expected
    assert again.tokens == found.tokens


def test_tokens_are_counted_alike_by_every_path():
    model = Bm25Model("m", EVERYTHING)
    short = model.embed_now(inputs_of(["the dogs run and run", "", "cat"]), "update")
    long = model.embed_now(inputs_of(["the dogs run and run " * 1000, "", "cat"]), "update")
    assert (short.tokens, long.tokens) == (4, 3001)
    assert model.embed_now(inputs_of(["dog " * 3]), "search").tokens == 3


def test_nothing_to_embed_is_an_empty_sparse_vector():
    found = Bm25Model("m", EVERYTHING).embed_now(inputs_of(["", "the", " "]), "update")
    assert as_lists(found.embeddings) == [([], [])] * 3


def test_options_of_a_request_lie_over_the_models():
    model = Bm25Model("m", Settings(options={"language": "german", "k": 2.0}, allowed_options=["k", "b"]))
    assert model.encoder().config == Bm25Config(language="german", k=2.0)
    assert model.encoder({}).config == model.encoder({"b": None}).config == model.encoder().config
    assert model.encoder({"b": 0.1, "k": None}).config == Bm25Config(language="german", k=2.0, b=0.1)
    assert model.encoder({"b": 0.1}) is model.encoder({"b": 0.1})
    assert model.encoder({"k": 1, "b": 0}) is model.encoder({"b": 0, "k": 1})


def test_inputs_with_different_options_keep_their_places():
    model = Bm25Model("m", EVERYTHING)
    options = [None, {"k": 0.5}, {}, {"language": "german"}, {"k": 0.5}]
    inputs = [Input("die Häuser am Fluss", "m", "text", one, i) for i, one in enumerate(options)]
    expected = [
        oracle(Bm25Config.from_dict(one or {})).embed_document("die Häuser am Fluss") for one in options
    ]
    found = model.embed_now(inputs, "update")
    assert as_lists(found.embeddings) == [(one.indices, one.values) for one in expected]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kk": 1}, r"inputs\[3\]\.options\.kk: model 'm' has no option 'kk' that a request may set "),
        ({"language": "german"}, r"inputs\[3\]\.options\.language: .* allowed: k, b"),
        ({"k": -1}, r"inputs\[3\]\.options: k must be .*, got -1"),
        ({"k": "x"}, r"inputs\[3\]\.options: k must be a number, got str 'x'"),
        ({"k": 1e39}, r"inputs\[3\]\.options: k must be at most 3\.4e\+38 for weights to be finite"),
        ({"k3": 1e300, "k": 1}, r"inputs\[3\]\.options\.k3: "),
        ({"b": 1.5}, r"inputs\[3\]\.options: b must be in \[0\.0, 1\.0\], got 1\.5"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named_by_its_place(options, message):
    model = Bm25Model("m", Settings(allowed_options=["k", "b"]))
    with pytest.raises(InvalidRequestError, match=f"^{message}"):
        model.embed_now([Input("x", "m", "text", options, 3)], "update")
    with pytest.raises(InvalidRequestError, match=r"^options"):
        model.encoder(options)


def test_options_nested_too_deeply():
    deep = "x"
    for _ in range(900):
        deep = [deep]
    with pytest.raises(InvalidRequestError, match="options"):
        Bm25Model("m", EVERYTHING).encoder({"stopwords": deep})


@pytest.mark.parametrize("texts", [["ok", "dog \ud800"], ["ok " * 5000, "dog \ud800"]])
def test_a_text_that_is_not_unicode_is_named_by_its_place(texts):
    with pytest.raises(InvalidRequestError, match=r"^inputs\[1\]\.data: the text is not valid Unicode: lone"):
        Bm25Model("m", EVERYTHING).embed_now(inputs_of(texts), "update")


def test_encoders_for_options_are_bounded(monkeypatch):
    monkeypatch.setattr(encoders, "KEPT", 3)
    model = Bm25Model("m", EVERYTHING)
    for i in range(10):
        model.encoder({"k": i})
    kept = model._encoders._for_options
    assert len(kept) == 3
    assert model.encoder({"k": 9}) is kept[options_key({"k": 9}, "options")]
    model.encoder({"k": 7})
    model.encoder({"k": 10})
    assert options_key({"k": 7}, "options") in kept  # the one that was not asked for longest has gone


def test_a_model_that_is_configured_wrongly():
    with pytest.raises(Bm25ConfigError, match="unknown option 'lang'"):
        Bm25Model("m", Settings(options={"lang": "german"}))
    with pytest.raises(Bm25ConfigError, match=r"allowed_options: unknown option 'kk' \(did you mean 'k'"):
        Bm25Model("m", Settings(allowed_options=["kk"]))
    with pytest.raises(StoreError):
        Bm25Model("m", Settings(statistics="/nowhere/at/all"))


def test_weights_are_finite():
    text = " ".join(["dog"] * 1000 + ["cat"])
    for options in ({"k": 3.4e38}, {"k3": 3.4e38}, {"avg_len": 1e-290}, {"k": 0, "avg_len": 1e-290, "b": 1}):
        model = Bm25Model("m", Settings(options=options))
        for purpose in ("update", "search"):
            for one in model.embed_now(inputs_of([text, text * 5]), purpose).embeddings:
                assert np.isfinite(one["values"]).all()
    for options in ({"k": 1e39}, {"k3": 1e39}, {"avg_len": 1e-300}):
        with pytest.raises(Bm25ConfigError, match="for weights to be finite"):
            Bm25Model("m", Settings(options=options))


def test_the_recommended_preset():
    assert Bm25Model("m", Settings(preset="tuned")).encoder().config == Bm25Config.tuned()
    mine = Bm25Model("m", Settings(preset="tuned", options={"k": 1.1})).encoder().config
    assert mine == Bm25Config.tuned(k=1.1)


# With a store


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "LOOK", 0.0)
    config = Bm25Config(language="german")
    store = StatisticsStore.create(tmp_path / "store", config)
    add(store, "a", "Haus Haus Fluss")
    yield store
    store.close()


def add(store, document_id, text):
    with store.write() as batch:
        batch.add([document_id], Bm25Encoder(store.config, threads=1).count_documents([text]))
    store.refresh()


def test_a_store_gives_language_and_length(store):
    model = Bm25Model("m", Settings(statistics=str(store.path)))
    assert model.encoder().config == Bm25Config(language="german", avg_len=3.0)
    expected = oracle(Bm25Config(language="german", avg_len=3.0)).embed_document("Häuser am Fluss")
    found = model.embed_now(inputs_of(["Häuser am Fluss"]), "update")
    assert as_lists(found.embeddings) == [(expected.indices, expected.values)]
    assert model.describe()["epoch"] == 1


def test_a_new_epoch_is_picked_up_and_what_was_learnt_stays(store):
    model = Bm25Model("m", Settings(statistics=str(store.path), options={"k": 0.9}, allowed_options=["b"]))
    model.encoder().encode_documents(["Haus " * 1000])
    learnt = model.encoder()._documents
    before = model.encoder({"b": 0.5})
    add(store, "b", "Haus " * 101)  # a mean of 52
    assert model.encoder().config == Bm25Config(language="german", avg_len=52.0, k=0.9)
    assert model.encoder()._documents is learnt
    assert model.encoder({"b": 0.5}).config == Bm25Config(language="german", avg_len=52.0, k=0.9, b=0.5)
    assert before.config.avg_len == 3.0  # who has one goes on with it
    assert model.describe()["epoch"] == 2
    assert model.statistics().document_count == 2


def test_a_commit_without_a_new_epoch_changes_no_vector(store):
    model = Bm25Model("m", Settings(statistics=str(store.path)))
    encoder = model.encoder()
    add(store, "b", "Haus Haus Fluss")
    assert model.encoder() is encoder
    assert model.statistics().document_count == 2


def test_an_avg_len_of_the_settings_stays(store):
    model = Bm25Model("m", Settings(statistics=str(store.path), options={"avg_len": 10}))
    add(store, "b", "Haus " * 101)
    assert model.encoder().config.avg_len == 10


def test_a_store_that_is_damaged_meanwhile_leaves_the_model_as_it_was(store, caplog):
    model = Bm25Model("m", Settings(statistics=str(store.path)))
    manifest = store.path / "manifest.json"
    manifest.write_text("{")
    with caplog.at_level("WARNING"):
        assert model.encoder().config.avg_len == 3.0
    assert "model m keeps its statistics" in caplog.text


def test_options_that_contradict_the_store(store):
    with pytest.raises(StoreMismatchError):
        Bm25Model("m", Settings(statistics=str(store.path), options={"language": "english"}))


def test_many_threads_at_a_new_epoch(store):
    model = Bm25Model("m", Settings(statistics=str(store.path)))
    seen, done = set(), threading.Event()

    def ask():
        while not done.is_set():
            seen.add(np.float32(model.embed_now(inputs_of(["Haus"]), "update").embeddings[0]["values"][0]))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(5):
        add(store, i, "Haus " * 50 * 2**i)
    lengths = [epoch.avg_len for epoch in store.epochs]
    done.set()
    for thread in threads:
        thread.join()
    config = Bm25Config(language="german").to_dict()
    possible = {
        np.float32(oracle(Bm25Config.from_dict({**config, "avg_len": n})).embed_document("Haus").values[0])
        for n in lengths
    }
    assert seen <= possible
    assert model.encoder().config.avg_len == lengths[-1]


def test_equal_options_have_one_key():
    def key(options):
        return options_key(options, "options")

    assert key(None) == key({})
    assert key({"a": 1, "b": {"d": 1, "c": 2}}) == key({"b": {"c": 2, "d": 1}, "a": 1})
    assert len({key({"a": one}) for one in (1, "1", None, True, 1.0, float("nan"))}) == 6
    with pytest.raises(InvalidRequestError, match=r"^inputs\[2\]\.options: not values of JSON") as caught:
        options_key({"a": object()}, "inputs[2].options")
    assert "object" not in str(caught.value)


# What a request may cost


def test_true_is_not_one():
    model = Bm25Model("m", EVERYTHING)
    inputs = [Input("x", "m", "text", {"lowercase": one}, i) for i, one in enumerate((True, 1))]
    with pytest.raises(InvalidRequestError, match=r"inputs\[1\]\.options: lowercase must be true or false"):
        model.embed_now(inputs, "update")


def test_many_different_options_are_refused():
    inputs = [Input("x", "m", "text", {"avg_len": i + 1}, i) for i in range(33)]
    model = Bm25Model("m", EVERYTHING)
    with pytest.raises(InvalidRequestError, match="33 different options, and a request may have 32"):
        model.embed_now(inputs, "update")
    assert len(model.embed_now(inputs[:32], "update").embeddings) == 32


def test_large_options_are_used_but_not_kept_and_larger_ones_refused():
    model = Bm25Model("m", EVERYTHING)
    large = {"stopwords": {"custom": [f"word{i}" for i in range(1000)]}}
    assert len(model.encoder(large).config.custom_stopwords) == 1000
    assert not model._encoders._for_options
    larger = {"stopwords": {"custom": [f"word{i}" for i in range(40_000)]}}
    with pytest.raises(InvalidRequestError, match=r"^options: [0-9,]+ bytes, and a request may send 262,144"):
        model.encoder(larger)


def test_a_short_text_may_not_become_very_many_terms():
    model = Bm25Model("m", EVERYTHING)
    words = {"aa": [f"w{i}" for i in range(900)]}
    for options, text, purpose in (
        ({"synonyms": words}, "aa " * 20_000, "search"),
        ({"tokenizer": "prefix"}, " ".join("x" * 990 + str(i) for i in range(300)), "update"),
    ):
        with pytest.raises(TooLargeError, match=r"^inputs: with these options they become [0-9,]+ tok"):
            model.embed_now(inputs_of([text], options), purpose)
        assert len(model.embed_now(inputs_of([text[:2000]], options), purpose).embeddings) == 1
    own = Bm25Model("m", Settings(options={"tokenizer": "prefix"}))
    with pytest.raises(TooLargeError):
        own.embed_now(inputs_of([" ".join("x" * 990 + str(i) for i in range(300))]), "update")
    assert not own.is_quick(inputs_of(["x"]), 1)


def test_many_synonyms_are_for_the_configuration():
    words = {"a": [f"w{i}" for i in range(1001)]}
    with pytest.raises(InvalidRequestError, match=r"^options\.synonyms: a request may have 1,000 words"):
        Bm25Model("m", EVERYTHING).encoder({"synonyms": words})
    assert Bm25Model("m", Settings(options={"synonyms": words})).encoder().config.synonyms


def test_what_takes_long_is_not_done_in_the_loop():
    model = Bm25Model("m", EVERYTHING)
    options = {"language": "german"}
    assert model.is_quick(inputs_of(["x"]), 1)
    assert not model.is_quick(inputs_of(["x"], options), 1)
    model.encoder(options)
    assert model.is_quick(inputs_of(["x", "y"], options), 2)
    assert not model.is_quick(inputs_of(["x"]), bm25_model.SMALL + 1)
    assert not model.is_quick([*inputs_of(["x"], options), *inputs_of(["y"])], 2)


def test_work_ends_at_the_deadline():
    inputs = [Input("x", "m", "text", {"k": i}, i) for i in range(2)]
    with pytest.raises(RequestTimeoutError):
        Bm25Model("m", EVERYTHING).embed_now(inputs, "update", time.monotonic() - 1)


def test_errors_are_short_whatever_was_sent():
    model = Bm25Model("m", EVERYTHING)
    for options in ({"tokenizer": "x" * 100_000}, {"x" * 100_000: 1}, {"language": "y" * 100_000}):
        with pytest.raises(InvalidRequestError) as caught:
            model.encoder(options, 3)
        assert len(str(caught.value)) < 1200


def test_an_input_that_no_encoder_takes_is_named_by_its_place():
    model = Bm25Model("m", Settings(options={"tokenizer": "prefix"}))
    for long in ("x" * 2000, "short " * 1000 + "x" * 2000):
        with pytest.raises(InvalidRequestError, match=r"^inputs\[2\]\.data: a token of 2000 characters"):
            model.embed_now(inputs_of(["fine", "fine too", long]), "update")


def test_an_encoder_of_an_epoch_that_is_over_is_not_kept(store, monkeypatch):
    model = Bm25Model("m", Settings(statistics=str(store.path), allowed_options=["b"]))
    make = model._encoders._make

    def slow(*arguments):
        found = make(*arguments)
        add(store, "b", "Haus " * 101)
        model.encoder()  # another thread sees the new epoch meanwhile
        return found

    monkeypatch.setattr(model._encoders, "_make", slow)
    assert model.encoder({"b": 0.5}).config.avg_len == 3.0
    monkeypatch.setattr(model._encoders, "_make", make)
    assert model.encoder({"b": 0.5}).config.avg_len == 52.0
