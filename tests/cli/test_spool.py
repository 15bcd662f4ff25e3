import os

import pyarrow as pa
import pytest

from bm25.cli.spool import Spool
from bm25.errors import Bm25InputError

SCHEMA = pa.schema([("text", pa.string()), ("numbers", pa.list_(pa.uint32()))])


def batches():
    for i in range(20):
        yield pa.record_batch([pa.array([f"text {i}", None]), pa.array([[i, i + 1], None])], SCHEMA)


@pytest.mark.parametrize("room", [0, 200, 1 << 20])
def test_what_was_written_is_read_whether_it_is_in_memory_or_not(tmp_path, room):
    with Spool(SCHEMA, str(tmp_path), memory_bytes=room) as spool:
        for batch in batches():
            spool.write(batch)
        assert spool.on_disk == (room < 1 << 20)
        assert os.listdir(tmp_path) == []
        assert list(spool.read()) == list(batches())


def test_nothing_written(tmp_path):
    with Spool(SCHEMA, str(tmp_path), memory_bytes=0) as spool:
        assert list(spool.read()) == []


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    with (
        Spool(SCHEMA, str(tmp_path / "none"), memory_bytes=0) as spool,
        pytest.raises(
            Bm25InputError, match="none: the temporary file of counts cannot be kept there: No such"
        ),
    ):
        spool.write(next(batches()))
