import json
import textwrap

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from tests.cli.process import ENVIRONMENT, run, run_python

TEXTS = ["The running dogs", None, "", "Füchse und Hunde, don't İstanbul", "getUserName snake_case 3.14"]

WRONG = """
import sys
from bm25.analysis import stopwords

listed = stopwords.load
stopwords.load = lambda language: listed(language) | {"dogs"}

from bm25.cli.main import main

sys.exit(main(sys.argv[1:]))
"""


def write(path, texts=TEXTS, column="text"):
    table = pa.table({"id": list(range(len(texts))), column: texts})
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    elif path.suffix == ".arrow":
        feather.write_feather(table, str(path))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    elif path.suffix == ".csv":
        path.write_text(f"id,{column}\n" + "".join(f'{i},"{text or ""}"\n' for i, text in enumerate(texts)))
    else:
        path.write_text("".join(f"{text or ''}\n" for text in texts))
    return path


def verify(*arguments, **options):
    return run("verify", *arguments, text=True, **options)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "txt", "parquet", "arrow"])
def test_every_format(tmp_path, suffix):
    done = verify(write(tmp_path / f"in.{suffix}"), "--preset", "qdrant")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    nulls = 1 if suffix in ("jsonl", "parquet", "arrow") else 0
    assert lines[0] == f"{5 - nulls} texts, {nulls} without text; compared with qdrant-edge-py 0.9.0"
    assert lines[1].startswith("preset qdrant: k 1.2")
    assert lines[3].split() == ["documents", "queries"]
    assert lines[4].split() == ["equal", str(5 - nulls), str(5 - nulls)]
    assert [line.split()[-2:] for line in lines[5:]] == [["0", "0"]] * 3


def test_fastembed(tmp_path):
    source = write(tmp_path / "in.jsonl")
    done = verify(source, "--against", "fastembed", "--dialect", "fastembed", "--language", "german")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("4 texts, 1 without text; compared with fastembed 0.9.1\n")
    done = verify(source, "--against", "fastembed")
    assert (done.returncode, done.stdout) == (2, "")
    assert "add --dialect fastembed" in done.stderr


def test_differences_are_explained(tmp_path):
    one, two = write(tmp_path / "one.jsonl"), write(tmp_path / "two.jsonl", ["dog", "dogs run"])
    arguments = ["verify", one, two, "--preset", "qdrant", "--show", "3"]
    done = run_python("-c", textwrap.dedent(WRONG), *map(str, arguments), text=True)
    assert done.returncode == 1
    assert done.stderr == "bm25: error: 4 of 12 vectors differ from qdrant-edge-py 0.9.0's\n"
    assert (
        f"""
{one}, row 1, document vector
  text    'The running dogs'
  length  1 here, 2 there
  id 1312749093  'dog', not a term here, perhaps from 'dogs' (dropped: stopword (english))
      weight none here, 1.6832038 there; tf 0 here, 1 there
  id 243905464   'run' from 'running' (stemmer 'run')
      weight 1.6877434 here, 1.6832038 there; tf 1 here, 1 there

{one}, row 1, query vector
  text    'The running dogs'
  id 1312749093  'dog', not a term here, perhaps from 'dogs' (dropped: stopword (english))
      weight none here, 1.0 there

{two}, row 2, document vector
"""
        in done.stdout
    )
    assert done.stdout.endswith("\n1 more vector differs; --show N explains more\n")


def test_k3_is_left_out_and_that_is_said(tmp_path):
    done = verify(write(tmp_path / "in.jsonl"))
    assert done.returncode == 0
    assert "\nnote: query vectors are compared without k3 (it is 8), which" in done.stdout


def test_standard_input_limit_and_progress():
    done = verify("-", "--format", "txt", "--limit", "2", "--progress", input="a dog\na cat\na cow\n")
    assert done.returncode == 0
    assert done.stdout.startswith("2 texts, 0 without text; ")
    assert "verify: " in done.stderr


def test_limit_over_several_files_and_batches(tmp_path):
    one = write(tmp_path / "one.txt", ["a dog of some length"] * 1000)
    two = write(tmp_path / "two.txt", ["a cat"] * 10)
    done = verify(one, two, "--limit", "1005", "--batch-bytes", "1024")
    assert done.stdout.startswith("1,005 texts, ")


def test_words_that_the_engine_cannot_stem():
    done = verify("-", "--format", "txt", "--language", "greek", input="θάλασσα\nαντίθετε\n")
    assert done.returncode == 0
    assert "no result there                   1            1\n" in done.stdout
    assert "\nstandard input, row 2: qdrant-edge-py 0.9.0 has no result for this text\n" in done.stdout


def test_broken_lines_and_columns(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": 1, "body": "a dog"}\nnonsense\n{"id": "x", "body": "a cat"}\n')
    done = verify(source)
    assert done.returncode == 1
    assert "no text column 'text' (columns: id, body)" in done.stderr
    assert verify(source, "--text-column", "body").returncode == 1
    done = verify(source, "--text-column", "body", "--on-error", "skip")
    assert done.returncode == 0
    assert done.stdout.startswith("2 texts, ")  # that column id changes its type does not matter
    assert done.stderr.startswith(f"bm25: skipped: {source}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--show", "-1"], "argument --show: must be at least 0, got -1"),
        (["--limit", "0"], "argument --limit: must be at least 1, got 0"),
        (["--against", "lucene"], "argument --against: invalid choice: 'lucene'"),
        (["--dialect", "fastembed"], "no equivalent of dialect 'fastembed'"),
        (["--stemmer", "polish", "--no-stopwords"], "no equivalent of stemmer 'polish'"),
        (["--b", "7"], "b must be in [0.0, 1.0], got 7.0"),
    ],
)
def test_unusable_options(tmp_path, arguments, message):
    done = verify(write(tmp_path / "in.txt"), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_a_missing_package(tmp_path):
    (tmp_path / "qdrant_edge.py").write_text("raise ImportError")
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}:{ENVIRONMENT['PYTHONPATH']}"}
    done = verify(write(tmp_path / "in.txt"), env=environment)
    assert done.returncode == 1
    assert "pip install 'bm25-engine[edge]'" in done.stderr
