"""Derive docs/conformance/*.jsonl, vectors that any implementation can be checked with, from the oracles.

    python scripts/derive_conformance.py           write them
    python scripts/derive_conformance.py --check   exit with 1 unless the committed files are the same

vectors.jsonl comes from Qdrant's engine, fastembed.jsonl from FastEmbed with the stopword lists of this
repository in place of a download. Nothing of the package itself takes part. docs/conformance/README.md
describes the format.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import oracle
import qdrant_edge
from conformance_texts import EMPTY, IDENTIFIERS, MULTILINGUAL, ROUNDING, SENTENCES, TRAPS, WEIGHTS
from fastembed.sparse.bm25 import Bm25 as FastEmbed

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "conformance"

STOPWORD_LANGUAGES = tuple(sorted(name.lower() for name in dir(qdrant_edge.Language) if name[0] != "_"))
STEMMER_LANGUAGES = tuple(
    sorted(name.lower() for name in dir(qdrant_edge.SnowballLanguage) if name[0] != "_")
)
FASTEMBED_LANGUAGES = tuple(name for name in STEMMER_LANGUAGES if name != "armenian")

Case = dict[str, Any]
BARE: Case = {"stopwords": {}, "stemmer": {"type": "none"}}
BOTH = ("document", "query")
NEWER = {
    "final sigma by newer tables",
    "capitals of newer tables",
    "scripts beyond the BMP",
    "georgian and cherokee",
}
"""Characters of which older Pythons know less, and with them FastEmbed."""


def engine_cases() -> Iterator[Case]:
    """Every case without its vector."""
    yield from _languages()
    yield from _tokenizers()
    yield from _traps()
    yield from _limits()
    yield from _stopwords()
    yield from _weights()
    for name, text in EMPTY.items():
        for tokenizer in ("word", "whitespace", "prefix", "code", "multilingual"):
            yield from _case(f"empty/{name}/{tokenizer}", text, {"tokenizer": tokenizer})
    for size in (63, 64, 65, 255, 256, 257, 1000):
        yield from _case(f"long token/{size}", "a" * size + " b" + "é" * size, BARE, roles=("document",))


def fastembed_cases() -> Iterator[Case]:
    """The cases of FastEmbed without their vectors."""
    for language in FASTEMBED_LANGUAGES:
        first, second = SENTENCES[language]
        yield from _case(f"language/{language}", f"{first} {second}", {"language": language})
    for language in ("english", "german", "turkish"):
        options = {"language": language, "disable_stemmer": True}
        yield from _case(f"disable_stemmer/{language}", " ".join(SENTENCES[language]), options)
    for name, text in TRAPS.items():
        if name not in NEWER:
            yield from _case(f"characters/{name}", text, {"disable_stemmer": True}, roles=("document",))
    for name, text in EMPTY.items():
        yield from _case(f"empty/{name}", text, {})
    words = "a bc def " + " ".join(
        letter * size for letter, size in zip("ghij", (39, 40, 41, 80), strict=True)
    )
    for limit in (None, 1, 3, 39, 40, 41, 100):
        options = {} if limit is None else {"token_max_length": limit}
        yield from _case(f"token_max_length/{limit or 'default'}", words, options)
    yield from _case("token_max_length/before stemming", "generously running", {"token_max_length": 7})
    for i, options in enumerate(WEIGHT_OPTIONS):
        for name, text in WEIGHTS.items():
            yield from _case(f"weights/{i}/{name}", text, options, roles=("document",))
    yield from _rounding()
    for text in IDENTIFIERS:
        yield from _case(f"identifiers/{text.split()[0]}", text, {}, roles=("document",))


def _languages() -> Iterator[Case]:
    for language in STOPWORD_LANGUAGES:
        first, second = SENTENCES[language]
        yield from _case(f"language/{language}", first, {"language": language})
        yield from _case(f"language/{language}/second", second, {"language": language}, roles=("document",))
        none = {"language": language, "stemmer": {"type": "none"}}
        yield from _case(f"language/{language}/stemmer none", second, none, roles=("query",))
        options = {"stopwords": language, "stemmer": {"type": "none"}}
        yield from _case(f"stopwords/{language}", first, options, roles=("document",))
    for language in STEMMER_LANGUAGES:
        options = {"stopwords": {}, "stemmer": {"type": "snowball", "language": language}}
        for i, text in enumerate(SENTENCES[language]):
            yield from _case(f"stemmer/{language}/{i}", text, options, roles=("document",))
        capitals = {**options, "lowercase": False}
        yield from _case(
            f"stemmer/{language}/upper", SENTENCES[language][0].upper(), capitals, roles=("query",)
        )


def _tokenizers() -> Iterator[Case]:
    for language in ("english", "german", "russian", "arabic", "chinese", "turkish", "greek", "nepali"):
        text = SENTENCES[language][1]
        for tokenizer in ("whitespace", "code"):
            yield from _case(f"{tokenizer}/{language}", text, {"tokenizer": tokenizer, "language": language})
    for language, (first, _) in SENTENCES.items():
        options = {} if language not in STOPWORD_LANGUAGES else {"language": language}
        yield from _case(f"multilingual/{language}", first, {"tokenizer": "multilingual", **options})
    for i, text in enumerate(MULTILINGUAL):
        yield from _case(f"multilingual/text {i}", text, {"tokenizer": "multilingual"})
        options = {"tokenizer": "multilingual", "lowercase": False, "ascii_folding": True, **BARE}
        yield from _case(f"multilingual/text {i}/bare", text, options, roles=("document",))
    for text in IDENTIFIERS:
        name = text.split()[0]
        yield from _case(f"code/{name}", text, {"tokenizer": "code"})
        options = {"tokenizer": "code", "lowercase": False, **BARE}
        yield from _case(f"code/{name}/bare", text, options, roles=("document",))
    yield from _case(
        "code/limits", IDENTIFIERS[0], {"tokenizer": "code", "min_token_len": 4, "max_token_len": 8}
    )
    yield from _case("code/folded", IDENTIFIERS[6], {"tokenizer": "code", "ascii_folding": True, **BARE})
    text = "The theory of Straßen, naïve ΣΑΣ a ab 2024 running"
    for shortest, longest in ((None, None), (2, None), (3, 5), (None, 3), (1, 1), (6, 6), (0, 4)):
        given = {"min_token_len": shortest, "max_token_len": longest}
        limits = {name: value for name, value in given.items() if value is not None}
        name = f"prefix/{shortest} to {longest}"
        yield from _case(name, text, {"tokenizer": "prefix", **limits})
        yield from _case(f"{name}/bare", text, {"tokenizer": "prefix", **limits, **BARE})
    for limits in ({}, {"min_token_len": 0}, {"min_token_len": 1}, {"max_token_len": 0}):
        name = "prefix/empty stem" + "".join(f"/{option} {value}" for option, value in limits.items())
        yield from _case(name, "ـ كتاب", {"tokenizer": "prefix", "language": "arabic", **limits})


def _traps() -> Iterator[Case]:
    variants: dict[str, tuple[Case, tuple[str, ...]]] = {
        "word": (BARE, ("document",)),
        "word, folded": ({"ascii_folding": True, **BARE}, ("document",)),
        "word, case kept": ({"lowercase": False, **BARE}, ("document",)),
        "whitespace": ({"tokenizer": "whitespace", **BARE}, BOTH),
    }
    for name, text in TRAPS.items():
        for variant, (options, roles) in variants.items():
            if variant == "whitespace" and not name.startswith("NUL"):
                roles = ("document",)
            yield from _case(f"characters/{name}/{variant}", text, options, roles=roles)
    options = {"language": "arabic"}
    yield from _case("characters/tatweel/arabic", TRAPS["tatweel"], options)
    yield from _case("characters/tatweel alone/arabic", "ـ", options)


def _limits() -> Iterator[Case]:
    text = "a ab abc running generously Straßenbahnen naïve 𝒜𝒜 e\u0301 the over"
    for shortest, longest in ((0, None), (1, None), (2, None), (3, None), (7, None), (None, 0), (None, 1),
                              (None, 3), (None, 6), (2, 3), (3, 3), (0, 0), (4, 1000)):  # fmt: skip
        given = {"min_token_len": shortest, "max_token_len": longest}
        limits = {name: value for name, value in given.items() if value is not None}
        yield from _case(f"limits/{shortest} to {longest}", text, limits)
        if shortest in (None, 3):
            options = {"tokenizer": "whitespace", **limits, **BARE}
            yield from _case(f"limits/{shortest} to {longest}/whitespace", text, options, roles=("document",))


def _stopwords() -> Iterator[Case]:
    text = "The CAFÉ and the cafe in the Straße: don't stop the Dogs, der Hund und le chien"
    variants: dict[str, Case] = {
        "none": {"stopwords": {}},
        "none, both empty": {"stopwords": {"languages": [], "custom": []}},
        "custom": {"stopwords": {"custom": ["dogs", "STOP", "chien"]}},
        "custom, case kept": {"stopwords": {"custom": ["Dogs", "stop", "the"]}, "lowercase": False},
        "custom, folded": {"stopwords": {"custom": ["cafe", "straße"]}, "ascii_folding": True},
        "custom, accented": {"stopwords": {"custom": ["café", "strasse"]}, "ascii_folding": True},
        "custom, not stemmed": {"stopwords": {"custom": ["dog"]}},
        "custom, with separators": {"stopwords": {"custom": ["don't", "the dogs", ""]}},
        "several languages": {"stopwords": {"languages": ["german", "french"]}},
        "languages and custom": {"stopwords": {"languages": ["english", "german"], "custom": ["hund"]}},
        "another language": {"stopwords": "german"},
        "language kept for its stemmer": {"language": "german", "stopwords": "english"},
        "case kept": {"lowercase": False},
    }
    for name, options in variants.items():
        yield from _case(f"stopwords/{name}", text, options)
        yield from _case(
            f"stopwords/{name}/whitespace", text, {"tokenizer": "whitespace", **options}, roles=("document",)
        )
    for tokenizer in ("prefix", "code", "multilingual"):
        options = {"tokenizer": tokenizer, "stopwords": {"languages": ["english"], "custom": ["dogs", "hu"]}}
        yield from _case(f"stopwords/languages and custom/{tokenizer}", text, options)


WEIGHT_OPTIONS: tuple[Case, ...] = (
    {},
    {"k": 0.0},
    {"k": 0.5, "b": 0.31, "avg_len": 5.5},
    {"k": 2.0, "b": 1.0, "avg_len": 1.0},
    {"k": 1.2, "b": 0.0},
    {"k": 1e-9, "b": 0.75, "avg_len": 1e-9},
    {"k": 1e12, "b": 0.0},
    {"k": 1e300, "b": 0.0},
    {"k": 1e12, "b": 1.0, "avg_len": 1.0},
    {"k": 3.3333333333333335, "b": 0.1, "avg_len": 1e300},
    {"k": 100.0, "b": 0.9, "avg_len": 1e-300},
    {"k": 0.1, "b": 0.7, "avg_len": 0.3},
)


def _weights() -> Iterator[Case]:
    for i, options in enumerate(WEIGHT_OPTIONS):
        for name, text in WEIGHTS.items():
            yield from _case(f"weights/{i}/{name}", text, options, roles=("document",))
    yield from _rounding()
    yield from _case("weights/queries have none", WEIGHTS["few"], {"k": 2.0, "b": 0.1}, roles=("query",))


def _rounding() -> Iterator[Case]:
    for i, (frequency, length, k, b, avg_len) in enumerate(ROUNDING):
        text = " ".join(["dog"] * frequency + ["cat"] * (length - frequency))
        options = {"k": k, "b": b, "avg_len": avg_len}
        yield from _case(f"weights/rounding {i}", text, options, roles=("document",))


def _case(name: str, text: str, options: Case, roles: tuple[str, ...] = BOTH) -> Iterator[Case]:
    for role in roles:
        yield {"name": f"{name}/{role}", "role": role, "text": text, "options": options}


def engine_vector(case: Case) -> tuple[list[int], list[float]]:
    """Ids and weights as Qdrant's engine gives them."""
    options = case["options"]
    model = _engine(json.dumps(options))
    vector = (model.embed_document if case["role"] == "document" else model.embed_query)(case["text"])
    return list(vector.indices), list(vector.values)


@cache
def _engine(options_json: str) -> qdrant_edge.Bm25:
    options = json.loads(options_json)
    if "tokenizer" in options:
        options["tokenizer"] = getattr(qdrant_edge.TokenizerType, options["tokenizer"].capitalize())
    stopwords = options.get("stopwords")
    if isinstance(stopwords, str):
        options["stopwords"] = getattr(qdrant_edge.Language, stopwords.capitalize())
    elif stopwords is not None:
        languages = {
            getattr(qdrant_edge.Language, name.capitalize()) for name in stopwords.get("languages", ())
        }
        options["stopwords"] = qdrant_edge.StopwordsSet(languages, set(stopwords.get("custom", ())))
    stemmer = options.get("stemmer")
    if stemmer is not None and stemmer["type"] == "none":
        options["stemmer"] = qdrant_edge.DisabledStemmer()
    elif stemmer is not None:
        language = getattr(qdrant_edge.SnowballLanguage, stemmer["language"].capitalize())
        options["stemmer"] = qdrant_edge.SnowballParams(language)
    return qdrant_edge.Bm25(qdrant_edge.Bm25Config(**options))


def fastembed_vector(case: Case) -> tuple[list[int], list[float]]:
    """Ids, sorted, and weights, rounded to float32, that FastEmbed gives."""
    model = _fastembed(json.dumps(case["options"]))
    (vector,) = (model.embed if case["role"] == "document" else model.query_embed)([case["text"]])
    order = np.argsort(vector.indices)
    return vector.indices[order].tolist(), vector.values[order].astype(np.float32).tolist()


@cache
def _fastembed(options_json: str) -> FastEmbed:
    options = json.loads(options_json)
    language = options.get("language", "english")
    with TemporaryDirectory() as folder:
        Path(folder, "mock.file").touch()
        words = ROOT / "stopwords" / f"{language}.txt"
        if words.exists():
            Path(folder, words.name).write_bytes(words.read_bytes())
        return FastEmbed("Qdrant/bm25", cache_dir=folder, specific_model_path=folder, **options)


def lines(cases: Iterator[Case], vector: Any, engine: str) -> str:
    """The file: one case a line, ASCII only."""
    found = []
    for case in cases:
        indices, weights = vector(case)
        if not np.isfinite(weights).all():
            raise SystemExit(f"{case['name']}: not a finite weight, which JSON does not have")
        # float32 as the shortest decimal that reads back to it, and not as its float64 neighbour.
        decimals = [float(str(np.float32(weight))) for weight in weights]
        found.append(json.dumps({**case, "indices": indices, "weights": decimals, "engine": engine}))
    names = [json.loads(line)["name"] for line in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SystemExit(f"names are not distinct: {', '.join(twice)}")
    return "".join(f"{line}\n" for line in found)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    files = {
        "vectors.jsonl": lines(engine_cases(), engine_vector, oracle.name_and_version()),
        "fastembed.jsonl": lines(fastembed_cases(), fastembed_vector, f"fastembed {version('fastembed')}"),
    }
    differing = []
    for name, text in files.items():
        path = TARGET / name
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii", newline="\n")
        elif not path.exists() or path.read_bytes() != text.encode("ascii"):
            differing.append(name)
    for name in differing:
        print(f"docs/conformance/{name} is not what the oracle gives", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
