import os
import subprocess
import sys
import threading

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from bm25.errors import Bm25InputError
from bm25.files import BackgroundWriter, open_output

VECTOR = pa.struct([("indices", pa.list_(pa.uint32())), ("values", pa.list_(pa.float32()))])
BATCH = pa.record_batch(
    [
        pa.array(["a", None, "c"]),
        pa.array(
            [{"indices": [1, 2**32 - 1], "values": [0.5, 1.0]}, None, {"indices": [], "values": []}], VECTOR
        ),
    ],
    names=["text", "vector"],
)


def read_stream(path):
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("out.parquet", parquet.read_table),
        ("out.arrow", lambda path: feather.read_table(str(path))),
        ("out.ipc", lambda path: feather.read_table(str(path))),
        ("out.arrows", read_stream),
    ],
)
@pytest.mark.parametrize("compression", [None, "none", "zstd", "lz4"])
def test_round_trip(tmp_path, name, read, compression):
    path = tmp_path / name
    with open_output(path, BATCH.schema, compression=compression) as output:
        for _ in range(3):
            output.write(BATCH)
        assert not path.exists()
    assert output.rows == 9
    assert read(path).to_pylist() == BATCH.to_pylist() * 3
    assert os.listdir(tmp_path) == [name]


def test_no_rows(tmp_path):
    for name in ("out.parquet", "out.arrow", "out.arrows"):
        with open_output(tmp_path / name, BATCH.schema):
            pass
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 0
    assert feather.read_table(str(tmp_path / "out.arrow")).schema == BATCH.schema
    assert read_stream(tmp_path / "out.arrows").num_rows == 0


def test_parquet_is_compressed_and_row_groups_are_large(tmp_path):
    path = tmp_path / "out.parquet"
    texts = pa.record_batch({"text": ["some words " * 100] * 1000})
    with open_output(path, texts.schema) as output:
        for _ in range(60):
            output.write(texts)
    with parquet.ParquetFile(path) as file:
        metadata = file.metadata
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert metadata.num_row_groups == 2


@pytest.mark.parametrize("name", ["out.parquet", "out.arrow", "out.arrows"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file(tmp_path, name, error):
    path = tmp_path / name
    path.write_bytes(b"old")
    with pytest.raises(error):
        write_and_raise(path, error)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == [name]


def write_and_raise(path, error):
    with open_output(path, BATCH.schema) as output:
        output.write(BATCH)
        raise error


def test_permissions_and_links_survive(tmp_path):
    target = tmp_path / "target.arrow"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link = tmp_path / "link.arrow"
    link.symlink_to(target)
    with open_output(link, BATCH.schema) as output:
        output.write(BATCH)
    assert link.is_symlink()
    assert feather.read_table(str(target)).num_rows == 3
    assert target.stat().st_mode & 0o777 == 0o640


def test_what_is_refused(tmp_path):
    source = tmp_path / "in.arrow"
    source.write_bytes(b"x")
    link = tmp_path / "same.arrow"
    link.symlink_to(source)
    for path, options, message in [
        (source, {"inputs": [source]}, "is an input as well"),
        (link, {"inputs": [source]}, "is an input as well"),
        (tmp_path / "out.csv", {}, "cannot tell the output format"),
        (tmp_path / "out.arrow", {"format": "csv"}, "unknown output format 'csv'; allowed: parquet, arrow"),
        (tmp_path / "out.arrow", {"compression": "snappy"}, "unknown compression 'snappy' for arrow"),
        (tmp_path / "no" / "out.arrow", {}, "cannot be written: No such file"),
        (tmp_path, {"format": "arrow"}, "is a directory"),
        ("-", {"format": "parquet"}, "cannot be piped"),
    ]:
        with pytest.raises(Bm25InputError, match=message):
            open_output(path, BATCH.schema, **options)
    assert sorted(os.listdir(tmp_path)) == ["in.arrow", "same.arrow"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("format", ["arrow", "arrows", "parquet"])
def test_named_pipes_and_devices_are_written_to_directly(tmp_path, format):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    received = []
    thread = threading.Thread(target=lambda: received.append(path.read_bytes()))
    thread.start()
    for destination in (path, os.devnull):
        with open_output(destination, BATCH.schema, format=format) as output:
            output.write(BATCH)
    thread.join()
    plain = tmp_path / "plain"
    with open_output(plain, BATCH.schema, format=format) as output:
        output.write(BATCH)
    assert received == [plain.read_bytes()]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_device():
    with (
        pytest.raises(Bm25InputError, match="/dev/full: no space left on device"),
        open_output("/dev/full", BATCH.schema, format="arrows") as output,
    ):
        output.write(BATCH)


@pytest.mark.parametrize("name", ["out.parquet", "out.arrow", "out.arrows"])
def test_a_full_disk(tmp_path, name):
    pytest.importorskip("resource")
    code = f"""
import resource
import pyarrow as pa
from bm25.errors import Bm25InputError
from bm25.files import BackgroundWriter, open_output
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
batch = pa.record_batch({{"id": list(range(50_000))}})
try:
    with open_output({str(tmp_path / name)!r}, batch.schema, compression="none") as output:
        with BackgroundWriter(output.write) as writer:
            for _ in range(20):
                writer.put(batch)
except Bm25InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
    assert f"{name}: file too large; nothing was kept" in done.stdout
    assert os.listdir(tmp_path) == []


def test_the_background_writer_keeps_order():
    written = []
    with BackgroundWriter(written.append) as writer:
        for i in range(100):
            writer.put(i)
    assert written == list(range(100))


def fail(item):
    raise ValueError(item)


@pytest.mark.parametrize("count", [1, 1000])
def test_the_background_writer_passes_errors_on(count):
    with pytest.raises(ValueError, match="0"):
        put_all(fail, range(count))
    with pytest.raises(KeyError):
        put_all([].append, iter_and_raise(count))


def put_all(write, items):
    with BackgroundWriter(write) as writer:
        for item in items:
            writer.put(item)


def iter_and_raise(count):
    yield from range(count)
    raise KeyError
