"""`bm25 stats top` and `term`: terms of a store, with their frequencies and idf."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bm25.cli.options import positive
from bm25.cli.stats.common import (
    add_output_argument,
    add_store,
    command,
    open_store,
    print_json,
    require_tenant,
)
from bm25.cli.tables import print_table, printable
from bm25.errors import Bm25ConfigError

if TYPE_CHECKING:
    from bm25.store import StatisticsStore

__all__ = ["add_parsers"]

# Those of `bm25.statistics`, whose import would make --help slow.
ORDERS = ("document_frequency", "collection_frequency")

_TOP = """\
examples:
  bm25 stats top articles.stats
  bm25 stats top articles.stats -n 100 --by collection_frequency --format json
  bm25 stats top mail.stats --tenant acme

What stands first is a candidate for a stopword: a term in most documents tells few of them apart.

df is the number of documents that have the term, share what part of all with a term that is, cf how
often it occurs, idf Qdrant's: ln(1 + (N - df + 0.5) / (df + 0.5)).
JSON is one object a term: {"term", "term_id", "document_frequency", "collection_frequency", "idf"}.
"""

_TERM = """\
examples:
  bm25 stats term articles.stats foxes
  bm25 stats term articles.stats "New York" --tenant acme
  bm25 stats term articles.stats --id 1837453

A WORD goes through the store's options as a query does: foxes is looked up as fox. It may become
several terms, a row each, or none (a stopword); then the table says why.

JSON is one object a word: {"word", "terms": [{"term", "term_id", "document_frequency",
"collection_frequency", "idf", "stored_term"}], "dropped": [{"form", "reason"}]}. "stored_term" is
the term that the store knows under this id; where it is another one, the two share the id, and the
numbers are those of both together (see bm25 stats audit).
"""


def add_parsers(commands: Any) -> None:
    """Add the subcommands."""
    parser = command(
        commands,
        "top",
        top,
        help="list the most frequent terms",
        description="List the most frequent terms of a store.",
        epilog=_TOP,
    )
    add_store(parser)
    parser.add_argument("-n", type=positive, default=20, metavar="N", help="terms to list (default: 20)")
    parser.add_argument("--by", choices=ORDERS, default=ORDERS[0], help=f"the order (default: {ORDERS[0]})")
    parser.add_argument("--tenant", metavar="NAME", help="count the documents of one tenant only")
    add_output_argument(parser)

    parser = command(
        commands,
        "term",
        term,
        help="look words up: document frequency, idf and id",
        description="Look words up in a store.",
        epilog=_TERM,
    )
    add_store(parser)
    parser.add_argument("word", nargs="*", metavar="WORD", help="what to look up")
    parser.add_argument(
        "--id", type=_term_id, action="append", default=[], metavar="N", help="a term id; may be repeated"
    )
    parser.add_argument("--tenant", metavar="NAME", help="count the documents of one tenant only")
    parser.add_argument(
        "--idf",
        default="qdrant",
        metavar="FORMULA",
        help="qdrant (default), lucene, robertson, atire, bm25+ or bm25l",
    )
    add_output_argument(parser)


def _term_id(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1 << 31:
        raise argparse.ArgumentTypeError(
            f"a term id is an integer from 0 to {1 << 31}, as bm25 stats top lists them, got {text!r}"
        )
    return value


def top(args: argparse.Namespace) -> None:
    """Print the most frequent terms."""
    with open_store(args) as store:
        require_tenant(args.tenant, store)
        statistics = store.statistics(args.tenant, terms=False)
        found = statistics.top(args.n, by=args.by)
        terms = store.terms([entry.term_id for entry in found])
    if args.output_format == "json":
        for entry in found:
            print_json(
                {
                    "term": terms.get(entry.term_id),
                    "term_id": entry.term_id,
                    "document_frequency": entry.document_frequency,
                    "collection_frequency": entry.collection_frequency,
                    "idf": entry.idf,
                }
            )
        return
    print_table(
        ("term", "id", "df", "share", "cf", "idf"),
        [
            (
                terms.get(entry.term_id),
                str(entry.term_id),
                entry.document_frequency,
                entry.document_frequency / statistics.document_count,
                entry.collection_frequency,
                entry.idf,
            )
            for entry in found
        ],
    )


def term(args: argparse.Namespace) -> None:
    """Print what the store has of each word and id."""
    if not (args.word or args.id):
        raise Bm25ConfigError("nothing to look up: give a word, as in bm25 stats term DIR foxes, or --id N")
    with open_store(args) as store:
        require_tenant(args.tenant, store)
        looked_up = [_look_up(store, word, args) for word in args.word]
        for number in args.id:
            entries = _entries(store, {number: store.term(number)}, args)
            looked_up.append({"word": None, "terms": entries, "dropped": []})
    if args.output_format == "json":
        for item in looked_up:
            print_json(item)
    else:
        _print(looked_up)


def _look_up(store: StatisticsStore, word: str, args: argparse.Namespace) -> dict[str, Any]:
    encoder = store.encoder(threads=1)
    terms: dict[int, str | None]
    if not store.config.has_terms:
        terms = dict.fromkeys(encoder.encode_query(word)[0].tolist())
        return {"word": word, "terms": _entries(store, terms, args), "dropped": []}
    terms, dropped = {}, []
    for token in encoder.analyze(word, role="query").tokens:
        if token.term_id is not None:
            terms.setdefault(token.term_id, token.term)
        else:
            change = token.changes[-1]
            dropped.append({"form": token.form, "reason": change.reason or change.step})
    return {"word": word, "terms": _entries(store, terms, args), "dropped": dropped}


def _entries(
    store: StatisticsStore, terms: dict[int, str | None], args: argparse.Namespace
) -> list[dict[str, Any]]:
    ids = list(terms)
    columns = (
        store.document_frequency(ids, tenant=args.tenant),
        store.collection_frequency(ids, tenant=args.tenant),
        store.idf(ids, args.idf, tenant=args.tenant),
    )
    return [
        {
            "term": terms[number],
            "term_id": number,
            "document_frequency": df,
            "collection_frequency": cf,
            "idf": idf,
            "stored_term": store.term(number),
        }
        for number, df, cf, idf in zip(ids, *(column.tolist() for column in columns), strict=True)
    ]


def _print(looked_up: list[dict[str, Any]]) -> None:
    rows: list[tuple[Any, ...]] = []
    notes = []
    for item in looked_up:
        for entry in item["terms"]:
            known, stored = entry["term"], entry["stored_term"]
            rows.append(
                (
                    item["word"],
                    known,
                    str(entry["term_id"]),
                    entry["document_frequency"],
                    entry["collection_frequency"],
                    entry["idf"],
                )
            )
            if known is not None and stored not in (None, known):
                notes.append(
                    f"{known} has the id {entry['term_id']} of {stored} too: the numbers are of both together"
                )
        for token in item["dropped"]:
            notes.append(f"{token['form']} is no term: {token['reason']}")
        if not item["terms"] and not item["dropped"]:
            notes.append(f"{item['word']!r} has no term")
    if rows:
        print_table(("word", "term", "id", "df", "cf", "idf"), rows)
    for note in notes:
        print(printable(note))
