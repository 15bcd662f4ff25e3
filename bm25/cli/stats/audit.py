"""`bm25 stats audit`: the terms that share an id, and what that does to their document frequencies."""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bm25.cli.corpus import Corpus
from bm25.cli.inputs import add_reading_arguments, check_inputs
from bm25.cli.options import add_plugins_argument
from bm25.cli.stats.common import (
    add_output_argument,
    add_store,
    command,
    open_store,
    print_json,
    text_columns,
)
from bm25.cli.tables import print_table
from bm25.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from bm25.encoder import Bm25Encoder
    from bm25.store import StatisticsStore

__all__ = ["add_parsers"]

_EPILOG = """\
examples:
  bm25 stats audit articles.stats
  bm25 stats audit articles.stats articles.jsonl

Term ids are 31 bits of a hash, so that in a large vocabulary some terms share one: about n * n / 2**32
pairs among n terms. For Qdrant such terms are one: a query for one finds the other too, and the df of
the id is the number of documents that have either, which lowers the idf of both.

Without a corpus, each of the terms is in at most df documents and all of them together in df, so the
idf of each by itself is from the idf shown up to that of a term in one document ("idf at most").
Given the corpus, the df and the idf of each term by itself are counted exactly.

JSON is one object an id: {"term_id", "document_frequency", "idf", "idf_at_most",
"terms": [{"term", "document_frequency", "idf"}, ...]}; the last two are null without a corpus.
"""


def add_parsers(commands: Any) -> None:
    """Add the subcommand."""
    parser = command(
        commands,
        "audit",
        run,
        help="list terms that share an id, and what that does to df and idf",
        description="List the terms of a store that share an id.",
        epilog=_EPILOG,
    )
    add_store(parser)
    parser.add_argument("input", nargs="*", metavar="INPUT", help="the corpus, as for bm25 stats build")
    parser.add_argument("--text-column", metavar="NAME", help="column to count (default: text)")
    add_reading_arguments(parser)
    add_plugins_argument(parser)
    add_output_argument(parser, reads=True)


def run(args: argparse.Namespace) -> None:
    """Print a row for each term that shares its id."""
    check_inputs(args.input)
    with open_store(args) as store:
        if not store.has_terms:
            raise StoreError(
                f"{store.path}: keeps ids without terms, so it does not see which terms share one"
            )
        statistics = store.statistics()
        assert statistics.terms is not None
        collisions = dict(statistics.terms.collisions)
        counted = _count(args, store, collisions) if args.input and collisions else None
        found = _values(store, collisions, counted)
        corpus_df = None if counted is None else counted[1]
    if args.output_format == "json":
        for item in found:
            print_json(item)
        return
    print(f"{len(found):,} of {len(statistics):,} ids are shared by several terms")
    if not found:
        return
    _print(found, exact=counted is not None)
    for item in found:
        if corpus_df is not None and corpus_df[item["term_id"]] != item["document_frequency"]:
            print(
                f"note: {corpus_df[item['term_id']]:,} documents of the corpus given have the id "
                f"{item['term_id']}, {item['document_frequency']:,} of the store: it is not the corpus that "
                "was counted (bm25 stats verify shows how they differ)"
            )


def _values(
    store: StatisticsStore,
    collisions: dict[int, tuple[str, ...]],
    counted: tuple[dict[tuple[int, str], int], dict[int, int]] | None,
) -> list[dict[str, Any]]:
    import numpy as np

    from bm25.idf import inverse_document_frequency

    documents = store.totals.document_count

    def idf(df: int) -> float:
        return float(inverse_document_frequency(documents, np.array([df]), "qdrant")[0])

    ids = sorted(collisions)
    frequencies = store.document_frequency(ids).tolist() if ids else []
    found = []
    for number, frequency in sorted(zip(ids, frequencies, strict=True), key=lambda pair: (-pair[1], pair[0])):
        terms: list[dict[str, Any]] = []
        for term in collisions[number]:
            alone = None if counted is None else counted[0].get((number, term), 0)
            terms.append(
                {
                    "term": term,
                    "document_frequency": alone,
                    "idf": None if alone is None else idf(alone),
                }
            )
        found.append(
            {
                "term_id": number,
                "document_frequency": frequency,
                "idf": idf(frequency),
                "idf_at_most": idf(1),
                "terms": terms,
            }
        )
    return found


def _print(found: list[dict[str, Any]], *, exact: bool) -> None:
    rows: list[tuple[Any, ...]] = []
    for item in found:
        for term in item["terms"]:
            shared = (str(item["term_id"]), term["term"], item["document_frequency"], item["idf"])
            if exact:
                rows.append((*shared, term["document_frequency"], term["idf"], term["idf"] - item["idf"]))
            else:
                rows.append((*shared, item["idf_at_most"]))
    more = ("df alone", "idf alone", "lowered by") if exact else ("idf at most",)
    print_table(("id", "term", "df of the id", "idf of the id", *more), rows)


def _count(
    args: argparse.Namespace, store: StatisticsStore, collisions: dict[int, tuple[str, ...]]
) -> tuple[dict[tuple[int, str], int], dict[int, int]]:
    """Return the document frequency of each term that shares an id, and that of each such id."""
    import numpy as np

    from bm25.encoder import Bm25Encoder

    encoder = Bm25Encoder(store.config, threads=1)
    threads = Bm25Encoder(store.config, threads=args.threads).threads
    names = text_columns(args, store)
    wanted = np.array(sorted(collisions), np.uint32)

    def count(batch: pa.RecordBatch) -> dict[tuple[int, str], set[int]]:
        from bm25.files import text_array

        found: dict[tuple[int, str], set[int]] = defaultdict(set)
        for name in names:
            _attribute(encoder, text_array(batch, name), wanted, found)
        return found

    of_terms: dict[tuple[int, str], int] = defaultdict(int)
    of_ids: dict[int, int] = defaultdict(int)
    with Corpus(args, names, columns=list(names[1:]), threads=threads, what="audit") as corpus:
        for found in corpus.map(count):
            rows_of_ids: dict[int, set[int]] = defaultdict(set)
            for (number, term), rows in found.items():
                of_terms[number, term] += len(rows)
                rows_of_ids[number] |= rows
            for number, rows in rows_of_ids.items():
                of_ids[number] += len(rows)
    return of_terms, of_ids


def _attribute(
    encoder: Bm25Encoder, texts: pa.Array, wanted: Any, found: dict[tuple[int, str], set[int]]
) -> None:
    """Note for each term behind the ids `wanted` (uint32, ascending) the rows of the texts that have it.

    Some texts together tell which terms they have, not which of them has which. Where an id stands for
    several, the texts with it are halved until it stands for one, or there is one text left.
    """
    import numpy as np
    import pyarrow as pa

    pending = [(np.arange(len(texts)), wanted)]
    while pending:
        rows, ids = pending.pop()
        counts = encoder.count_documents(texts.take(pa.array(rows)))
        of_entry = np.repeat(rows, np.diff(counts.indptr))
        there = np.isin(counts.term_ids, ids)
        of_entry, entry_ids = of_entry[there], counts.term_ids[there]
        if not len(entry_ids):
            continue
        terms = counts.terms
        assert terms is not None
        unclear = []
        for number in np.unique(entry_ids).tolist():
            mine = of_entry[entry_ids == number]
            several = terms.collisions.get(number)
            if several is not None and len(mine) > 1:
                unclear.append(number)
                continue
            for term in several or (terms[number],):
                found[number, term].update(mine.tolist())
        if unclear:
            left = np.array(unclear, np.uint32)
            again = np.unique(of_entry[np.isin(entry_ids, left)])
            half = len(again) // 2
            pending += [(again[:half], left), (again[half:], left)]
