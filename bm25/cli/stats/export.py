"""`bm25 stats export`: a store as one table in a file."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from bm25.cli.options import add_plugins_argument
from bm25.cli.stats.common import add_store, command, open_store, require_tenant
from bm25.errors import Bm25ConfigError, Bm25InputError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from bm25.store import StatisticsStore

__all__ = ["add_parsers"]

CONTENTS = ("frequencies", "terms", "documents")

_EPILOG = """\
examples:
  bm25 stats export articles.stats -o frequencies.parquet
  bm25 stats export articles.stats -o frequencies.csv --idf qdrant
  bm25 stats export articles.stats -o documents.parquet --what documents
  bm25 stats export articles.stats -o - --output-format csv | head

What there is:
  frequencies  term_id, document_frequency, collection_frequency and, where the store keeps them, term;
               with --idf one more column, idf
  terms        term_id, term: all terms, so an id as often as it has terms
  documents    document_id, tenant, epoch, and counts: struct<term_ids, frequencies, length>, or one
               such column for each field; needs a ledger, and a format that knows lists (not CSV)

Rows of frequencies and terms ascend by term_id; documents come in no particular order. The file
appears under its name when it is complete.
"""


def add_parsers(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands,
        "export",
        run,
        help="write frequencies, terms or documents to Parquet, CSV or Arrow",
        description="Write what a store holds to a file.",
        epilog=_EPILOG,
    )
    add_store(parser)
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help=".parquet, .csv, .arrow, .arrows or -"
    )
    parser.add_argument(
        "--what", choices=CONTENTS, default=CONTENTS[0], help="what to write (default: frequencies)"
    )
    parser.add_argument("--tenant", metavar="NAME", help="frequencies of one tenant only")
    parser.add_argument("--idf", metavar="FORMULA", help="add idf: qdrant, robertson, atire, ...")
    parser.add_argument("--output-format", metavar="NAME", help="parquet, csv, arrow or arrows")
    parser.add_argument("--compression", metavar="NAME", help="of Parquet and Arrow: zstd, lz4, none, ...")
    add_plugins_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Write the file."""
    from bm25.files.formats import OUTPUT_FORMATS, output_format

    csv = output_format(args.output, args.output_format, (*OUTPUT_FORMATS, "csv")) == "csv"
    if args.what != "frequencies" and (args.tenant is not None or args.idf is not None):
        raise Bm25ConfigError("--tenant and --idf go with --what frequencies")
    if csv and args.what == "documents":
        raise Bm25ConfigError(
            "documents hold lists of terms, which CSV has no place for: use .parquet or .arrow"
        )
    compressed = args.output_format is None and not args.output.lower().endswith(".csv")  # .csv.gz
    if csv and (compressed or args.compression is not None):
        raise Bm25ConfigError(
            f"{args.output}: CSV is written uncompressed; pipe it: -o - --output-format csv | gzip"
        )
    if args.output == "-" and not csv and sys.stdout.isatty():
        raise Bm25ConfigError(
            "-o - writes binary data, and standard output is a terminal; pipe it, or name a file"
        )
    with open_store(args) as store:
        schema, batches = _contents(args, store)
        rows = 0
        with (_csv if csv else _binary)(args, schema) as write:
            for batch in batches:
                write(batch)
                rows += batch.num_rows
    target = "standard output" if args.output == "-" else args.output
    print(f"bm25: {rows:,} rows of {args.what} written to {target}", file=sys.stderr)


def _contents(args: argparse.Namespace, store: StatisticsStore) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    if args.what == "documents":
        return _documents(store)
    if args.what == "terms":
        terms = store.statistics().terms
        if terms is None:
            raise StoreError(f"{store.path}: keeps no terms, only their ids")
        table = terms.rows().to_arrow()
    else:
        require_tenant(args.tenant, store)
        statistics = store.statistics(args.tenant)
        table = statistics.to_arrow()
        if args.idf is not None:
            from bm25.rows import as_array

            table = table.append_column("idf", as_array(statistics.idf(statistics.term_ids, args.idf)))
    return table.schema, iter(table.to_batches(max_chunksize=1 << 16))


def _documents(store: StatisticsStore) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    from bm25.store.layout import counts_schema

    if not store.has_ledger:
        raise StoreError(f"{store.path}: has no ledger, so it does not know its documents one by one")
    schema = pa.schema(
        [
            ("document_id", pa.large_string()),
            ("tenant", pa.large_string()),
            ("epoch", pa.int32()),
            *counts_schema(store.fields),
        ]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        for part in store.documents():
            counts = list(part.fields.values()) or [part.counts]
            columns = [part.document_ids, part.tenants, part.epochs, *(one.to_arrow() for one in counts)]
            yield pa.RecordBatch.from_arrays(
                [pa.array(column, field.type) if isinstance(column, list) else column
                 for column, field in zip(columns, schema, strict=True)],
                schema=schema,
            )  # fmt: skip

    return schema, batches()


@contextmanager
def _binary(args: argparse.Namespace, schema: pa.Schema) -> Iterator[Any]:
    from bm25.files import open_output

    with open_output(args.output, schema, format=args.output_format, compression=args.compression) as output:
        yield output.write


@contextmanager
def _csv(args: argparse.Namespace, schema: pa.Schema) -> Iterator[Any]:
    import pyarrow.csv

    if args.output == "-":
        with pyarrow.csv.CSVWriter(_Stdout(), schema) as writer:
            yield writer.write_batch
        return
    final = os.path.realpath(args.output)
    temporary = os.path.join(os.path.dirname(final), f".{os.path.basename(final)}.{secrets.token_hex(6)}.tmp")
    try:
        with pyarrow.csv.CSVWriter(temporary, schema) as writer:
            yield writer.write_batch
        os.replace(temporary, final)
    except OSError as error:
        raise Bm25InputError(f"{args.output}: cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            os.unlink(temporary)


class _Stdout:
    """Standard output for Arrow, which closes what it writes to."""

    closed = False

    def write(self, data: Any) -> int:
        return sys.stdout.buffer.write(data)

    def flush(self) -> None:
        sys.stdout.buffer.flush()

    def close(self) -> None:
        self.flush()
