import csv
import io

import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from bm25.counts import TermCounts
from tests.cli.process import run
from tests.cli.stores import (
    ROWS,
    documents_in,
    left_in,
    statistics_of,
    write_jsonl,
)
from tests.test_encoder import colliding


@pytest.fixture
def built(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", ROWS)
    call("stats", "build", tmp_path / "s", source, "--tenant-column", "owner")
    return tmp_path / "s"


def test_frequencies(built, tmp_path, call):
    expected = statistics_of(ROWS)
    done = call("stats", "export", built, "-o", tmp_path / "f.parquet")
    assert (done.code, done.out) == (0, "")
    assert done.err == f"bm25: {len(expected)} rows of frequencies written to {tmp_path}/f.parquet\n"
    assert parquet.read_table(tmp_path / "f.parquet").equals(expected.to_arrow())
    call("stats", "export", built, "-o", tmp_path / "f.arrow", "--idf", "atire")
    table = feather.read_table(str(tmp_path / "f.arrow"))
    assert table["idf"].to_pylist() == expected.idf(expected.term_ids, "atire").tolist()
    call("stats", "export", built, "-o", tmp_path / "f.csv", "--tenant", "bolt")
    rows = list(csv.DictReader((tmp_path / "f.csv").read_text().splitlines()))
    assert [int(row["term_id"]) for row in rows] == statistics_of(ROWS[2:4]).term_ids.tolist()
    assert {row["term"] for row in rows} == {"fox", "dog", "füchse", "und", "hund"}
    done = run("stats", "export", built, "-o", "-", "--output-format", "csv", text=True)
    assert len(list(csv.reader(io.StringIO(done.stdout)))) == len(expected) + 1


def test_documents(built, tmp_path, call):
    call("stats", "export", built, "-o", tmp_path / "d.parquet", "--what", "documents")
    table = parquet.read_table(tmp_path / "d.parquet")
    assert table.schema.names == ["document_id", "tenant", "epoch", "counts"]
    counts = TermCounts.from_arrow(table["counts"])
    found = {}
    for i, name in enumerate(table["document_id"].to_pylist()):
        ids, frequencies = counts[i]
        found[name] = (
            table["tenant"][i].as_py(),
            dict(zip(ids.tolist(), frequencies.tolist(), strict=True)),
        )
    assert found == documents_in(built)


def test_documents_with_fields(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": 1, "title": "a fox", "body": "two dogs"}])
    call("stats", "build", tmp_path / "s", source, "--field", "title", "--field", "body")
    call("stats", "export", tmp_path / "s", "-o", tmp_path / "d.arrow", "--what", "documents")
    names = feather.read_table(str(tmp_path / "d.arrow")).schema.names
    assert names[3:] == ["counts.title", "counts.body"]


def test_terms_that_share_an_id(tmp_path, call):
    words = sorted(colliding(2, 123456789))
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": 1, "text": " ".join(words)}])
    call("stats", "build", tmp_path / "s", source, "--no-stopwords", "--stemmer", "none", "--no-lowercase")
    call("stats", "export", tmp_path / "s", "-o", tmp_path / "t.csv", "--what", "terms")
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert rows == [{"term_id": "123456789", "term": word} for word in words]


def test_unusable_options(built, tmp_path, call):
    names = left_in(tmp_path)
    for flags, code, message in (
        (
            ["-o", tmp_path / "x.txt"],
            2,
            "in .parquet, .arrow, .arrows or .csv, or give the output format (parquet, ",
        ),
        (["-o", tmp_path / "x.csv.gz"], 2, "x.csv.gz: CSV is written uncompressed; pipe it"),
        (["-o", "-", "--output-format", "foo"], 2, "allowed: parquet, arrow, arrows, csv"),
        (["-o", tmp_path / "x.csv", "--tenant", "acne"], 2, "no tenant 'acne' (did you mean 'acme'?)"),
        (["-o", tmp_path / "x.csv", "--what", "documents"], 2, "which CSV has no place for"),
        (["-o", tmp_path / "x.csv", "--compression", "zstd"], 2, "CSV is written uncompressed"),
        (["-o", tmp_path / "x.arrow", "--what", "terms", "--idf", "qdrant"], 2, "go with --what frequencies"),
        (["-o", tmp_path / "x.arrow", "--idf", "okapi"], 2, "unknown idf formula"),
        (["-o", tmp_path / "no" / "x.csv"], 1, "cannot be written"),
        (["-o", tmp_path / "no" / "x.parquet"], 1, "cannot be written"),
    ):
        done = call("stats", "export", built, *flags)
        assert (done.code, message in done.err) == (code, True), done.err
    assert left_in(tmp_path) == names


def test_what_the_store_does_not_have(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", ROWS)
    call("stats", "build", tmp_path / "s", source, "--no-ledger")
    done = call("stats", "export", tmp_path / "s", "-o", tmp_path / "d.arrow", "--what", "documents")
    assert (done.code, "has no ledger" in done.err) == (1, True)
