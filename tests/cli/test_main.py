import os
import signal
import subprocess

import pytest

import bm25
from bm25.cli.main import main
from tests.cli.process import ENVIRONMENT, run, run_python

HEAVY = ("numpy", "numba", "pyarrow", "qdrant_client", "qdrant_edge", "scipy", "pandas", "tqdm")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["encode", "--help"], ["demo", "-h"], ["stats", "top", "--help"], ["--version"], ["encode"]],
)
def test_help_and_usage_errors_load_nothing_heavy(arguments):
    code = f"""
import sys
from bm25.cli.main import main
main({arguments!r})
print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""
    done = run_python("-c", code, text=True)
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command", ["encode", "query", "verify", "explain", "evaluate", "demo", "serve", "warmup"]
)
def test_help_has_examples(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"examples:\n  bm25 {command}" in capsys.readouterr().out


def test_help_says_what_the_default_preset_is(capsys):
    main(["encode", "--help"])
    assert "The default is the preset\n  'tuned' (k 1.5, b 0.75, k3 8)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND; see bm25 --help"),
        (["encod"], "invalid choice: 'encod'"),
        (["encode", "x.txt"], "required: -o/--output; see bm25 encode --help"),
        (["encode", "x.txt", "--out", "x.arrow"], "required: -o/--output; see bm25 encode --help"),
        (["stats", "show", "x", "--tenant", "a"], "arguments: --tenant a; see bm25 stats show --help"),
        (["query", "--k", "x", "text"], "argument --k: invalid float value: 'x'"),
        (["query", "--b", "7", "text"], "b must be in [0.0, 1.0], got 7.0"),
        (["query", "--language", "germn", "text"], "did you mean 'german'?"),
        (["encode", "-", "-", "-o", "x.arrow"], "standard input (-) can be read only once"),
        (["encode", "a.txt", "-o", "x.arrow", "--columns", "a,,b"], "empty name in 'a,,b'"),
        (["encode", "a.txt", "-o", "x.arrow", "--batch-bytes", "1"], "must be from 1024"),
        (["demo", "--limit", "0"], "must be at least 1, got 0"),
        (["demo", "--threads", "0"], "argument --threads: must be at least 1, got 0"),
        (
            ["encode", "{}", "-o", "x.arrow", "--threads", "x"],
            "argument --threads: must be an integer, got 'x'",
        ),
        (["encode", "{}", "-o", "x.arrow", "--compression", "foo"], "unknown compression 'foo' for arrow"),
        (["encode", "{}", "-o", "x.arrow", "--format", "foo"], "unknown format 'foo'"),
        (["encode", "{}", "-o", "x.arrow", "--output-format", "foo"], "unknown output format 'foo'"),
        (["encode", "{}", "-o", "x.foo"], "cannot tell the output format from the name"),
        (["encode", "{}", "-o", "x.arrow", "--columns", "text,text"], "column 'text' is listed twice"),
    ],
)
def test_usage_errors_are_one_line_and_exit_with_2(arguments, message, capsys, tmp_path):
    source = tmp_path / "in.txt"
    source.write_text("text\n")
    assert main([argument.format(source) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("bm25: error: ")
    assert error.count("\n") == 1
    assert message in error


def test_data_errors_are_one_line_and_exit_with_1(tmp_path):
    done = run("encode", tmp_path / "nope.jsonl", "-o", tmp_path / "x.arrow", text=True)
    assert done.returncode == 1
    assert done.stderr == f"bm25: error: {tmp_path}/nope.jsonl: no such file\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_errors_of_the_system_are_one_line_and_exit_with_1():
    with open("/dev/full", "wb") as full:
        done = run("query", "hi", capture_output=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "bm25: error: No space left on device\n"


def test_a_traceback_on_request(tmp_path):
    environment = {**ENVIRONMENT, "BM25_TRACEBACK": "1"}
    done = run("encode", tmp_path / "nope.jsonl", "-o", tmp_path / "x.arrow", env=environment, text=True)
    assert "Traceback" in done.stderr


def test_version():
    done = run("--version", text=True)
    assert done.returncode == 0
    assert done.stdout == f"bm25-engine {bm25.__version__}\n"


def test_signal_handlers_are_given_back(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    main(["encode", str(tmp_path / "nope.txt"), "-o", str(tmp_path / "x.arrow")])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
