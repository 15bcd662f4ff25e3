"""`bm25 stats merge` and `subtract`: stores put together, and taken apart."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from bm25.cli.staging import check_new, new_directory
from bm25.cli.stats.common import (
    add_output_argument,
    add_wait_argument,
    command,
    describe_totals,
    open_store,
    print_result,
    require_same_analysis,
    totals_of,
)
from bm25.errors import Bm25ConfigError, Bm25InputError, StoreError, StoreMismatchError

if TYPE_CHECKING:
    from bm25.statistics import CorpusStatistics
    from bm25.store import StatisticsStore
    from bm25.store.batch import WriteBatch

__all__ = ["add_parsers"]

_SHOWN = 5

_MERGE = """\
examples:
  bm25 stats merge shard-*.stats -o all.stats
  bm25 stats merge archive.stats today.stats -o new.stats --on-conflict last

With ledgers in all, documents are merged: an id that several stores have with the same content counts
once. With other content it is an error that names it, unless --on-conflict says whose counts:
  last   the store named last (name the newest last)
  first  the store named first

If any store has no ledger, the result has none, and the statistics are added up as they are: a
document that two stores have counts twice.

The options are those of the first store; the others may differ from it in k, b and k3. Tenants and
terms are kept (terms, if all have them). The result is one commit with an epoch of its own: vectors
that were weighed with the avg_len of a shard are of none of its epochs.
"""

_SUBTRACT = """\
examples:
  bm25 stats subtract all.stats january.stats

B stays as it is. With a ledger in A, the documents whose ids B has are removed from A, whatever they
hold there; ids that A does not have are counted as unknown. Without one, the statistics of B are
subtracted, tenant by tenant, and B must be a part of A: where something would fall below zero, the
error names it and A stays as it was.
"""


def add_parsers(commands: Any) -> None:
    """Add the subcommands."""
    parser = command(
        commands,
        "merge",
        merge,
        help="merge the stores of shards into a new one",
        description="Merge stores into a new one.",
        epilog=_MERGE,
    )
    parser.add_argument("stores", nargs="+", metavar="DIR", help="stores with the same options")
    parser.add_argument("-o", "--output", required=True, metavar="NEW", help="the new store's directory")
    parser.add_argument(
        "--on-conflict",
        choices=("error", "first", "last"),
        default="error",
        help="what to do with an id that two stores have with other content (default: error)",
    )
    parser.add_argument(
        "--max-drift", type=float, metavar="X", help="of the new store (default: that of the first)"
    )
    add_output_argument(parser)

    parser = command(
        commands,
        "subtract",
        subtract,
        help="take the documents of one store out of another",
        description="Take the documents of store B out of store A.",
        epilog=_SUBTRACT,
    )
    parser.add_argument("store", metavar="A", help="the store to change")
    parser.add_argument("other", metavar="B", help="the store whose documents are taken out")
    add_wait_argument(parser)
    add_output_argument(parser)


def merge(args: argparse.Namespace) -> None:
    """Write the new store."""
    check_new(args.output)

    from bm25.store import StatisticsStore

    with ExitStack() as opened:
        stores = [opened.enter_context(open_store(args, path)) for path in args.stores]
        first = stores[0]
        for store in stores[1:]:
            require_same_analysis(first, store)
            if store.fields != first.fields:
                raise StoreMismatchError(
                    f"{store.path} counts the fields {_listed(store.fields)}, {first.path} counts "
                    f"{_listed(first.fields)}; only stores with the same fields can be merged"
                )
        ledger = all(store.has_ledger for store in stores)
        if ledger and args.on_conflict == "error":
            _require_no_conflict(stores)
        without = [str(store.path) for store in stores if not store.has_ledger]
        if without and len(stores) > 1:
            print(
                f"bm25: note: no ledger in {', '.join(without)}: documents that two of the stores have count "
                "twice",
                file=sys.stderr,
            )
        with (
            new_directory(args.output) as staged,
            StatisticsStore.create(
                staged,
                first.config,
                ledger=ledger,
                terms=all(store.has_terms for store in stores),
                fields=first.fields,
                max_drift=first.max_drift if args.max_drift is None else args.max_drift,
            ) as merged,
            merged.write() as batch,
        ):
            # Who comes later counts.
            for store in reversed(stores) if args.on_conflict == "first" else stores:
                if ledger:
                    _add_documents(batch, store)
                else:
                    for tenant, statistics in _by_tenant(store):
                        batch.add_statistics(statistics, tenant=tenant)
    with StatisticsStore.open(args.output) as store:
        lines = [describe_totals(store)]
        values = {"store": args.output, "merged": args.stores, "ledger": ledger, **totals_of(store)}
        if ledger:
            shared = batch.summary.unchanged
            if len(args.stores) > 1:
                lines.append(
                    f"{shared:,} documents were in several stores, {batch.summary.replaced:,} with other "
                    "content"
                )
            values |= {"shared": shared, "conflicts": batch.summary.replaced}
    print_result(args, lines, values)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "of none"


def _require_no_conflict(stores: list[StatisticsStore]) -> None:
    """Compare all ledgers before anything is written.

    Raises:
        Bm25InputError: an id has other content in two stores; it names some.
    """
    from bm25.cli.stats.ledgers import ids_with, index_of, unlike

    known = index_of(stores[0])
    for number, store in enumerate(stores[1:], 1):
        index = index_of(store)
        keys = unlike(index, known)
        found = []
        for document_id in ids_with(store, keys):
            owner = next((s for s in stores[:number] if s.document(document_id) is not None), None)
            if owner is not None:  # else another id with the same key
                found.append(f"{document_id!r} ({owner.path} and {store.path})")
            if len(found) == _SHOWN:
                break
        if found:
            more = f" and others, about {len(keys):,} in all" if len(keys) > len(found) else ""
            raise Bm25InputError(
                f"ids with other content, or of another tenant, in two stores: {', '.join(found)}{more}; "
                "--on-conflict last takes what the store named last has, first that of the first"
            )
        known += index


def _add_documents(batch: WriteBatch, store: StatisticsStore) -> None:
    for part in store.documents():
        batch.add(part.document_ids, part.fields or part.counts, tenant=part.tenants)
    batch.flush()  # so that what later stores share with it is counted


def _by_tenant(
    store: StatisticsStore, *, terms: bool = True
) -> Iterator[tuple[str | None, CorpusStatistics]]:
    """Yield the statistics of each tenant, and what is left as that of none."""
    rest = store.statistics(terms=terms)
    for name in store.tenants():
        statistics = store.statistics(name, terms=terms)
        rest -= statistics
        yield name, statistics
    yield None, rest


def subtract(args: argparse.Namespace) -> None:
    """Take the documents out."""
    with open_store(args) as store, open_store(args, args.other) as other:
        if store.path.resolve() == other.path.resolve():
            raise Bm25ConfigError(f"{args.store} and {args.other} are one store; nothing would be left")
        require_same_analysis(store, other)
        if store.has_ledger and not other.has_ledger:
            raise StoreError(
                f"{args.other}: has no ledger, so it does not say which documents of {args.store} to remove; "
                "bm25 stats remove takes their ids"
            )
        with store.write(timeout=args.wait) as batch:
            if store.has_ledger:
                for part in other.documents():
                    batch.remove(part.document_ids)
                    batch.flush()
            else:
                for tenant, statistics in _by_tenant(other, terms=False):
                    batch.subtract_statistics(statistics, tenant=tenant)
        summary = batch.summary
        lines = [f"removed {summary.removed:,}, unknown {summary.unknown:,}", describe_totals(store)]
        values = {
            "store": args.store,
            "removed": summary.removed,
            "unknown": summary.unknown,
            **totals_of(store),
        }
    print_result(args, lines, values)
