import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from bm25 import Bm25Config, Bm25Encoder
from bm25.cli.main import main
from tests.cli.process import COMMAND, ENVIRONMENT, run, run_python

ROWS = [
    {"id": 1, "text": "The quick brown fox jumps over the lazy dog, the dog sleeps."},
    {"id": 2, "text": None},
    {"id": 3, "text": ""},
    {"id": 4, "text": "Foxes and dogs: Füchse und Hunde"},
]


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def source(tmp_path):
    return write_jsonl(tmp_path / "in.jsonl", ROWS)


def expected_vectors(config, method="encode_documents"):
    return (
        getattr(Bm25Encoder(config), method)(pa.array([row["text"] for row in ROWS])).to_arrow().to_pylist()
    )


def test_jsonl_to_arrow(source, tmp_path):
    done = run("encode", source, "-o", tmp_path / "out.arrow")
    assert (done.returncode, done.stdout) == (0, b"")
    table = feather.read_table(str(tmp_path / "out.arrow"))
    assert table.schema.names == ["id", "text", "vector"]
    assert table.schema.field("vector").type == pa.struct(
        [("indices", pa.list_(pa.uint32())), ("values", pa.list_(pa.float32()))]
    )
    assert table.select(["id", "text"]).to_pylist() == ROWS
    assert table["vector"].to_pylist() == expected_vectors(Bm25Config.tuned())
    assert table["vector"][1].as_py() is None
    summary = done.stderr.decode()
    assert summary.startswith("bm25: 4 documents, 1 without text, 0 lines skipped; ")
    assert summary.splitlines()[0].endswith(f"written to {tmp_path}/out.arrow")
    assert summary.splitlines()[1].startswith("bm25: preset tuned: k 1.5, b 0.75, k3 8, avg_len 256")


def test_presets_and_roles_give_the_vectors_of_the_library(source, tmp_path):
    out = tmp_path / "out.parquet"
    run("encode", source, "-o", out, "--preset", "qdrant", "--avg-len", "10", check=True)
    expected = expected_vectors(Bm25Config(avg_len=10))
    assert parquet.read_table(out)["vector"].to_pylist() == expected
    run("encode", source, "-o", out, "--role", "query", check=True)
    expected = expected_vectors(Bm25Config.tuned(), "encode_queries")
    assert parquet.read_table(out)["vector"].to_pylist() == expected


def test_columns(source, tmp_path):
    out = tmp_path / "out.arrow"
    run("encode", source, "-o", out, "--columns", "id", "--vector-column", "bm25", check=True)
    assert feather.read_table(str(out)).schema.names == ["id", "bm25"]
    done = run("encode", source, "-o", out, "--vector-column", "id")
    assert done.returncode == 1
    assert b"has a column 'id' already; name the new one with --vector-column" in done.stderr
    done = run("encode", source, "-o", out, "--text-column", "txt")
    assert b"no text column 'txt'; did you mean 'text'? (columns: id, text)" in done.stderr


def test_several_inputs(source, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    more = write_jsonl(tmp_path / "more.jsonl", [{"id": 5, "text": "more"}])
    out = tmp_path / "out.arrow"
    run("encode", empty, source, more, "-o", out, check=True)
    assert feather.read_table(str(out))["id"].to_pylist() == [1, 2, 3, 4, 5]
    other = write_jsonl(tmp_path / "other.jsonl", [{"number": 5, "text": "more"}])
    done = run("encode", source, other, "-o", tmp_path / "no.arrow")
    assert done.returncode == 1
    assert b"other.jsonl: line 1: column 'number' is new" in done.stderr
    assert not (tmp_path / "no.arrow").exists()


def test_an_input_given_twice_and_empty_columnar_inputs(source, tmp_path):
    out = tmp_path / "out.arrow"
    once = tmp_path / "once.arrow"
    feather.write_feather(pa.Table.from_pylist(ROWS), str(once))
    for path in (str(source), str(once)):
        # In one process: equal arguments may be one and the same string.
        assert main(["encode", path, path, "-o", str(out)]) == 0
        assert feather.read_table(str(out))["id"].to_pylist() == [1, 2, 3, 4] * 2
    empty = tmp_path / "empty.arrow"
    empty.touch()
    assert main(["encode", str(empty), str(once), str(empty), "-o", str(out)]) == 0
    assert feather.read_table(str(out))["id"].to_pylist() == [1, 2, 3, 4]


def test_pipes(source):
    data = gzip.compress(source.read_bytes())
    done = run("encode", "-", "-o", "-", "--threads", "1", input=data)
    assert done.returncode == 0, done.stderr
    table = pa.ipc.open_stream(done.stdout).read_all()
    assert table["vector"].to_pylist() == expected_vectors(Bm25Config.tuned())
    again = run("encode", "-", "-o", "-", "--columns", "id,text", input=done.stdout)
    assert again.stdout == done.stdout


def test_a_reader_that_leaves_is_no_error_message(tmp_path):
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": "some words " * 100}] * 5000)
    with subprocess.Popen(
        [*COMMAND, "encode", str(source), "-o", "-", "--batch-bytes", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        process.stdout.read(1000)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_broken_lines(source, tmp_path):
    source.write_text(source.read_text() + '{"id": 5}\n{"id": 6, "text"\n')
    done = run("encode", source, "-o", tmp_path / "out.arrow")
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"bm25: error: {source}: line 6: not valid JSON")
    assert os.listdir(tmp_path) == ["in.jsonl"]
    done = run("encode", source, "-o", tmp_path / "out.arrow", "--on-error", "skip")
    assert done.returncode == 0
    assert done.stderr.decode().startswith(f"bm25: skipped: {source}: line 6: not valid JSON")
    assert b"5 documents, 2 without text, 1 lines skipped" in done.stderr


def test_progress_is_for_terminals_unless_asked_for(source, tmp_path):
    assert b"%" not in run("encode", source, "-o", tmp_path / "out.arrow").stderr
    assert b"100%" in run("encode", source, "-o", tmp_path / "out.arrow", "--progress").stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_nothing_behind(tmp_path, number, code):
    source = tmp_path / "pipe"
    os.mkfifo(source)
    out = tmp_path / "out.arrow"
    out.write_bytes(b"old")
    with subprocess.Popen(
        [*COMMAND, "encode", str(source), "--format", "jsonl", "-o", str(out), "--batch-bytes", "100000"],
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        with source.open("wb", buffering=0) as pipe:
            # Enough for some batches to be written; then the reader waits for more.
            pipe.write(b'{"text": "some words to encode"}\n' * 20_000)
            deadline = time.monotonic() + 120
            while not [path for path in tmp_path.glob(".out.arrow.*.tmp") if path.stat().st_size > 100_000]:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(number)
            process.send_signal(number)
            assert process.wait(30) == code
        assert process.stderr.read() == b""
    assert sorted(os.listdir(tmp_path)) == ["out.arrow", "pipe"]
    assert out.read_bytes() == b"old"


def test_a_signal_while_the_reader_of_the_output_has_stalled(tmp_path):
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": "some words " * 100}] * 20_000)
    with subprocess.Popen(
        [*COMMAND, "encode", str(source), "-o", "-", "--batch-bytes", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        process.stdout.read(1000)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(30) == 143
        finally:
            process.kill()
        assert process.stderr.read() == b""


def test_a_full_disk(source, tmp_path):
    pytest.importorskip("resource")
    source.write_text(source.read_text() * 5000)
    code = (
        "import resource, sys; from bm25 import Bm25Encoder; from bm25.cli.main import main;"
        # Compiled code must not be cached under a limit on file sizes.
        "Bm25Encoder.warmup();"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); sys.exit(main(sys.argv[1:]))"
    )
    out = tmp_path / "out.arrow"
    done = run_python(
        "-c",
        code,
        "encode",
        str(source),
        "-o",
        str(out),
    )
    assert done.returncode == 1
    assert b"out.arrow: file too large; nothing was kept" in done.stderr
    assert not [name for name in os.listdir(tmp_path) if "out" in name]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to tell the peak")
def test_memory_is_bounded(tmp_path):
    source = tmp_path / "in.jsonl"
    line = json.dumps({"text": "some words of a text that repeats itself " * 30}).encode() + b"\n"
    with source.open("wb") as file:
        for _ in range(100):
            file.write(line * 1000)
    # Not ru_maxrss, which begins with that of the process that started this one.
    code = (
        "import re; from pathlib import Path; import sys; from bm25.cli.main import main; main(sys.argv[1:]);"
        "print(re.search(r'VmHWM:\\s*([0-9]+) kB', Path('/proc/self/status').read_text())[1])"
    )
    done = run_python(
        "-c",
        code,
        "encode",
        str(source),
        "-o",
        str(tmp_path / "out.arrow"),
        check=True,
    )
    assert 50e6 < int(done.stdout) * 1024 < 600e6


def test_a_text_that_the_options_cannot_serve_is_named_by_its_row(tmp_path):
    lines = [{"text": "fine"}] * 3 + [{"text": "x" * 2000}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = run(
        "encode",
        str(tmp_path / "in.jsonl"),
        "-o",
        str(tmp_path / "out.arrow"),
        "--tokenizer",
        "prefix",
        text=True,
    )
    assert done.returncode == 1
    assert f"{tmp_path / 'in.jsonl'}: row 4: a token of 2000 characters" in done.stderr
    assert not (tmp_path / "out.arrow").exists()
