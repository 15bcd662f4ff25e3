"""`bm25 encode`: files of texts into files of sparse vectors."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from bm25.cli.corpus import Corpus
from bm25.cli.counting import add_store_arguments
from bm25.cli.inputs import add_input_arguments, add_reading_arguments, check_inputs
from bm25.cli.options import add_config_arguments, config_from_arguments, describe_config, split_names
from bm25.errors import Bm25ConfigError, Bm25InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from bm25.config import Bm25Config
    from bm25.sparse import SparseVectors

__all__ = ["Tally", "add_parser", "encode", "open_vectors", "output_columns", "run"]

_EPILOG = """\
examples:
  bm25 encode articles.jsonl --text-column text -o vectors.arrow
  bm25 encode part-*.parquet --text-column body --columns id,url -o vectors.parquet
  bm25 encode questions.csv --text-column question --role query -o questions.arrow
  zcat dump.jsonl.gz | bm25 encode - --format jsonl --text-column text -o - | consumer
  bm25 encode articles.jsonl --statistics articles.stats --id-column id -o vectors.arrow

The output has the input's columns and one more, "vector", with the type
struct<indices: list<uint32>, values: list<float>>. A missing text gives a null vector. The file
appears under its name when it is complete, not before.

--statistics DIR weighs with the mean document length of a corpus instead of --avg-len:
  DIR is a store (see bm25 stats)  its options and the avg_len of its current epoch are used, for
                                   documents and for queries; the store stays as it is
  DIR is not there                 the documents are counted while they are read, and weighed with
                                   their own mean length when all are; the store of their statistics
                                   is made too. It appears with the output: where one fails there is
                                   neither. Counts and columns wait in a temporary file beside the
                                   output once they exceed 64 MB.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "encode",
        help="encode the texts of JSON lines, CSV, Parquet, Arrow or text files",
        description="Encode a column of texts into sparse vectors, in bounded memory.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_input_arguments(parser)
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help=".parquet, .arrow, .arrows or -")
    parser.add_argument("--text-column", default="text", metavar="NAME", help="column to encode (text)")
    parser.add_argument("--vector-column", default="vector", metavar="NAME", help="column to add (vector)")
    parser.add_argument(
        "--columns",
        type=split_names,
        metavar="A,B",
        help="columns to keep (default: all); JSON lines and CSV take types: id,year:int64",
    )
    parser.add_argument(
        "--role",
        choices=("document", "query"),
        default="document",
        help="what the texts are (default: document)",
    )
    parser.add_argument("--output-format", metavar="NAME", help="parquet, arrow or arrows")
    parser.add_argument("--compression", metavar="NAME", help="of the output: zstd, lz4, snappy, none, ...")
    add_reading_arguments(parser)
    group = parser.add_argument_group("statistics")
    group.add_argument(
        "--statistics",
        metavar="DIR",
        help="weigh with the mean length of this store of corpus statistics; where it is not there, "
        "count the documents into a new one, and weigh with theirs",
    )
    add_store_arguments(group)
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Encode the inputs into the output, and say on stderr what was done."""
    started = time.perf_counter()
    if args.statistics is None:
        _refuse_store_flags(args, "goes with --statistics", "go with --statistics")
        config, notes = config_from_arguments(args), []
        _check_paths(args)
        tally = encode(args, config)
        notes = [describe_config(args, config)]
    else:
        from bm25.cli import fitting

        _check_paths(args)
        if os.path.lexists(args.statistics):
            why = (
                f"for making a new store, and {args.statistics} is there already: its statistics are used as "
                "they are, and bm25 stats add adds documents to them"
            )
            _refuse_store_flags(args, f"is {why}", f"are {why}")
            config, notes = fitting.stored_config(args)
            tally = encode(args, config)
        else:
            tally, notes = fitting.fit(args)
    for line in (tally.summary(args, time.perf_counter() - started), *notes):
        print(f"bm25: {line}", file=sys.stderr)


@dataclass(slots=True)
class Tally:
    """What was encoded."""

    rows: int = 0
    nulls: int = 0
    text_bytes: int = 0
    skipped: int = 0

    def summary(self, args: argparse.Namespace, seconds: float) -> str:
        """Return a line about it."""
        megabytes = self.text_bytes / 1e6
        what = "documents" if args.role == "document" else "queries"
        target = "standard output" if args.output == "-" else args.output
        return (
            f"{self.rows:,} {what}, {self.nulls:,} without text, {self.skipped:,} lines skipped; "
            f"{megabytes:,.1f} MB of text in {seconds:,.1f} s ({megabytes / max(seconds, 1e-9):,.0f} MB/s); "
            f"written to {target}"
        )


class _Encoded(NamedTuple):
    batch: pa.RecordBatch
    nulls: int
    text_bytes: int


def encode(args: argparse.Namespace, config: Bm25Config) -> Tally:
    """Encode all inputs."""
    from bm25 import Bm25Encoder

    threads = Bm25Encoder(config, threads=args.threads).threads
    encoder = Bm25Encoder(config, threads=1)
    method = encoder.encode_documents if args.role == "document" else encoder.encode_queries
    tally = Tally()
    with Corpus(args, [args.text_column], columns=args.columns, threads=threads, what="encode") as corpus:
        corpus.pool.submit(method, [""])  # compiled code is loaded while the first block is read
        kept, schema = output_columns(args, corpus.schema)
        with open_vectors(args, schema) as put:
            for encoded in corpus.map(partial(_encode_batch, args.text_column, method, kept, schema)):
                put(encoded.batch)
                tally.rows += encoded.batch.num_rows
                tally.nulls += encoded.nulls
                tally.text_bytes += encoded.text_bytes
    tally.skipped = corpus.skipped
    return tally


def _encode_batch(
    text_column: str,
    method: Callable[[Any], SparseVectors],
    kept: list[str],
    schema: pa.Schema,
    batch: pa.RecordBatch,
) -> _Encoded:
    import pyarrow as pa
    import pyarrow.compute as pc

    from bm25.files import text_array

    texts = text_array(batch, text_column)
    columns = [batch.column(name) for name in kept]
    encoded = pa.RecordBatch.from_arrays([*columns, method(texts).to_arrow()], schema=schema)
    return _Encoded(encoded, texts.null_count, pc.sum(pc.binary_length(texts)).as_py() or 0)


@contextmanager
def open_vectors(args: argparse.Namespace, schema: pa.Schema) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """Open the output, and yield what hands a batch to the thread that writes it."""
    from bm25.files import BackgroundWriter, open_output

    with (
        open_output(
            args.output,
            schema,
            format=args.output_format,
            compression=args.compression,
            inputs=[path for path in args.input if path != "-"],
        ) as output,
        BackgroundWriter(output.write) as writer,
    ):
        yield writer.put


def _check_paths(args: argparse.Namespace) -> None:
    if args.output == "-" and sys.stdout.isatty():
        raise Bm25ConfigError(
            "-o - writes binary data, and standard output is a terminal; pipe it, or name a file"
        )
    check_inputs(args.input)


def _refuse_store_flags(args: argparse.Namespace, one: str, several: str) -> None:
    """Refuse the flags of a new store, in a sentence that ends in `one` or `several`."""
    names = ("--id-column", "--no-ledger", "--tenant-column", "--tenant", "--max-drift")
    given = [name for name in names if getattr(args, name[2:].replace("-", "_"))]
    if given:
        raise Bm25ConfigError(f"{', '.join(given)} {one if len(given) == 1 else several}")


def output_columns(args: argparse.Namespace, schema: pa.Schema) -> tuple[list[str], pa.Schema]:
    """Return the names of the columns to keep of those that are read, and the columns of the output."""
    import pyarrow as pa

    from bm25.files.columns import parse_columns
    from bm25.sparse import TYPE

    kept = list(schema.names)
    if args.columns is not None:
        # The text column is read even where --columns leaves it out.
        listed = {spec.name for spec in parse_columns(args.columns, None) or ()}
        kept = [name for name in kept if name in listed]
    if args.vector_column in kept:
        raise Bm25InputError(
            f"{args.input[0]}: has a column {args.vector_column!r} already; "
            "name the new one with --vector-column, or leave the old one out with --columns"
        )
    return kept, pa.schema([*(schema.field(name) for name in kept), (args.vector_column, TYPE)])
