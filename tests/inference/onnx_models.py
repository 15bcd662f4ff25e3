"""Tiny ONNX models with the files that FastEmbed reads, and what they yield, worked out with numpy."""

from __future__ import annotations

import base64
import io
import json
import string

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Punctuation, Sequence, WhitespaceSplit
from tokenizers.processors import TemplateProcessing

SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
WORDS = ["a", "cat", "dog", "sat", "on", "the", "mat", "query", "passage"]
VOCABULARY = {word: i for i, word in enumerate([*SPECIAL, *WORDS, *string.punctuation])}
MAX_TOKENS = 16
DIMENSIONS = 6

_random = np.random.default_rng(20)
TABLE = _random.normal(size=(len(VOCABULARY), DIMENSIONS)).astype(np.float32)
HEAD = _random.normal(size=(DIMENSIONS, len(VOCABULARY))).astype(np.float32)
COLOURS = _random.normal(size=(3, DIMENSIONS)).astype(np.float32)
SIDE = 8
MEAN = [0.5, 0.4, 0.3]
STD = [0.2, 0.25, 0.5]

INT_INPUTS = [
    helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
    for name in ("input_ids", "attention_mask")
]


# Files


def text_model(folder, file="model.onnx", *, table=TABLE, pooled=False, **options):
    """Vectors of tokens are rows of a table; pooled, the graph yields the first token's alone."""
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["vectors"])]
    constants = {"table": table}
    if pooled:
        constants["first"] = np.array(0, dtype=np.int64)
        nodes.append(helper.make_node("Gather", ["vectors", "first"], ["output"], axis=1))
        shape = ["batch", table.shape[1]]
    else:
        nodes.append(helper.make_node("Identity", ["vectors"], ["output"]))
        shape = ["batch", "tokens", table.shape[1]]
    _write(folder / file, nodes, INT_INPUTS, shape, constants, **options)
    _write_tokenizer(folder)
    return folder


def splade_model(folder, file="model.onnx"):
    """A weight for each word of the vocabulary at each token: a row of the table times HEAD."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["vectors"]),
        helper.make_node("MatMul", ["vectors", "head"], ["output"]),
    ]
    shape = ["batch", "tokens", len(VOCABULARY)]
    _write(folder / file, nodes, INT_INPUTS, shape, {"table": TABLE, "head": HEAD})
    _write_tokenizer(folder)
    return folder


def image_model(folder, file="model.onnx"):
    """The mean of each colour times COLOURS."""
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "colours"], ["output"]),
    ]
    inputs = [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])]
    constants = {"axes": np.array([2, 3], dtype=np.int64), "colours": COLOURS}
    _write(folder / file, nodes, inputs, ["batch", DIMENSIONS], constants)
    config = {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": SIDE},
        "do_center_crop": True, "crop_size": SIDE, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": MEAN, "image_std": STD,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return folder


def _write(path, nodes, inputs, shape, constants, external=None):
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, [output], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"save_as_external_data": True, "location": external, "size_threshold": 0} if external else {}
    onnx.save(model, str(path), **kept)


def _write_tokenizer(folder):
    tokenizer = Tokenizer(WordLevel(VOCABULARY, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = Sequence([WhitespaceSplit(), Punctuation()])
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, VOCABULARY[name]) for name in ("[CLS]", "[SEP]")]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{name.strip('[]').lower()}_token": name for name in SPECIAL}
    for file, content in {
        "config.json": {"pad_token_id": VOCABULARY["[PAD]"], "hidden_size": DIMENSIONS},
        "tokenizer_config.json": {"model_max_length": MAX_TOKENS, "pad_token": "[PAD]"},
        "special_tokens_map.json": names,
    }.items():
        (folder / file).write_text(json.dumps(content))


# What they yield


def token_ids(text):
    spaced = "".join(f" {char} " if char in string.punctuation else char for char in text.lower())
    ids = [VOCABULARY.get(word, VOCABULARY["[UNK]"]) for word in spaced.split()]
    return [VOCABULARY["[CLS]"], *ids[: MAX_TOKENS - 2], VOCABULARY["[SEP]"]]


def unit(vector):
    return vector / np.linalg.norm(vector)


def mean_vector(text):
    return TABLE[token_ids(text)].astype(np.float64).mean(axis=0)


def first_vector(text):
    return TABLE[token_ids(text)[0]]


def splade_weights(text):
    """ln(1 + max(0, weight)), the largest over tokens, by word."""
    weights = np.log1p(np.maximum(TABLE[token_ids(text)] @ HEAD, 0)).max(axis=0)
    return {int(word): weights[word] for word in weights.nonzero()[0]}


def colour_vector(colour):
    return unit(((np.array(colour) / 255 - MEAN) / STD) @ COLOURS)


def picture(colour=(200, 100, 50), size=(SIDE, SIDE), kind="PNG"):
    """The base64 of an image of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return base64.b64encode(file.getvalue()).decode()
