import json

import pytest

from bm25.cli.main import main
from tests.cli.process import ENVIRONMENT, run
from tests.evaluation.collection import compress, write_collection

HEADER = ["collection", "vectors", "documents", "queries", "length", "nDCG@10", "recall@100", "MRR@100"]


@pytest.fixture
def pets(tmp_path):
    return write_collection(tmp_path / "pets")


def rows(capsys):
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def names(capsys):
    return [row[1] for row in rows(capsys)[1:]]


def test_a_table(pets):
    done = run("evaluate", pets, text=True)
    assert (done.returncode, done.stderr) == (0, "bm25: language english, tokenizer word; ranked by scipy\n")
    assert done.stdout == (
        "collection  vectors  documents  queries   length  nDCG@10  recall@100  MRR@100\n"
        "pets        qdrant           4        2      4.0   0.8155      1.0000   0.7500\n"
        "pets        fitted           4        2      4.0   0.8155      1.0000   0.7500\n"
        "pets        tuned            4        2      4.0   0.8155      1.0000   0.7500\n"
    )


def test_several_collections_gzipped_and_of_another_split(pets, tmp_path, capsys):
    long = write_collection(tmp_path / "another-collection", split="dev")
    compress(long / "corpus.jsonl")
    write_collection(pets, split="dev")
    assert main(["evaluate", str(pets), str(long), "--split", "dev", "--threads", "1"]) == 0
    found = rows(capsys)
    assert found[0] == HEADER
    assert [row[0] for row in found[1:]] == ["pets"] * 3 + ["another-collection"] * 3
    assert len({len(line) for line in found}) == 1


def test_json_lines(pets):
    done = run("evaluate", pets, "--format", "json", "--language", "german", text=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["vectors"] for row in found] == ["qdrant", "fitted", "tuned"]
    assert "language german" in done.stderr
    # Without the English stopwords the lengths are 10, 4, 7 and 3.
    assert found[2].pop("average_length") == found[2].pop("avg_len") == 6.0
    assert 0 < found[2].pop("ndcg@10") <= 1
    assert found[2] == {
        "collection": "pets", "vectors": "tuned", "documents": 4, "missing_documents": 0, "queries": 2,
        "recall@100": 1.0, "mrr@100": 0.75, "k": 1.5, "b": 0.75, "k3": 8.0, "engine": "scipy",
    }  # fmt: skip


def test_the_engine_ranks_the_same(pets, capsys):
    pytest.importorskip("qdrant_edge")
    tables = []
    for engine in ("scipy", "qdrant"):
        assert main(["evaluate", str(pets), "--engine", engine]) == 0
        captured = capsys.readouterr()
        assert f"ranked by {engine}" in captured.err
        tables.append(captured.out)
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("arguments", "avg_len"),
    [
        (["--k", "0.9"], 4.0),
        (["--k3", "2"], 4.0),
        (["--avg-len", "30"], 30.0),
        (["--preset", "tuned", "--b", "0.4"], 4.0),
        (["--preset", "qdrant", "--b", "0.4"], 256.0),
        (["--config", "FILE"], 30.0),
        (["--config", "FILE", "--avg-len", "40"], 40.0),
    ],
)
def test_weights_of_your_own_are_one_more_row(pets, tmp_path, capsys, arguments, avg_len):
    file = tmp_path / "model.json"
    file.write_text('{"k": 2, "avg_len": 30}')
    arguments = [str(file) if argument == "FILE" else argument for argument in arguments]
    assert main(["evaluate", str(pets), "--format", "json", *arguments]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["vectors"] for row in found] == ["qdrant", "fitted", "tuned", "yours"]
    assert found[3]["avg_len"] == avg_len
    assert [row["k"] for row in found[:3]] == [1.2, 1.2, 1.5]
    assert [row["avg_len"] for row in found[:3]] == [256.0, 4.0, 4.0]


@pytest.mark.parametrize("arguments", [["--preset", "qdrant"], ["--preset", "tuned"], ["--k", "1.5"]])
def test_what_is_a_row_already_is_not_repeated(pets, capsys, arguments):
    assert main(["evaluate", str(pets), *arguments]) == 0
    assert names(capsys) == ["qdrant", "fitted", "tuned"]


def test_missing_documents_are_said(tmp_path):
    write_collection(tmp_path / "x", judgements=[("q1", "d1", 1), ("q1", "d9", 1)])
    done = run("evaluate", tmp_path / "x", text=True)
    assert done.returncode == 0
    assert (
        "bm25: note: x: judged, but not in the corpus: 1 documents, which no ranking can find\n"
        in done.stderr
    )


def test_progress(pets):
    done = run("evaluate", pets, "--progress", text=True)
    assert done.returncode == 0
    for what in ("documents", "qdrant", "fitted", "tuned"):
        assert f"pets: {what}:" in done.stderr
    assert "\r" not in done.stdout


def test_faults_show_before_anything_is_ranked(pets, tmp_path, capsys):
    bad = write_collection(tmp_path / "bad")
    (bad / "queries.jsonl").write_text("nonsense\n")
    assert main(["evaluate", str(pets), str(bad)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"bm25: error: {bad}/queries.jsonl: line 1: not a JSON object")


def test_faults_of_documents_are_one_line(pets):
    with open(pets / "corpus.jsonl", "a") as file:
        file.write('{"text": "no id"}\n')
    done = run("evaluate", pets, "--progress", text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        f'bm25: error: {pets}/corpus.jsonl: line 5: "_id" must be a string or an integer, got none'
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--split", "dev"], 1, "no judgements qrels/dev.tsv; splits here: test"),
        (["--engine", "lucene"], 2, "argument --engine: invalid choice: 'lucene'"),
        (["--format", "xml"], 2, "argument --format: invalid choice: 'xml'"),
        (["--b", "7"], 2, "b must be in [0.0, 1.0], got 7.0"),
        (["--threads", "0"], 2, "argument --threads: must be at least 1, got 0"),
        (["nope"], 1, "nope: no such folder"),
    ],
)
def test_unusable_arguments(pets, capsys, arguments, code, message):
    assert main(["evaluate", str(pets), *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_a_missing_engine_is_said_at_once(pets, tmp_path):
    (tmp_path / "qdrant_edge.py").write_text("raise ImportError")
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}:{ENVIRONMENT['PYTHONPATH']}"}
    done = run("evaluate", pets, "--engine", "qdrant", env=environment, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'bm25-engine[edge]'" in done.stderr


def test_help_teaches(capsys):
    assert main(["evaluate", "--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:\n  bm25 evaluate scifact\n" in text
    for part in ("qrels/test.tsv", "query-id, corpus-id and score", "recall@100", "yours"):
        assert part in text
