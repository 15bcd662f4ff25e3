import gzip
import os
import threading

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from bm25.errors import Bm25ConfigError, Bm25InputError
from bm25.files import open_input, text_array


def read(path, **options):
    with open_input(path, **options) as reader:
        batches = list(reader)
        assert all(batch.schema.equals(reader.schema) for batch in batches)
        return pa.Table.from_batches(batches, schema=reader.schema), reader


def write_text(path, data):
    path.write_bytes(data)
    return path


def write_stream(path, table, **options):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, **options)
    return path


WRITERS = {
    "in.parquet": lambda path, table: parquet.write_table(table, path),
    "in.feather": lambda path, table: feather.write_feather(table, str(path), compression="uncompressed"),
    "in.arrow": lambda path, table: feather.write_feather(table, str(path), compression="zstd"),
    "in.arrows": write_stream,
}


@pytest.fixture(params=WRITERS)
def columnar(request, tmp_path):
    def write(table):
        path = tmp_path / request.param
        WRITERS[request.param](path, table)
        return path

    return write


def test_csv_cells_stay_as_written(tmp_path):
    path = write_text(tmp_path / "in.csv", b'\xef\xbb\xbfid,d,text\n007,2020-01-01,"a\n""b"""\n1.10,,\n')
    table, reader = read(path, text_column="text")
    assert table.to_pylist() == [
        {"id": "007", "d": "2020-01-01", "text": 'a\n"b"'},
        {"id": "1.10", "d": "", "text": ""},
    ]
    assert reader.bytes_read == reader.bytes_total


def test_csv_types_on_request(tmp_path):
    path = write_text(tmp_path / "in.csv", b"id,text\n7,a\n\nx,b\n")
    with pytest.raises(Bm25InputError, match=r"in.csv: In column 'id': Row #3: .* invalid value 'x'"):
        read(path, columns=["text", "id:int64"])
    path.write_bytes(b"id,text\n7,a\n8,b\n")
    assert read(path, columns=["text", "id:int64"])[0].to_pylist() == [
        {"text": "a", "id": 7},
        {"text": "b", "id": 8},
    ]


def test_csv_rows_of_another_width(tmp_path):
    path = write_text(tmp_path / "in.csv", b"id,text\n1,a\n2,b,c\n3,d\n")
    with pytest.raises(Bm25InputError, match="Row #3: Expected 2 columns, got 3"):
        read(path)
    table, reader = read(path, on_error="skip")
    assert table["id"].to_pylist() == ["1", "3"]
    assert reader.skipped.messages == [f"{path}: row 3: 3 cells where the header has 2"]


def test_csv_errors_name_column_and_line(tmp_path):
    path = write_text(tmp_path / "in.csv", b"id,body\n1,a\n2,b\xff\n")
    with pytest.raises(Bm25InputError, match=r"no text column 'text' \(columns: id, body\)"):
        read(path, text_column="text")
    with pytest.raises(Bm25InputError, match=r"in\.csv: line 3: not valid UTF-8"):
        read(path)
    with pytest.raises(Bm25InputError, match="names the column 'a' twice"):
        read(write_text(tmp_path / "twice.csv", b"a,a\n1,2\n"))


@pytest.mark.parametrize(
    ("data", "rows"), [(b"", 0), (b"text\n", 0), (b"text\na", 1), (b"\ntext\r\na\r\n", 1)]
)
def test_csv_of_few_lines(tmp_path, data, rows):
    table, reader = read(write_text(tmp_path / "in.csv", data), text_column="text")
    assert (table.num_rows, reader.schema.names) == (rows, ["text"])


def test_tsv_and_compressed_csv(tmp_path):
    path = write_text(tmp_path / "in.tsv", b'a\ttext\n1\t"b, c"\n')
    assert read(path)[0].to_pylist() == [{"a": "1", "text": "b, c"}]
    path = write_text(tmp_path / "in.csv.gz", gzip.compress(b"text\n" + b"word\n" * 100_000))
    assert read(path, block_bytes=1 << 16)[0].num_rows == 100_000


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\r\n\r\nb", ["a", "", "b"]),
        (b"\n\n", ["", ""]),
        (b"a\r\r\n\rb\r\r", ["a\r", "\rb\r"]),
        (b"a\r\r\nb\rc\r\r\n", ["a\r", "b\rc\r"]),
        (b"", []),
        ("\ufeffä\n".encode(), ["ä"]),
    ],
)
@pytest.mark.parametrize("block_bytes", [2, 1 << 20])
def test_plain_text_has_one_row_a_line(tmp_path, data, texts, block_bytes):
    path = write_text(tmp_path / "in.txt", data)
    table, _ = read(path, text_column="text", block_bytes=block_bytes + 3)
    assert table["text"].to_pylist() == texts


def test_plain_text_that_is_not_utf_8(tmp_path):
    path = write_text(tmp_path / "in.txt", b"a\n\xe4\nb\n")
    with pytest.raises(Bm25InputError, match=r"in\.txt: line 2: byte 0xe4 at position 1 is not valid UTF-8"):
        read(path)
    table, reader = read(path, on_error="skip")
    assert table["text"].to_pylist() == ["a", "b"]
    assert reader.skipped.count == 1
    path.write_bytes(b"a\r\r\n\xe4\nb\r\n")
    assert read(path, on_error="skip")[0]["text"].to_pylist() == ["a\r", "b"]
    with pytest.raises(Bm25InputError, match="position 1 is not valid UTF-8; the file looks like UTF-16"):
        read(write_text(path, "a\n".encode("utf-16")))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_columnar_files(columnar, kind):
    texts = ["a", None, "ä" * 100, ""] * 50
    table = pa.table({"id": range(200), "text": pa.array(texts).cast(kind)})
    result, reader = read(columnar(table), text_column="text", block_bytes=2000)
    assert result["text"].to_pylist() == texts
    assert result["id"].to_pylist() == list(range(200))
    assert reader.bytes_read == reader.bytes_total
    with open_input(columnar(table), columns=["id"], text_column="text") as again:
        assert again.schema.names == ["id", "text"]
        assert pa.concat_arrays([text_array(batch, "text") for batch in again]).to_pylist() == texts


def test_string_views(tmp_path):
    table = pa.table({"text": pa.array(["a", None, "long enough not to be inlined"], pa.string_view())})
    path = write_stream(tmp_path / "in.arrows", table)
    with open_input(path, text_column="text") as reader:
        assert text_array(next(iter(reader)), "text").to_pylist() == table["text"].to_pylist()


def test_changing_dictionaries(tmp_path):
    kind = pa.dictionary(pa.int8(), pa.string())
    parts = [pa.array(texts).cast(kind) for texts in (["a", "b"], ["c"], ["b", "d"])]
    path = write_stream(tmp_path / "in.arrows", pa.table({"text": pa.chunked_array(parts)}))
    table, reader = read(path, text_column="text")
    assert table["text"].to_pylist() == ["a", "b", "c", "b", "d"]
    assert reader.schema.field("text").type == pa.string()


def test_batches_are_cut_and_joined(tmp_path):
    table = pa.table({"text": ["word " * 20] * 2000})
    one = tmp_path / "one.arrow"
    feather.write_feather(table, str(one), compression="uncompressed", chunksize=2000)
    with open_input(one, block_bytes=20_000) as reader:
        sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == 2000
    assert max(sizes) <= 200
    many = write_stream(tmp_path / "many.arrows", table, max_chunksize=1)
    with open_input(many, block_bytes=20_000) as reader:
        sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == 2000
    assert min(sizes[:-1]) >= 90


def test_columnar_errors(columnar):
    path = columnar(pa.table({"id": [1], "text": ["a"]}))
    with pytest.raises(Bm25InputError, match="text column 'id' has the type int64, not string"):
        read(path, text_column="id")
    with pytest.raises(Bm25InputError, match=r"no column 'ids'; did you mean 'id'\?"):
        read(path, columns=["ids"])
    with pytest.raises(Bm25InputError, match="types can be given for JSON lines and CSV only"):
        read(path, columns=["id:string"])
    with pytest.raises(Bm25InputError, match="has other columns than the first file"):
        read(path, schema=pa.schema([("text", pa.string())]))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Bm25InputError, match=f"{path.name}: cannot be read|{path.name}: .*"):
        read(path)


@pytest.mark.parametrize("name", ["in.parquet", "in.arrow", "in.arrows"])
def test_empty_columnar_files(tmp_path, name):
    path = write_text(tmp_path / name, b"")
    with pytest.raises(Bm25InputError, match=f"{name}: cannot be read: the file is empty"):
        read(path, text_column="text")
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    assert read(path, schema=schema, text_column="text")[0].num_rows == 0


def test_repeated_column_names(tmp_path):
    table = pa.table([pa.array([1]), pa.array(["a"]), pa.array(["b"])], names=["id", "text", "text"])
    path = write_stream(tmp_path / "in.arrows", table)
    with pytest.raises(Bm25InputError, match="there are 2 columns named 'text'; rename one"):
        read(path)


def test_columnar_text_that_is_not_utf_8(columnar):
    bad = pa.array([b"a", b"\xff", b"c"]).view(pa.string())
    with pytest.raises(Bm25InputError, match="row 2: column 'text' is not valid UTF-8"):
        read(columnar(pa.table({"text": bad})), text_column="text")


def test_formats(tmp_path):
    path = write_text(tmp_path / "in.data", b"a,text\n1,b\n")
    with pytest.raises(Bm25InputError, match=r"cannot tell the format; .*jsonl, csv, tsv, txt, parquet"):
        read(path)
    assert read(path, format="csv")[0].to_pylist() == [{"a": "1", "text": "b"}]
    with pytest.raises(Bm25ConfigError, match="unknown format 'xml'; allowed: jsonl, csv"):
        read(path, format="xml")
    assert read(write_text(tmp_path / "other", b'\n {"text": "b"}'))[0].to_pylist() == [{"text": "b"}]
    assert read(write_text(tmp_path / "ndjson", b'{"text": "b"}'), format="ndjson")[0].num_rows == 1


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(Bm25InputError, match=r"nope.jsonl: no such file"):
        read(tmp_path / "nope.jsonl")
    with pytest.raises(Bm25InputError, match="is a directory"):
        read(tmp_path, format="jsonl")
    with pytest.raises(Bm25ConfigError, match="on_error must be"):
        read(tmp_path / "x.txt", on_error="ignore")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_named_pipes(tmp_path, compress):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    data = compress(b'{"text": "word"}\n' * 50_000)
    thread = threading.Thread(target=path.write_bytes, args=(data,))
    thread.start()
    table, reader = read(path, text_column="text")
    thread.join()
    assert table.num_rows == 50_000
    assert (reader.bytes_total, reader.bytes_read) == (None, len(data))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_parquet_cannot_be_piped(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(b"PAR1" + bytes(100),))
    thread.start()
    with pytest.raises(Bm25InputError, match="parquet needs a plain file"):
        read(path)
    thread.join()
