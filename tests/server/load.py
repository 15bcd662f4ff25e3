"""Requests by the thousand, what the right answers are, and what a process takes meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson

from bm25 import demo_corpus

KEY = "key-of-a-test"
HEADERS = {"api-key": KEY, "content-type": "application/json"}


def texts(number, seed=0):
    """Real passages of English: some, the same ones for the same seed."""
    source = random.Random(seed)
    return source.choices(_passages(), k=number)


def _passages(cache=[]):  # noqa: B006
    if not cache:
        cache += [passage.text[:1000] for passage in demo_corpus.language_reference()]
        cache += [f"Passage {i}, of {i * 7919:x}: naïve façades were réparées" for i in range(100)]
    return cache


def body(inputs, inference="update", model="bm25", options=None):
    """A request of Qdrant's shape, as bytes."""
    one = {"data_type": "text", "model": model, "options": options}
    return orjson.dumps(
        {"inputs": [{"data": text, **one} for text in inputs], "inference": inference, "token": None}
    )


def head(length):
    """The line and the headers of a request whose body has some bytes."""
    lines = [
        "POST /inference HTTP/1.1",
        "host: localhost",
        f"content-length: {length}",
        *(f"{name}: {value}" for name, value in HEADERS.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def expected(encoder, inputs, inference="update"):
    """What the library makes of texts."""
    return encoder.encode_queries(inputs) if inference == "search" else encoder.encode_documents(inputs)


def is_right(content, vectors):
    """Whether an answer has these vectors and no others, in order, to the bit."""
    embeddings = orjson.loads(content)["embeddings"]
    if len(embeddings) != len(vectors):
        return False
    for one, (start, end) in zip(embeddings, pairwise(vectors.indptr.tolist()), strict=True):
        if not np.array_equal(one["indices"], vectors.indices[start:end]):
            return False
        if not np.array_equal(np.asarray(one["values"], np.float32), vectors.values[start:end]):
            return False
    return True


def metric(text, name, **labels):
    """A value in Prometheus' text format; 0 for one that is not there."""
    inside = ",".join(f"{label}={json.dumps(value)}" for label, value in sorted(labels.items()))
    full = f"{name}{{{inside}}}" if inside else name
    found = re.search(rf"^{re.escape(full)} (\S+)$", text, re.MULTILINE)
    return 0.0 if found is None else float(found[1])


def resident(pid):
    """The memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_sockets(pid):
    """How many sockets a process has open."""
    return sum(target.startswith("socket:") for target in _open_files(pid))


def open_below(pid, folder):
    """The files in a folder that a process has open; of one that was deleted the name says so."""
    return [target for target in _open_files(pid) if target.startswith(f"{folder}{os.sep}")]


def _open_files(pid):
    targets = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            targets.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return targets
