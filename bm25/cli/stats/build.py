"""`bm25 stats build` and `add`: documents of files into a store."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from bm25.cli.counting import (
    Columns,
    add_store_arguments,
    add_tenant_arguments,
    columns_from_arguments,
    count_into,
    open_documents,
    store_options,
)
from bm25.cli.inputs import add_input_arguments, add_reading_arguments, check_inputs
from bm25.cli.options import add_config_arguments, config_from_arguments, describe_config
from bm25.cli.staging import check_new, new_directory
from bm25.cli.stats.common import (
    add_output_argument,
    add_store,
    add_wait_argument,
    command,
    describe_totals,
    open_store,
    print_result,
    text_columns,
    totals_of,
)
from bm25.errors import Bm25ConfigError

if TYPE_CHECKING:
    from bm25.config import Bm25Config
    from bm25.store import StatisticsStore

__all__ = ["add_parsers"]

_BUILD = """\
examples:
  bm25 stats build articles.stats articles.jsonl
  bm25 stats build shop.stats products-*.parquet --text-column title --id-column sku --language german
  bm25 stats build mail.stats mail.jsonl --tenant-column customer
  bm25 stats build wiki.stats pages.parquet --field title --field body
  zcat dump.jsonl.gz | bm25 stats build logs.stats - --format jsonl --no-ledger

The ledger needs an id for each document. With it documents can be replaced and removed later, and
weighed anew without their texts; an id that comes twice counts once, as it came last. --no-ledger
keeps no documents: smaller and faster, for a corpus that only grows.

DIR must be new. It appears under its name when all is counted: after a broken line, a full disk or
an interrupt there is nothing. (Only a killed process leaves a hidden directory beside it,
.DIR.*.tmp, to be removed.) --preset tuned is the default, as for bm25 encode.
"""

_ADD = """\
examples:
  bm25 stats add articles.stats changed.jsonl
  bm25 stats add mail.stats today.jsonl --tenant-column customer --wait 60

A new id adds a document, a known one replaces it, and the same content again changes nothing. In a
store without a ledger every row is a new document.

A document that is replaced gets the tenant that comes with it. So a store that has tenants needs to be
told whose the documents are: --tenant-column, --tenant, or --no-tenant for nobody's.

The options are the store's. Model flags are not needed; those given must agree with it. All of it is
added in one commit, or nothing.

When the mean length has moved by more than --max-drift (see bm25 stats build) a new epoch begins.
Encode new documents before you add them, or in the same epoch: bm25 encode --statistics DIR.
"""


def add_parsers(commands: Any) -> None:
    """Add the subcommands."""
    parser = command(
        commands,
        "build",
        build,
        help="count a corpus into a new store",
        description="Count the documents of files into a new store, in bounded memory.",
        epilog=_BUILD,
    )
    add_store(parser, "the new store's directory")
    _add_corpus(parser)
    parser.add_argument(
        "--field",
        action="append",
        metavar="NAME",
        help="a column of texts to count by itself, instead of --text-column; may be repeated",
    )
    add_store_arguments(parser)
    add_reading_arguments(parser)
    add_output_argument(parser, reads=True)
    add_config_arguments(parser)

    parser = command(
        commands,
        "add",
        add,
        help="add documents to a store, or replace them",
        description="Add the documents of files to a store; known ones are replaced.",
        epilog=_ADD,
    )
    add_store(parser)
    _add_corpus(parser)
    parser.add_argument(
        "--id-column", metavar="NAME", help="column of ids; a store with a ledger needs it (default: id)"
    )
    add_tenant_arguments(parser)
    parser.add_argument(
        "--no-tenant",
        action="store_true",
        help="the documents have no tenant, in a store that has tenants; known ones are taken out of theirs",
    )
    add_wait_argument(parser)
    add_reading_arguments(parser)
    add_output_argument(parser, reads=True)
    add_config_arguments(parser)


def _add_corpus(parser: argparse.ArgumentParser) -> None:
    add_input_arguments(parser)
    parser.add_argument("--text-column", metavar="NAME", help="column to count (default: text)")


def build(args: argparse.Namespace) -> None:
    """Count the inputs into a new store."""
    if args.field and args.text_column is not None:
        raise Bm25ConfigError("--field and --text-column exclude each other: every field is a column")
    options = store_options(args)
    texts = args.field or [args.text_column or "text"]
    columns = columns_from_arguments(args, texts, ledger=not args.no_ledger)
    config = config_from_arguments(args)
    check_inputs(args.input)
    check_new(args.store)

    from bm25.store import StatisticsStore

    with (
        new_directory(args.store) as staged,
        StatisticsStore.create(staged, config, fields=args.field or (), **options) as store,
    ):
        values = _count(args, store, columns, 0.0)
    # How many of the repeated rows replaced something depends on how they were grouped.
    values["superseded"] = values["rows"] - values["added"]
    del values["replaced"], values["unchanged"]
    with StatisticsStore.open(args.store, config) as store:
        lines = [describe_totals(store)]
        if values["superseded"]:
            lines.append(
                f"rows that a later one with the same id took the place of: {values['superseded']:,}"
            )
        print(f"bm25: {describe_config(args, store.encoder(threads=1).config)}", file=sys.stderr)
    print_result(args, lines, values)


def add(args: argparse.Namespace) -> None:
    """Count the inputs into a store that is there."""
    check_inputs(args.input)

    with open_store(args) as store:
        _require_agreement(args, store)
        columns = columns_from_arguments(args, text_columns(args, store), ledger=store.has_ledger)
        _require_tenant(args, store)
        epoch = store.epoch
        values = _count(args, store, columns, args.wait)
        lines = [
            f"added {values['added']:,}, replaced {values['replaced']:,}, unchanged {values['unchanged']:,}",
            describe_totals(store),
        ]
        if epoch is not None and store.epoch is not None and store.epoch.number > epoch.number:
            low, high = store.score_bounds(epoch.number)
            lines.append(
                f"a new epoch began, with avg_len {store.epoch.avg_len:,.2f} instead of "
                f"{epoch.avg_len:,.2f}: scores of vectors of the old one are {low:.4f} to {high:.4f} times "
                "the right ones"
            )
    print_result(args, lines, values)


def _require_tenant(args: argparse.Namespace, store: StatisticsStore) -> None:
    """Refuse documents that nobody is named for where others have tenants: they would leave theirs."""
    named = args.tenant is not None or args.tenant_column is not None
    if args.no_tenant and named:
        raise Bm25ConfigError("--no-tenant excludes --tenant and --tenant-column")
    if named or args.no_tenant:
        return
    tenants = list(store.tenants())
    if tenants:
        some = ", ".join(map(repr, tenants[:3])) + (", ..." if len(tenants) > 3 else "")
        raise Bm25ConfigError(
            f"{store.path}: has tenants ({some}): say whose the documents are, with --tenant-column NAME or "
            "--tenant NAME, or --no-tenant if nobody's; documents that are there already would be taken out "
            "of their tenants"
        )


def _require_agreement(args: argparse.Namespace, store: StatisticsStore) -> None:
    from bm25.store import StatisticsStore

    given = config_from_arguments(args, store.config)
    StatisticsStore.open(store.path, given).close()  # says what differs in the analysis
    own: Bm25Config = store.config
    names = [name for name in ("k", "b", "k3") if getattr(given, name) != getattr(own, name)]
    if args.avg_len is not None:
        names.append("avg_len")
    if names:
        raise Bm25ConfigError(
            f"{', '.join(names)}: {store.path} has options of its own, and they change no count: leave the "
            "flags out; bm25 encode --statistics takes others for its vectors"
        )


def _count(args: argparse.Namespace, store: StatisticsStore, columns: Columns, wait: float) -> dict[str, Any]:
    """Add all inputs in one commit; return what was done as JSON values."""
    from bm25.encoder import Bm25Encoder

    started = time.perf_counter()
    threads = Bm25Encoder(store.config, threads=args.threads).threads
    text_bytes = rows = 0
    with (
        store.write(timeout=wait) as batch,
        open_documents(args, columns, keep=[], threads=threads, what="count") as corpus,
    ):
        for counted in count_into(store, batch, corpus, columns):
            text_bytes += counted.text_bytes
            rows += counted.batch.num_rows
    summary = batch.summary
    values = {
        "store": args.store,
        "rows": rows,
        "skipped": corpus.skipped,
        "added": summary.added,
        "replaced": summary.replaced,
        "unchanged": summary.unchanged,
        **totals_of(store),
        "epoch": None if store.epoch is None else store.epoch._asdict(),
    }
    seconds, megabytes = time.perf_counter() - started, text_bytes / 1e6
    print(
        f"bm25: {rows:,} rows, {corpus.skipped:,} lines skipped; {megabytes:,.1f} MB of text in "
        f"{seconds:,.1f} s ({megabytes / max(seconds, 1e-9):,.0f} MB/s)",
        file=sys.stderr,
    )
    return values
