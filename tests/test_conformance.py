"""Our vectors equal the published ones; and the published ones cover what they are said to."""

import json
import struct
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from bm25 import Bm25Config, Bm25Encoder
from bm25.analysis.languages import FASTEMBED_LANGUAGES, STEMMER_LANGUAGES, STOPWORD_LANGUAGES
from bm25.engine import ENGINE_VERSION
from bm25.options import TOKENIZERS

FOLDER = Path(__file__).parents[1] / "docs" / "conformance"
FIELDS = ["name", "role", "text", "options", "indices", "weights", "engine"]


def read(name):
    data = (FOLDER / name).read_bytes()
    return [json.loads(line) for line in data.decode("ascii").removesuffix("\n").split("\n")]


ENGINE = read("vectors.jsonl")
FASTEMBED = read("fastembed.jsonl")
every_case = pytest.mark.parametrize("case", [*ENGINE, *FASTEMBED], ids=lambda case: case["name"])


@lru_cache(maxsize=64)
def encoder(options, fastembed):
    options = json.loads(options)
    if fastembed:
        options["dialect"] = "fastembed"
        options["max_token_len"] = options.pop("token_max_length", None)
        if options.pop("disable_stemmer", False):
            options["stemmer"] = {"type": "none"}
    return Bm25Encoder(Bm25Config.from_dict(options), threads=1)


@every_case
def test_ours_are_equal(case):
    ours = encoder(json.dumps(case["options"]), case["engine"].startswith("fastembed"))
    if case["role"] == "document":
        vectors = [ours.encode_documents([case["text"]])[0]]
    else:
        vectors = [ours.encode_queries([case["text"]])[0], ours.encode_query(case["text"])]
    expected = np.array(case["weights"], np.float32)
    for indices, values in vectors:
        assert indices.tolist() == case["indices"]
        assert values.tobytes() == expected.tobytes()


@every_case
def test_cases_are_as_described(case):
    assert list(case) == FIELDS
    assert case["role"] in ("document", "query")
    assert case["name"].endswith(f"/{case['role']}")
    assert case["indices"] == sorted(set(case["indices"]))
    assert len(case["weights"]) == len(case["indices"])
    for weight in case["weights"]:
        assert isinstance(weight, float)
        assert weight == float(str(np.float32(weight)))  # the shortest decimal
        (read_back,) = struct.unpack("<f", struct.pack("<f", weight))
        assert read_back == np.float32(weight)
        assert case["role"] == "document" or weight == 1.0


def test_numbers_of_cases_and_sizes():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"| {len(ENGINE)}: every option" in readme
    assert f"| {len(FASTEMBED)}: its options" in readme
    assert 400 <= len(ENGINE) <= 800
    assert 100 <= len(FASTEMBED) <= 400
    for name, cases in (("vectors.jsonl", ENGINE), ("fastembed.jsonl", FASTEMBED)):
        assert (FOLDER / name).stat().st_size < 1_000_000
        assert len({case["name"] for case in cases}) == len(cases)
    assert {case["engine"] for case in ENGINE} == {f"qdrant-edge-py {ENGINE_VERSION}"}
    assert len({case["engine"] for case in FASTEMBED}) == 1
    # Most have something to compare.
    assert sum(bool(case["indices"]) for case in ENGINE) > 0.9 * len(ENGINE)


def values(cases, option):
    return [case["options"][option] for case in cases if option in case["options"]]


@pytest.mark.parametrize("role", ["document", "query"])
def test_every_language_stemmer_and_tokenizer_occurs(role):
    cases = [case for case in ENGINE if case["role"] == role]
    assert set(values(cases, "language")) == set(STOPWORD_LANGUAGES)
    assert {one["language"] for one in values(cases, "stemmer") if one["type"] == "snowball"} == set(
        STEMMER_LANGUAGES
    )
    assert {*values(cases, "tokenizer"), "word"} == set(TOKENIZERS)
    assert {case["options"]["language"] for case in FASTEMBED if "language" in case["options"]} == set(
        FASTEMBED_LANGUAGES
    )


def test_every_option_occurs_with_more_than_one_value():
    names = {name for case in ENGINE for name in case["options"]}
    ours = set(Bm25Config().to_dict())
    assert names == ours - {"k3", "dialect", "filters", "synonyms", "protected_words"}
    for name in names - {"lowercase", "ascii_folding"}:
        assert len({json.dumps(value) for value in values(ENGINE, name)}) > 1, name
    assert values(ENGINE, "lowercase").count(False) > 40
    assert values(ENGINE, "ascii_folding").count(True) > 40
    lists = [value for value in values(ENGINE, "stopwords") if isinstance(value, dict)]
    assert any(value.get("custom") and value.get("languages") for value in lists)
    assert {name for case in FASTEMBED for name in case["options"]} == {
        "language", "disable_stemmer", "token_max_length", "k", "b", "avg_len",
    }  # fmt: skip


def test_options_are_of_the_rest_api():
    """What ours writes for Qdrant reads like the options of the vectors."""
    for case in ENGINE:
        written = Bm25Config.from_dict(case["options"]).to_qdrant_options()
        assert Bm25Config.from_dict(written) == Bm25Config.from_dict(case["options"])
