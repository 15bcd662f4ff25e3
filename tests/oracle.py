"""Qdrant's own encoder as the oracle, and comparison with it bit for bit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import qdrant_edge

from bm25 import Bm25Config, Bm25Encoder, SparseVectors
from bm25.config import StopwordsSet

ORACLE_VERSION = "0.9.0"
"""The engine whose rules the package follows; another one may have other rules."""


class Vectors(NamedTuple):
    """What the oracle yields for some texts; that of text i is at indptr[i]:indptr[i + 1]."""

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray


def installed_version() -> str:
    return version("qdrant-edge-py")


def oracle(config: Bm25Config) -> qdrant_edge.Bm25:
    """Return the engine's encoder with the same options; those left at None are None there too."""
    if config.k3 is not None:
        raise ValueError("k3 is not an option of Qdrant's: there is nothing to compare with")
    return qdrant_edge.Bm25(
        qdrant_edge.Bm25Config(
            k=config.k,
            b=config.b,
            avg_len=config.avg_len,
            tokenizer=getattr(qdrant_edge.TokenizerType, config.tokenizer.capitalize()),
            language=config.language,
            lowercase=config.lowercase,
            ascii_folding=config.ascii_folding,
            stopwords=_stopwords(config.stopwords),
            stemmer=_stemmer(config.stemmer),
            min_token_len=config.min_token_len,
            max_token_len=config.max_token_len,
        )
    )


def oracle_documents(config: Bm25Config, texts: Sequence[str]) -> Vectors:
    return _vectors(oracle(config).embed_document, texts)


def oracle_queries(config: Bm25Config, texts: Sequence[str]) -> Vectors:
    return _vectors(oracle(config).embed_query, texts)


def document_weight(config: Bm25Config, frequency: int, length: int) -> float:
    """The weight by its definition, in exact arithmetic where Qdrant has a fused multiply-add.

    For ordinary k, b and avg_len: nothing here may overflow.
    """
    norm = 1.0 - config.b + config.b * length / config.avg_len
    denominator = float(Fraction(config.k) * Fraction(norm) + frequency)
    return float(np.float32(frequency * (config.k + 1.0) / denominator))


def is_panic(error: BaseException) -> bool:
    """Whether an exception is a panic of the engine's, which is none of Python's `Exception`s."""
    return type(error).__name__ == "PanicException"


def assert_documents_equal(encoder: Bm25Encoder, texts: Sequence[str]) -> None:
    """Assert that document vectors have the oracle's ids, in its order, and the bits of its weights.

    Where two terms of one text share an id, the engine keeps one of their two weights and ours is that
    of the sum of their frequencies: such a text must differ in that and in nothing else.
    """
    expected = oracle_documents(encoder.config, texts)
    actual = encoder.encode_documents(texts)
    for row in _differing_rows(actual, expected):
        if not _is_documented_collision(encoder, texts[row], _row(actual, row), _row(expected, row)):
            _fail("document", encoder.config, texts, row, actual, expected)


def assert_queries_equal(encoder: Bm25Encoder, texts: Sequence[str], *, singly: bool | None = None) -> None:
    """Assert that query vectors equal the oracle's, bit for bit, from `encode_queries` and `encode_query`.

    Args:
        singly: whether to try `encode_query` too; None for unless there are more than 20,000 texts.
    """
    expected = oracle_queries(encoder.config, texts)
    actual = encoder.encode_queries(texts)
    for row in _differing_rows(actual, expected):
        _fail("query", encoder.config, texts, row, actual, expected)
    if singly is False or (singly is None and len(texts) > 20_000):
        return
    vectors = [encoder.encode_query(text) for text in texts]
    actual = SparseVectors(
        np.cumsum([0, *(len(indices) for indices, _ in vectors)]),
        np.concatenate([indices for indices, _ in vectors] or [np.empty(0, np.uint32)]),
        np.concatenate([values for _, values in vectors] or [np.empty(0, np.float32)]),
    )
    for row in _differing_rows(actual, expected):
        _fail("query (encode_query)", encoder.config, texts, row, actual, expected)


def assert_equal(encoder: Bm25Encoder, texts: Sequence[str]) -> None:
    """Assert that both document and query vectors equal the oracle's."""
    assert_documents_equal(encoder, texts)
    assert_queries_equal(encoder, texts)


def _stopwords(stopwords: object) -> object:
    if stopwords is None:
        return None
    if isinstance(stopwords, str):
        return getattr(qdrant_edge.Language, stopwords.capitalize())
    assert isinstance(stopwords, StopwordsSet)
    languages = {getattr(qdrant_edge.Language, name.capitalize()) for name in stopwords.languages}
    return qdrant_edge.StopwordsSet(languages=languages, custom=set(stopwords.custom))


def _stemmer(stemmer: object) -> object:
    if stemmer is None:
        return None
    assert isinstance(stemmer, Mapping)
    if stemmer["type"] == "none":
        return qdrant_edge.DisabledStemmer()
    language = getattr(qdrant_edge.SnowballLanguage, stemmer["language"].capitalize())
    return qdrant_edge.SnowballParams(language)


def _vectors(embed: object, texts: Sequence[str]) -> Vectors:
    lengths: list[int] = []
    indices: list[int] = []
    values: list[float] = []
    for text in texts:
        try:
            vector = embed(text)
        except BaseException as error:
            if not is_panic(error):
                raise
            raise AssertionError(f"the oracle itself panics on {_short(text)}: {error}") from None
        ids = vector.indices
        lengths.append(len(ids))
        indices += ids
        values += vector.values
    indptr = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    # float32 -> Python float -> float32 keeps every bit, infinity and the sign of NaN too.
    return Vectors(indptr, np.array(indices, np.uint32), np.array(values, np.float32))


def _bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(np.uint32)


def _row(vectors: SparseVectors | Vectors, row: int) -> tuple[np.ndarray, np.ndarray]:
    start, end = vectors.indptr[row : row + 2]
    return vectors.indices[start:end], vectors.values[start:end]


def _differing_rows(actual: SparseVectors, expected: Vectors) -> list[int]:
    assert actual.indices.dtype == np.uint32
    assert actual.values.dtype == np.float32
    assert len(actual.indptr) == len(expected.indptr), "not one vector for each text"
    if (
        np.array_equal(actual.indptr, expected.indptr)
        and np.array_equal(actual.indices, expected.indices)
        and np.array_equal(_bits(actual.values), _bits(expected.values))
    ):
        return []
    return [row for row in range(len(expected.indptr) - 1) if not _rows_equal(actual, expected, row)]


def _rows_equal(actual: SparseVectors, expected: Vectors, row: int) -> bool:
    (ids, values), (other_ids, other_values) = _row(actual, row), _row(expected, row)
    return np.array_equal(ids, other_ids) and np.array_equal(_bits(values), _bits(other_values))


def _is_documented_collision(
    encoder: Bm25Encoder,
    text: str,
    actual: tuple[np.ndarray, np.ndarray],
    expected: tuple[np.ndarray, np.ndarray],
) -> bool:
    (ids, values), (expected_ids, expected_values) = actual, expected
    if not np.array_equal(ids, expected_ids):
        return False
    counts = Bm25Encoder(encoder.config, threads=1).count_documents([text])
    if counts.terms is None:
        return False  # nothing tells whether an id is shared
    shared = np.isin(ids, list(counts.terms.collisions))
    if (_bits(values) != _bits(expected_values))[~shared].any():
        return False
    frequencies, length = _oracle_frequencies(encoder.config, text, shared)
    ours = counts.frequencies.astype(np.int64)
    # Of a shared id the oracle tells the frequency of one term, but the length counts both.
    if int(counts.lengths[0]) != length or int(ours.sum()) != length or (ours < frequencies).any():
        return False
    assert (ours == frequencies)[~shared].all()
    weights = [document_weight(encoder.config, int(tf), length) for tf in ours]
    return np.array_equal(_bits(values), _bits(np.array(weights, np.float32)))


def _oracle_frequencies(config: Bm25Config, text: str, shared: np.ndarray) -> tuple[np.ndarray, int]:
    """Term frequencies as the oracle has them, and the length of the text.

    The length is told by an id that is not shared: of a shared one each call may take another term.
    """
    options = config.to_dict()
    # With b = 0 and a huge k a weight is the term frequency; with b = 1 it is that by the length.
    frequencies = oracle_documents(Bm25Config.from_dict({**options, "k": 1e12, "b": 0.0}), [text]).values
    shares = oracle_documents(
        Bm25Config.from_dict({**options, "k": 1e12, "b": 1.0, "avg_len": 1.0}), [text]
    ).values
    rounded = np.rint(frequencies).astype(np.int64)
    sure = int(np.argmin(shared))
    return rounded, round(float(rounded[sure]) / float(shares[sure]))


def _fail(
    kind: str, config: Bm25Config, texts: Sequence[str], row: int, actual: SparseVectors, expected: Vectors
) -> None:
    options = {key: value for key, value in config.to_dict().items() if value != Bm25Config().to_dict()[key]}
    raise AssertionError(
        f"the {kind} vector of texts[{row}] is not the oracle's\n"
        f"text:    {_short(texts[row])} ({len(texts[row])} characters)\n"
        f"options: {options}\n"
        f"{_difference(_row(actual, row), _row(expected, row))}"
    )


def _short(text: str) -> str:
    return ascii(text) if len(text) <= 60 else f"{text[:40]!a} ... {text[-20:]!a}"


def _difference(actual: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> str:
    ours = dict(zip(actual[0].tolist(), actual[1].tolist(), strict=True))
    theirs = dict(zip(expected[0].tolist(), expected[1].tolist(), strict=True))
    lines = [f"sizes:   ours {len(actual[0])}, the oracle's {len(expected[0])}"]
    if ours.keys() == theirs.keys() and not np.array_equal(actual[0], expected[0]):
        lines.append(f"order:   ours {actual[0][:8].tolist()}, the oracle's {expected[0][:8].tolist()}")
    ids = [id for id in sorted(ours.keys() | theirs.keys()) if not _same(ours.get(id), theirs.get(id))]
    lines += [f"id {id}: ours {ours.get(id)!r}, the oracle's {theirs.get(id)!r}" for id in ids[:8]]
    return "\n".join(lines)


def _same(ours: float | None, theirs: float | None) -> bool:
    if ours is None or theirs is None:
        return False
    return ours == theirs or (math.isnan(ours) and math.isnan(theirs))
