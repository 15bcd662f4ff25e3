"""`bm25 stats diff`: what has changed between two stores."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from bm25.cli.options import count
from bm25.cli.stats.common import (
    add_output_argument,
    command,
    open_store,
    print_json,
    require_same_analysis,
    require_tenant,
)
from bm25.cli.tables import print_table

if TYPE_CHECKING:
    from bm25.statistics import CorpusStatistics, StatisticsDifference
    from bm25.store import StatisticsStore

__all__ = ["add_parsers", "difference_values", "print_difference", "with_terms"]

_EPILOG = """\
examples:
  bm25 stats diff monday.stats tuesday.stats
  bm25 stats diff monday.stats tuesday.stats -n 100 --format json | jq .largest
  bm25 stats diff mail.stats mail-new.stats --tenant acme

A is before, B is after: a term is new if only B has it, lost if only A has it. The table ends with the
terms whose document frequency differs most.

JSON is one object: {"before": {...}, "after": {...}, "new_terms", "lost_terms", "changed_terms",
"largest": [{"term", "term_id", "before", "after"}]}. The exit code is 0 whether they differ or not.
"""


def add_parsers(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands,
        "diff",
        run,
        help="compare two stores",
        description="Show what has changed from one store to another.",
        epilog=_EPILOG,
    )
    parser.add_argument("before", metavar="A", help="a store")
    parser.add_argument("after", metavar="B", help="another, with the same options")
    parser.add_argument(
        "-n", type=count, default=10, metavar="N", help="largest changes to list (default: 10)"
    )
    parser.add_argument("--tenant", metavar="NAME", help="compare the documents of one tenant only")
    add_output_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Print what has changed."""
    with open_store(args, args.before) as before, open_store(args, args.after) as after:
        require_same_analysis(before, after)
        require_tenant(args.tenant, before, after)
        old, new = (store.statistics(args.tenant, terms=False) for store in (before, after))
        change = with_terms(new.diff(old, args.n), after, before)
    if args.output_format == "json":
        print_json(difference_values(old, new, change))
    else:
        print_difference(old, new, change, ("A", "B"))


def with_terms(change: StatisticsDifference, *stores: StatisticsStore) -> StatisticsDifference:
    """Return a comparison with the terms that it lists, from the first store that has them."""
    ids = [item.term_id for item in change.largest]
    known = [store.terms(ids) for store in stores]
    names = {number: next((terms[number] for terms in known if number in terms), None) for number in ids}
    largest = tuple(replace(item, term=names[item.term_id]) for item in change.largest)
    return replace(change, largest=largest)


def difference_values(
    old: CorpusStatistics, new: CorpusStatistics, change: StatisticsDifference
) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    return {
        "before": _totals(old),
        "after": _totals(new),
        "new_terms": change.new_terms,
        "lost_terms": change.lost_terms,
        "changed_terms": change.changed_terms,
        "largest": [asdict(item) for item in change.largest],
    }


def print_difference(
    old: CorpusStatistics, new: CorpusStatistics, change: StatisticsDifference, names: tuple[str, str]
) -> None:
    """Print a comparison as tables."""
    labels = ("documents with terms", "documents without", "tokens", "average length")
    rows: list[tuple[Any, ...]] = []
    for label, name in zip(labels, _totals(old), strict=True):
        values = [getattr(old, name), getattr(new, name)]
        cells = [f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" for value in values]
        rows.append((label, *cells, _signed(values[1] - values[0])))
    rows.append(("terms", f"{len(old):,}", f"{len(new):,}", _signed(len(new) - len(old))))
    print_table(("", *names, "change"), rows, right=(1, 2, 3))
    print(
        f"\n{change.new_terms:,} terms are new, {change.lost_terms:,} are lost, "
        f"{change.changed_terms:,} have other frequencies"
    )
    if change.largest:
        print("\nlargest changes of document frequency:")
        print_table(
            ("term", "id", *names, "change"),
            [
                (item.term, str(item.term_id), item.before, item.after, _signed(item.after - item.before))
                for item in change.largest
            ],
            right=(1, 4),
        )


def _totals(statistics: CorpusStatistics) -> dict[str, Any]:
    names = ("document_count", "empty_count", "total_length", "average_length")
    return {name: getattr(statistics, name) for name in names}


def _signed(value: float) -> str:
    return f"{value:+,.2f}" if isinstance(value, float) else f"{value:+,}"
