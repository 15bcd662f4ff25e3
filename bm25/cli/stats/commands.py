"""`bm25 stats`: its subcommands."""

from __future__ import annotations

import argparse
from typing import Any

from bm25.cli.stats import audit, build, combine, diff, export, maintain, remove, show, terms

__all__ = ["add_parser"]

_EPILOG = """\
examples:
  bm25 stats build articles.stats articles.jsonl      count a corpus into a new store
  bm25 stats add articles.stats changed.jsonl         new documents, and new versions of known ones
  bm25 stats remove articles.stats --ids deleted.txt
  bm25 stats show articles.stats
  bm25 encode articles.jsonl --statistics articles.stats -o vectors.arrow

A store is a directory of Arrow files. It holds how many documents have each term, the terms, and a
ledger of the documents, by which they are replaced and removed exactly. It gives encode its avg_len,
and stores without an IDF modifier their idf. Every command changes all it should, or nothing.

bm25 stats COMMAND --help has examples of each.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommands."""
    parser = commands.add_parser(
        "stats",
        help="keep the statistics of a corpus: count, update, look up, merge",
        description="Keep the statistics of a corpus in a store, exact while documents come, change and go.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (build, remove, show, terms, combine, diff, maintain, export, audit):
        module.add_parsers(subcommands)
