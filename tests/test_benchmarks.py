"""The benchmarks run, on little text: their figures are of interest only from `make bench`."""

import pytest

from benchmarks import corpora, encode, files, peers, profile, tokenizers

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


def test_passages_are_of_the_size_wanted():
    long_text = "\n\n".join(["some words of a paragraph. " * 10] * 50)
    passages = list(corpora.passages([long_text, "word " * 2000]))
    assert all(len(passage) < 2 * corpora.PASSAGE + 10 for passage in passages)
    assert "".join(passages).split() == (long_text + "word " * 2000).split()
    assert sum(map(len, corpora.identifiers(5000))) >= 5000
