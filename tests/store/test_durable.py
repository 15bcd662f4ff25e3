import hashlib
import os

import pytest

from bm25.store.durable import NewFile, WriteError, remove_file, replace_file, sync_directory
from tests.store.recorder import Recorder


def test_a_file_is_digested_on_the_way(tmp_path):
    file = NewFile(tmp_path / "file")
    assert file.write(b"abc") == 3
    assert file.write(memoryview(bytearray(b"defg"))) == 4
    assert file.write(b"") == 0
    assert file.tell() == file.bytes == 7
    assert not file.closed
    file.flush()
    assert file.finish() == hashlib.sha256(b"abcdefg").hexdigest()
    assert file.closed
    assert (tmp_path / "file").read_bytes() == b"abcdefg"


def test_a_file_that_exists_is_not_overwritten(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(WriteError) as error:
        NewFile(tmp_path / "file")
    assert error.value.filename == str(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("size", [0, 1, 2, 1000])
def test_writes_that_take_a_part_are_repeated(tmp_path, size):
    content = os.urandom(size)
    with Recorder(tmp_path, short=True) as recorder:
        file = NewFile(tmp_path / "new")
        file.write(content)
        digest = file.finish()
        replace_file(tmp_path / "replaced", content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "new").read_bytes() == (tmp_path / "replaced").read_bytes() == content
    if size > 2:
        assert sum(call[:2] == ("write", "new") for call in recorder.calls) > 2


def test_a_file_is_replaced(tmp_path):
    for content in (b"one", b"", b"three"):
        replace_file(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
        assert os.listdir(tmp_path) == ["file"]


def test_what_was_left_beside_it_does_no_harm(tmp_path):
    (tmp_path / "file.tmp").write_text("of a process that was killed, and longer than what comes now")
    replace_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("number", range(4))
def test_the_old_file_stays_where_something_fails(tmp_path, number):
    (tmp_path / "file").write_text("old")
    with Recorder(tmp_path, number, OSError(28, "No space left")), pytest.raises(WriteError) as error:
        replace_file(tmp_path / "file", b"new")
    assert error.value.filename.removesuffix(".tmp") == str(tmp_path / "file")
    assert error.value.strerror == "No space left"
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_directories(tmp_path):
    sync_directory(tmp_path)
    with pytest.raises(WriteError) as error:
        sync_directory(tmp_path / "missing")
    assert error.value.filename == str(tmp_path / "missing")


def test_removing_what_is_not_there(tmp_path):
    (tmp_path / "file").touch()
    remove_file(tmp_path / "file")
    remove_file(tmp_path / "file")
    assert not os.listdir(tmp_path)
