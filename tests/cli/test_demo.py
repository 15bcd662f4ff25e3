import argparse
import subprocess

import pytest

from bm25.cli import demo
from tests.cli.process import run, run_python

pytest.importorskip("qdrant_edge")


def ask(*arguments):
    return run("demo", *arguments, text=True, stdin=subprocess.DEVNULL)


def test_examples_are_answered():
    done = ask()
    assert (done.returncode, done.stderr) == (0, "")
    assert "documents" in done.stdout
    assert "MB/s" in done.stdout
    for question in demo._QUESTIONS:
        assert f"\n{question}  (" in done.stdout
    assert "nothing found" not in done.stdout
    assert "\033" not in done.stdout


def test_own_questions_and_a_kept_index(tmp_path):
    done = ask(
        "compute the difference of two sequences of lines",
        "xyzzyq",
        "--limit",
        5,
        "--path",
        tmp_path / "index",
    )
    assert done.returncode == 0
    assert "difflib" in done.stdout
    assert "nothing found: no word of the question occurs" in done.stdout
    assert demo._QUESTIONS[0] not in done.stdout
    assert any((tmp_path / "index").iterdir())
    again = ask("x", "--path", tmp_path / "index")
    assert again.returncode == 1
    assert "is not an empty directory; name a new one" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ([], True),
        (["--preset", "tuned"], True),
        (["--preset", "qdrant"], False),
        (["--avg-len", "9"], False),
        (["--config", "x.json"], False),
    ],
)
def test_the_mean_length_is_fitted_only_where_nothing_else_is_asked_for(arguments, fits):
    parser = argparse.ArgumentParser()
    demo.add_parser(parser.add_subparsers())
    assert demo._fits_length(parser.parse_args(["demo", *arguments])) is fits


def test_a_missing_extra_is_named():
    code = (
        "import sys; sys.modules['qdrant_edge'] = None;"
        "from bm25.cli.main import main; sys.exit(main(['demo', 'x']))"
    )
    done = run_python("-c", code, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "bm25: error: the embedded Qdrant needs Qdrant's engine, the package qdrant-edge-py: "
        "pip install 'bm25-engine[edge]'\n"
    )


def test_the_sentence_with_most_terms_is_shown():
    text = "A module.\n\nReads a date. Parses a date string! Formats."
    assert demo._best_sentence(text, {"date": 1, "Parses": 2, "string": 3}) == "Parses a date string!"
    assert demo._best_sentence("One. Two.", {}) == "One."
    assert demo._best_sentence("", {}) == ""
