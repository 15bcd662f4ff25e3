import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics, StatisticsStore
from bm25.cli import fitting, spool
from tests.cli.process import COMMAND, ENVIRONMENT, run, run_python
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


def weighed(rows, config=None, mean=None):
    """Weigh rows with the library, with their own mean length or another."""
    encoder = Bm25Encoder(config or Bm25Config.tuned(), threads=1)
    counts = encoder.count_documents(pa.array([row["text"] for row in rows], pa.string()))
    mean = CorpusStatistics.from_counts(counts, terms=False).average_length if mean is None else mean
    return encoder.weigh(counts, avg_len=mean).to_arrow()


def vectors_in(path):
    table = (
        parquet.read_table(path)
        if path.suffix == ".parquet"
        else feather.read_table(str(path), memory_map=False)
    )
    return table["vector"].combine_chunks()


def test_a_new_store_is_fitted_in_one_pass(source, tmp_path):
    done = run("encode", source, "--statistics", tmp_path / "s", "-o", tmp_path / "out.parquet", text=True)
    assert (done.returncode, done.stdout) == (0, "")
    summary, statistics, options = done.stderr.splitlines()
    assert summary.startswith("bm25: 5 documents, 1 without text, 0 lines skipped; ")
    assert statistics == f"bm25: statistics in {tmp_path}/s: 5 documents, with ledger"
    assert options.startswith("bm25: preset tuned: k 1.5, b 0.75, k3 8, avg_len 5.33333, language english")
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.schema.names == ["id", "owner", "text", "vector"]
    assert table.select(["id", "owner", "text"]).to_pylist() == ROWS
    assert table["vector"].combine_chunks().equals(weighed(ROWS))
    assert table["vector"][1].as_py() is None
    assert statistics_in(tmp_path / "s") == statistics_of(ROWS)
    assert statistics_in(tmp_path / "s").terms == statistics_of(ROWS).terms
    assert documents_in(tmp_path / "s").keys() == {"1", "2", "3", "4", "5"}
    assert left_in(tmp_path) == ["in.jsonl", "out.parquet", "s"]


def test_the_store_is_that_of_build(source, tmp_path, call):
    flags = ["--tenant-column", "owner", "--max-drift", "0.2"]
    done = call("encode", source, "--statistics", tmp_path / "s", "-o", tmp_path / "out.arrow", *flags)
    assert done.code == 0, done.err
    call("stats", "build", tmp_path / "t", source, *flags)
    with StatisticsStore.open(tmp_path / "s") as one, StatisticsStore.open(tmp_path / "t") as other:
        assert one.statistics() == other.statistics()
        assert one.tenants() == other.tenants() != {}
        assert (one.epochs, one.max_drift) == (other.epochs, other.max_drift)
    assert documents_in(tmp_path / "s") == documents_in(tmp_path / "t")


@pytest.mark.parametrize(
    "options", [{}, {"dialect": "fastembed"}, {"k": 0.9, "b": 0.3}, {"language": "german"}]
)
def test_vectors_are_those_of_weigh_bit_for_bit(tmp_path, call, options):
    rows = [
        {"id": i, "text": " ".join(f"word{i * j % 97} Häuser" for j in range(i % 40))} for i in range(3000)
    ]
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    (tmp_path / "model.json").write_text(json.dumps(options))
    for name, batch in (("one", "4194304"), ("many", "5000")):
        done = call(
            "encode", source, "--statistics", tmp_path / name, "-o", tmp_path / f"{name}.arrow",
            "--config", tmp_path / "model.json", "--batch-bytes", batch, "--threads", "2",
        )  # fmt: skip
        assert done.code == 0, done.err
        assert vectors_in(tmp_path / f"{name}.arrow").equals(weighed(rows, Bm25Config(**options)))


def test_multilingual(tmp_path, call):
    pytest.importorskip("qdrant_edge")
    rows = [
        {"id": 1, "text": "東京の天気"},
        {"id": 2, "text": "大阪の天気 and foxes"},
        {"id": 3, "text": None},
    ]
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    done = call(
        "encode",
        source,
        "--tokenizer",
        "multilingual",
        "--statistics",
        tmp_path / "s",
        "-o",
        tmp_path / "o.arrow",
    )
    assert done.code == 0, done.err
    assert vectors_in(tmp_path / "o.arrow").equals(weighed(rows, Bm25Config.tuned(tokenizer="multilingual")))


def test_pipes(source, tmp_path):
    done = run(
        "encode", "-", "--statistics", tmp_path / "s", "-o", "-", input=source.read_bytes(), check=True
    )
    table = pa.ipc.open_stream(done.stdout).read_all()
    assert table["vector"].combine_chunks().equals(weighed(ROWS))
    assert left_in(tmp_path) == ["in.jsonl", "s"]


def test_a_spool_on_disk_gives_the_same(source, tmp_path, call, monkeypatch):
    monkeypatch.setattr(fitting, "SPOOL_BYTES", 1)
    made = []

    class Watched(spool.Spool):
        def __exit__(self, *error):
            made.append(self.on_disk)
            super().__exit__(*error)

    monkeypatch.setattr(spool, "Spool", Watched)
    more = write_jsonl(tmp_path / "more.jsonl", [{**row, "id": row["id"] + 10} for row in ROWS])
    done = call("encode", source, more, "--statistics", tmp_path / "s", "-o", tmp_path / "out.arrow")
    assert (done.code, made) == (0, [True])
    assert vectors_in(tmp_path / "out.arrow").equals(weighed([*ROWS, *ROWS]))
    assert left_in(tmp_path) == ["in.jsonl", "more.jsonl", "out.arrow", "s"]


def test_columns_that_are_not_kept_are_read_for_the_store(source, tmp_path, call):
    out = tmp_path / "out.arrow"
    flags = ["--columns", "owner", "--tenant-column", "owner"]
    assert call("encode", source, "--statistics", tmp_path / "s", "-o", out, *flags).code == 0
    assert feather.read_table(str(out)).schema.names == ["owner", "vector"]
    assert documents_in(tmp_path / "s").keys() == {"1", "2", "3", "4", "5"}
    flags = ["--columns", "id:int64,text", "--vector-column", "bm25"]
    assert call("encode", source, "--statistics", tmp_path / "t", "-o", out, *flags).code == 0
    assert feather.read_table(str(out)).schema.names == ["id", "text", "bm25"]


def test_the_ledger_follows_the_rule_of_build(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": "a fox"}])
    out = tmp_path / "out.arrow"
    done = call("encode", source, "--statistics", tmp_path / "s", "-o", out)
    assert (done.code, "--no-ledger" in done.err, "--id-column" in done.err) == (1, True, True)
    assert left_in(tmp_path) == ["in.jsonl"]
    assert call("encode", source, "--statistics", tmp_path / "s", "-o", out, "--no-ledger").code == 0
    with StatisticsStore.open(tmp_path / "s") as store:
        assert not store.has_ledger


def test_a_store_that_is_there_is_used_as_it_is(source, tmp_path, call):
    corpus = write_jsonl(tmp_path / "corpus.jsonl", [*ROWS, {"id": 6, "text": "a dog " * 50}])
    call("stats", "build", tmp_path / "s", corpus, "--language", "german", "--k", "1.1")
    with StatisticsStore.open(tmp_path / "s") as store:
        mean = store.epoch.avg_len
    out = tmp_path / "out.arrow"
    done = call("encode", source, "--statistics", tmp_path / "s", "-o", out)
    assert done.code == 0
    config = Bm25Config.tuned(language="german", k=1.1, avg_len=mean)
    assert vectors_in(out).equals(Bm25Encoder(config).encode_documents([r["text"] for r in ROWS]).to_arrow())
    assert vectors_in(out).equals(weighed(ROWS, config, mean))
    _, statistics, options = done.err.splitlines()
    assert statistics == f"bm25: statistics of {tmp_path}/s: epoch 1, commit 1"
    assert options.startswith(f"bm25: options of {tmp_path}/s: k 1.1, b 0.75, k3 8, avg_len {mean:g}, ")
    assert len(documents_in(tmp_path / "s")) == 6
    call("encode", source, "--statistics", tmp_path / "s", "-o", out, "--k", "2", "--b", "0.1")
    config = Bm25Config.tuned(language="german", k=2, b=0.1)
    assert vectors_in(out).equals(weighed(ROWS, config, mean))
    call("encode", source, "--statistics", tmp_path / "s", "-o", out, "--preset", "qdrant")
    assert vectors_in(out).equals(weighed(ROWS, Bm25Config(language="german"), mean))


def test_an_older_epoch_says_what_it_costs(source, tmp_path, call):
    call("stats", "build", tmp_path / "s", source, "--max-drift", "9")
    more = write_jsonl(tmp_path / "more.jsonl", [{"id": 9, "text": "a dog " * 50}])
    call("stats", "add", tmp_path / "s", more)
    done = call("encode", source, "--statistics", tmp_path / "s", "-o", tmp_path / "out.arrow")
    assert "epoch 1, commit 2, the mean length is 16.5 now: scores are 0.3232 to 1.0000 times" in done.err
    assert vectors_in(tmp_path / "out.arrow").equals(weighed(ROWS))


def test_queries_take_the_options_of_the_store(source, tmp_path, call):
    call("stats", "build", tmp_path / "s", source, "--language", "german", "--k3", "3")
    queries = write_jsonl(tmp_path / "queries.jsonl", [{"text": "Häuser Häuser Hund"}])
    out = tmp_path / "out.arrow"
    flags = ["--statistics", tmp_path / "s", "-o", out, "--role", "query"]
    assert call("encode", queries, *flags).code == 0
    encoder = Bm25Encoder(Bm25Config.tuned(language="german", k3=3))
    assert vectors_in(out).equals(encoder.encode_queries(["Häuser Häuser Hund"]).to_arrow())
    call("encode", queries, *flags, "--k3", "1")
    encoder = Bm25Encoder(Bm25Config.tuned(language="german", k3=1))
    assert vectors_in(out).equals(encoder.encode_queries(["Häuser Häuser Hund"]).to_arrow())
    flags[1] = tmp_path / "none"
    done = call("encode", queries, *flags)
    assert (done.code, "none: no such store; queries take their options from the store" in done.err) == (
        2,
        True,
    )


def test_unusable_options(source, tmp_path, call):
    store, out = tmp_path / "s", tmp_path / "out.arrow"
    call("stats", "build", store, source)
    names = left_in(tmp_path)
    for flags, code, message in (
        (["--statistics", store, "--language", "german"], 1, 'language "english" there, "german" here'),
        (["--statistics", store, "--avg-len", "7"], 2, "--avg-len and --statistics exclude each other"),
        (["--statistics", tmp_path / "t", "--avg-len", "7"], 2, "--avg-len goes with no store"),
        (["--statistics", store, "--id-column", "id"], 2, "--id-column is for making a new store, and"),
        (["--statistics", store, "--no-ledger"], 2, "bm25 stats add adds documents"),
        (["--id-column", "id"], 2, "--id-column goes with --statistics"),
        (["--no-ledger", "--tenant", "a"], 2, "--no-ledger, --tenant go with --statistics"),
        (["--statistics", source], 1, "is a file; a store is a directory"),
        (["--statistics", tmp_path], 1, "no store, it has no manifest.json"),
        (["--statistics", tmp_path / "no" / "t"], 1, "no such directory"),
        (["--statistics", tmp_path / "t", "--vector-column", "id"], 1, "has a column 'id' already"),
        (["--statistics", tmp_path / "t", "--text-column", "txt"], 1, "no text column 'txt'"),
    ):
        done = call("encode", source, "-o", out, *flags)
        assert (done.code, message in done.err) == (code, True), done.err
        assert left_in(tmp_path) == names
    StatisticsStore.create(tmp_path / "empty", Bm25Config.tuned()).close()
    done = call("encode", source, "-o", out, "--statistics", tmp_path / "empty")
    assert (done.code, "has no documents, so no mean length" in done.err) == (1, True)
    done = call("encode", source, "-o", tmp_path / "no" / "x.arrow", "--statistics", tmp_path / "t")
    assert (done.code, "t" not in left_in(tmp_path)) == (1, True)


def test_a_store_with_fields_has_no_documents_of_one_column(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": 1, "title": "a fox", "body": "dogs"}])
    call("stats", "build", tmp_path / "s", source, "--field", "title", "--field", "body")
    flags = ["--statistics", tmp_path / "s", "-o", tmp_path / "o.arrow", "--text-column", "body"]
    done = call("encode", source, *flags)
    assert (done.code, "counts the fields title, body" in done.err) == (1, True)
    assert call("encode", source, *flags, "--role", "query").code == 0


def test_no_documents_have_no_mean_length(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": 1, "text": "the"}, {"id": 2, "text": None}])
    done = call("encode", source, "--statistics", tmp_path / "s", "-o", tmp_path / "o.arrow")
    assert done.code == 0, done.err
    assert vectors_in(tmp_path / "o.arrow").to_pylist() == [{"indices": [], "values": []}, None]


@pytest.mark.parametrize(("content", "shards"), [("", 1), ("", 2), ("\n \n", 1)])
def test_an_empty_corpus_is_one_as_for_build(tmp_path, call, content, shards):
    empty, out = tmp_path / "empty.jsonl", tmp_path / "o.arrow"
    empty.write_text(content)
    flags = ["--tenant-column", "owner"]
    done = call("encode", *[empty] * shards, "--statistics", tmp_path / "s", "-o", out, *flags)
    assert done.code == 0, done.err
    assert feather.read_table(str(out)).num_rows == 0
    assert call("stats", "build", tmp_path / "t", *[empty] * shards, *flags).code == 0
    assert statistics_in(tmp_path / "s") == statistics_in(tmp_path / "t") == statistics_of([])


def test_only_an_empty_corpus_needs_no_ids(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": "a fox"}])
    (tmp_path / "blank.jsonl").write_text("\n")
    for inputs in ([source], [tmp_path / "blank.jsonl", source]):
        done = call("encode", *inputs, "--statistics", tmp_path / "s", "-o", tmp_path / "o.arrow")
        assert (done.code, "no column 'id'" in done.err) == (1, True), done.err


def test_a_broken_line_leaves_neither_store_nor_output(tmp_path, call):
    good = "".join(json.dumps({"id": i, "text": f"word{i} " * 50}) + "\n" for i in range(2000))
    (tmp_path / "in.jsonl").write_text(good + '{"id": 1\n' + good)
    flags = ["--statistics", tmp_path / "s", "-o", tmp_path / "out.arrow", "--batch-bytes", "20000"]
    done = call("encode", tmp_path / "in.jsonl", *flags)
    assert (done.code, "in.jsonl: line 2001: not valid JSON" in done.err) == (1, True)
    assert left_in(tmp_path) == ["in.jsonl"]
    done = call("encode", tmp_path / "in.jsonl", *flags, "--on-error", "skip")
    assert (done.code, "4,000 documents" in done.err, "1 lines skipped" in done.err) == (0, True, True)
    assert len(documents_in(tmp_path / "s")) == 2000


def test_a_failing_output_leaves_no_store(source, tmp_path):
    pytest.importorskip("resource")
    rows = [{"id": i, "text": ROWS[0]["text"]} for i in range(20_000)]
    write_jsonl(source, rows)
    code = (
        "import resource, sys; from bm25 import Bm25Encoder; from bm25.cli.main import main;"
        "Bm25Encoder.warmup();"
        "main(['stats', 'build', sys.argv.pop(), sys.argv[2]]);"  # compiles what a store needs
        # The store's files and the vectors are larger; the compiled code is cached already.
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); sys.exit(main(sys.argv[1:]))"
    )
    done = run_python(
        "-c", code, "encode", str(source), "--statistics", str(tmp_path / "s"),
        "-o", str(tmp_path / "out.arrow"), str(tmp_path / "other"),
    )  # fmt: skip
    assert done.returncode == 1
    assert b"ile too large" in done.stderr
    assert left_in(tmp_path) == ["in.jsonl", "other"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_neither(tmp_path, number, code):
    pipe, out = tmp_path / "pipe", tmp_path / "out.arrow"
    os.mkfifo(pipe)
    out.write_bytes(b"old")
    with subprocess.Popen(
        [
            *COMMAND,
            "encode",
            str(pipe),
            "--format",
            "jsonl",
            "--statistics",
            str(tmp_path / "s"),
            "-o",
            str(out),
            "--batch-bytes",
            "100000",
        ],
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        with pipe.open("wb", buffering=0) as stream:
            line = json.dumps({"id": 1, "text": "some words to count " * 10}) + "\n"
            stream.write(line.encode() * 9000)
            deadline = time.monotonic() + 60
            while not list(tmp_path.glob(".s.*.tmp")):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(number)
            assert process.wait(60) == code
        assert process.stderr.read() == b""
    assert left_in(tmp_path) == ["out.arrow", "pipe"]
    assert out.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to tell the peak")
def test_memory_is_bounded(tmp_path):
    source = tmp_path / "in.jsonl"
    text = "some words of a text that repeats itself " * 30
    with source.open("w") as file:
        for i in range(100_000):
            file.write(f'{{"id": {i}, "text": "{text}"}}\n')
    code = (
        "import re; from pathlib import Path; import sys; from bm25.cli.main import main; main(sys.argv[1:]);"
        "print(re.search(r'VmHWM:\\s*([0-9]+) kB', Path('/proc/self/status').read_text())[1])"
    )
    done = run_python(
        "-c", code, "encode", str(source), "--statistics", str(tmp_path / "s"),
        "-o", str(tmp_path / "out.arrow"), check=True,
    )  # fmt: skip
    assert 50e6 < int(done.stdout) * 1024 < 800e6
    assert re.search(rb"100,000 documents", done.stderr)
