"""Models that FastEmbed runs: against numpy, with files of the tests' own, and without a network."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bm25.errors import Bm25ConfigError, MissingExtraError
from bm25.inference import local
from bm25.inference.errors import InferenceError, InvalidRequestError, RequestTimeoutError
from bm25.inference.local import LocalModel
from bm25.inference.models import Call
from bm25.inference.request import Input
from bm25.inference.settings import FastEmbedModel
from tests.inference import onnx_models

ROOT = Path(__file__).resolve().parents[2]
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
CLIP = "Qdrant/clip-ViT-B-32-vision"
SPLADE = "prithivida/Splade_PP_en_v1"
COLBERT = "answerdotai/answerai-colbert-small-v1"
TEXTS = ["the cat sat on the mat", "a dog", "", "Cat? unknown words!", "the " * 40]


class NetworkUsed(Exception):
    """No OSError, so that nobody takes it for a network that is down."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Nothing in this module reaches beyond loopback."""

    def guarded(real, host_of):
        def call(*args, **kwargs):
            host = host_of(*args)
            if host not in ("127.0.0.1", "::1", "localhost", None):
                raise NetworkUsed(host)
            return real(*args, **kwargs)

        return call

    connect_host = guarded(
        socket.socket.connect, lambda self, address: None if self.family == socket.AF_UNIX else address[0]
    )
    monkeypatch.setattr(socket.socket, "connect", connect_host)
    monkeypatch.setattr(socket, "getaddrinfo", guarded(socket.getaddrinfo, lambda host, *rest: host))


def settings(folder, model=MINILM, **others):
    return FastEmbedModel(model=model, path=str(folder), **others)


def inputs(*data, data_type="text", options=None):
    return [Input(one, "m", data_type, options, position) for position, one in enumerate(data)]


def embed(model, given, **call):
    async def run():
        try:
            return await model.embed(given, Call(**call))
        finally:
            await model.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory):
    return onnx_models.text_model(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def image_folder(tmp_path_factory):
    return onnx_models.image_model(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def splade_folder(tmp_path_factory):
    return onnx_models.splade_model(tmp_path_factory.mktemp("splade"))


@pytest.fixture
def text_model(text_folder):
    return local.build("m", settings(text_folder))


# Texts


@pytest.mark.parametrize("max_batch", [1, 2, 32])
@pytest.mark.parametrize("purpose", ["update", "search"])
def test_dense_vectors_are_means_of_length_1(text_folder, max_batch, purpose):
    model = local.build("m", settings(text_folder, max_batch=max_batch))
    found = embed(model, inputs(*TEXTS), purpose=purpose)
    assert len(found.embeddings) == len(TEXTS)
    for text, vector in zip(TEXTS, found.embeddings, strict=True):
        assert vector.dtype == np.float32
        np.testing.assert_allclose(
            vector, onnx_models.unit(onnx_models.mean_vector(text)), rtol=1e-5, atol=1e-6
        )
    assert found.tokens == sum(len(onnx_models.token_ids(text)) for text in TEXTS)


def test_prefixes_depend_on_the_purpose(text_folder):
    model = local.build("m", settings(text_folder, query_prefix="query: ", document_prefix="passage: "))

    async def run():
        found = [await model.embed(inputs("a cat"), Call(purpose=each)) for each in ("search", "update")]
        await model.close()
        return found

    for found, text in zip(asyncio.run(run()), ["query: a cat", "passage: a cat"], strict=True):
        np.testing.assert_allclose(
            found.embeddings[0], onnx_models.unit(onnx_models.mean_vector(text)), rtol=1e-5, atol=1e-6
        )
        # [CLS], a prefix of two tokens, a, cat, [SEP].
        assert found.tokens == 6


def test_mrl_gives_first_dimensions_and_embeds_a_text_once(text_model):
    sizes = [None, 2, onnx_models.DIMENSIONS]
    given = [Input("a cat", "m", "text", {"mrl": n} if n else None, i) for i, n in enumerate(sizes)]
    found = embed(text_model, given)
    whole = onnx_models.unit(onnx_models.mean_vector("a cat"))
    for vector, size in zip(found.embeddings, sizes, strict=True):
        np.testing.assert_allclose(vector, onnx_models.unit(whole[:size]), rtol=1e-5, atol=1e-6)
    assert found.tokens == 4


@pytest.mark.parametrize("size", [0, onnx_models.DIMENSIONS + 1, "2", True])
def test_mrl_out_of_range(text_model, size):
    with pytest.raises(InvalidRequestError, match=r"inputs\[0\]\.options\.mrl"):
        embed(text_model, inputs("a", options={"mrl": size}))


def test_other_options_are_errors(text_model):
    with pytest.raises(InvalidRequestError, match=r"inputs\[0\]\.options\.k: the model 'm' takes mrl only"):
        embed(text_model, inputs("a", options={"k": 1}))


@pytest.mark.parametrize(("data", "problem"), [(3, "takes a text, got int"), ("\ud800", "not valid Unicode")])
def test_what_is_no_text(text_model, data, problem):
    with pytest.raises(InvalidRequestError, match=rf"inputs\[1\]\.data.*{problem}"):
        embed(text_model, inputs("a", data))


def test_what_a_list_of_models_shows(text_model):
    assert text_model.describe() == {
        "name": "m", "type": "fastembed", "kind": "dense", "modalities": ["text"], "model": MINILM,
        "max_batch": 32, "dimensions": onnx_models.DIMENSIONS,
    }  # fmt: skip


def test_values_that_are_not_finite(tmp_path):
    table = onnx_models.TABLE.copy()
    table[onnx_models.VOCABULARY["dog"]] = np.nan
    model = local.build("m", settings(onnx_models.text_model(tmp_path, table=table)))
    with pytest.raises(InferenceError, match="the model 'm' yielded values that are not finite") as caught:
        embed(model, inputs("a dog"))
    assert caught.value.status == 500


def test_a_model_that_fails(tmp_path):
    # One row too few: ONNX Runtime refuses the index of the last word.
    folder = onnx_models.text_model(tmp_path, table=onnx_models.TABLE[:-1])
    model = local.build("m", settings(folder))
    last = list(onnx_models.VOCABULARY)[-1]
    with pytest.raises(InferenceError, match="the model 'm' failed: InvalidArgument") as caught:
        embed(model, inputs(last))
    assert caught.value.status == 500


# SPLADE, ColBERT


@pytest.mark.parametrize("purpose", ["update", "search"])
def test_splade(splade_folder, purpose):
    model = local.build("s", settings(splade_folder, SPLADE, input="sparse-text", max_batch=2))
    found = embed(model, inputs(*TEXTS), purpose=purpose)
    assert model.kind == "sparse"
    assert "dimensions" not in model.describe()
    for text, embedding in zip(TEXTS, found.embeddings, strict=True):
        expected = onnx_models.splade_weights(text)
        assert embedding["indices"].dtype == np.uint32
        assert embedding["values"].dtype == np.float32
        assert embedding["indices"].tolist() == sorted(expected)
        np.testing.assert_allclose(
            embedding["values"], [expected[i] for i in sorted(expected)], rtol=1e-5, atol=1e-6
        )
    assert found.tokens == sum(len(onnx_models.token_ids(text)) for text in TEXTS)


def test_sparse_models_take_no_mrl(splade_folder):
    model = local.build("s", settings(splade_folder, SPLADE, input="sparse-text"))
    with pytest.raises(InvalidRequestError, match=r"options\.mrl: the model 's' takes no options"):
        embed(model, inputs("a", options={"mrl": 2}))


def test_indices_are_sorted():
    from fastembed import SparseEmbedding

    from bm25.inference.local.runners import TextRunner

    class Unsorted:
        def query_embed(self, texts, batch_size):
            return [SparseEmbedding(values=np.array([1.0, 2.0, 3.0]), indices=np.array([2**31, 7, 40]))]

        def token_count(self, texts):
            raise NotImplementedError

    runner = TextRunner(Unsorted(), FastEmbedModel(model=SPLADE, input="sparse-text"))
    [embedding], tokens = runner.run(["a"], "search")
    assert embedding["indices"].tolist() == [7, 40, 2**31]
    assert embedding["values"].tolist() == [2.0, 3.0, 1.0]
    assert tokens is None


def test_colbert(tmp_path):
    onnx_models.text_model(tmp_path, "vespa_colbert.onnx")
    model = local.build("c", settings(tmp_path, COLBERT, input="multivector-text"))

    async def run():
        found = [
            await model.embed(inputs("a cat", "dog"), Call(purpose=each)) for each in ("update", "search")
        ]
        await model.close()
        return found

    documents, queries = asyncio.run(run())
    assert model.kind == "multivector"
    assert model.dimensions == onnx_models.DIMENSIONS
    # A marker comes behind [CLS]: FastEmbed's 2 for documents, 1 for queries.
    head, *rest = onnx_models.token_ids("a cat")
    rows = onnx_models.TABLE[[head, 2, *rest]]
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(documents.embeddings[0], expected, rtol=1e-5, atol=1e-6)
    assert documents.embeddings[1].shape == (4, onnx_models.DIMENSIONS)
    np.testing.assert_allclose(queries.embeddings[0][:5], onnx_models.TABLE[[head, 1, *rest]], rtol=1e-5)
    assert documents.tokens == queries.tokens == 4 + 3


# Images


def image_model(folder, **others):
    return local.build("i", settings(folder, CLIP, input="image", **others))


@pytest.mark.parametrize("max_batch", [1, 2, 32])
def test_images(image_folder, max_batch):
    colours = [(200, 100, 50), (0, 0, 0), (255, 255, 255), (1, 2, 3), (9, 200, 7)]
    given = [onnx_models.picture(colour, (20, 30)) for colour in colours]
    found = embed(image_model(image_folder, max_batch=max_batch), inputs(*given, data_type="image"))
    assert found.tokens is None
    for colour, vector in zip(colours, found.embeddings, strict=True):
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, onnx_models.colour_vector(colour), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "WEBP", "JPEG"])
def test_formats_and_data_uris(image_folder, kind):
    data = onnx_models.picture((128, 128, 128), kind=kind)
    given = inputs(data, f"data:image/{kind.lower()};base64,{data}", data_type="image", options={"mrl": 3})
    whole = onnx_models.colour_vector((128, 128, 128))
    for vector in embed(image_model(image_folder), given).embeddings:
        np.testing.assert_allclose(vector, onnx_models.unit(whole[:3]), atol=0.02)


def test_a_damaged_image_among_good_ones_is_named(image_folder):
    good = onnx_models.picture()
    # A noisy one, for a cut through its pixels.
    cut = onnx_models.picture((3, 4, 5), (300, 300), "BMP")[: 4 * 1000]
    with pytest.raises(InvalidRequestError, match=r"inputs\[2\]\.data is a damaged image: OSError"):
        embed(image_model(image_folder), inputs(good, good, cut, data_type="image"))


def test_no_string(image_folder):
    with pytest.raises(InvalidRequestError, match=r"takes a base64 string of an image, got dict"):
        embed(image_model(image_folder), inputs({"url": "x"}, data_type="image"))


# Threads, deadlines, cancelling: with a model whose runs last as long as the test wants


class Gate:
    """A runner whose runs wait to be let through."""

    kind = "dense"
    modality = "text"

    def __init__(self):
        self.begun = threading.Semaphore(0)
        self.let_through = threading.Semaphore(0)
        self.prepared = []
        self.runs = []
        self.running = 0
        self.most = 0

    def prepare(self, data, paths, purpose):
        self.prepared.extend(data)
        return list(data)

    def batches(self, prepared):
        return ([position] for position in range(len(prepared)))

    def run(self, prepared, purpose):
        self.running += 1
        self.most = max(self.most, self.running)
        self.runs.append(prepared[0])
        self.begun.release()
        assert self.let_through.acquire(timeout=30)
        self.running -= 1
        return [np.ones(2, np.float32)], 1

    def probe(self):
        return "a"


@pytest.fixture
def gate():
    return Gate()


def gated(gate):
    return LocalModel("g", FastEmbedModel(model=MINILM), gate, 2)


async def begun(gate):
    assert await asyncio.to_thread(gate.begun.acquire, timeout=30)


def test_the_event_loop_goes_on_and_runs_do_not_overlap(gate):
    async def run():
        model = gated(gate)
        tasks = [asyncio.create_task(model.embed(inputs(f"{i}a", f"{i}b"), Call())) for i in range(3)]
        for _ in range(6):
            # This runs while the model does.
            await begun(gate)
            gate.let_through.release()
        found = await asyncio.gather(*tasks)
        await model.close()
        return found

    found = asyncio.run(run())
    assert gate.most == 1
    assert [each.tokens for each in found] == [2, 2, 2]
    # Requests take turns.
    assert gate.runs[:3] == ["0a", "1a", "2a"]


def test_no_run_begins_after_the_deadline(gate):
    async def run():
        model = gated(gate)
        with pytest.raises(RequestTimeoutError, match="before the model 'g' had embedded all") as caught:
            await model.embed(inputs("a"), Call(deadline=time.monotonic()))
        assert caught.value.status == 504
        await model.close()

    asyncio.run(run())
    assert gate.prepared == gate.runs == []


def test_the_deadline_ends_the_wait_for_a_run(gate):
    async def run():
        model = gated(gate)
        with pytest.raises(RequestTimeoutError):
            await model.embed(inputs("a", "b"), Call(deadline=time.monotonic() + 0.2))
        gate.let_through.release(2)
        later = await model.embed(inputs("c"), Call(deadline=time.monotonic() + 30))
        await model.close()
        return later

    assert len(asyncio.run(run()).embeddings) == 1
    assert gate.runs == ["a", "c"]


def test_cancelling_drops_the_runs_that_wait(gate):
    async def run():
        model = gated(gate)
        running = asyncio.create_task(model.embed(inputs("a", "b"), Call()))
        await begun(gate)
        waiting = asyncio.create_task(model.embed(inputs("c"), Call()))
        await asyncio.sleep(0)
        for task in (running, waiting):
            task.cancel()
        assert [type(each) for each in await asyncio.gather(running, waiting, return_exceptions=True)] == [
            asyncio.CancelledError, asyncio.CancelledError,
        ]  # fmt: skip
        gate.let_through.release(2)
        await model.embed(inputs("d"), Call())
        await model.close()

    asyncio.run(run())
    assert gate.runs == ["a", "d"]


def test_closing_waits_for_the_run_and_ends_the_thread(gate):
    async def run():
        model = gated(gate)
        running = asyncio.create_task(model.embed(inputs("a"), Call()))
        await begun(gate)
        closing = asyncio.create_task(model.close())
        await asyncio.sleep(0)
        with pytest.raises(InferenceError, match="the model 'g' is closed") as caught:
            await model.embed(inputs("b"), Call())
        assert caught.value.status == 503
        gate.let_through.release()
        assert len((await running).embeddings) == 1
        await closing
        await model.close()

    asyncio.run(run())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bm25-g")]


# Models that FastEmbed does not list


@pytest.mark.parametrize("normalize", [None, True, False])
def test_custom_model_by_mean(tmp_path, normalize):
    folder = onnx_models.text_model(tmp_path, "onnx/model.onnx")
    model = local.build(
        "e5", settings(folder, "someone/e5", pooling="mean", normalize=normalize, dimensions=6)
    )
    [vector] = embed(model, inputs("a cat")).embeddings
    expected = onnx_models.mean_vector("a cat")
    if normalize is not False:
        expected = onnx_models.unit(expected)
    np.testing.assert_allclose(vector, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("pooling", "pooled", "token"), [("cls", False, 0), ("last-token", False, -1), ("none", True, 0)]
)
def test_custom_model_by_one_token(tmp_path, pooling, pooled, token):
    folder = onnx_models.text_model(tmp_path, "a.onnx", pooled=pooled)
    model = local.build(
        "own", settings(folder, "someone/own", pooling=pooling, normalize=False, model_file="a.onnx")
    )
    [vector] = embed(model, inputs("a cat")).embeddings
    np.testing.assert_allclose(vector, onnx_models.TABLE[onnx_models.token_ids("a cat")[token]], rtol=1e-6)


def test_custom_model_of_two_definitions_and_built_again(tmp_path):
    folder = onnx_models.text_model(tmp_path, "onnx/model.onnx")

    def vector(pooling):
        model = local.build("m", settings(folder, "someone/twice", pooling=pooling, normalize=False))
        return embed(model, inputs("a cat")).embeddings[0]

    first = onnx_models.TABLE[onnx_models.token_ids("a cat")[0]]
    for _ in range(2):
        np.testing.assert_allclose(vector("cls"), first, rtol=1e-6)
        np.testing.assert_allclose(vector("mean"), onnx_models.mean_vector("a cat"), rtol=1e-5, atol=1e-6)


def test_custom_model_with_weights_beside_the_graph(tmp_path):
    folder = onnx_models.text_model(tmp_path, "onnx/model.onnx", external="model.onnx_data")
    described = settings(folder, "someone/large", pooling="mean", additional_files=["onnx/model.onnx_data"])
    [vector] = embed(local.build("m", described), inputs("a")).embeddings
    np.testing.assert_allclose(vector, onnx_models.unit(onnx_models.mean_vector("a")), rtol=1e-5, atol=1e-6)
    (folder / "onnx/model.onnx_data").unlink()
    with pytest.raises(Bm25ConfigError, match=r"lack onnx/model.onnx_data\. .*hf download someone/large"):
        local.build("m", described)


# Start-up


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"download": True}, r'^path and download = true contradict each other'),
        ({"cache": "/c"}, "path and cache contradict each other"),
        ({"normalize": True}, r'^normalize is for a model that FastEmbed does not list'),
        ({"model_file": "a.onnx"}, r'^model_file is for'),
        ({"additional_files": ["a"]}, r'^additional_files is for'),
        ({"pooling": "mean", "input": "image"}, r'^pooling is for input = "text" only'),
        ({"query_prefix": "q", "input": "image"}, "an image takes no query_prefix"),
        ({"dimensions": 3, "input": "sparse-text"}, r"dimensions is for dense vectors"),
        ({"model": "someone/unknown"}, r"TextEmbedding does not list 'someone/unknown'\. .* set pooling"),
        ({"model": MINILM[:-1]}, rf"did you mean '{MINILM}'"),
        ({"input": "image"}, rf"ImageEmbedding does not list '{MINILM}'"),
        ({"dimensions": 384}, r'^dimensions is 384, but the vectors of .* have 6'),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(text_folder, changes, message):
    with pytest.raises(Bm25ConfigError, match=message):
        local.build("m", msgspec.structs.replace(settings(text_folder), **changes))


@pytest.mark.parametrize("field", ["threads", "max_batch", "dimensions"])
def test_numbers_begin_at_1(field):
    with pytest.raises(msgspec.ValidationError, match=rf">= 1.*\$\.{field}"):
        msgspec.convert({"model": "m", field: 0}, FastEmbedModel)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(
        Bm25ConfigError, match=r"'.*nowhere' is no folder\. To put its files there: hf download"
    ):
        local.build("m", settings(tmp_path / "nowhere"))


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "tokenizer_config.json"])
def test_a_file_of_a_text_model_that_is_missing(tmp_path, file):
    folder = onnx_models.text_model(tmp_path)
    (folder / file).unlink()
    command = rf"hf download Qdrant/all-MiniLM-L6-v2-onnx .*{file}.* --local-dir {folder}"
    with pytest.raises(
        Bm25ConfigError, match=rf"the files of '{MINILM}' in '{folder}' lack {file}\. .*{command}"
    ):
        local.build("m", settings(folder))


@pytest.mark.parametrize("file", ["model.onnx", "preprocessor_config.json"])
def test_a_file_of_an_image_model_that_is_missing(tmp_path, file):
    folder = onnx_models.image_model(tmp_path)
    (folder / file).unlink()
    with pytest.raises(Bm25ConfigError, match=rf"lack {file}\. .*hf download {CLIP} .*{file}"):
        image_model(folder)


def test_files_of_another_kind_of_model(splade_folder, tmp_path):
    damaged = onnx_models.text_model(tmp_path)
    (damaged / "model.onnx").write_bytes(b"no model")
    with pytest.raises(Bm25ConfigError, match=r"cannot be loaded from .*InvalidProtobuf"):
        local.build("m", settings(damaged))
    (splade_folder / "onnx").mkdir(exist_ok=True)
    with pytest.raises(
        Bm25ConfigError, match=r"fails as a model of input = 'text'.* Do files, input and pooling"
    ):
        local.build("m", settings(splade_folder, "someone/x", pooling="none", model_file="model.onnx"))


def test_an_empty_cache_and_no_network(tmp_path, capfd):
    with pytest.raises(Bm25ConfigError, match="cannot be loaded from the cache") as caught:
        local.build("m", FastEmbedModel(model=MINILM, cache=str(tmp_path)))
    for part in ("Set download = true", f"--cache-dir '{tmp_path}'", "set path to a folder"):
        assert part in str(caught.value)
    capfd.readouterr()


def test_without_fastembed(text_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastembed", None)
    with pytest.raises(MissingExtraError, match=r"pip install bm25-engine\[fastembed\]"):
        local.build("m", settings(text_folder))


def test_importing_loads_neither_fastembed_nor_pillow():
    code = "import sys, bm25.inference.local; print({'fastembed', 'PIL', 'onnxruntime'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "set()"


# The page that says how


def documented():
    page = (ROOT / "docs/how-to/local-dense-models.md").read_text()
    for block in re.findall(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        for name, table in tomllib.loads(block)["models"].items():
            assert table.pop("type") == "fastembed"
            yield name, msgspec.convert(table, FastEmbedModel)


@pytest.mark.parametrize(("name", "described"), list(documented()))
def test_documented_models_are_those_of_fastembed(name, described, tmp_path):
    import fastembed

    families = {
        "text": fastembed.TextEmbedding, "image": fastembed.ImageEmbedding,
        "sparse-text": fastembed.SparseTextEmbedding,
        "multivector-text": fastembed.LateInteractionTextEmbedding,
    }  # fmt: skip
    listed = {one["model"].lower(): one for one in families[described.input].list_supported_models()}
    if described.pooling is None:
        model = listed[name.lower()]
        assert described.dimensions in (None, model.get("dim"))
    else:
        assert name not in listed
    # Everything but the files is right.
    with pytest.raises(Bm25ConfigError, match=r"lack .*hf download"):
        local.build(name, msgspec.structs.replace(described, path=str(tmp_path)))


# Downloading: from a model hub on loopback


class Hub(BaseHTTPRequestHandler):
    """The part of a model hub that is needed to fetch one repository."""

    folder: Path
    repository = "Qdrant/all-MiniLM-L6-v2-onnx"
    revision = "0" * 40

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        files = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{self.repository}/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": f"{n:040}"}
                for n, (name, data) in enumerate(files.items())
            ]
            self._answer(json.dumps(tree).encode(), {"Content-Type": "application/json"})
        elif path.startswith(f"/api/models/{self.repository}"):
            siblings = [{"rfilename": name} for name in files]
            found = {"id": self.repository, "sha": self.revision, "siblings": siblings}
            self._answer(json.dumps(found).encode(), {"Content-Type": "application/json"})
        elif (name := path.rpartition("/")[2]) in files:
            headers = {"X-Repo-Commit": self.revision, "ETag": f'"{list(files).index(name):040}"'}
            self._answer(files[name], headers)
        else:
            self.send_error(404)

    def _answer(self, body, headers):
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


BUILD = """
    import asyncio, sys
    from bm25.errors import Bm25ConfigError
    from bm25.inference import local
    from bm25.inference.models import Call
    from bm25.inference.request import Input
    from bm25.inference.settings import FastEmbedModel
    cache, model, download = sys.argv[1:]
    try:
        built = local.build("m", FastEmbedModel(model=model, cache=cache, download=download == "yes"))
    except Bm25ConfigError as error:
        print(f"refused: {error}")
    else:
        print(asyncio.run(built.embed([Input("a cat", "m", position=0)], Call())).embeddings[0].tolist())
"""


def test_download_only_when_told_to_then_from_the_cache(tmp_path, text_folder):
    requests = []

    class Counted(Hub):
        folder = text_folder

        def do_GET(self):
            requests.append(self.path)
            super().do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Counted)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")},
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip

    def build(download):
        arguments = [sys.executable, "-c", textwrap.dedent(BUILD), str(tmp_path / "cache"), MINILM, download]
        found = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        return found.stdout.strip()

    try:
        assert build("no").startswith("refused:")
        assert requests == []
        vector = json.loads(build("yes"))
        assert requests != []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    np.testing.assert_allclose(
        vector, onnx_models.unit(onnx_models.mean_vector("a cat")), rtol=1e-5, atol=1e-6
    )
    assert json.loads(build("no")) == vector


def test_the_guard_sees_the_network():
    with pytest.raises(NetworkUsed), socket.socket() as one:
        one.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkUsed):
        socket.getaddrinfo("example.invalid", 80)
