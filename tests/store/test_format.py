"""The format of a store on disk: a reader made from docs/reference/store-format.md, and pinned literals.

`FormatReader` knows the package's files and nothing of its code. What it checks on the way are the rules of
the specification.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics, StatisticsStore
from bm25.errors import StoreError
from bm25.store.documents import document_keys, fingerprints
from bm25.store.manifest import Epoch, FileInfo, Manifest, SegmentInfo, Totals
from tests.conftest import REDUCED
from tests.store.model import PLAIN

SPECIFICATION = Path(__file__).parents[2] / "docs" / "reference" / "store-format.md"

COUNTS = pa.struct(
    [("term_ids", pa.list_(pa.uint32())), ("frequencies", pa.list_(pa.uint32())), ("length", pa.uint32())]
)
SCHEMAS = {
    "frequencies": [
        ("term_id", pa.uint32()), ("document_frequency", pa.int64()), ("collection_frequency", pa.int64())
    ],
    "terms": [("term_id", pa.uint32()), ("term", pa.large_string())],
    "tenants": [
        ("tenant", pa.large_string()), ("dropped", pa.bool_()), ("document_count", pa.int64()),
        ("empty_count", pa.int64()), ("total_length", pa.int64()), ("first_row", pa.int64()),
        ("rows", pa.int64()),
    ],
    "documents": [
        ("key", pa.uint64()), ("document_id", pa.large_string()), ("removed", pa.bool_()),
        ("tenant", pa.large_string()), ("epoch", pa.int32()), ("fingerprint", pa.binary(16)),
    ],
}  # fmt: skip


class Number(float):
    """A floating-point number that keeps its text."""

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number


def canonical(value: Any) -> str:
    """The JSON over which the manifest's checksum is taken, written out by hand."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(map(escaped, value)) + '"'
    if isinstance(value, Number):
        return value.text
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def escaped(character: str) -> str:
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
    if character in short:
        return short[character]
    if " " <= character < "\x7f":
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


@dataclass
class Document:
    tenant: str | None
    epoch: int
    counts: list[tuple[dict[int, int], int]]  # of each field


class FormatReader:
    """Reads a store by its specification."""

    def __init__(self, directory: Path) -> None:
        content = (directory / "manifest.json").read_text("utf-8")
        self.manifest = json.loads(content, parse_float=Number)
        assert self.manifest["format"] == "bm25-statistics"
        assert self.manifest["format_version"] == 1
        values = {key: value for key, value in self.manifest.items() if key != "sha256"}
        assert hashlib.sha256(canonical(values).encode("ascii")).hexdigest() == self.manifest["sha256"]
        assert (directory / "manifest.copy.json").read_text("utf-8") == content
        self.segments = [
            {kind: self.read(directory, segment, kind) for kind in segment["files"]}
            for segment in self.manifest["segments"]
        ]
        numbers = [int(segment["name"]) for segment in self.manifest["segments"]]
        assert numbers == sorted(set(numbers))
        assert all(number < self.manifest["next_segment"] for number in numbers)
        assert all(1 <= s["sequence"] <= self.manifest["sequence"] for s in self.manifest["segments"])

    def read(self, directory: Path, segment: dict[str, Any], kind: str) -> pa.Table:
        info = segment["files"][kind]
        content = (directory / "segments" / f"{segment['name']}-{kind}.arrow").read_bytes()
        assert len(content) == info["bytes"]
        assert hashlib.sha256(content).hexdigest() == info["sha256"]
        reader = pa.ipc.open_file(content)
        columns = SCHEMAS[kind] if kind in SCHEMAS else [(name, COUNTS) for name in self.columns()]
        assert reader.schema.equals(pa.schema(columns), check_metadata=True)
        assert reader.num_record_batches == 1 or kind in ("documents", "counts")
        table = reader.read_all()
        assert table.num_rows == info["rows"] > 0
        return table

    def ledger(self, number: int) -> list[dict[str, Any]]:
        """The rows of both files of the ledger, side by side."""
        segment = self.segments[number]
        assert ("documents" in segment) == ("counts" in segment)
        if "documents" not in segment:
            return []
        sizes = [[len(chunk) for chunk in segment[kind].column(0).chunks] for kind in ("documents", "counts")]
        assert sizes[0] == sizes[1]
        pairs = zip(self.rows(number, "documents"), self.rows(number, "counts"), strict=True)
        return [{**document, **counts} for document, counts in pairs]

    def rows(self, number: int, kind: str) -> list[dict[str, Any]]:
        table = self.segments[number].get(kind)
        return [] if table is None else table.to_pylist()

    # Statistics

    def frequencies(self, tenant: str | None = None) -> dict[int, tuple[int, int]]:
        sums: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for number, segment in enumerate(self.manifest["segments"]):
            rows = self.rows(number, "frequencies")
            parts = [rows[: segment["rows"]]]
            at = segment["rows"]
            for row in self.rows(number, "tenants"):
                assert row["first_row"] == at
                at += row["rows"]
                part = rows[row["first_row"] : at]
                parts.append(part)
                if row["tenant"] == tenant:
                    parts[0] = part
            assert at == len(rows)
            if tenant is not None and tenant not in [r["tenant"] for r in self.rows(number, "tenants")]:
                parts[0] = []
            for part in parts[1:]:
                assert [r["term_id"] for r in part] == sorted({r["term_id"] for r in part})
            for row in parts[0]:
                assert row["document_frequency"] or row["collection_frequency"]
                sums[row["term_id"]][0] += row["document_frequency"]
                sums[row["term_id"]][1] += row["collection_frequency"]
        found = {term: (df, cf) for term, (df, cf) in sorted(sums.items()) if df or cf}
        assert all(1 <= df <= cf for df, cf in found.values())
        return found

    def tenants(self) -> dict[str, tuple[int, int, int]]:
        totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for number in range(len(self.segments)):
            rows = self.rows(number, "tenants")
            names = [row["tenant"].encode() for row in rows]
            assert names == sorted(set(names))
            for row in rows:
                for i, name in enumerate(("document_count", "empty_count", "total_length")):
                    totals[row["tenant"]][i] += row[name]
        return {name: tuple(values) for name, values in totals.items() if any(values)}

    def terms(self) -> dict[int, set[str]]:
        found: dict[int, set[str]] = defaultdict(set)
        for number in range(len(self.segments)):
            rows = [(row["term_id"], row["term"].encode()) for row in self.rows(number, "terms")]
            assert rows == sorted(set(rows))
            for term_id, term in rows:
                assert term.decode() not in found[term_id], "an older segment has it"
                found[term_id].add(term.decode())
        return found

    # The ledger

    def documents(self) -> dict[str, Document]:
        found: dict[str, Document] = {}
        known: set[str] = set()
        dropped: set[str] = set()  # by a newer segment
        for number in reversed(range(len(self.segments))):
            rows = self.ledger(number)
            ids = [row["document_id"] for row in rows]
            assert len(set(ids)) == len(ids)
            assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
            for row in rows:
                self.check(row)
                if row["document_id"] in known:
                    continue
                known.add(row["document_id"])
                if not row["removed"] and row["tenant"] not in dropped:
                    found[row["document_id"]] = self.document(row)
            dropped |= {row["tenant"] for row in self.rows(number, "tenants") if row["dropped"]}
        return found

    def columns(self) -> list[str]:
        return [f"counts.{name}" for name in self.manifest["fields"]] or ["counts"]

    def check(self, row: dict[str, Any]) -> None:
        digest = hashlib.sha256(row["document_id"].encode()).digest()
        assert row["key"] == int.from_bytes(digest[:8], "little")
        if row["removed"]:
            assert all(row[name] is None for name in ("tenant", "epoch", "fingerprint", *self.columns()))
            return
        packed = b""
        for name in self.columns():
            ids, frequencies = row[name]["term_ids"], row[name]["frequencies"]
            assert ids == sorted(set(ids))
            assert len(ids) == len(frequencies)
            assert all(frequencies)
            numbers = [row[name]["length"], len(ids), *ids, *frequencies]
            packed += struct.pack(f"<{len(numbers)}I", *numbers)
        assert row["fingerprint"] == hashlib.sha256(packed).digest()[:16]

    def document(self, row: dict[str, Any]) -> Document:
        counts = [
            (dict(zip(row[name]["term_ids"], row[name]["frequencies"], strict=True)), row[name]["length"])
            for name in self.columns()
        ]
        return Document(row["tenant"], max(row["epoch"], self.manifest["least_epoch"]), counts)


def assert_agree(store: StatisticsStore) -> FormatReader:
    """Assert that the reader and the package find the same in a store."""
    reader = FormatReader(store.path)
    manifest = reader.manifest
    assert manifest["totals"] == store.totals._asdict()
    assert tuple(tuple(epoch.values()) for epoch in manifest["epochs"]) == store.epochs
    assert reader.tenants() == store.tenants()
    for tenant in (None, *store.tenants(), "nobody"):
        statistics = store.statistics(tenant)
        columns = (
            statistics.term_ids, statistics.document_frequencies, statistics.collection_frequencies
        )  # fmt: skip
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        assert [(term, *values) for term, values in reader.frequencies(tenant).items()] == rows
    if manifest["terms"]:
        terms = reader.terms()
        statistics = store.statistics()
        assert statistics.terms == {i: min(terms[i]) for i in reader.frequencies()}
        assert store.collisions() == {
            i: tuple(sorted(terms[i])) for i in reader.frequencies() if len(terms[i]) > 1
        }
    if manifest["ledger"]:
        assert_documents_agree(store, reader)
    else:
        assert not any("documents" in segment for segment in reader.segments)
    return reader


def assert_documents_agree(store: StatisticsStore, reader: FormatReader) -> None:
    documents = reader.documents()
    shown = {}
    for batch in store.documents():
        fields = list(batch.fields.values()) or [batch.counts]
        for row, name in enumerate(batch.document_ids):
            counts = []
            for field in fields:
                ids, frequencies = field[row]
                found = dict(zip(ids.tolist(), frequencies.tolist(), strict=True))
                counts.append((found, int(field.lengths[row])))
            shown[name] = Document(batch.tenants[row], batch.epochs[row], counts)
    assert shown == documents
    # And both are the corpus that was counted.
    lengths = [sum(length for _, length in document.counts) for document in documents.values()]
    assert sum(lengths) == store.totals.total_length
    assert sum(1 for length in lengths if length) == store.totals.document_count
    df: dict[int, int] = defaultdict(int)
    for document in documents.values():
        for term in set().union(*(counts for counts, _ in document.counts)):
            df[term] += 1
    assert df == {term: values[0] for term, values in reader.frequencies().items()}


WORDS = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen", "éclair", "naïve", "東京", "𝒳𝒴"]
TENANTS = [None, None, "acme", "Zürich", "東京", "𝒳", "~"]
ENCODER = Bm25Encoder(PLAIN, threads=1)


def counts_of(randomness: random.Random, documents: int, fields: tuple[str, ...]) -> Any:
    def texts() -> list[str]:
        return [" ".join(randomness.choices(WORDS, k=randomness.randrange(8))) for _ in range(documents)]

    if not fields:
        return ENCODER.count_documents(texts())
    return {name: ENCODER.count_documents(texts()) for name in fields}


@pytest.mark.parametrize("fields", [(), ("title", "the body")], ids=["plain", "fields"])
@pytest.mark.parametrize("seed", range(1 if REDUCED else 2))
def test_another_reader_sees_the_same(tmp_path, fields, seed):
    randomness = random.Random(f"{seed} {fields}")
    store = StatisticsStore.create(tmp_path / "store", PLAIN, fields=fields, max_drift=0.2)
    most = 0
    for commit in range(24):
        with store.write() as batch:
            for _ in range(randomness.randrange(1, 4)):
                what = randomness.random()
                ids = randomness.sample(range(25), randomness.randrange(1, 6))
                if what < 0.7:
                    names = [randomness.choice(TENANTS) for _ in ids]
                    batch.add(ids, counts_of(randomness, len(ids), fields), tenant=names)
                else:
                    batch.remove(ids)
                if randomness.random() < 0.3:
                    batch.flush()  # several segments in one commit
        if commit % 4 == 3 and store.tenants():
            with store.write() as batch:
                batch.drop_tenant(randomness.choice(sorted(store.tenants())))
        if commit % 5 == 4:
            store.mark_reweighed(store.epoch.number)
        if commit % 2:
            most = max(most, len(assert_agree(store).segments))
    assert most > 3
    store.compact()
    assert len(assert_agree(store).segments) == 1


def test_another_reader_sees_the_same_without_a_ledger(tmp_path):
    randomness = random.Random(5)
    store = StatisticsStore.create(tmp_path / "store", PLAIN, ledger=False)
    taken = []
    for _ in range(20):
        with store.write() as batch:
            counts = counts_of(randomness, 4, ())
            tenant = randomness.choice(TENANTS)
            batch.add(None, counts, tenant=tenant)
            taken.append((CorpusStatistics.from_counts(counts), tenant))
            if randomness.random() < 0.4:
                statistics, tenant = taken.pop(randomness.randrange(len(taken)))
                batch.subtract_statistics(statistics, tenant=tenant)
        assert_agree(store)


def test_another_reader_sees_a_ledger_of_several_record_batches(tmp_path):
    store = StatisticsStore.create(tmp_path / "store", PLAIN, terms=False)
    documents = 17_000
    with store.write() as batch:
        batch.add(range(documents), ENCODER.count_documents(["ant bee"] * documents))
    reader = assert_agree(store)
    assert reader.segments[0]["documents"].column("key").num_chunks > 1
    assert "terms" not in reader.segments[0]


def test_another_reader_sees_collisions(tmp_path):
    one, other = "w30166", "w38081"  # found by trying
    counts = [ENCODER.count_documents([word]) for word in (one, other)]
    assert [found.term_ids.tolist() for found in counts] == [[10017867]] * 2
    store = StatisticsStore.create(tmp_path / "store", PLAIN)
    for number in (1, 0):
        with store.write() as batch:
            batch.add([number], counts[number])
    [(term_id, terms)] = assert_agree(store).terms().items()
    assert (term_id, terms) == (10017867, {one, other})
    assert store.collisions() == {term_id: (one, other)}


def test_what_a_manifest_may_hold_is_digested_as_specified(tmp_path):
    config = Bm25Config(
        k=1e-7, b=0.1, avg_len=1e22, synonyms={"naïve": ["a"], "𝒳": ["b"], "\ufb03": ["c"], 'q"\\': ["d"]}
    )
    store = StatisticsStore.create(tmp_path / "store", config, fields=["tab\tand\x7f", "é"])
    reader = FormatReader(store.path)
    assert reader.manifest["config"]["k"].text == "1e-07"
    assert sorted(reader.manifest["fields"]) == ["tab\tand\x7f", "é"]


def test_the_package_reads_what_another_writer_wrote(tmp_path):
    """A store of two documents, one of them empty, written by hand."""
    cat = 1751422759
    directory = tmp_path / "store"
    (directory / "segments").mkdir(parents=True)
    key = {name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") for name in "78"}
    rows = [
        {
            "key": key["7"], "document_id": "7", "removed": False, "tenant": "acme", "epoch": 1,
            "fingerprint": hashlib.sha256(struct.pack("<4I", 2, 1, cat, 2)).digest()[:16],
            "counts": {"term_ids": [cat], "frequencies": [2], "length": 2},
        },
        {
            "key": key["8"], "document_id": "8", "removed": False, "tenant": None, "epoch": 1,
            "fingerprint": hashlib.sha256(struct.pack("<2I", 0, 0)).digest()[:16],
            "counts": {"term_ids": [], "frequencies": [], "length": 0},
        },
    ]  # fmt: skip
    contents = {
        "frequencies": [{"term_id": cat, "document_frequency": 1, "collection_frequency": 2}] * 2,
        "terms": [{"term_id": cat, "term": "cat"}],
        "tenants": [
            {
                "tenant": "acme", "dropped": False, "document_count": 1, "empty_count": 0, "total_length": 2,
                "first_row": 1, "rows": 1,
            }
        ],
        "documents": sorted(rows, key=lambda row: row["key"]),
    }  # fmt: skip
    contents["counts"] = [{"counts": row.pop("counts")} for row in contents["documents"]]
    files = {}
    for kind, values in contents.items():
        schema = pa.schema(SCHEMAS.get(kind, [("counts", COUNTS)]))
        path = directory / "segments" / f"00000001-{kind}.arrow"
        with pa.ipc.new_file(path, schema) as writer:
            writer.write_table(pa.Table.from_pylist(values, schema=schema))
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        files[kind] = {"bytes": len(content), "rows": len(values), "sha256": digest}
    config = PLAIN.to_dict()
    values = {
        "format": "bm25-statistics", "format_version": 1, "config": config,
        "analysis_fingerprint": PLAIN.analysis_fingerprint, "ledger": True, "terms": True, "fields": [],
        "max_drift": 0.05, "sequence": 1, "committed_at": "2026-01-31T00:00:00+00:00",
        "totals": {"document_count": 1, "empty_count": 1, "total_length": 2},
        "epochs": [{"number": 1, "avg_len": 2.0, "sequence": 1}], "least_epoch": 1, "next_segment": 2,
        "segments": [{"name": "00000001", "sequence": 1, "rows": 1, "files": files}],
    }  # fmt: skip
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    # In another order and with other white space than the package's.
    written = json.dumps({"sha256": digest, **values}, indent=3)
    (directory / "manifest.json").write_text(written)
    (directory / "manifest.copy.json").write_text(written)

    store = StatisticsStore.open(directory)
    assert store.verify().documents == 2
    assert_agree(store)
    assert store.statistics("acme").term(cat).term == "cat"
    assert store.document(7).counts == {cat: 2}
    with store.write() as batch:
        batch.add([7, 8], ENCODER.count_documents(["cat cat", ""]), tenant=["acme", None])
    assert batch.summary.unchanged == 2


# Literals: whoever changes one of these changes the format, and must raise its version.


def test_keys_of_documents():
    keys = document_keys(["7", "é", "doc-1"])
    assert keys.dtype == np.uint64
    assert keys.tolist() == [10271071260543353465, 6035724277697059146, 15678216969210760891]


def test_fingerprints_of_counts():
    one = ENCODER.count_documents(["cat dog cat"])
    empty = ENCODER.count_documents([""])
    assert [ids.tolist() for ids in one[0]] == [[1312749093, 1751422759], [1, 2]]
    assert fingerprints([one])[0].hex() == "339c9feb493b3c3cf07b6962be418a09"
    assert fingerprints([empty])[0].hex() == "af5570f5a1810b7af78caf4bc70a660f"
    assert fingerprints([one, empty])[0].hex() == "02f2a12908e16459a90dc1ea193f8d3d"
    assert fingerprints([empty, one])[0].hex() == "f293dfa5efdd975b2aec7a133efbfcf3"


TINY = Manifest(
    config={"language": "english", "k": 1.2, "k3": None, "synonyms": {"é": ["𝒳"], "a": []}},
    analysis_fingerprint="c5499ae1f27b79ef2fb93b8d8b06a473",
    ledger=True,
    terms=False,
    fields=("title", "body"),
    max_drift=0.05,
    sequence=3,
    committed_at="2026-01-31T19:12:24+00:00",
    totals=Totals(2, 1, 4),
    epochs=(Epoch(1, 2.0, 1),),
    least_epoch=1,
    next_segment=4,
    segments=(SegmentInfo("00000003", 3, 2, {"frequencies": FileInfo(922, 4, "06aa")}),),
)


def test_the_manifest():
    values = json.loads(TINY.to_json())
    assert list(values) == [
        "format", "format_version", "config", "analysis_fingerprint", "ledger", "terms", "fields",
        "max_drift", "sequence", "committed_at", "totals", "epochs", "least_epoch", "next_segment",
        "segments", "sha256",
    ]  # fmt: skip
    assert (values["format"], values["format_version"]) == ("bm25-statistics", 1)
    assert values["totals"] == {"document_count": 2, "empty_count": 1, "total_length": 4}
    assert values["epochs"] == [{"number": 1, "avg_len": 2.0, "sequence": 1}]
    assert values["segments"] == [
        {
            "name": "00000003",
            "sequence": 3,
            "rows": 2,
            "files": {"frequencies": {"bytes": 922, "rows": 4, "sha256": "06aa"}},
        }
    ]
    assert values["sha256"] == "747b46159fcf3da9091a2dcae47389b7518c62cc499d577ef7dcfcbbe157bb5a"
    assert Manifest.from_json(TINY.to_json()) == TINY


def test_another_version_is_refused_whatever_else_it_says():
    content = b'{"format": "bm25-statistics", "format_version": 2, "unheard": "of"}'
    with pytest.raises(StoreError, match="format version 2, this release reads version 1"):
        Manifest.from_json(content)


def test_columns_and_files(tmp_path):
    store = StatisticsStore.create(tmp_path / "store", PLAIN, fields=["title", "body"])
    counts = ENCODER.count_documents(["cat"])
    with store.write() as batch:
        batch.add([1], {"title": counts, "body": counts}, tenant="acme")
    names = sorted(path.relative_to(store.path).as_posix() for path in store.path.rglob("*"))
    assert names == [
        "lock", "manifest.copy.json", "manifest.json", "segments", "segments/00000001-counts.arrow",
        "segments/00000001-documents.arrow", "segments/00000001-frequencies.arrow",
        "segments/00000001-tenants.arrow", "segments/00000001-terms.arrow",
    ]  # fmt: skip
    counts_text = "struct<term_ids: list<item: uint32>, frequencies: list<item: uint32>, length: uint32>"
    expected = {
        "frequencies": ["term_id: uint32", "document_frequency: int64", "collection_frequency: int64"],
        "terms": ["term_id: uint32", "term: large_string"],
        "tenants": [
            "tenant: large_string", "dropped: bool", "document_count: int64", "empty_count: int64",
            "total_length: int64", "first_row: int64", "rows: int64",
        ],
        "documents": [
            "key: uint64", "document_id: large_string", "removed: bool", "tenant: large_string",
            "epoch: int32", "fingerprint: fixed_size_binary[16]",
        ],
        "counts": [f"counts.title: {counts_text}", f"counts.body: {counts_text}"],
    }  # fmt: skip
    for kind, columns in expected.items():
        content = (store.path / "segments" / f"00000001-{kind}.arrow").read_bytes()
        assert content[:6] == b"ARROW1"
        schema = pa.ipc.open_file(content).schema
        assert [f"{field.name}: {field.type}" for field in schema] == columns
        assert schema.metadata is None


def test_the_manifest_in_the_specification_is_one():
    text = SPECIFICATION.read_text("utf-8")
    example = json.loads(text.partition("```json\n")[2].partition("```")[0])
    written = json.loads(TINY.to_json())
    assert list(example) == list(written)
    for segment in example["segments"]:
        assert list(segment) == list(written["segments"][0])
        for file in segment["files"].values():
            assert list(file) == list(written["segments"][0]["files"]["frequencies"])
    assert list(example["totals"]) == list(written["totals"])
    for epoch in example["epochs"]:
        assert list(epoch) == list(written["epochs"][0])


@pytest.mark.parametrize("literal", ["10271071260543353465", "35b11bf7d44b1a671d1f4ed1fb1a20e3"])
def test_literals_in_the_specification(literal):
    key = int.from_bytes(hashlib.sha256(b"7").digest()[:8], "little")
    fingerprint = hashlib.sha256(struct.pack("<6I", 3, 2, 5, 9, 2, 1)).digest()[:16].hex()
    assert literal in (str(key), fingerprint)
    assert literal in SPECIFICATION.read_text("utf-8")
