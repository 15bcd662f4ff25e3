import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bm25 import Bm25Config, Bm25Encoder
from bm25.cli import analyze
from bm25.cli.main import main
from bm25.display import display_width
from tests.cli.process import COMMAND, ENVIRONMENT, run, run_python
from tests.test_encoder import colliding

ROOT = Path(__file__).parents[2]

TABLE = """\
preset tuned: k 1.5, b 0.75, k3 8, avg_len 256, language english, tokenizer word
lowercase, accents kept, stopwords english, stemmer english

"The foxes were running, a fox!": document, length 3, 3 dropped
at  token    steps                             term          id  tf  weight
 0  The      lowercase: the
             dropped: stopword (english)
 4  foxes    stemmer: fox (snowball, english)  fox   1621867415   2  2.0936413
10  were     dropped: stopword (english)
15  running  stemmer: run (snowball, english)  run    243905464   1  1.8009145
24  a        dropped: stopword (english)
26  fox                                        fox   1621867415   2  2.0936413
"""


@pytest.fixture
def table(capsys, monkeypatch):
    """A function that returns what `analyze --format table` prints."""

    def printed(*arguments, columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["analyze", "--format", "table", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    return printed


def rows(printed):
    """The lines of the one table, without what stands above it."""
    lines = printed.splitlines()
    return lines[lines.index("") + 2 :]


def test_a_table(table):
    assert table("The foxes were running, a fox!") == TABLE


def test_the_table_of_the_docs(table):
    page = (ROOT / "docs" / "how-to" / "see-what-happens.md").read_text(encoding="utf-8")
    arguments = re.search(r"^bm25 analyze (.* \"The .*)$", page, re.MULTILINE)
    printed = table(*shlex.split(arguments[1]))
    assert "".join(f"    {line}\n" if line else "\n" for line in printed.splitlines()) in page


def test_json_is_what_the_library_says():
    texts = ["The foxes were running", "", "Größe 中文"]
    done = run("analyze", *texts, check=True)
    encoder = Bm25Encoder(Bm25Config.tuned())
    lines = done.stdout.decode("ascii").splitlines()
    assert [json.loads(line) for line in lines] == [encoder.analyze(text).to_dict() for text in texts]
    assert done.stderr == b""


def test_queries_and_options(capsys):
    options = ["--preset", "qdrant", "--tokenizer", "prefix", "--max-token-len", "3"]
    assert main(["analyze", "--role", "query", *options, "the word"]) == 0
    config = Bm25Config(tokenizer="prefix", max_token_len=3)
    found = json.loads(capsys.readouterr().out)
    assert found == Bm25Encoder(config).analyze("the word", role="query").to_dict()
    assert [token["term"] for token in found["tokens"]] == ["the", "wor"]


def test_lines_of_standard_input():
    done = run("analyze", input="ein Wort\r\n\nä".encode(), check=True)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["ein Wort", "", "ä"]
    done = run("analyze", input=b"a\n\xff\n")
    assert done.returncode == 1
    assert done.stderr == b"bm25: error: standard input: line 2: not valid UTF-8\n"
    done = run("analyze", "--format", "table", input=b"one\ntwo\n", check=True)
    shown = done.stdout.decode()
    assert shown.count("preset tuned") == 1
    assert shown.count("at  token") == 2


def on_a_terminal(*arguments, columns):
    """What a process writes that has a terminal for its standard output."""
    pty = pytest.importorskip("pty")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [*COMMAND, "analyze", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while data := os.read(ours, 65536):
                written += data
        except OSError:  # how the end of the other side is told on Linux
            pass
        os.close(ours)
        return process.wait(60), written.decode().replace("\r\n", "\n"), process.stderr.read().decode()


def test_a_terminal_gets_the_table():
    assert on_a_terminal("The foxes were running, a fox!", columns=80) == (0, TABLE, "")
    _, wide, _ = on_a_terminal("The foxes were running, a fox!", columns=120)
    assert " 4  foxes    stemmer: fox (snowball, english)  fox " in wide
    code, shown, _ = on_a_terminal("--format", "json", "fox", columns=80)
    assert (code, json.loads(shown)["length"]) == (0, 1)


def test_a_terminal_without_a_text_gets_an_example():
    code, shown, error = on_a_terminal(columns=80)
    assert (code, shown) == (2, "")
    assert error == (
        'bm25: error: no text: give one, as in bm25 analyze "The foxes were running", or pipe lines in\n'
    )


def test_a_token_that_becomes_several_is_named_once(table):
    assert rows(table("getURLs", "--tokenizer", "code", "--stemmer", "none", columns=100)) == [
        "at  token    steps                                        term             id  tf  weight",
        " 0  getURLs  tokenizer: get (parts of an identifier)      get       997012898   1  1.8009145",
        "             tokenizer: URLs (parts of an identifier)     urls      848466324   1  1.8009145",
        "             lowercase: urls",
        "             tokenizer: getURLs (parts of an identifier)  geturls  1593246795   1  1.8009145",
        "             lowercase: geturls",
    ]


def test_terms_with_one_id_are_marked(table):
    one, other = sorted(colliding(2, 77))
    options = ["--no-lowercase", "--no-stopwords", "--stemmer", "none"]
    lines = rows(table(f"{one} {other} word", *options))
    assert lines[1].split()[-3:-1] == lines[2].split()[-3:-1] == ["77*", "2"]
    assert lines[-1] == f"* 77 is the id of {one}, {other}"


WIDE = "https://example.org/one/path/that/does/not/fit/into/the/column/of/a/table"


@pytest.mark.parametrize("columns", [10, 70, 80, 200])
@pytest.mark.parametrize("text", [WIDE, "中文字" * 30, "e\u0301" * 90, "a" * 300 + " b", "x " * 300])
def test_lines_fit(table, columns, text):
    for line in table(text, "--tokenizer", "whitespace", columns=columns).splitlines():
        assert display_width(line) <= max(columns, 70)


def test_wide_and_combining_characters_are_aligned(table):
    lines = rows(table("中文字 e\u0301 ab", "--tokenizer", "whitespace"))
    ends = {display_width(line[: line.rindex("1.")]) for line in lines[1:]}
    assert len(ends) == 1


def test_what_does_not_print_is_escaped(table):
    shown = table("a\x1b[31mb\u202e \u200d", "--tokenizer", "whitespace")
    assert r'"a\x1b[31mb\u202e \u200d": document' in shown
    assert not set("\x1b\u202e\u200d") & set(shown)
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    done = run("analyze", "--format", "table", "Größe", env=environment, check=True)
    assert rb" 0  Gr\xf6\xdfe  lowercase: gr\xf6\xdfe  gr\xf6\xdfe  472672705" in done.stdout


def test_the_steps_of_the_configuration_are_named(table, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps(
            {
                "ascii_folding": True,
                "stopwords": {"languages": ["german", "english"], "custom": ["x"]},
                "synonyms": {"a": ["b"]},
                "protected_words": ["news"],
                "max_token_len": 9,
            }
        )
    )
    assert (
        "lowercase, accents folded, stopwords english + german + 1 own, synonyms (1),\n"
        "stemmer english, protected words (1), tokens of 0 to 9 characters\n"
    ) in table("text", "--config", path)
    assert "case kept, accents kept, stopwords none, stemmer none\n" in table(
        "text", "--no-lowercase", "--no-stopwords", "--stemmer", "none"
    )
    assert "prefixes of 1 to any characters" in table("text", "--tokenizer", "prefix").replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tokenizer", "multilingual", "text"], "tokenizer 'multilingual' cannot be analyzed: it works on"),
        (["--format", "yaml", "text"], "argument --format: invalid choice: 'yaml'"),
        (["--b", "7", "text"], "b must be in [0.0, 1.0], got 7.0"),
    ],
)
def test_usage_errors(arguments, message, capsys):
    assert main(["analyze", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("bm25: error: ")
    assert error.count("\n") == 1
    assert message in error


@pytest.mark.skipif(sys.platform == "win32", reason="arguments are Unicode there")
def test_an_argument_that_is_not_unicode():
    done = run_python("-m", "bm25", "analyze", b"a\xff")
    assert done.returncode == 1
    assert b"is not valid Unicode" in done.stderr


def test_help_teaches(capsys):
    assert main(["analyze", "--help"]) == 0
    shown = capsys.readouterr().out
    assert 'examples:\n  bm25 analyze "The foxes were running"\n' in shown
    assert all(len(line) <= 100 for line in analyze._EPILOG.splitlines())
