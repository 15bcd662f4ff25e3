"""`bm25 evaluate`: how well collections with judgements are searched, by Qdrant's vectors and by ours."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from bm25.cli.inputs import add_working_arguments
from bm25.cli.options import add_config_arguments, config_from_arguments

if TYPE_CHECKING:
    from bm25.config import Bm25Config
    from bm25.evaluation import BeirCollection, Evaluation, Variant

__all__ = ["add_parser", "run"]

_WEIGHTS = ("k", "b", "k3", "avg_len")

_EPILOG = """\
examples:
  bm25 evaluate scifact
  bm25 evaluate shop-de --language german --split dev
  bm25 evaluate scifact cacm cranfield --k 0.9 --b 0.4
  bm25 evaluate scifact --engine qdrant
  bm25 evaluate scifact --format json | jq '."ndcg@10"'

A COLLECTION is a folder in the layout of BEIR; the first two files may be gzipped (.jsonl.gz):
  corpus.jsonl     {"_id": "d1", "title": "Foxes", "text": "A fox is ..."}   title may be missing
  queries.jsonl    {"_id": "q1", "text": "where do foxes live"}
  qrels/test.tsv   a header line, then query-id, corpus-id and score with tabs between;
                   a score above 0 is relevant, a higher one more so

The rows of the table, whose terms are those of the options given (--language, --tokenizer ...):
  qdrant   Qdrant's own vectors: k 1.2, b 0.75, query weights 1, avg_len 256
  fitted   the same with avg_len set to the collection's mean document length
  tuned    k 1.5, b 0.75, k3 8, avg_len fitted: what the other commands start from
  yours    if --k, --b, --k3, --avg-len, --preset or --config asks for something else; avg_len is
           fitted unless it is given, or comes from --config or --preset qdrant

The columns, means over the queries that have a relevant document:
  nDCG@10     are the most relevant documents near the top? 1 is the best ranking possible
  recall@100  the share of the relevant documents that are among the first 100
  MRR@100     1 / rank of the first relevant document

Exit codes: 0 done, 1 unusable data, 2 unusable options.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "evaluate",
        help="measure ranking quality on collections with judgements",
        description="Rank the documents of collections for their queries, and compare with the judgements.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("collection", nargs="+", metavar="COLLECTION", help="folder in the layout of BEIR")
    parser.add_argument("--split", default="test", metavar="NAME", help="judgements qrels/NAME.tsv (test)")
    parser.add_argument(
        "--engine",
        choices=("scipy", "qdrant"),
        default="scipy",
        help="who ranks: exact scores here (default), or an embedded Qdrant; needs bm25-engine[edge]",
    )
    parser.add_argument(
        "--format",
        choices=("table", "json"),
        default="table",
        help="a table (default), or one JSON object a row",
    )
    add_working_arguments(parser)
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print a row for each collection and kind of vectors."""
    config = config_from_arguments(args)

    from bm25.evaluation import BeirCollection, evaluate, scorer

    ranker = scorer.rank
    if args.engine == "qdrant":
        from bm25.engine import qdrant_edge
        from bm25.qdrant import evaluation

        qdrant_edge("--engine qdrant")  # missing? say so before the documents are counted
        ranker = evaluation.rank
    variants = _variants(args, config)
    # All at once: a fault in the last one should not show after the others took an hour.
    collections = [BeirCollection(folder, split=args.split) for folder in args.collection]
    print(f"bm25: {_terms(config)}; ranked by {args.engine}", file=sys.stderr)
    table = _Table(max(len(collection.name) for collection in collections))
    for collection in collections:
        with _Bar(args, collection) as bar:
            for found in evaluate(
                collection,
                variants,
                threads=args.threads,
                ranker=ranker,
                all_terms=args.engine == "qdrant",
                progress=bar,
            ):
                bar.clear()
                if args.format == "json":
                    _print_json(found, args.engine)
                else:
                    table.print(found)
        _note_missing(found)


def _terms(config: Bm25Config) -> str:
    tokenizer = config.tokenizer if isinstance(config.tokenizer, str) else config.tokenizer["name"]
    dialect = "" if config.dialect == "qdrant" else f", dialect {config.dialect}"
    return f"language {config.language}, tokenizer {tokenizer}{dialect}"


def _variants(args: argparse.Namespace, config: Bm25Config) -> list[Variant]:
    from bm25.evaluation import FITTED, Variant, standard_variants

    variants = standard_variants(config)
    if all(getattr(args, name) is None for name in (*_WEIGHTS, "preset", "config")):
        return variants
    fits = args.avg_len is None and args.config is None and args.preset != "qdrant"
    yours = Variant("yours", config, FITTED if fits else config.avg_len)
    known = {(variant.config.vector_fingerprint, variant.avg_len) for variant in variants}
    return variants if (config.vector_fingerprint, yours.avg_len) in known else [*variants, yours]


class _Table:
    """Rows that are printed as they come, under one header."""

    def __init__(self, width: int) -> None:
        self._width = max(width, len("collection"))
        self._started = False

    def print(self, found: Evaluation) -> None:
        if not self._started:
            self._started = True
            self._line(
                "collection", "vectors", "documents", "queries", "length", "nDCG@10", "recall@100", "MRR@100"
            )
        quality = found.quality
        self._line(
            found.collection, found.variant, f"{found.documents:,}", f"{quality.queries:,}",
            f"{found.average_length:.1f}", f"{quality.ndcg:.4f}", f"{quality.recall:.4f}",
            f"{quality.reciprocal_rank:.4f}",
        )  # fmt: skip

    def _line(self, collection: str, variant: str, *numbers: str) -> None:
        widths = (9, 7, 7, 7, 10, 7)
        cells = [f"{number:>{width}}" for number, width in zip(numbers, widths, strict=True)]
        print("  ".join([f"{collection:{self._width}}", f"{variant:7}", *cells]), flush=True)


def _print_json(found: Evaluation, engine: str) -> None:
    import json

    row = {
        "collection": found.collection,
        "vectors": found.variant,
        "documents": found.documents,
        "missing_documents": found.missing,
        "queries": found.quality.queries,
        "average_length": found.average_length,
        "ndcg@10": found.quality.ndcg,
        "recall@100": found.quality.recall,
        "mrr@100": found.quality.reciprocal_rank,
        **{name: getattr(found.config, name) for name in _WEIGHTS},
        "engine": engine,
    }
    print(json.dumps(row, ensure_ascii=False), flush=True)


def _note_missing(found: Evaluation) -> None:
    if found.missing:
        print(
            f"bm25: note: {found.collection}: judged, but not in the corpus: {found.missing:,} documents, "
            "which no ranking can find",
            file=sys.stderr,
        )


class _Bar:
    """A bar on stderr for what is being done, called with what `bm25.evaluation.evaluate` tells."""

    def __init__(self, args: argparse.Namespace, collection: BeirCollection) -> None:
        self._shown = args.progress or (args.progress is None and sys.stderr.isatty())
        self._name = collection.name
        self._what: str | None = None
        self._bar: Any = None

    def __call__(self, what: str, done: int, total: int) -> None:
        if not self._shown:
            return
        if what != self._what:
            from tqdm import tqdm

            self.clear()
            self._what = what
            unit = {"unit": "B", "unit_scale": True} if what == "documents" else {"unit": " queries"}
            self._bar = tqdm(total=total, desc=f"{self._name}: {what}", leave=False, **unit)
        self._bar.update(done - self._bar.n)

    def clear(self) -> None:
        """Take the bar away, for a line of the table to come in its place."""
        if self._bar is not None:
            self._bar.close()
        self._bar = self._what = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: Any) -> None:
        self.clear()
