import os
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from bm25.errors import Bm25ConfigError, Bm25Error, Bm25InputError
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
    assert metadata.num_row_groups == 4


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
        with pytest.raises(Bm25Error, match=message) as caught:
            open_output(path, BATCH.schema, **options)
        # What another option would mend is the options' fault.
        about_options = "format" in message or "compression" in message or "piped" in message
        assert isinstance(caught.value, Bm25ConfigError if about_options else Bm25InputError)
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
    put_all_to(BackgroundWriter(write), items)


def put_all_to(writer, items):
    with writer:
        for item in items:
            writer.put(item)


def iter_and_raise(count):
    yield from range(count)
    raise KeyError


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_stuck_write_does_not_hold_up_an_error(count):
    stuck = threading.Event()
    started = time.monotonic()
    with pytest.raises(KeyError):
        put_all(lambda item: stuck.wait(60), iter_and_raise(min(count, 3)))
    assert time.monotonic() - started < 10
    stuck.set()


class Interrupted(threading.Event):
    interruptions = 1

    def wait(self, timeout=None):
        if self.interruptions:
            self.interruptions -= 1
            raise KeyboardInterrupt
        return super().wait(timeout)


def test_an_interruption_at_the_end_waits_for_the_write_under_way():
    written = []

    def write(item):
        time.sleep(0.3)
        written.append(item)

    writer = BackgroundWriter(write)
    writer._done = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        put_all_to(writer, range(3))
    assert writer._done.is_set()
    assert 0 in written
    assert 2 not in written


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_file_is_not_closed_under_a_stuck_write(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    batch = pa.record_batch({"id": list(range(1_000_000))})
    output = open_output(path, batch.schema, format="arrows")
    errors = []

    def write():
        try:
            output.write(batch)
        except OSError as error:
            errors.append(type(error))

    def leave_while_writing():
        with output:
            thread.start()
            while not output._writing.locked():
                time.sleep(0.01)
            raise KeyError

    thread = threading.Thread(target=write)
    with pytest.raises(KeyError):
        leave_while_writing()
    assert thread.is_alive()
    os.close(reader)
    thread.join()
    assert errors == [BrokenPipeError]
    output._sink.abandon()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_an_abandoned_pipe_is_not_ended_as_if_complete(tmp_path):
    def receive(error):
        path = tmp_path / "pipe"
        os.mkfifo(path)
        received = []
        thread = threading.Thread(target=lambda: received.append(path.read_bytes()))
        thread.start()
        with suppress(KeyError), open_output(path, BATCH.schema, format="arrows") as output:
            output.write(BATCH)
            if error is not None:
                raise error
        thread.join()
        path.unlink()
        return received[0]

    whole = receive(None)
    assert receive(KeyError) == whole[:-8]  # without the mark that ends a stream


def test_a_directory_that_cannot_be_synced(tmp_path, monkeypatch):
    fsync = os.fsync

    def files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    with open_output(tmp_path / "out.arrow", BATCH.schema) as output:
        output.write(BATCH)
    assert os.listdir(tmp_path) == ["out.arrow"]


def test_an_interruption_right_after_creating_the_temporary_file(tmp_path, monkeypatch):
    close = os.close

    def interrupted(descriptor):
        close(descriptor)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", interrupted)
        with pytest.raises(KeyboardInterrupt):
            open_output(tmp_path / "out.arrow", BATCH.schema)
    assert os.listdir(tmp_path) == []
