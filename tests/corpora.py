"""Where the test collections are: in the folder that BM25_TEST_DATA names, else in tests/data.

Each is in the layout of BEIR, gzipped: `<name>/corpus.jsonl.gz` (_id, title, text) and
`<name>/queries.jsonl.gz` (_id, text).
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

LANGUAGES = {
    "scifact": "english",
    "cranfield": "english",
    "cacm": "english",
    "xquad-ar": "arabic",
    "xquad-de": "german",
    "xquad-ru": "russian",
    "xquad-tr": "turkish",
}


def folder(name: str) -> Path:
    """Return the folder of a collection; skip the test when there is none."""
    root = Path(os.environ.get("BM25_TEST_DATA") or Path(__file__).parent / "data")
    if not (root / name).is_dir():
        pytest.skip(f"no test collection {name} in {root}; BM25_TEST_DATA names their folder")
    return root / name


def documents(name: str) -> list[str]:
    """Return the documents of a collection, title and text in one string."""
    rows = _rows(folder(name) / "corpus.jsonl.gz")
    return [f"{row.get('title') or ''} {row['text']}".strip() for row in rows]


def queries(name: str) -> list[str]:
    return [row["text"] for row in _rows(folder(name) / "queries.jsonl.gz")]


def _rows(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]
