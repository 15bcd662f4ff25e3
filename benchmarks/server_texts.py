"""What the server is asked in its benchmarks: real English, as requests of Qdrant's shape."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from benchmarks import corpora
from benchmarks.encode import QUERY

__all__ = ["batch", "documents", "megabytes", "request", "short"]

LENGTH = 1000  # characters


def english() -> Iterator[str]:
    """Yield texts: of the other benchmarks, else of a test collection, else Python's documentation."""
    collection = Path(os.environ.get("BM25_TEST_DATA", ""), "scifact", "corpus.jsonl.gz")
    if (corpora.DATA / "english.arrow").exists():
        yield from (one.as_py() for one in corpora.load("english"))
    elif collection.exists():
        with gzip.open(collection, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["text"]
    else:
        from bm25.demo_corpus import standard_library

        yield from (passage.text for passage in standard_library())


def cut(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts of at most, and nearly, `LENGTH` characters."""
    rest = ""
    for text in texts:
        rest += f"{text}\n"
        while len(rest) > LENGTH:
            end = rest.rfind(" ", LENGTH // 2, LENGTH)
            end = end if end > 0 else LENGTH
            yield rest[:end]
            rest = rest[end:].lstrip()
    if rest.strip():
        yield rest


def documents(number: int) -> list[str]:
    """Return documents of about a kB."""
    return list(islice(cut(english()), number))


def megabytes(texts: Iterable[str]) -> float:
    """Return the size of texts in UTF-8."""
    return sum(len(text.encode()) for text in texts) / 1e6


def request(texts: Iterable[str], inference: str) -> bytes:
    """Return the body of a request, as Qdrant makes it."""
    inputs = [{"data": text, "data_type": "text", "model": "bm25", "options": None} for text in texts]
    return json.dumps({"inputs": inputs, "inference": inference, "token": None}).encode()


def short() -> dict[str, bytes]:
    """Return requests of one short text: a question and the beginning of a document."""
    text = documents(1)[0]
    return {
        "query": request([QUERY], "search"),
        "document": request([text[: text.rfind(" ", 0, 200)]], "update"),
    }


def batch(texts: list[str]) -> bytes:
    """Return one request of many documents."""
    return request(texts, "update")
