"""`bm25 stats show`: what a store holds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bm25.cli.options import count
from bm25.cli.stats.common import add_output_argument, add_store, command, open_store, print_json, totals_of
from bm25.cli.tables import print_table, printable

if TYPE_CHECKING:
    from bm25.store import StatisticsStore

__all__ = ["add_parsers"]

_EPILOG = """\
examples:
  bm25 stats show articles.stats
  bm25 stats show mail.stats --tenants 100
  bm25 stats show articles.stats --format json | jq .epochs

Documents without a term (null texts among them) are counted apart: they are part of neither the mean
length nor Qdrant's N.

An epoch is an avg_len that vectors were weighed with. "scores" says between which factors of the right
score (that of vectors weighed with today's mean length) any score lies that vectors of this epoch
give; the bound is proven, and most scores are nearer to the right one than it says.

JSON is one object: {"store", "document_count", "empty_count", "total_length", "average_length",
"commit", "committed_at", "term_count", "tenant_count", "tenants": [{"tenant", "document_count", ...}],
"epochs": [{"number", "avg_len", "sequence", "low", "high"}], "max_drift", "ledger", "terms", "fields",
"bytes", "segments", "config", "analysis_fingerprint"}.
"""


def add_parsers(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands,
        "show",
        run,
        help="show documents, mean length, tenants, epochs and options of a store",
        description="Show what a store holds.",
        epilog=_EPILOG,
    )
    add_store(parser)
    parser.add_argument(
        "--tenants", type=count, default=10, metavar="N", help="largest tenants to list (default: 10)"
    )
    add_output_argument(parser)


def run(args: argparse.Namespace) -> None:
    """Print what the store holds."""
    with open_store(args) as store:
        values = _values(store, args.tenants)
    if args.output_format == "json":
        print_json(values)
    else:
        _print(values)


def _values(store: StatisticsStore, limit: int) -> dict[str, Any]:
    tenants = store.tenants()
    largest = sorted(tenants, key=lambda name: (-tenants[name].document_count, name))[:limit]
    epochs = []
    for epoch in store.epochs:
        low, high = store.score_bounds(epoch.number)
        epochs.append({**epoch._asdict(), "low": low, "high": high})
    return {
        "store": str(store.path),
        **totals_of(store),
        "committed_at": store.committed_at,
        "term_count": len(store.statistics(terms=False)),
        "tenant_count": len(tenants),
        "tenants": [
            {"tenant": name, **tenants[name]._asdict(), "average_length": tenants[name].average_length}
            for name in largest
        ],
        "epochs": epochs,
        "max_drift": store.max_drift,
        "ledger": store.has_ledger,
        "terms": store.has_terms,
        "fields": list(store.fields),
        "bytes": store.size,
        "segments": store.segment_count,
        "config": store.config.to_dict(),
        "analysis_fingerprint": store.config.analysis_fingerprint,
    }


def _print(values: dict[str, Any]) -> None:
    documents = values["document_count"] + values["empty_count"]
    rows = [
        ("store", values["store"]),
        ("documents", f"{documents:,}, {values['empty_count']:,} of them without terms"),
        ("average length", f"{values['average_length']:,.2f} ({values['total_length']:,} tokens)"),
        ("terms", f"{values['term_count']:,}{'' if values['terms'] else ', known by their ids only'}"),
        ("ledger", "yes" if values["ledger"] else "no: documents cannot be replaced or removed"),
        ("fields", ", ".join(values["fields"]) or "none"),
        ("size", f"{values['bytes']:,} bytes in {values['segments']:,} segments"),
        ("commit", f"{values['commit']:,}, of {values['committed_at']}"),
        ("options", _options(values["config"])),
        ("fingerprint", values["analysis_fingerprint"]),
    ]
    for name, text in rows:
        print(f"{name:16}{printable(text)}")
    if values["epochs"]:
        print(f"\na new epoch begins where the mean length moves by more than {values['max_drift']:.0%}")
        print_table(
            ("epoch", "avg_len", "since commit", "scores at least", "at most"),
            [tuple(epoch.values()) for epoch in values["epochs"]],
        )
    if values["tenants"]:
        print(f"\n{values['tenant_count']:,} tenants, the largest:")
        print_table(
            ("tenant", "documents", "without terms", "average length"),
            [
                (row["tenant"], row["document_count"], row["empty_count"], row["average_length"])
                for row in values["tenants"]
            ],
        )


def _options(config: dict[str, Any]) -> str:
    import json

    from bm25.config import Bm25Config

    always = ("k", "b", "k3", "language", "tokenizer")
    default = Bm25Config().to_dict()
    shown = {
        name: value
        for name, value in config.items()
        if name in always or (value != default[name] and name != "avg_len")
    }
    return ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in shown.items()
    )
