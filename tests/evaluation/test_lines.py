import gzip

import pytest

from bm25.errors import Bm25InputError
from bm25.evaluation.lines import Lines


def objects(path):
    with Lines(path) as lines:
        return [(lines.number, row) for row in lines.objects()]


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz"])
def test_lines_have_their_numbers(tmp_path, suffix):
    data = '\ufeff{"a": "é"}\r\n\n  \n{"b": 2}'.encode()
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    assert objects(path) == [(1, {"a": "é"}), (4, {"b": 2})]
    with Lines(path) as lines:
        list(lines)
        assert lines.bytes_read() == path.stat().st_size


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": 1}\n{"a": \n', "x.jsonl: line 2: not a JSON object: Expecting value"),
        (b'\n["a"]\n', 'x.jsonl: line 2: a JSON object is expected on every line, found ["a"]'),
        (b'{}\n{}\n{"a": "\xff"}\n', "x.jsonl: line 3: not valid UTF-8; convert the file to UTF-8"),
        (b"[" * 100_000, "x.jsonl: line 1: not a JSON object: "),
    ],
)
def test_broken_lines_are_named(tmp_path, data, message):
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    with pytest.raises(Bm25InputError) as error:
        objects(path)
    assert message in str(error.value)


def test_damaged_gzip_is_named(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"a": %d}\n' % i for i in range(10_000)))
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0xFF
    for data in (whole[:-100], bytes(broken), b"plain text\n"):
        path.write_bytes(data)
        with pytest.raises(Bm25InputError, match=r"x\.jsonl\.gz: line \d+: "):
            objects(path)
