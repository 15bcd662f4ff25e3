import json
import sys

import numpy as np
import pytest

from bm25 import Bm25Config, Bm25Encoder
from bm25.cli.main import main
from tests.cli.process import run, run_python


def test_vectors_are_exact(capsys):
    texts = ["how do I parse a date, a date, a date", "", "the of and"]
    assert main(["query", *texts]) == 0
    encoder = Bm25Encoder(Bm25Config.tuned())
    for line, text in zip(capsys.readouterr().out.splitlines(), texts, strict=True):
        vector = json.loads(line)
        indices, values = encoder.encode_query(text)
        assert list(vector) == ["indices", "values"]
        assert vector["indices"] == indices.tolist()
        assert (np.array(vector["values"], np.float32) == values).all()


def test_the_qdrant_preset_has_weights_of_one(capsys):
    assert main(["query", "--preset", "qdrant", "date date"]) == 0
    assert json.loads(capsys.readouterr().out)["values"] == [1.0]


def test_lines_of_standard_input():
    done = run("query", input="ein Wort\r\n\nä".encode())
    assert [len(json.loads(line)["indices"]) for line in done.stdout.splitlines()] == [2, 0, 1]
    done = run("query", input=b"a\n\xff\n")
    assert done.returncode == 1
    assert done.stderr == b"bm25: error: standard input: line 2: not valid UTF-8\n"


@pytest.mark.skipif(sys.platform == "win32", reason="arguments are Unicode there")
def test_an_argument_that_is_not_unicode():
    done = run_python("-m", "bm25", "query", b"a\xff")
    assert done.returncode == 1
    assert b"is not valid Unicode" in done.stderr
