import gzip
import json
import os
import signal
import subprocess
import time

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics, StatisticsStore
from tests.cli.process import COMMAND, ENVIRONMENT, run
from tests.cli.stores import (
    ROWS,
    documents_in,
    left_in,
    statistics_in,
    statistics_of,
    write_jsonl,
)


@pytest.fixture
def source(tmp_path):
    return write_jsonl(tmp_path / "in.jsonl", ROWS)


@pytest.fixture
def built(source, tmp_path, call):
    assert call("stats", "build", tmp_path / "s", source).code == 0
    return tmp_path / "s"


def test_build_holds_the_statistics_of_the_library(source, tmp_path):
    done = run("stats", "build", tmp_path / "s", source, text=True)
    assert (done.returncode, done.stdout) == (
        0,
        f"{tmp_path}/s: 5 documents, 2 of them without terms; average length 5.33; epoch 1, commit 1\n",
    )
    assert done.stderr.startswith("bm25: 5 rows, 0 lines skipped; ")
    assert done.stderr.splitlines()[1].startswith("bm25: preset tuned: k 1.5, b 0.75, k3 8, avg_len 5.33333,")
    expected = statistics_of(ROWS)
    found = statistics_in(tmp_path / "s")
    assert found == expected
    assert found.terms == expected.terms
    assert found.average_length == 16 / 3
    with StatisticsStore.open(tmp_path / "s") as store:
        assert (store.config, store.has_ledger, store.fields) == (Bm25Config.tuned(), True, ())
        assert store.encoder().config.avg_len == 16 / 3
        assert store.tenants() == {}
        assert store.document(4).length == 5
    assert left_in(tmp_path) == ["in.jsonl", "s"]


def test_the_model_flags_are_kept(source, tmp_path, call):
    flags = ["--preset", "qdrant", "--language", "german", "--no-stopwords", "--max-drift", "0.5"]
    assert call("stats", "build", tmp_path / "s", source, *flags).code == 0
    config = Bm25Config(language="german", stopwords={"languages": [], "custom": []})
    assert statistics_in(tmp_path / "s") == statistics_of(ROWS, config)
    with StatisticsStore.open(tmp_path / "s", config) as store:
        assert store.max_drift == 0.5


def test_tenants(source, tmp_path, call):
    call("stats", "build", tmp_path / "s", source, "--tenant-column", "owner")
    with StatisticsStore.open(tmp_path / "s") as store:
        assert list(store.tenants()) == ["acme", "bolt"]
    assert statistics_in(tmp_path / "s", "bolt") == statistics_of(ROWS[2:4])
    call("stats", "build", tmp_path / "t", source, "--tenant", "one", "--no-ledger")
    assert statistics_in(tmp_path / "t", "one") == statistics_of(ROWS)
    done = call("stats", "build", tmp_path / "u", source, "--tenant", "one", "--tenant-column", "owner")
    assert (done.code, done.err) == (2, "bm25: error: --tenant and --tenant-column exclude each other\n")


def test_fields(tmp_path, call):
    rows = [
        {"id": 1, "title": "Foxes", "body": "A fox is a small dog"},
        {"id": 2, "title": None, "body": "dogs"},
        {"id": 3, "title": "Cats", "body": ""},
    ]
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    assert call("stats", "build", tmp_path / "s", source, "--field", "title", "--field", "body").code == 0
    both = [{"text": f"{row['title'] or ''} {row['body']}"} for row in rows]
    assert statistics_in(tmp_path / "s") == statistics_of(both)
    with StatisticsStore.open(tmp_path / "s") as store:
        assert store.fields == ("title", "body")
        assert len(store.document(1).fields["title"]) == 1
    again = call("stats", "add", tmp_path / "s", source)
    assert again.out.startswith("added 0, replaced 0, unchanged 3\n")
    assert (
        "leave --text-column out" in call("stats", "add", tmp_path / "s", source, "--text-column", "body").err
    )
    done = call("stats", "build", tmp_path / "t", source, "--field", "title", "--text-column", "body")
    assert (done.code, "exclude each other" in done.err) == (2, True)
    done = call("stats", "build", tmp_path / "t", source, "--field", "title", "--field", "bdy")
    assert (done.code, "no column 'bdy'; did you mean 'body'?" in done.err) == (1, True)
    done = call("stats", "build", tmp_path / "t", source, "--field", "title", "--field", "id")
    assert "text column 'id' has the type int64, not string" in done.err


def test_a_second_column_of_texts_must_be_unicode_too(tmp_path, call):
    bad = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xff")]
    )
    table = pa.table({"id": [1, 2], "title": ["a", "b"], "body": bad})
    feather.write_feather(table, str(tmp_path / "in.arrow"))
    done = call(
        "stats", "build", tmp_path / "s", tmp_path / "in.arrow", "--field", "title", "--field", "body"
    )
    assert (done.code, "row 2: column 'body' is not valid UTF-8" in done.err) == (1, True)


def test_other_formats_and_pipes(tmp_path, source):
    expected = statistics_of(ROWS)
    table = pa.Table.from_pylist(ROWS)
    parquet.write_table(table, tmp_path / "in.parquet")
    (tmp_path / "in.csv").write_text(
        "id,text\n" + "".join(f'{row["id"]},"{row["text"] or ""}"\n' for row in ROWS)
    )
    for name in ("in.parquet", "in.csv"):
        run("stats", "build", tmp_path / f"{name}.stats", tmp_path / name, check=True)
        assert statistics_in(tmp_path / f"{name}.stats") == expected
        assert documents_in(tmp_path / f"{name}.stats").keys() == {"1", "2", "3", "4", "5"}
    data = gzip.compress(source.read_bytes())
    run("stats", "build", tmp_path / "piped", "-", check=True, input=data)
    assert statistics_in(tmp_path / "piped") == expected
    lines = b"a fox\n\ntwo dogs\n"
    run("stats", "build", tmp_path / "lines", "-", "--format", "txt", "--no-ledger", check=True, input=lines)
    assert statistics_in(tmp_path / "lines").document_count == 2


def test_ids_in_csv_keep_their_zeros(tmp_path, call):
    (tmp_path / "in.csv").write_text("id,text\n007,a fox\n7,a dog\n")
    call("stats", "build", tmp_path / "s", tmp_path / "in.csv")
    assert documents_in(tmp_path / "s").keys() == {"007", "7"}


def test_an_id_that_comes_twice_counts_as_it_came_last(tmp_path, call):
    rows = [ROWS[0], {**ROWS[0], "text": "a cat"}, ROWS[3]]
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    done = call("stats", "build", tmp_path / "s", source)
    assert "rows that a later one with the same id took the place of: 1\n" in done.out
    assert statistics_in(tmp_path / "s") == statistics_of(rows[1:])
    values = call("stats", "build", tmp_path / "t", source, "--output-format", "json").json
    assert (values["rows"], values["added"], values["superseded"]) == (3, 2, 1)
    assert (values["document_count"], values["epoch"]["number"]) == (2, 1)


def test_a_ledger_needs_ids_and_says_both_ways_out(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", [{"doc_id": 1, "text": "a fox"}])
    done = call("stats", "build", tmp_path / "s", source)
    assert done.code == 1
    assert "in.jsonl: no column 'id'" in done.err
    assert "(columns: doc_id, text)" in done.err
    assert "--id-column" in done.err
    assert "--no-ledger" in done.err
    assert left_in(tmp_path) == ["in.jsonl"]
    assert call("stats", "build", tmp_path / "s", source, "--id-column", "doc_id").code == 0
    assert call("stats", "build", tmp_path / "t", source, "--no-ledger").code == 0
    with StatisticsStore.open(tmp_path / "t") as store:
        assert not store.has_ledger
    done = call("stats", "build", tmp_path / "u", source, "--no-ledger", "--id-column", "doc_id")
    assert (done.code, "leave --id-column out" in done.err) == (2, True)
    piped = run("stats", "build", tmp_path / "u", "-", input=source.read_bytes(), text=False)
    assert (piped.returncode, b"--no-ledger" in piped.stderr) == (1, True)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": 1, "text": "a"}, {"id": None, "text": "b"}], "in.jsonl: row 2: column 'id' is null"),
        ([{"id": "a", "text": "a"}, {"id": "", "text": "b"}], "in.jsonl: row 2: column 'id' is empty"),
        ([{"id": 1.5, "text": "a"}], "column 'id' has the type double; an id is an integer or a string"),
        ([{"id": 1, "txt": "a"}], "no text column 'text'; did you mean 'txt'?"),
        ([{"id": 1, "text": "a", "owner": [1]}], "column 'owner' has the type list<item: int64>"),
    ],
)
def test_unusable_columns(tmp_path, call, rows, message):
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    owner = ["--tenant-column", "owner"] if "owner" in rows[0] else []
    done = call("stats", "build", tmp_path / "s", source, *owner)
    assert (done.code, message in done.err) == (1, True), done.err
    assert left_in(tmp_path) == ["in.jsonl"]


def test_unusable_options(source, built, tmp_path, call):
    done = call("stats", "build", built, source)
    assert (done.code, "is there already; name a new directory" in done.err) == (1, True)
    done = call("stats", "build", tmp_path / "no" / "s", source)
    assert (done.code, "no such directory" in done.err) == (1, True)
    done = call("stats", "build", tmp_path / "t", source, "--avg-len", "7")
    assert (done.code, "--avg-len goes with no store" in done.err) == (2, True)
    done = call("stats", "build", tmp_path / "t", source, "--max-drift", "0")
    assert (done.code, "max_drift must be" in done.err) == (2, True)
    done = call("stats", "build", tmp_path / "t", tmp_path / "none.jsonl")
    assert (done.code, "no such file" in done.err) == (1, True)
    done = call("stats", "build", tmp_path / "t", source, "--language", "klingon")
    assert done.code == 2
    assert left_in(tmp_path) == ["in.jsonl", "s"]


def test_a_broken_line_in_the_middle_leaves_no_store(tmp_path, call):
    good = "".join(json.dumps({"id": i, "text": f"word{i} " * 50}) + "\n" for i in range(2000))
    (tmp_path / "in.jsonl").write_text(good + '{"id": 1\n' + good)
    done = call("stats", "build", tmp_path / "s", tmp_path / "in.jsonl", "--batch-bytes", "20000")
    assert (done.code, "in.jsonl: line 2001: not valid JSON" in done.err) == (1, True)
    assert left_in(tmp_path) == ["in.jsonl"]
    done = call("stats", "build", tmp_path / "s", tmp_path / "in.jsonl", "--on-error", "skip")
    assert done.code == 0
    assert "1 lines skipped" in done.err
    assert "in.jsonl: line 2001: not valid JSON" in done.err
    before = documents_in(tmp_path / "s")
    assert len(before) == 2000
    (tmp_path / "more.jsonl").write_text(good.replace("word", "other") + "{\n")
    done = call("stats", "add", tmp_path / "s", tmp_path / "more.jsonl", "--batch-bytes", "20000")
    assert (done.code, "more.jsonl: line 2001" in done.err) == (1, True)
    assert documents_in(tmp_path / "s") == before
    with StatisticsStore.open(tmp_path / "s") as store:
        assert store.sequence == 1


def waiting_process(*arguments, pipe):
    """Start a command that reads a pipe; return it and the open pipe, when it has taken much of it."""
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    stream = pipe.open("wb", buffering=0)
    # More than a pipe holds: when all is written, nearly all is read.
    lines = "".join(
        json.dumps({"id": f"new{i}", "text": "some words to count " * 10}) + "\n" for i in range(9000)
    )
    stream.write(lines.encode())
    return process, stream


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_a_build_leaves_nothing(tmp_path, number, code):
    process, stream = waiting_process(
        "stats", "build", tmp_path / "s", tmp_path / "pipe", "--format", "jsonl", pipe=tmp_path / "pipe"
    )
    with process, stream:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".s.*.tmp")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(60) == code
        assert process.stderr.read() == b""
    assert left_in(tmp_path) == ["pipe"]


def test_a_signal_in_an_add_leaves_the_store_as_it_was(built, tmp_path):
    before = documents_in(built)
    files = sorted(os.listdir(built / "segments"))
    process, stream = waiting_process(
        "stats", "add", built, tmp_path / "pipe", "--format", "jsonl", pipe=tmp_path / "pipe"
    )
    with process, stream:
        second = run("stats", "remove", built, "--id", 1, text=True)
        assert second.returncode == 1
        assert f"is being written by process {process.pid} on " in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert documents_in(built) == before
    assert sorted(os.listdir(built / "segments")) == files
    assert run("stats", "remove", built, "--id", 1).returncode == 0


def test_add_replaces_and_reports(built, tmp_path, call):
    rows = [ROWS[0], {**ROWS[3], "text": "Cats"}, {"id": 9, "text": "A cat and a dog"}]
    more = write_jsonl(tmp_path / "more.jsonl", rows)
    done = call("stats", "add", built, more)
    assert done.code == 0
    assert done.out.splitlines()[0] == "added 1, replaced 1, unchanged 1"
    assert statistics_in(built) == statistics_of([*ROWS[:3], rows[1], ROWS[4], rows[2]])
    assert done.out.splitlines()[2].startswith("a new epoch began, with avg_len 3.50 instead of 5.33: scores")
    values = call("stats", "add", built, more, "--output-format", "json").json
    assert (values["added"], values["replaced"], values["unchanged"], values["commit"]) == (0, 0, 3, 3)
    done = call("stats", "add", built, more, "--tenant", "acme")
    assert done.out.startswith("added 0, replaced 3, unchanged 0\n")


def test_add_asks_whose_the_documents_are_where_there_are_tenants(source, tmp_path, call):
    for name, ledger in (("s", []), ("t", ["--no-ledger"])):
        path = tmp_path / name
        call("stats", "build", path, source, "--tenant-column", "owner", *ledger)
        done = call("stats", "add", path, source)
        assert (done.code, "has tenants ('acme', 'bolt'): say whose the documents are" in done.err) == (
            2,
            True,
        )
        assert "--tenant-column NAME or --tenant NAME, or --no-tenant" in done.err
        for flags in (["--tenant", "acme"], ["--tenant-column", "owner"]):
            done = call("stats", "add", path, source, "--no-tenant", *flags)
            assert (done.code, "--no-tenant excludes" in done.err) == (2, True)
        done = call("stats", "add", path, source, "--tenant", "")
        assert (done.code, "--tenant is empty; give --no-tenant" in done.err) == (2, True)
        with StatisticsStore.open(path) as store:
            assert store.sequence == 1
    done = call("stats", "add", tmp_path / "s", source, "--tenant-column", "owner")
    assert done.out.startswith("added 0, replaced 0, unchanged 5\n")
    done = call("stats", "add", tmp_path / "s", source, "--no-tenant")
    assert done.out.startswith("added 0, replaced 4, unchanged 1\n")
    with StatisticsStore.open(tmp_path / "s") as store:
        assert store.tenants() == {}
    assert call("stats", "add", tmp_path / "s", source).code == 0  # nobody is left to be taken out


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "x"])
def test_wait_is_a_number_of_seconds(built, call, seconds):
    done = call("stats", "remove", built, "--id", 1, f"--wait={seconds}")
    assert (done.code, "argument --wait: must be a number of seconds, 0 or more" in done.err) == (2, True)
    assert call("stats", "remove", built, "--id", 1, "--wait", "0.5").code == 0


def test_add_takes_the_options_of_the_store(source, tmp_path, call):
    call("stats", "build", tmp_path / "s", source, "--language", "german", "--k", "1")
    more = write_jsonl(tmp_path / "more.jsonl", [{"id": 9, "text": "Die Häuser und das Haus"}])
    assert call("stats", "add", tmp_path / "s", more).code == 0
    config = Bm25Config.tuned(language="german", k=1)
    assert statistics_in(tmp_path / "s") == statistics_of(
        [*ROWS, {"text": "Die Häuser und das Haus"}], config
    )
    assert call("stats", "add", tmp_path / "s", more, "--language", "german").code == 0
    done = call("stats", "add", tmp_path / "s", more, "--language", "french")
    assert (done.code, 'language "german" there, "french" here' in done.err) == (1, True)
    for flags in (["--k", "2"], ["--preset", "qdrant"], ["--avg-len", "7"]):
        done = call("stats", "add", tmp_path / "s", more, *flags)
        assert (done.code, "has options of its own" in done.err) == (2, True)


def test_add_without_a_ledger(source, tmp_path, call):
    call("stats", "build", tmp_path / "s", source, "--no-ledger")
    assert call("stats", "add", tmp_path / "s", source).out.startswith("added 5, replaced 0, unchanged 0\n")
    assert statistics_in(tmp_path / "s") == statistics_of([*ROWS, *ROWS])
    done = call("stats", "add", tmp_path / "s", source, "--id-column", "id")
    assert (done.code, "leave --id-column out" in done.err) == (2, True)


def test_add_needs_a_store_and_ids(built, tmp_path, call):
    source = write_jsonl(tmp_path / "more.jsonl", [{"text": "a"}])
    done = call("stats", "add", tmp_path / "none", source)
    assert (done.code, f"no such directory; `bm25 stats build {tmp_path}/none INPUT" in done.err) == (1, True)
    done = call("stats", "add", built, source)
    assert (done.code, "name the column with --id-column" in done.err) == (1, True)
    assert "--no-ledger" not in done.err


def test_multilingual_has_no_terms(tmp_path, call):
    pytest.importorskip("qdrant_edge")
    rows = [{"id": 1, "text": "東京の天気"}, {"id": 2, "text": "大阪の天気 and foxes"}]
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    assert call("stats", "build", tmp_path / "s", source, "--tokenizer", "multilingual").code == 0
    assert statistics_in(tmp_path / "s") == statistics_of(rows, Bm25Config.tuned(tokenizer="multilingual"))
    assert call("stats", "verify", tmp_path / "s", source).code == 0
    assert call("stats", "top", tmp_path / "s").code == 0
    [entry, *_] = call("stats", "term", tmp_path / "s", "foxes", "--format", "json").json["terms"]
    assert (entry["term"], entry["document_frequency"]) == (None, 1)


def test_progress_is_shown_where_it_is_asked_for(source, tmp_path, call):
    assert "100%" in call("stats", "build", tmp_path / "s", source, "--progress").err
    assert "%" not in call("stats", "build", tmp_path / "t", source).err


def test_threads_and_batches_change_nothing(tmp_path, call):
    rows = [{"id": i, "text": f"word{i % 7} word{i} the foxes"} for i in range(3000)]
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    call("stats", "build", tmp_path / "s", source, "--threads", "3", "--batch-bytes", "2000")
    assert statistics_in(tmp_path / "s") == statistics_of(rows)
    counts = Bm25Encoder(Bm25Config.tuned()).count_documents([row["text"] for row in rows])
    assert statistics_in(tmp_path / "s").terms == CorpusStatistics.from_counts(counts).terms
