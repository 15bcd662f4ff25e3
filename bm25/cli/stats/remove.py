"""`bm25 stats remove`: documents out of a store, one by one or a tenant as a whole."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from bm25.cli.stats.common import (
    add_output_argument,
    add_store,
    add_wait_argument,
    command,
    describe_totals,
    open_store,
    print_result,
    totals_of,
)
from bm25.errors import Bm25ConfigError, Bm25InputError

__all__ = ["add_parsers"]

_AT_ONCE = 1 << 20  # ids
_SHOWN = 10

_EPILOG = """\
examples:
  bm25 stats remove articles.stats --id 4711 --id 4712
  bm25 stats remove articles.stats --ids deleted.txt
  psql -c "COPY (SELECT id FROM deleted) TO STDOUT" | bm25 stats remove articles.stats --ids -
  bm25 stats remove mail.stats --tenant acme

--ids reads one id a line. All is removed in one commit, or nothing. Removing documents needs a store
with a ledger; a tenant can be dropped from any.

Ids that are not in the store are reported, and are no error: afterwards the documents are not there,
as was asked for. (--format json lists all of them as "unknown".) A tenant without documents is an
error, for its name is then most likely misspelt.
"""


def add_parsers(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands,
        "remove",
        run,
        help="remove documents, or all of a tenant",
        description="Remove documents from a store by their ids, or all documents of a tenant.",
        epilog=_EPILOG,
    )
    add_store(parser)
    parser.add_argument("--id", action="append", default=[], metavar="ID", help="a document; may be repeated")
    parser.add_argument("--ids", metavar="FILE", help="a file with an id a line; - for stdin")
    parser.add_argument(
        "--tenant", action="append", default=[], metavar="NAME", help="drop a tenant; may be repeated"
    )
    add_wait_argument(parser)
    add_output_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Remove what was named."""
    if not (args.id or args.ids or args.tenant):
        raise Bm25ConfigError(
            "nothing to remove: name documents (--id ID, or --ids FILE) or a tenant (--tenant NAME)"
        )
    unknown: list[str] = []
    with open_store(args) as store:
        with store.write(timeout=args.wait) as batch:
            for ids in _grouped(args):
                unknown += batch.remove(ids)
                batch.flush()
            for name in args.tenant:
                batch.drop_tenant(name)
        removed = batch.summary.removed
        for value in unknown[:_SHOWN]:
            print(f"bm25: not in the store: {value}", file=sys.stderr)
        if len(unknown) > _SHOWN:
            print(f"bm25: not in the store: {len(unknown) - _SHOWN:,} more", file=sys.stderr)
        lines = [f"removed {removed:,}, unknown {len(unknown):,}", describe_totals(store)]
        values = {"store": args.store, "removed": removed, "unknown": unknown, **totals_of(store)}
    print_result(args, lines, values)


def _grouped(args: argparse.Namespace) -> Iterator[list[str]]:
    group: list[str] = list(args.id)
    for line in _lines(args.ids) if args.ids else ():
        group.append(line)
        if len(group) == _AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _lines(path: str) -> Iterator[str]:
    name = "standard input" if path == "-" else path
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    text = line.decode().rstrip("\r\n")
                except UnicodeDecodeError:
                    raise Bm25InputError(f"{name}: line {number}: not valid UTF-8") from None
                if text:
                    yield text
    except OSError as error:
        raise Bm25InputError(f"{name}: cannot be read: {error.strerror or error}") from None
