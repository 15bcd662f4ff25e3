"""Small corpora and stores for the tests of `bm25 stats`."""

from __future__ import annotations

import json
from typing import NamedTuple

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics, StatisticsStore
from bm25.cli.main import main

ROWS = [
    {"id": 1, "owner": "acme", "text": "The quick brown fox jumps over the lazy dog, the dog sleeps."},
    {"id": 2, "owner": "acme", "text": None},
    {"id": 3, "owner": "bolt", "text": ""},
    {"id": 4, "owner": "bolt", "text": "Foxes and dogs: Füchse und Hunde"},
    {"id": 5, "owner": None, "text": "A fox, and nothing else"},
]


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        [line] = self.out.splitlines()
        return json.loads(line)


def caller(capfd):
    """What runs the command line in this process, and returns its exit code and output."""

    def call(*arguments):
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capfd.readouterr())

    return call


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def statistics_of(rows, config=None):
    """Count rows with the library."""
    config = config or Bm25Config.tuned()
    counts = Bm25Encoder(config, threads=1).count_documents([row["text"] for row in rows])
    return CorpusStatistics.from_counts(counts, terms=config.has_terms)


def statistics_in(path, tenant=None):
    with StatisticsStore.open(path) as store:
        return store.statistics(tenant)


def documents_in(path):
    """Everything that a ledger holds: (tenant, frequencies by term id) by document id."""
    found = {}
    with StatisticsStore.open(path) as store:
        for batch in store.documents():
            for i, name in enumerate(batch.document_ids):
                ids, frequencies = batch.counts[i]
                found[name] = (
                    batch.tenants[i],
                    dict(zip(ids.tolist(), frequencies.tolist(), strict=True)),
                )
    return found


def left_in(directory):
    """The names in a directory, hidden ones too."""
    return sorted(path.name for path in directory.iterdir())
