"""Small collections written to disk, and the comparison of two rankings."""

from __future__ import annotations

import gzip
import json

import numpy as np

DOCUMENTS = [
    {"_id": "d1", "title": "Foxes", "text": "The quick brown fox jumps over the lazy dog"},
    {"_id": "d2", "text": "Dogs and more dogs"},
    {"_id": "d3", "title": "", "text": "A fox, a fox and a hen"},
    {"_id": "d4", "title": "The", "text": "and of"},
]
QUERIES = [
    {"_id": "q1", "text": "where do foxes live"},
    {"_id": "q2", "text": "lazy dogs"},
    {"_id": "q3", "text": "not judged"},
]
JUDGEMENTS = [("q1", "d1", 1), ("q1", "d3", 2), ("q2", "d2", 1), ("q2", "d3", 0)]


def write_collection(folder, documents=DOCUMENTS, queries=QUERIES, judgements=JUDGEMENTS, *, split="test"):
    """Write a collection in BEIR's layout and return its folder."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, rows in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in judgements)]
    (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    return folder


def compress(path):
    """Replace a file by its gzipped form."""
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def assert_same_but_for_ties(one, other, *, rtol=2e-6):
    """Scores agree to a few units of float32, and so do the documents wherever scores are further apart."""
    assert (one.documents >= 0).tolist() == (other.documents >= 0).tolist()
    np.testing.assert_allclose(one.scores, other.scores, rtol=rtol)
    for query in range(len(one)):
        mine, theirs = one.documents[query], other.documents[query]
        scores = one.scores[query]
        for document in set(mine.tolist()) ^ set(theirs.tolist()):
            side = one if document in mine else other
            place = np.flatnonzero(side.documents[query] == document)[0]
            # Only documents that tie with the last one may be in one ranking alone.
            assert np.isclose(side.scores[query][place], scores[-1], rtol=rtol)
        for place in np.flatnonzero(mine != theirs):
            tied = np.isclose(scores, scores[place], rtol=rtol)
            assert tied.sum() > 1 or place == len(scores) - 1
