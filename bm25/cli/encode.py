"""`bm25 encode`: files of texts into files of sparse vectors."""

from __future__ import annotations

import argparse
import re
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from bm25.cli.inputs import (
    Progress,
    add_input_arguments,
    add_reading_arguments,
    check_inputs,
    report_skipped,
    size,
)
from bm25.cli.options import add_config_arguments, config_from_arguments, describe_config, split_names
from bm25.errors import Bm25ConfigError, Bm25InputError, PluginError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    import pyarrow as pa

    from bm25.encoder import Bm25Encoder
    from bm25.files import InputReader

__all__ = ["add_parser", "run"]

# Batches a thread that are being encoded or wait for their turn to be written, and the bytes of input in
# all of them. Vectors are about as large as their texts, so that the memory needed is some hundred megabytes
# on any number of cores.
_PENDING = 2
_PENDING_BYTES = 64 << 20
_SMALLEST_BLOCK = 64 << 10

_EPILOG = """\
examples:
  bm25 encode articles.jsonl --text-column text -o vectors.arrow
  bm25 encode part-*.parquet --text-column body --columns id,url -o vectors.parquet
  bm25 encode questions.csv --text-column question --role query -o questions.arrow
  zcat dump.jsonl.gz | bm25 encode - --format jsonl --text-column text -o - | consumer

The output has the input's columns and one more, "vector", with the type
struct<indices: list<uint32>, values: list<float>>. A missing text gives a null vector. The file
appears under its name when it is complete, not before.
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
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Encode the inputs into the output, and say on stderr what was done."""
    config = config_from_arguments(args)
    _check_paths(args)

    from bm25 import Bm25Encoder

    threads = Bm25Encoder(config, threads=args.threads).threads
    job = _Job(args, Bm25Encoder(config, threads=1), threads)
    started = time.perf_counter()
    job.run()
    print(f"bm25: {job.summary(time.perf_counter() - started)}", file=sys.stderr)
    print(f"bm25: {describe_config(args, config)}", file=sys.stderr)


class _Encoded(NamedTuple):
    batch: pa.RecordBatch
    nulls: int
    text_bytes: int


class _Job:
    """One run over all inputs, and what it counts."""

    def __init__(self, args: argparse.Namespace, encoder: Bm25Encoder, threads: int) -> None:
        self._args = args
        self._threads = threads
        self._encode = encoder.encode_documents if args.role == "document" else encoder.encode_queries
        self._rows = 0
        self._nulls = 0
        self._text_bytes = 0
        self._skipped = 0
        self._bytes_done = 0

    def run(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="bm25-encode")
        try:
            pool.submit(self._encode, [""])  # compiled code is loaded while the first block is read
            self._run(pool)
        finally:
            pool.shutdown(cancel_futures=True)

    def _run(self, pool: ThreadPoolExecutor) -> None:
        from bm25.files import BackgroundWriter, open_output

        args = self._args
        # Empty shards are common, and say nothing of the columns.
        leading = next((i for i, path in enumerate(args.input) if size(path) != 0), 0)
        with self._open(args.input[leading], None) as first:
            kept = _kept_columns(args, first)
            schema = _output_schema(args, first.schema, kept)
            with (
                open_output(
                    args.output,
                    schema,
                    format=args.output_format,
                    compression=args.compression,
                    inputs=[path for path in args.input if path != "-"],
                ) as output,
                BackgroundWriter(output.write) as writer,
                Progress(args, "encode") as progress,
            ):
                for i, path in enumerate(args.input):
                    if i == leading:
                        self._run_input(path, first, schema, kept, pool, writer, progress)
                        continue
                    with self._open(path, first.schema) as reader:
                        self._run_input(path, reader, schema, kept, pool, writer, progress)

    def _open(self, path: str, schema: pa.Schema | None) -> InputReader:
        from bm25.files import open_input

        args = self._args
        return open_input(
            path,
            format=args.format,
            schema=schema,
            columns=args.columns,
            text_column=args.text_column,
            on_error=args.on_error,
            block_bytes=args.batch_bytes or _block_bytes(self._threads),
        )

    def _run_input(
        self,
        path: str,
        reader: InputReader,
        schema: pa.Schema,
        kept: list[str],
        pool: ThreadPoolExecutor,
        writer: Any,
        progress: Any,
    ) -> None:
        from collections import deque

        # A batch a thread, and not a batch for all threads: nobody waits for the last part of it.
        pending: deque[Future[_Encoded]] = deque()
        rows = 0
        for batch in reader:
            pending.append(pool.submit(self._encode_batch, path, rows, batch, schema, kept))
            rows += batch.num_rows
            while len(pending) > _PENDING * self._threads or (pending and pending[0].done()):
                self._put(pending.popleft().result(), writer)
            progress(self._bytes_done + reader.bytes_read)
        while pending:
            self._put(pending.popleft().result(), writer)
        self._bytes_done += reader.bytes_read
        self._skipped += reader.skipped.count
        report_skipped(reader)

    def _encode_batch(
        self, path: str, rows_before: int, batch: pa.RecordBatch, schema: pa.Schema, kept: list[str]
    ) -> _Encoded:
        import pyarrow as pa
        import pyarrow.compute as pc

        from bm25.files import text_array

        texts = text_array(batch, self._args.text_column)
        try:
            vectors = self._encode(texts).to_arrow()
        except (Bm25InputError, PluginError) as error:
            raise type(error)(_in_file(str(error), path, rows_before)) from error
        columns = [batch.column(name) for name in kept]
        encoded = pa.RecordBatch.from_arrays([*columns, vectors], schema=schema)
        return _Encoded(encoded, texts.null_count, pc.sum(pc.binary_length(texts)).as_py() or 0)

    def _put(self, encoded: _Encoded, writer: Any) -> None:
        writer.put(encoded.batch)
        self._rows += encoded.batch.num_rows
        self._nulls += encoded.nulls
        self._text_bytes += encoded.text_bytes

    def summary(self, seconds: float) -> str:
        megabytes = self._text_bytes / 1e6
        what = "documents" if self._args.role == "document" else "queries"
        target = "standard output" if self._args.output == "-" else self._args.output
        return (
            f"{self._rows:,} {what}, {self._nulls:,} without text, {self._skipped:,} lines skipped; "
            f"{megabytes:,.1f} MB of text in {seconds:,.1f} s ({megabytes / max(seconds, 1e-9):,.0f} MB/s); "
            f"written to {target}"
        )


def _check_paths(args: argparse.Namespace) -> None:
    if args.output == "-" and sys.stdout.isatty():
        raise Bm25ConfigError(
            "-o - writes binary data, and standard output is a terminal; pipe it, or name a file"
        )
    check_inputs(args.input)


def _kept_columns(args: argparse.Namespace, reader: InputReader) -> list[str]:
    from bm25.files.columns import parse_columns

    names = list(reader.schema.names)
    # The text column is read even where --columns leaves it out.
    if args.columns and args.text_column not in {
        spec.name for spec in parse_columns(args.columns, None) or ()
    }:
        names.remove(args.text_column)
    return names


def _output_schema(args: argparse.Namespace, schema: pa.Schema, kept: list[str]) -> pa.Schema:
    import pyarrow as pa

    from bm25.sparse import TYPE

    if args.vector_column in kept:
        raise Bm25InputError(
            f"{args.input[0]}: has a column {args.vector_column!r} already; "
            "name the new one with --vector-column, or leave the old one out with --columns"
        )
    return pa.schema([*(schema.field(name) for name in kept), (args.vector_column, TYPE)])


def _in_file(message: str, path: str, rows_before: int) -> str:
    """Name the row of the file instead of the text of the batch, counted from 1, skipped lines left out."""
    name = "standard input" if path == "-" else path
    return re.sub(r"^texts\[(\d+)\]", lambda found: f"{name}: row {rows_before + int(found[1]) + 1}", message)


def _block_bytes(threads: int) -> int:
    """Return the bytes of input a batch: smaller batches where more of them are under way."""
    from bm25.files.reader import DEFAULT_BLOCK_BYTES

    return max(_SMALLEST_BLOCK, min(DEFAULT_BLOCK_BYTES, _PENDING_BYTES // (_PENDING * threads)))
