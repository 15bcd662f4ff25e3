"""The benchmarks run, on little text: their figures are of interest only from `make bench`."""

import shutil
import sys

import numpy as np
import pytest

from benchmarks import (
    corpora,
    encode,
    files,
    growth,
    peers,
    profile,
    server,
    server_overload,
    server_texts,
    statistics,
    store,
    synthetic,
    tokenizers,
)
from bm25 import StatisticsStore

TEXTS = [f"The {i}th passage of some words that repeat themselves, naïvely: {i * 7919:x}" for i in range(400)]


@pytest.fixture(autouse=True)
def little_text(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "DATA", tmp_path)
    for name in encode.CORPORA:
        corpora.write(name, TEXTS)


def test_encode(monkeypatch):
    # The other peers are installed for the benchmarks only.
    monkeypatch.setattr(peers, "MAKERS", {"qdrant_edge.Bm25": peers.qdrant_edge})
    rates = encode.measure("english", rounds=1, sample_megabytes=1)
    assert set(rates) > {"qdrant_edge.Bm25", "bm25, cold, 1 thread", "bm25, warm, 2 threads"}
    assert all(rate > 0 for rate in rates.values())


@pytest.mark.parametrize("case", tokenizers.CASES, ids=lambda case: case.name)
def test_tokenizers(case):
    corpora.write(case.corpus, TEXTS)
    assert all(rate > 0 for rate in tokenizers.measure(case, rounds=1, sample_megabytes=1))


def test_profile():
    for corpus in encode.CORPORA:
        texts = corpora.load(corpus)
        seconds, shares = profile.shares(
            lambda texts=texts: encode.Bm25Encoder(threads=1).encode_documents(texts)
        )
        assert seconds > 0
        assert sum(shares.values()) == pytest.approx(1)


def test_files(tmp_path):
    megabytes = files.write_inputs(tmp_path, 1)
    assert 1 <= megabytes < 1.1
    for source in ("jsonl", "arrow", "parquet"):
        argv = ["encode", str(tmp_path / f"input.{source}"), "-o", str(tmp_path / "output.arrow")]
        seconds, peak = files.run(argv)
        assert seconds > 0
        assert 50 < peak < 600


def test_statistics(monkeypatch):
    monkeypatch.setattr(peers, "FITS", {})
    rates = statistics.measure("english", rounds=1, sample_megabytes=1)
    assert len(rates) == 4
    assert all(rate > 0 for rate in rates.values())
    assert statistics.cell(statistics.ALONE, rates)


def test_store(capsys):
    store.builds("english", 1)
    store.changes("english")
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("| ledger=") for line in lines) == 12
    assert any(line.startswith("| 1 % replaced") for line in lines)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_merging_and_reading(tmp_path):
    elapsed, taken, size = store.merging(2000)
    assert elapsed > 0
    assert taken >= 0
    assert size > 2000 * 1.5 * 20 / 1e6
    store.large(tmp_path / "store", 2000)
    assert all(values[0] >= 0 for values in store.reading(tmp_path / "store", 2000).values())


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_growth(tmp_path):
    commits = growth.grow(tmp_path / "store", 3000, 1000)
    assert [commit.documents for commit in commits] == [1000, 2000, 3000]
    assert growth.look_up(tmp_path / "store", 3000).warm > 0
    assert "3000" in growth.row(commits, "all")
    with StatisticsStore.open(tmp_path / "store") as grown:
        # Some terms share an id.
        assert growth.terms_in(3000) * 0.999 < len(grown.statistics()) <= growth.terms_in(3000)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk makes the load")
def test_server(capsys):
    figures = server.measure(server.REDUCED)
    assert {"query, bm25 serve", "document, Starlette echo", server.IN_PROCESS} <= set(figures)
    assert all(one.rate > 0 and one.failed == 0 for one in figures.values())
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("|---|") for line in lines) == 5


@pytest.mark.skipif(shutil.which("hey") is None, reason="hey makes the load")
def test_server_overload():
    figures = server_overload.measure(seconds=1.0, documents=20)
    assert len(figures) == 3
    assert all(one.accepted > 0 and one.failed == 0 for one in figures.values())


def test_documents_for_the_server_are_of_the_size_wanted():
    documents = server_texts.documents(20)
    assert len(documents) == 20
    assert all(len(document) <= server_texts.LENGTH for document in documents)
    assert server_texts.megabytes(documents) > 20 * 0.9 * server_texts.LENGTH / 1e6
    assert documents[0].startswith(TEXTS[0])


def test_synthetic_terms_are_distinct():
    ranks = np.concatenate([np.arange(200_000), np.arange(10**7, 10**7 + 200_000)])
    assert len(set(synthetic.terms_of(ranks, synthetic.mixed(ranks)).to_pylist())) == len(ranks)


def test_synthetic_statistics_have_collisions():
    ranks = np.arange(200_000)
    made = synthetic.statistics_of(ranks, np.full(len(ranks), 3), 10)
    assert len(made.terms) == len(made)
    assert len(made) + sum(len(terms) - 1 for terms in made.terms.collisions.values()) == len(ranks)
    assert made.terms.collisions
    assert synthetic.size_of_statistics(made) > 20 * len(made)


def test_passages_are_of_the_size_wanted():
    long_text = "\n\n".join(["some words of a paragraph. " * 10] * 50)
    passages = list(corpora.passages([long_text, "word " * 2000]))
    assert all(len(passage) < 2 * corpora.PASSAGE + 10 for passage in passages)
    assert "".join(passages).split() == (long_text + "word " * 2000).split()
    assert sum(map(len, corpora.identifiers(5000))) >= 5000
