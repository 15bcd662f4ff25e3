import bz2
import gzip
import json
import threading

import pyarrow as pa
import pytest

from bm25.errors import Bm25Error
from bm25.files import open_input


def read(path, data=None, **options):
    if data is not None:
        path.write_bytes(data)
    with open_input(path, **options) as reader:
        batches = list(reader)
        assert all(batch.schema.equals(reader.schema) for batch in batches)
        return [row for batch in batches for row in batch.to_pylist()], reader


def rows_of(path, data, **options):
    return read(path, data, **options)[0]


def error_of(path, data, **options):
    options.setdefault("text_column", "text")
    with pytest.raises(Bm25Error) as caught:
        read(path, data, **options)
    return str(caught.value)


def lines(*rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "in.jsonl"


def test_values_and_types_are_kept(path):
    row = {
        "id": 7,
        "text": "Grüße 😀\x00\n",
        "score": 0.25,
        "ok": True,
        "tags": ["a", None],
        "meta": {"n": 1, "deep": {"x": []}},
    }
    rows, reader = read(path, lines(row), text_column="text")
    assert rows == [row]
    assert reader.schema.field("id").type == pa.int64()
    assert reader.schema.field("text").type == pa.string()
    assert reader.schema.names == list(row)


def test_what_looks_like_a_date_stays_a_string(path):
    row = {"text": "2020-01-01", "d": "2020-01-01T10:00:00Z", "l": ["12:30"], "s": {"d": "2020-01-01"}}
    assert rows_of(path, lines(row, row), text_column="text") == [row, row]


@pytest.mark.parametrize("block_bytes", [16, 64, 1000, 1 << 20])
def test_the_size_of_blocks_does_not_matter(path, block_bytes):
    expected = [{"id": i, "text": "word " * (i % 50)} for i in range(300)]
    rows, reader = read(path, lines(*expected), text_column="text", block_bytes=block_bytes)
    assert rows == expected
    assert reader.bytes_read == reader.bytes_total == path.stat().st_size


def test_batches_do_not_share_the_buffer_they_were_parsed_in(path):
    expected = [{"text": f"text number {i}"} for i in range(1000)]
    path.write_bytes(lines(*expected))
    with open_input(path, block_bytes=512) as reader:
        batches = list(reader)
    assert len(batches) > 10
    assert pa.Table.from_batches(batches).to_pylist() == expected


@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbf{"text": "a"}\n{"text": "b"}\n',
        b'{"text": "a"}\r\n{"text": "b"}\r\n',
        b'{"text": "a"}\n{"text": "b"}',
        b'\n\n{"text": "a"}\n   \n\r\n{"text": "b"}\n\n',
        b'  {"text": "a"}  \n\t{"text": "b"}',
    ],
)
def test_byte_order_mark_line_ends_and_blank_lines(path, data):
    assert rows_of(path, data, text_column="text") == [{"text": "a"}, {"text": "b"}]


@pytest.mark.parametrize("data", [b"", b"\n", b"\n  \n\r\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_the_column_it_is_asked_for_and_no_rows(path, data):
    rows, reader = read(path, data, text_column="text")
    assert rows == []
    assert reader.schema == pa.schema([("text", pa.string())])


def test_a_missing_or_null_text_is_null(path):
    assert rows_of(path, b'{"id": 1}\n{"text": null}\n{"text": "a"}\n', text_column="text") == [
        {"id": 1, "text": None},
        {"id": None, "text": None},
        {"id": None, "text": "a"},
    ]


def test_a_column_that_begins_with_nulls_holds_strings(path):
    data = lines({"text": "a", "x": None}, {"text": "b", "x": None}, {"text": "c", "x": "late"})
    assert rows_of(path, data, block_bytes=30)[2]["x"] == "late"


def test_a_late_number_in_such_a_column_is_explained_and_the_advice_works(path):
    data = lines({"text": "a", "year": None}, {"text": "b", "year": None}, {"text": "c", "year": 1999})
    message = error_of(path, data, block_bytes=30)
    assert "line 3: column 'year' holds the number 1999, where a string is expected" in message
    assert "--columns text,year:int64" in message
    rows = rows_of(path, data, block_bytes=30, columns=["text", "year:int64"])
    assert [row["year"] for row in rows] == [None, None, 1999]


def test_integers_and_floats_of_one_block_are_floats_and_later_ones_are_explained(path):
    data = lines({"text": "a", "x": 1}, {"text": "b", "x": 2.5})
    assert [row["x"] for row in rows_of(path, data)] == [1.0, 2.5]
    message = error_of(path, data, block_bytes=24)
    assert "line 2: column 'x' holds the number 2.5, where a 64-bit integer is expected" in message
    assert [row["x"] for row in rows_of(path, data, block_bytes=24, columns=["x:float64"])] == [1.0, 2.5]


def test_large_integers_are_not_rounded(path):
    ids = [2**63 - 1, 2**53 + 1, 2**64 - 1]
    assert [row["id"] for row in rows_of(path, lines(*({"id": i} for i in ids)))] == ids


def test_a_late_new_column_is_named_with_its_line(path):
    data = lines({"id": 1, "text": "a" * 30}, {"id": 2, "text": "b"}, {"id": 3, "text": "c", "new": True})
    message = error_of(path, data, block_bytes=32)
    assert message.startswith(f"{path}: line 3: column 'new' is new")
    assert "--columns id,text)" in message
    assert rows_of(path, data, block_bytes=32, columns=["id", "text"])[2] == {"id": 3, "text": "c"}
    typed = rows_of(path, data, block_bytes=32, columns=["id", "text", "new:bool"])
    assert [row["new"] for row in typed] == [None, None, True]


def test_a_late_new_field_inside_a_kept_column_is_not_dropped_unseen(path):
    data = lines({"text": "a" * 30, "s": {"a": 1}}, {"text": "b", "s": {"b": 1}})
    for columns in (None, ["s"]):
        message = error_of(path, data, block_bytes=32, columns=columns)
        assert "line 2: column 's' has a field 'b'" in message


def test_unlisted_columns_may_hold_anything(path):
    data = lines({"text": "a" * 30, "s": {"a": 1}, "x": 1}, {"text": "b", "s": {"a": 2}, "x": "one"})
    rows = rows_of(path, data, block_bytes=32, columns=["s"], text_column="text")
    assert rows == [{"s": {"a": 1}, "text": "a" * 30}, {"s": {"a": 2}, "text": "b"}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": 5}', "column 'text' holds the number 5, where a string is expected"),
        (b'{"text": true}', "column 'text' holds true, where a string is expected"),
        (b'{"text": ["a"]}', "column 'text' holds an array, where a string is expected"),
        (b'{"text": {"a": 1}}', "column 'text' holds an object, where a string is expected"),
        (b'{"text": "a"', "not valid JSON: Expecting ',' delimiter (column 13)"),
        (b'{"text": "a"} x', "not valid JSON: Extra data (column 15)"),
        (b'{"text": "a"} {"text": "b"}', "not valid JSON: Extra data (column 15)"),
        (b'{"text": "a\tb"}', "not valid JSON: Invalid control character at (column 12)"),
        (b'{"text": "\\ud800"}', "column 'text' is not valid Unicode: lone surrogate \\ud800 at position 0"),
        (b'{"text": "ab\\udc00c"}', "lone surrogate \\udc00 at position 2"),
        (b'{"text": "a\xff"}', "byte 0xff at position 12 is not valid UTF-8"),
        (b'{"text": "\xed\xa0\x80"}', "byte 0xed at position 11 is not valid UTF-8"),
        (b'{"text": "a", "text": "b"}', "the key 'text' appears twice in one object"),
        (b'["a"]', "a JSON object is expected on every line, found an array; a JSON array has to become"),
        (b'"a"', 'a JSON object is expected on every line, found the string "a"'),
        (b"{", "an object must not span lines"),
        (b"[", "a JSON array has to become one object a line"),
        (b'{"text": "a", "n": 1' + b"0" * 5000 + b"}", "not usable JSON"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("position", [0, 1, 40])
def test_a_broken_line_is_named(path, line, reason, position):
    good = [b'{"text": "fine"}'] * 50
    data = b"\n".join([*good[:position], line, *good[position:]])
    message = error_of(path, data, block_bytes=256)
    assert message.startswith(f"{path}: line {position + 1}: ")
    assert reason in message
    rows, reader = read(path, text_column="text", block_bytes=256, on_error="skip")
    assert rows == [{"text": "fine"}] * 50
    assert reader.skipped.count == 1
    assert reason in reader.skipped.messages[0]


def test_skipping_counts_all_and_keeps_the_first_messages(path):
    data = b'{"text": "a"}\n{"text"\n' * 20
    rows, reader = read(path, data, text_column="text", on_error="skip", block_bytes=64)
    assert rows == [{"text": "a"}] * 20
    assert reader.skipped.count == 20
    assert [message.split(": ")[1] for message in reader.skipped.messages] == [
        f"line {number}" for number in (2, 4, 6, 8, 10)
    ]


def test_an_object_that_spans_lines_is_refused_wherever_the_block_is_cut(path):
    data = b'{"text": "a",\n "b": 1}\n'
    assert "line 1: not valid JSON" in error_of(path, data)


def test_utf_16_is_recognised(path):
    assert "looks like UTF-16" in error_of(path, '{"text": "a"}\n'.encode("utf-16"))


def test_a_line_longer_than_a_block(path):
    expected = [{"text": "a"}, {"text": "b" * 100_000}, {"text": "c"}]
    assert rows_of(path, lines(*expected), block_bytes=1024) == expected


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        (".gz", gzip.compress),
        (".zst", lambda data: pa.compress(data, "zstd", asbytes=True)),
        (".bz2", bz2.compress),
    ],
)
def test_compressed_files(tmp_path, suffix, compress):
    expected = [{"text": f"text {i}"} for i in range(1000)]
    path = tmp_path / f"in.ndjson{suffix}"
    # Two members, as `cat a.gz b.gz` makes them.
    data = compress(lines(*expected[:400])) + compress(lines(*expected[400:]))
    rows, reader = read(path, data, block_bytes=4096)
    assert rows == expected
    assert reader.bytes_read == reader.bytes_total == len(data)


def test_a_cut_off_compressed_file_is_an_error(tmp_path):
    path = tmp_path / "in.jsonl.gz"
    data = gzip.compress(lines(*({"text": f"text {i}"} for i in range(1000))))
    assert "Truncated" in error_of(path, data[:-20])


def test_a_missing_text_column_names_the_nearest_and_all(path):
    message = error_of(path, lines({"id": 1, "txt": "a"}))
    assert message == f"{path}: no text column 'text'; did you mean 'txt'? (columns: id, txt)"


def test_columns_come_in_the_order_asked_for_and_the_text_last(path):
    _, reader = read(path, lines({"a": 1, "text": "x", "b": 2}), columns=["b", "a"], text_column="text")
    assert reader.schema.names == ["b", "a", "text"]


def test_unknown_and_repeated_columns(path):
    assert "no column 'c' (columns: text)" in error_of(path, lines({"text": "x", "b": 1}), columns=["c"])
    assert "listed twice" in error_of(path, lines({"text": "x"}), columns=["text", "text"])


def test_a_given_schema_is_used_for_further_files(path):
    schema = pa.schema([("text", pa.string()), ("year", pa.int64())])
    assert rows_of(path, lines({"text": "a", "year": None}), schema=schema) == [{"text": "a", "year": None}]
    assert "column 'other' is new" in error_of(path, lines({"other": 1}), schema=schema)


def test_closing_early_ends_the_thread(path):
    path.write_bytes(lines(*({"text": "word " * 100} for _ in range(5000))))
    before = threading.active_count()
    with open_input(path, block_bytes=4096) as reader:
        next(iter(reader))
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_one_iteration_only(path):
    path.write_bytes(lines({"text": "a"}))
    with open_input(path) as reader:
        list(reader)
        with pytest.raises(RuntimeError, match="only once"):
            iter(reader)
