"""What the commands of `bm25 stats` share: the flags, opening a store, and how results are printed."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from bm25.cli.options import add_plugins_argument, import_plugins
from bm25.errors import Bm25ConfigError, StoreMismatchError

if TYPE_CHECKING:
    from bm25.store import StatisticsStore

__all__ = [
    "add_output_argument", "add_store", "add_wait_argument", "command", "open_store", "print_json",
    "print_result", "require_same_analysis", "require_tenant", "text_columns", "totals_of",
]  # fmt: skip


def command(commands: Any, name: str, run: Any, *, help: str, description: str, epilog: str) -> Any:
    """Add a subcommand, and return its parser."""
    parser = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_store(parser: argparse.ArgumentParser, help: str = "the store's directory") -> None:
    """Add the store, and what opening it may need."""
    parser.add_argument("store", metavar="DIR", help=help)


def add_output_argument(parser: argparse.ArgumentParser, *, reads: bool = False) -> None:
    """Add the flags of commands that open a store and print something.

    Args:
        parser: of the command.
        reads: whether it reads a corpus too, whose format is --format then, and --plugins a model flag.
    """
    parser.add_argument(
        "--output-format" if reads else "--format",
        dest="output_format",
        choices=("table", "json"),
        default="table",
        help="what to print (default: table)",
    )
    if not reads:
        add_plugins_argument(parser)


def add_wait_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says how long to wait for another writer."""
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long to wait for another process that writes to the store (default: not at all)",
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, 0 or more, got {text!r}")
    return value


def open_store(args: argparse.Namespace, path: str | None = None) -> StatisticsStore:
    """Open a store, plug-ins of its options imported."""
    import_plugins(args)

    from bm25.store import StatisticsStore

    return StatisticsStore.open(args.store if path is None else path)


def require_same_analysis(one: StatisticsStore, other: StatisticsStore) -> None:
    """Refuse two stores whose term ids mean different things.

    Raises:
        StoreMismatchError: it shows how the options differ.
    """
    if one.config.analysis_fingerprint != other.config.analysis_fingerprint:
        from bm25.store.manifest import difference

        raise StoreMismatchError(
            f"{other.path} was made with other options than {one.path}: "
            f"{difference(other.config, one.config)} (there is {other.path}); their ids mean different "
            "terms, so they do not go together. Count one of the corpora again"
        )


def require_tenant(tenant: str | None, *stores: StatisticsStore) -> None:
    """Refuse a tenant that no store has: more likely a slip than meant.

    Raises:
        Bm25ConfigError: it names the nearest that there is.
    """
    if tenant is None:
        return
    known = sorted({name for store in stores for name in store.tenants()})
    if tenant not in known:
        from bm25.analysis.languages import nearest

        which = " and ".join(str(store.path) for store in stores)
        raise Bm25ConfigError(
            f"{which}: no tenant {tenant!r}{nearest(tenant, known)}; bm25 stats show lists the largest"
        )


def text_columns(args: argparse.Namespace, store: StatisticsStore) -> tuple[str, ...]:
    """Return the columns to count for a store: its fields, or the one that holds the text.

    Raises:
        Bm25ConfigError: a column was named for a store that has fields.
    """
    if not store.fields:
        return (args.text_column or "text",)
    if args.text_column is not None:
        raise Bm25ConfigError(
            f"{store.path}: counts the fields {', '.join(store.fields)}, which are the columns that it "
            "reads: leave --text-column out"
        )
    return store.fields


def totals_of(store: StatisticsStore) -> dict[str, Any]:
    """Return the totals of a store as JSON values."""
    totals = store.totals
    return {**totals._asdict(), "average_length": totals.average_length, "commit": store.sequence}


def describe_totals(store: StatisticsStore) -> str:
    """Return the totals of a store in words."""
    totals = store.totals
    epoch = "no epoch" if store.epoch is None else f"epoch {store.epoch.number}"
    return (
        f"{store.path}: {totals.document_count + totals.empty_count:,} documents, {totals.empty_count:,} of "
        f"them without terms; average length {totals.average_length:,.2f}; {epoch}, commit {store.sequence}"
    )


def print_json(value: Any) -> None:
    """Print one object a line."""
    import json

    print(json.dumps(value))


def print_result(args: argparse.Namespace, lines: list[str], values: dict[str, Any]) -> None:
    """Print what was done: in words, or as JSON."""
    if args.output_format == "json":
        print_json(values)
    else:
        print("\n".join(lines))
