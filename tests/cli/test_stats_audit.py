import json

import pytest

from bm25 import StatisticsStore
from tests.cli.stores import ROWS, write_jsonl
from tests.test_encoder import colliding

FLAGS = ["--no-stopwords", "--stemmer", "none", "--no-lowercase"]
ONE, OTHER, THIRD = sorted(colliding(3, 123456789))
FIRST, SECOND = sorted(colliding(2, 5))


def texts():
    for i in range(200):
        words = [f"word{i}"]
        words += [ONE] if i % 2 else [OTHER]
        words += [THIRD, ONE] if i == 77 else []
        words += [FIRST] * 3 if i % 3 == 0 else []
        words += [SECOND] if i == 150 else []
        yield " ".join(words)


def expected_df(word):
    return sum(word in text.split() for text in texts())


@pytest.fixture
def corpus(tmp_path):
    return write_jsonl(tmp_path / "in.jsonl", [{"id": i, "text": text} for i, text in enumerate(texts())])


@pytest.fixture
def built(tmp_path, corpus, call):
    assert call("stats", "build", tmp_path / "s", corpus, *FLAGS).code == 0
    return tmp_path / "s"


def test_without_the_corpus_there_is_a_bound(built, call):
    lines = call("stats", "audit", built, "--output-format", "json").out.splitlines()
    shared, rare = map(json.loads, lines)
    with StatisticsStore.open(built) as store:
        idf = store.idf([123456789, 5])
        assert (shared["idf"], rare["idf"]) == tuple(idf.tolist())
    assert (shared["term_id"], shared["document_frequency"]) == (123456789, 200)
    assert [term["term"] for term in shared["terms"]] == [ONE, OTHER, THIRD]
    assert shared["terms"][0]["document_frequency"] is None
    assert shared["idf"] < shared["idf_at_most"]
    assert (rare["term_id"], rare["document_frequency"]) == (5, 67)
    out = call("stats", "audit", built).out
    assert out.startswith("2 of 202 ids are shared by several terms\n")
    assert "idf at most" in out.splitlines()[1]


@pytest.mark.parametrize("flags", [[], ["--batch-bytes", "1024", "--threads", "3"]])
def test_with_the_corpus_each_term_is_counted(built, corpus, call, flags):
    lines = call("stats", "audit", built, corpus, "--output-format", "json", *flags).out.splitlines()
    found = {term["term"]: term["document_frequency"] for line in lines for term in json.loads(line)["terms"]}
    assert found == {word: expected_df(word) for word in (ONE, OTHER, THIRD, FIRST, SECOND)}
    assert found[THIRD] == found[SECOND] == 1
    out = call("stats", "audit", built, corpus).out
    assert "df alone  idf alone  lowered by" in out
    assert "note" not in out


def test_another_corpus_is_noticed(built, tmp_path, call):
    other = write_jsonl(tmp_path / "other.jsonl", [{"text": ONE}])
    out = call("stats", "audit", built, other).out
    assert "note: 1 documents of the corpus given have the id 123456789, 200 of the store" in out
    assert "note: 0 documents of the corpus given have the id 5, 67 of the store" in out


def test_fields(tmp_path, call):
    rows = [{"id": 1, "title": ONE, "body": f"{ONE} {OTHER}"}, {"id": 2, "title": OTHER, "body": None}]
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    call("stats", "build", tmp_path / "s", source, "--field", "title", "--field", "body", *FLAGS)
    [line] = call("stats", "audit", tmp_path / "s", source, "--output-format", "json").out.splitlines()
    assert [term["document_frequency"] for term in json.loads(line)["terms"]] == [1, 2]


def test_nothing_to_find(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", ROWS)
    call("stats", "build", tmp_path / "s", source)
    out = call("stats", "audit", tmp_path / "s", source).out
    assert out.startswith("0 of ")
    StatisticsStore.create(tmp_path / "t", terms=False).close()
    done = call("stats", "audit", tmp_path / "t")
    assert (done.code, "keeps ids without terms" in done.err) == (1, True)
