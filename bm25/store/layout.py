"""What a store is made of: names of files, and the columns of each; see docs/reference/store-format.md."""

from __future__ import annotations

import pyarrow as pa

from bm25.counts import TYPE as COUNTS

__all__ = [
    "DOCUMENTS", "FORMAT", "FORMAT_VERSION", "FREQUENCIES", "LOCK", "MANIFEST", "MANIFEST_COPY", "SEGMENTS",
    "TENANTS", "TERMS", "counts_schema", "file_name", "ledger_schema",
]  # fmt: skip

FORMAT = "bm25-statistics"
FORMAT_VERSION = 1

MANIFEST = "manifest.json"
MANIFEST_COPY = "manifest.copy.json"
LOCK = "lock"
SEGMENTS = "segments"

FREQUENCIES = pa.schema(
    [("term_id", pa.uint32()), ("document_frequency", pa.int64()), ("collection_frequency", pa.int64())]
)
TERMS = pa.schema([("term_id", pa.uint32()), ("term", pa.large_string())])
TENANTS = pa.schema(
    [
        ("tenant", pa.large_string()),
        ("dropped", pa.bool_()),
        ("document_count", pa.int64()),
        ("empty_count", pa.int64()),
        ("total_length", pa.int64()),
        ("first_row", pa.int64()),
        ("rows", pa.int64()),
    ]
)
DOCUMENTS = pa.schema(
    [
        ("key", pa.uint64()),
        ("document_id", pa.large_string()),
        ("removed", pa.bool_()),
        ("tenant", pa.large_string()),
        ("epoch", pa.int32()),
        ("fingerprint", pa.binary(16)),
    ]
)


def file_name(segment: str, kind: str) -> str:
    """Return the name of a file of a segment, in the folder `SEGMENTS`."""
    return f"{segment}-{kind}.arrow"


def counts_schema(fields: tuple[str, ...]) -> pa.Schema:
    """Return the columns of counts, one for each field or one for all."""
    return pa.schema([(name, COUNTS) for name in [f"counts.{field}" for field in fields] or ["counts"]])


def ledger_schema(fields: tuple[str, ...]) -> pa.Schema:
    """Return the columns of a whole ledger: those of documents and of their counts, which are two files.

    To know a document takes a tenth of the bytes that its counts take, and most work needs no more.
    """
    return pa.unify_schemas([DOCUMENTS, counts_schema(fields)])
