"""`bm25 explain`: why a document scores what it scores, term by term."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from bm25.cli.options import add_plugins_argument, import_plugins
from bm25.errors import Bm25ConfigError

if TYPE_CHECKING:
    from bm25 import StatisticsStore

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  bm25 explain "lazy dogs" --statistics corpus.stats --document "The dogs, too lazy to jump"
  bm25 explain "lazy dogs" --statistics corpus.stats --document-id 4711
  bm25 explain "lazy dogs" --statistics corpus.stats --document-id 4711 --tenant acme
  bm25 explain "lazy dogs" --statistics corpus.stats --document-id 4711 --k 1.2 --k3 none
  bm25 explain "lazy dogs" --statistics corpus.stats --document-id 4711 --format json | jq .score

The table has a row for each term of the query: how often the query has it (qtf) and the document (tf),
in how many of the N documents it is (df), idf, the weights in the two vectors, their product with
the idf (score) and what part of the whole that is (share). All is computed as Qdrant computes it under
the IDF modifier; --tenant as for a query with an IDF corpus.

Options are the store's, avg_len that of its current epoch.
JSON is one object: {"query", "score", "terms": [{"term", "term_id", "query_frequency",
"term_frequency", "document_frequency", "idf", "query_weight", "document_weight", "score", "share",
"shared_with"}, ...], "document_count", "document_length", "avg_len", "k", "b", "k3", "document",
"document_id", "tenant"}.
"""

_OVERRIDES = ("k", "b", "k3", "avg_len")


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "explain",
        help="show why a document scores what it scores",
        description="Show how the score of a document for a query comes about, term by term.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("query", metavar="QUERY", help="a question")
    parser.add_argument(
        "--statistics", metavar="DIR", required=True, help="a store of corpus statistics (bm25 stats build)"
    )
    document = parser.add_mutually_exclusive_group(required=True)
    document.add_argument("--document", metavar="TEXT", help="the text of a document")
    document.add_argument("--document-id", metavar="ID", help="a document of the store's ledger")
    parser.add_argument("--tenant", metavar="NAME", help="idf over this tenant's documents (default: all)")
    parser.add_argument(
        "--format", choices=("table", "json"), default="table", help="what to print (default: table)"
    )
    weights = parser.add_argument_group("weights", "in place of the store's")
    weights.add_argument("--k", type=float, metavar="X", help="saturation of the term frequency")
    weights.add_argument("--b", type=float, metavar="X", help="normalisation by length, from 0 to 1")
    weights.add_argument("--avg-len", type=float, metavar="X", help="mean document length in tokens")
    weights.add_argument("--k3", type=_k3, metavar="X", help="weight of repeated query terms, or none")
    add_plugins_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the explanation."""
    import_plugins(args)

    from bm25 import StatisticsStore

    with StatisticsStore.open(args.statistics) as store:
        if args.tenant is not None:
            _check_tenant(store, args.tenant)
        encoder = store.encoder(threads=1, **_overrides(args))
        found = store.explain(
            args.query, args.document, document_id=args.document_id, tenant=args.tenant, encoder=encoder
        )
    if args.format == "table":
        encoding = sys.stdout.encoding or "utf-8"
        print(str(found).encode(encoding, "backslashreplace").decode(encoding))
        return

    import json

    print(json.dumps(found.to_dict()))


def _overrides(args: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(args, name) for name in _OVERRIDES}
    return {name: None if value == "none" else value for name, value in given.items() if value is not None}


def _k3(text: str) -> float | str:
    if text == "none":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number or none, got {text!r}") from None


def _check_tenant(store: StatisticsStore, tenant: str) -> None:
    """Raise `Bm25ConfigError` for a tenant without documents: more likely a slip than meant."""
    from bm25.analysis.languages import nearest

    tenants = list(store.tenants())
    if tenant not in tenants:
        some = f"it has {', '.join(tenants[:10])}{', ...' if len(tenants) > 10 else ''}"
        raise Bm25ConfigError(
            f"--tenant {tenant}: {store.path} has no such tenant{nearest(tenant, tenants)}; "
            + (some if tenants else "it has none at all")
        )
