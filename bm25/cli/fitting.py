"""`bm25 encode --statistics`: vectors weighed with the mean length of a store, or with their own."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from bm25.cli.corpus import in_order
from bm25.cli.counting import columns_from_arguments, count_into, open_documents, store_options
from bm25.cli.encode import Tally, open_vectors, output_columns
from bm25.cli.inputs import Progress
from bm25.cli.options import config_from_arguments, describe_config, import_plugins
from bm25.cli.staging import check_new, new_directory
from bm25.errors import Bm25ConfigError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from bm25.cli.counting import Counted
    from bm25.cli.spool import Spool
    from bm25.config import Bm25Config
    from bm25.encoder import Bm25Encoder

__all__ = ["fit", "stored_config"]

SPOOL_BYTES = 64 << 20  # of counts and columns that wait in memory


def stored_config(args: argparse.Namespace) -> tuple[Bm25Config, list[str]]:
    """Return the configuration to encode with, from a store, and lines that describe it.

    Raises:
        StoreError: it has no mean length yet, or counts fields.
        StoreMismatchError: flags ask for another analysis than the store's.
    """
    import_plugins(args)
    if args.avg_len is not None:
        raise Bm25ConfigError("--avg-len and --statistics exclude each other: leave one out")

    from bm25.store import StatisticsStore

    path = args.statistics
    with StatisticsStore.open(path) as own:
        config = config_from_arguments(args, own.config)
    with StatisticsStore.open(path, config) as store:
        if args.role == "document":
            if store.epoch is None:
                raise StoreError(f"{path}: has no documents, so no mean length; add some with bm25 stats add")
            if store.fields:
                raise StoreError(
                    f"{path}: counts the fields {', '.join(store.fields)} of its documents, and a column "
                    "by itself is no document of it; bm25 encode has one column of texts"
                )
        config = store.encoder(threads=1).config
        epoch = "no epoch" if store.epoch is None else f"epoch {store.epoch.number}"
        low, high = store.score_bounds()
        mean = f"the mean length is {store.totals.average_length:g} now"
        drift = "" if low == high else f", {mean}: scores are {low:.4f} to {high:.4f} times the right ones"
        note = f"statistics of {path}: {epoch}, commit {store.sequence}{drift}"
    return config, [note, describe_config(args, config, f"options of {path}")]


def fit(args: argparse.Namespace) -> tuple[Tally, list[str]]:
    """Count the inputs into a new store, weigh them with their mean length, and write both.

    Raises:
        StoreError: the store cannot be made.
    """
    if args.role == "query":
        raise Bm25ConfigError(
            f"{args.statistics}: no such store; queries take their options from the store of their "
            "documents, and make none"
        )
    options = store_options(args)
    columns = columns_from_arguments(args, [args.text_column], ledger=not args.no_ledger)
    config = config_from_arguments(args)
    check_new(args.statistics)

    from bm25.encoder import Bm25Encoder
    from bm25.store import StatisticsStore

    threads = Bm25Encoder(config, threads=args.threads).threads
    # The store gets its name last: when it is there, so are the vectors.
    with (
        new_directory(args.statistics) as staged,
        open_documents(args, columns, keep=args.columns, threads=threads, what="count") as corpus,
    ):
        kept, schema = output_columns(args, corpus.schema)
        with (
            open_vectors(args, schema) as put,
            StatisticsStore.create(staged, config, **options) as store,
            _spool(args, schema) as spool,
        ):
            tally = Tally()
            with store.write() as batch:
                for counted in count_into(store, batch, corpus, columns):
                    spool.write(_with_counts(counted, kept, spool.schema))
                    tally.rows += counted.batch.num_rows
                    tally.nulls += counted.nulls
                    tally.text_bytes += counted.text_bytes
            tally.skipped = corpus.skipped
            encoder = store.encoder(threads=1)
            with Progress(args, "encode") as progress:
                rows = 0
                for vectors in in_order(corpus.pool, _tasks(spool, encoder, schema), threads):
                    put(vectors)
                    rows += vectors.num_rows
                    progress(corpus.bytes_read * rows // tally.rows)
            totals = store.totals
            documents = totals.document_count + totals.empty_count
            note = (
                f"statistics in {args.statistics}: {documents:,} documents, "
                f"{'with' if store.has_ledger else 'without'} ledger"
            )
    return tally, [note, describe_config(args, encoder.config)]


def _spool(args: argparse.Namespace, schema: pa.Schema) -> Spool:
    import pyarrow as pa

    from bm25.cli.spool import Spool
    from bm25.counts import TYPE

    # Beside the output, where there is room for vectors, which are larger.
    beside = args.output if args.output != "-" and not _is_special(args.output) else args.statistics
    directory = os.path.dirname(os.path.realpath(beside))
    counted = pa.schema([*list(schema)[:-1], (schema.names[-1], TYPE)])
    return Spool(counted, directory, memory_bytes=SPOOL_BYTES)


def _is_special(path: str) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


def _with_counts(counted: Counted, kept: list[str], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    assert not isinstance(counted.counts, dict)
    columns = [*(counted.batch.column(name) for name in kept), counted.counts.to_arrow()]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _tasks(spool: Spool, encoder: Bm25Encoder, schema: pa.Schema) -> Iterator[Callable[[], pa.RecordBatch]]:
    for batch in spool.read():
        yield partial(_weigh, encoder, schema, batch)


def _weigh(encoder: Bm25Encoder, schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    from bm25.counts import TermCounts

    *kept, counts = batch.columns
    vectors = encoder.weigh(TermCounts.from_arrow(counts)).to_arrow()
    return pa.RecordBatch.from_arrays([*kept, vectors], schema=schema)
