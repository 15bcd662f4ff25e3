"""FastEmbed's `Qdrant/bm25`: the oracle of `dialect="fastembed"`, with the stopword lists from here."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
from fastembed.common.utils import get_all_punctuation, remove_non_alphanumeric
from fastembed.sparse import bm25 as fastembed_bm25
from fastembed.sparse.bm25 import Bm25
from py_rust_stemmers import SnowballStemmer

from bm25 import Bm25Config, Bm25Encoder
from bm25.analysis.greek import may_panic
from bm25.analysis.languages import EXTRA_STEMMERS, FASTEMBED_LANGUAGES
from bm25.config import StopwordsSet
from tests import reference
from tests.oracle import Vectors

STOPWORDS = Path(__file__).parents[1] / "stopwords"

# It goes through all code points for each model; the answer is always the same.
fastembed_bm25.get_all_punctuation = cache(get_all_punctuation)


class PythonStemmer:
    """A stemmer that FastEmbed can be given for languages it lacks."""

    def __init__(self, language: str) -> None:
        module = import_module(f"snowballstemmer.{language}_stemmer")
        self.stem_word = getattr(module, f"{language.title().replace('_', '')}Stemmer")().stemWord


def fastembed(config: Bm25Config) -> Bm25:
    """Return FastEmbed's model with the options of a configuration."""
    assert config.dialect == "fastembed"
    return Bm25(
        "Qdrant/bm25",
        k=config.k,
        b=config.b,
        avg_len=config.avg_len,
        language=config.language,
        token_max_length=40 if config.max_token_len is None else config.max_token_len,
        specific_model_path=str(_folder()),
        **_stemmer(config.stemmer),
        stopwords=_stopwords(config.stopwords),
    )


def harmless(config: Bm25Config, texts: Sequence[str]) -> list[str]:
    """Return the texts that do not end the process: FastEmbed's Greek stemmer panics on some words."""
    if config.stemmer_language != "greek":
        return list(texts)
    return [text for text in texts if not any(map(may_panic, re.split(r"\W+", text.lower())))]


def fastembed_documents(config: Bm25Config, texts: Sequence[str]) -> Vectors:
    """Return the vectors of documents, ids put in ascending order."""
    return _vectors(fastembed(config).raw_embed(list(texts)))


def fastembed_queries(config: Bm25Config, texts: Sequence[str]) -> Vectors:
    """Return the vectors of queries, ids put in ascending order."""
    return _vectors(fastembed(config).query_embed(list(texts)))


def assert_documents_equal(encoder: Bm25Encoder, texts: Sequence[str]) -> int:
    """Assert that document vectors have FastEmbed's ids, and its weights rounded to float32.

    Where two terms of one text share an id, FastEmbed keeps the weight of the one that came later and ours
    is that of the sum of their frequencies: such a text must differ in that and in nothing else.

    Returns how many such texts there were.
    """
    expected = fastembed_documents(encoder.config, texts)
    actual = encoder.encode_documents(texts)
    differing = _differing(actual, expected)
    for row in differing:
        if not _shares_an_id(encoder.config, texts[row], actual[row], _row(expected, row)):
            _fail("document", encoder.config, texts[row], actual[row], _row(expected, row))
    return len(differing)


def assert_queries_equal(encoder: Bm25Encoder, texts: Sequence[str], *, singly: bool = True) -> None:
    """Assert that query vectors have FastEmbed's ids and values, from both ways to ask for them."""
    expected = fastembed_queries(encoder.config, texts)
    actual = encoder.encode_queries(texts)
    for row in _differing(actual, expected):
        _fail("query", encoder.config, texts[row], actual[row], _row(expected, row))
    for row, text in enumerate(texts if singly else ()):
        found = encoder.encode_query(text)
        if not _equal(found, _row(expected, row)):
            _fail("query (encode_query)", encoder.config, text, found, _row(expected, row))


def assert_equal(encoder: Bm25Encoder, texts: Sequence[str]) -> None:
    assert_documents_equal(encoder, texts)
    assert_queries_equal(encoder, texts)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp())
    (folder / "mock.file").touch()
    for language in FASTEMBED_LANGUAGES:
        if (STOPWORDS / f"{language}.txt").exists():
            (folder / f"{language}.txt").write_bytes((STOPWORDS / f"{language}.txt").read_bytes())
    return folder


def _stemmer(stemmer: Mapping[str, str] | None) -> dict[str, object]:
    if stemmer is None:
        return {}
    if stemmer["type"] == "none":
        return {"disable_stemmer": True}
    language = stemmer["language"]
    own = PythonStemmer(language) if language in EXTRA_STEMMERS else SnowballStemmer(language)
    return {"stemmer": own}


def _stopwords(stopwords: object) -> set[str] | None:
    if stopwords is None:
        return None
    assert isinstance(stopwords, StopwordsSet)
    assert not stopwords.languages, "FastEmbed has no such option"
    return set(stopwords.custom)


def _vectors(embeddings: object) -> Vectors:
    lengths, indices, values = [0], [], []
    for embedding in embeddings:
        order = np.argsort(embedding.indices)
        indices.append(embedding.indices[order])
        values.append(embedding.values[order])
        lengths.append(len(order))
    return Vectors(
        np.cumsum(lengths),
        np.concatenate(indices or [[]]).astype(np.uint32),
        np.concatenate(values or [[]]).astype(np.float32),
    )


def _row(vectors: Vectors, row: int) -> tuple[np.ndarray, np.ndarray]:
    start, end = vectors.indptr[row : row + 2]
    return vectors.indices[start:end], vectors.values[start:end]


def _equal(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    return one[0].tolist() == other[0].tolist() and one[1].tobytes() == other[1].tobytes()


def _differing(actual: object, expected: Vectors) -> list[int]:
    assert (actual.indices.dtype, actual.values.dtype) == (np.uint32, np.float32)
    assert len(actual.indptr) == len(expected.indptr)
    if (
        np.array_equal(actual.indptr, expected.indptr)
        and np.array_equal(actual.indices, expected.indices)
        and actual.values.tobytes() == expected.values.tobytes()
    ):
        return []
    rows = range(len(expected.indptr) - 1)
    return [row for row in rows if not _equal(actual[row], _row(expected, row))]


def _shares_an_id(config: Bm25Config, text: str, actual: object, expected: object) -> bool:
    model = fastembed(config)
    tokens = model._stem(model.tokenizer.tokenize(remove_non_alphanumeric(text)))
    terms: dict[int, dict[str, int]] = {}
    for term, count in Counter(tokens).items():
        terms.setdefault(reference.term_id(term.encode()), {})[term] = count
    if all(len(those) == 1 for those in terms.values()):
        return False

    def weighed(frequency: object) -> tuple[np.ndarray, np.ndarray]:
        weights = [
            reference.document_weight_unfused(
                frequency(terms[id].values()), len(tokens), config.k, config.b, config.avg_len
            )
            for id in sorted(terms)
        ]
        return np.array(sorted(terms), np.uint32), np.array(weights, np.float32)

    return _equal(actual, weighed(sum)) and _equal(expected, weighed(lambda counts: list(counts)[-1]))


def _fail(kind: str, config: Bm25Config, text: str, actual: object, expected: object) -> None:
    defaults = Bm25Config().to_dict()
    options = {key: value for key, value in config.to_dict().items() if value != defaults[key]}
    ours, theirs = (
        dict(zip(*(array.tolist() for array in each), strict=True)) for each in (actual, expected)
    )
    ids = [id for id in sorted(ours.keys() | theirs.keys()) if ours.get(id) != theirs.get(id)]
    differences = "\n".join(
        f"id {id}: ours {ours.get(id)!r}, FastEmbed's {theirs.get(id)!r}" for id in ids[:8]
    )
    raise AssertionError(
        f"the {kind} vector is not FastEmbed's\ntext: {text[:200]!a}\noptions: {options}\n{differences}"
    )
