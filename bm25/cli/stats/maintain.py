"""`bm25 stats compact` and `verify`: the files of a store, and whether they say what the corpus says."""

from __future__ import annotations

import argparse
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from bm25.cli.counting import (
    add_tenant_arguments,
    columns_from_arguments,
    count_into,
    open_documents,
)
from bm25.cli.inputs import add_reading_arguments, check_inputs
from bm25.cli.options import add_plugins_argument
from bm25.cli.staging import check_new, new_directory
from bm25.cli.stats.common import (
    add_output_argument,
    add_store,
    add_wait_argument,
    command,
    describe_totals,
    open_store,
    print_json,
    print_result,
    text_columns,
    totals_of,
)
from bm25.errors import Bm25ConfigError, Bm25Error, StoreDamagedError

if TYPE_CHECKING:
    from bm25.store import StatisticsStore

__all__ = ["add_parsers"]

_SHOWN = 10

_COMPACT = """\
examples:
  bm25 stats compact articles.stats

Writes merge segments by themselves as a store grows; this merges all into one, and drops what was
replaced or removed. Readers go on reading what they have open. It needs room for a second copy while
it runs.
"""

_VERIFY = """\
examples:
  bm25 stats verify articles.stats
  bm25 stats verify articles.stats articles.jsonl
  bm25 stats verify articles.stats --recover saved.stats

Every file is read and compared with its checksum, and the frequencies with a recount of the ledger.

Given the corpus, it is counted anew (into a temporary store, in the folder that TMPDIR names) and
compared: totals, all frequencies, and with a ledger document by document. Tenants are compared where
--tenant-column or --tenant says whose the documents are.

--recover makes a new store of what is whole in a damaged one: of all, if the ledger is; else, if the
frequencies are, of all but the ledger.

Exit codes: 0 all is as it should be (or was recovered), 1 damage or a difference, 2 unusable options.
"""


def add_parsers(commands: Any) -> None:
    """Add the subcommands."""
    parser = command(
        commands,
        "compact",
        compact,
        help="merge all segments into one",
        description="Merge all segments of a store into one.",
        epilog=_COMPACT,
    )
    add_store(parser)
    add_wait_argument(parser)
    add_output_argument(parser)

    parser = command(
        commands,
        "verify",
        verify,
        help="check every file, and compare with the corpus",
        description="Check the files of a store, and compare it with a recount of the corpus.",
        epilog=_VERIFY,
    )
    add_store(parser)
    parser.add_argument("input", nargs="*", metavar="INPUT", help="the corpus, as for bm25 stats build")
    parser.add_argument("--recover", metavar="NEW", help="make a new store of what is whole")
    parser.add_argument("--text-column", metavar="NAME", help="column to count (default: text)")
    parser.add_argument("--id-column", metavar="NAME", help="column of ids, with a ledger (default: id)")
    add_tenant_arguments(parser)
    add_reading_arguments(parser)
    add_plugins_argument(parser)
    add_output_argument(parser, reads=True)


def compact(args: argparse.Namespace) -> None:
    """Merge all segments."""
    with open_store(args) as store:
        before = {"bytes": store.size, "segments": store.segment_count}
        store.compact(timeout=args.wait)
        after = {"bytes": store.size, "segments": store.segment_count}
    line = (
        f"{args.store}: from {before['segments']:,} to {after['segments']:,} segments, "
        f"from {before['bytes']:,} to {after['bytes']:,} bytes"
    )
    print_result(args, [line], {"store": args.store, "before": before, "after": after})


def verify(args: argparse.Namespace) -> None:
    """Check the store, and compare it with the corpus if there is one."""
    check_inputs(args.input)
    if args.recover is not None:
        if args.input:
            raise Bm25ConfigError(
                "--recover takes no INPUT: recover first, and then verify the new store with the corpus"
            )
        _recover(args)
        return
    with open_store(args) as store:
        report = store.verify()
        counted = (
            "" if report.documents is None else f", {report.documents:,} documents of the ledger recounted"
        )
        line = f"{args.store}: {report.files:,} files, {report.bytes:,} bytes: all as written{counted}"
        values = {
            "store": args.store,
            "files": report.files,
            "bytes": report.bytes,
            "documents": report.documents,
        }
        if not args.input:
            print_result(args, [line], values)
            return
        if args.output_format == "table":
            print(line, flush=True)
        _compare(args, store, values)


def _recover(args: argparse.Namespace) -> None:
    check_new(args.recover)

    from bm25.store import StatisticsStore

    try:
        with open_store(args) as store:
            store.verify()
    except StoreDamagedError as error:
        print(f"bm25: damaged: {error}", file=sys.stderr)
    with new_directory(args.recover) as staged:
        StatisticsStore.recover(args.store, staged).close()
    with StatisticsStore.open(args.recover) as store:
        ledger = "with" if store.has_ledger else "without"
        lines = [f"recovered {ledger} ledger", describe_totals(store)]
        values = {"store": args.recover, "ledger": store.has_ledger, **totals_of(store)}
    print_result(args, lines, values)


def _compare(args: argparse.Namespace, store: StatisticsStore, values: dict[str, Any]) -> None:
    from bm25.encoder import Bm25Encoder
    from bm25.store import StatisticsStore

    columns = columns_from_arguments(args, text_columns(args, store), ledger=store.has_ledger)
    threads = Bm25Encoder(store.config, threads=args.threads).threads
    with (
        tempfile.TemporaryDirectory(prefix="bm25-verify-") as folder,
        StatisticsStore.create(
            f"{folder}/recount",
            store.config,
            ledger=store.has_ledger,
            terms=store.has_terms,
            fields=store.fields,
        ) as recount,
    ):
        with (
            recount.write() as batch,
            open_documents(args, columns, keep=[], threads=threads, what="recount") as corpus,
        ):
            for _ in count_into(recount, batch, corpus, columns):
                pass
        same = _report(args, store, recount, values)
    if not same:
        raise Bm25Error(f"{args.store}: does not hold the statistics of the corpus given")


def _report(
    args: argparse.Namespace, store: StatisticsStore, recount: StatisticsStore, values: dict[str, Any]
) -> bool:
    """Print how the store differs from the recount; return whether it does not."""
    from bm25.cli.stats.diff import difference_values, print_difference, with_terms

    kept, counted = store.statistics(terms=False), recount.statistics(terms=False)
    change = with_terms(counted.diff(kept, _SHOWN), recount, store)
    tenants = _unlike_tenants(store, recount) if args.tenant or args.tenant_column else []
    documents = _unlike_documents(args, store, recount) if store.has_ledger else {}
    same = kept == counted and not tenants and not any(documents.values())
    if args.output_format == "json":
        difference = difference_values(kept, counted, change)
        shown = {name: ids[:_SHOWN] for name, ids in documents.items()}
        counts = {f"{name}_count": len(ids) for name, ids in documents.items()}
        print_json({**values, "equal": same, **difference, "tenants": tenants, **shown, **counts})
        return same
    if same:
        print("equal to the recount of the corpus")
        return True
    print_difference(kept, counted, change, ("store", "corpus"))
    if tenants:
        print(f"\ntenants that differ: {', '.join(tenants[:_SHOWN])}{_more(tenants)}")
    for name, ids in documents.items():
        if ids:
            print(f"\ndocuments {_PHRASES[name]}: {len(ids):,}: {', '.join(ids[:_SHOWN])}{_more(ids)}")
    return False


_PHRASES = {
    "only_in_store": "that only the store has",
    "only_in_corpus": "that only the corpus has",
    "different": "that differ",
}


def _more(items: list[str]) -> str:
    return ", ..." if len(items) > _SHOWN else ""


def _unlike_tenants(store: StatisticsStore, recount: StatisticsStore) -> list[str]:
    names = sorted(store.tenants().keys() | recount.tenants().keys())
    return [
        name for name in names if store.statistics(name, terms=False) != recount.statistics(name, terms=False)
    ]


def _unlike_documents(
    args: argparse.Namespace, store: StatisticsStore, recount: StatisticsStore
) -> dict[str, list[str]]:
    from bm25.cli.stats.ledgers import ids_with, index_of, missing, unlike

    tenants = bool(args.tenant or args.tenant_column)
    kept, counted = index_of(store, tenants=tenants), index_of(recount, tenants=tenants)
    return {
        "only_in_store": list(ids_with(store, missing(kept, counted))),
        "only_in_corpus": list(ids_with(recount, missing(counted, kept))),
        "different": list(ids_with(store, unlike(kept, counted))),
    }
