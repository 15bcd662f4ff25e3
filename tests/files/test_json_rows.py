"""The compiled parser and its slow twin must say the same of every block."""

import json
import random

import pyarrow as pa
import pytest

from bm25.errors import Bm25InputError
from bm25.files.json_rows import conform, decode_row
from bm25.files.lines import RowFault
from bm25.files.reader import open_input

VALUES = [
    None, True, False, 0, -1, 2**62, 1.5, -0.0, 1e300, "", "a", "ä😀", "2020-01-01", [], [1], ["x"],
    {}, {"x": 1}, {"x": None},
]  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_both_parsers_agree(tmp_path, seed):
    rng = random.Random(seed)
    first = {"text": "first", "a": rng.choice(VALUES), "b": rng.choice(VALUES)}
    second = {name: rng.choice([value, rng.choice(VALUES)]) for name, value in first.items()}
    head = json.dumps(first).encode() + b"\n"
    path = tmp_path / "in.jsonl"
    path.write_bytes(head + json.dumps(second).encode() + b"\n")
    with open_input(path, block_bytes=len(head)) as reader:
        expected, fault = slowly(path, reader.schema)
        if fault is None:
            table = pa.Table.from_batches(list(reader))
            assert table.equals(pa.Table.from_pylist(expected, schema=reader.schema))
            return
        with pytest.raises(Bm25InputError) as caught:
            list(reader)
        assert str(fault) in str(caught.value)


def slowly(path, schema):
    lines = path.read_bytes().splitlines()
    try:
        return [conform(decode_row(line), schema, strict=True) for line in lines], None
    except RowFault as fault:
        return None, fault
