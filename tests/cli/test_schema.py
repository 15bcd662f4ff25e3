import json
from pathlib import Path

from bm25.schema import config_schema
from tests.cli.process import run

CHECKED_IN = Path(__file__).parents[2] / "docs" / "reference" / "config.schema.json"


def test_it_prints_the_schema():
    done = run("schema")
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == config_schema()
    assert done.stdout == CHECKED_IN.read_bytes()


def test_help_says_what_it_is_for():
    done = run("schema", "--help", text=True)
    assert done.returncode == 0
    assert "examples:\n  bm25 schema > config.schema.json\n" in done.stdout
    assert "A server, an editor or a form can check a configuration with it" in done.stdout
    assert "schema   " in run("--help", text=True).stdout


def test_it_takes_no_arguments():
    done = run("schema", "x", text=True)
    assert done.returncode == 2
    assert done.stderr == "bm25: error: unrecognized arguments: x; see bm25 schema --help\n"
