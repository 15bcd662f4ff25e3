"""`bm25 verify`: compares the vectors of one's own texts with those of Qdrant's engine or of FastEmbed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bm25.cli.inputs import (
    Progress,
    add_input_arguments,
    add_reading_arguments,
    check_inputs,
    report_skipped,
)
from bm25.cli.options import add_config_arguments, config_from_arguments, count, describe_config, positive
from bm25.errors import Bm25Error, Bm25InputError

if TYPE_CHECKING:
    from bm25.analysis.trace import Token
    from bm25.files import InputReader
    from bm25.verification import Difference, TermDifference, Verification, Verifier

__all__ = ["add_parser", "run"]

_TERMS = 8  # ids of one text that are explained
_CHARACTERS = 100  # of a text that are shown

_EPILOG = """\
examples:
  bm25 verify articles.jsonl --text-column body --preset qdrant
  bm25 verify articles.parquet --language german --limit 10000
  bm25 verify articles.jsonl --dialect fastembed --against fastembed

Every text is encoded by both sides, as a document and as a query, and compared bit for bit: ids, their
order, float32 weights. The first differences are explained. Needs bm25-engine[edge] or
bm25-engine[fastembed]; neither needs a network.

Exit codes: 0 all equal, 1 a difference or unusable data, 2 unusable options.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "verify",
        help="compare the vectors of your texts with Qdrant's engine or FastEmbed",
        description="Encode a column of texts here and in another encoder, and explain what differs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_input_arguments(parser)
    parser.add_argument(
        "--against",
        choices=("engine", "fastembed"),
        default="engine",
        help="what to compare with: Qdrant's engine (default), or FastEmbed's Qdrant/bm25",
    )
    parser.add_argument("--text-column", default="text", metavar="NAME", help="column to compare (text)")
    parser.add_argument("--limit", type=positive, metavar="N", help="stop after N rows (default: all)")
    parser.add_argument(
        "--show", type=count, default=5, metavar="N", help="differences to explain (default: 5)"
    )
    add_reading_arguments(parser)
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Compare, print what was found, and raise where something differs."""
    config = config_from_arguments(args)
    check_inputs(args.input)

    from bm25 import Bm25Encoder
    from bm25.verification import Verifier

    verifier = Verifier(Bm25Encoder(config, threads=args.threads), args.against, show=args.show)
    starts = _compare(args, verifier)
    found = verifier.result
    print(f"{found.texts:,} texts, {found.nulls:,} without text; compared with {found.oracle}")
    print(describe_config(args, config))
    for note in found.notes:
        print(f"note: {note}")
    print()
    print(_table(found))
    for row in found.no_result:
        print(f"\n{_place(args, starts, row)}: {found.oracle} has no result for this text")
    for difference in found.differences:
        print(f"\n{_place(args, starts, difference.row)}, {difference.role} vector")
        print(_explained(difference, has_terms=config.has_terms))
    more = found.different - len(found.differences)
    if more and found.differences:
        print(
            f"\n{more:,} more {'vector differs' if more == 1 else 'vectors differ'}; --show N explains more"
        )
    if not found.ok:
        raise Bm25Error(f"{found.different:,} of {2 * found.texts:,} vectors differ from {found.oracle}'s")


def _compare(args: argparse.Namespace, verifier: Verifier) -> list[int]:
    """Put all texts to the comparison, and return the number of the first row of each input."""
    from bm25.files import text_array

    starts: list[int] = []
    rows = bytes_done = 0
    with Progress(args, "verify") as progress:
        for path in args.input:
            starts.append(rows)
            with _open(args, path) as reader:
                for batch in reader:
                    texts = text_array(batch, args.text_column)
                    if args.limit is not None:
                        texts = texts.slice(0, args.limit - rows)
                    verifier.add(texts)
                    rows += len(texts)
                    progress(bytes_done + reader.bytes_read)
                    if rows == args.limit:
                        break
                bytes_done += reader.bytes_read
                report_skipped(reader)
            if rows == args.limit:
                break
    return starts


def _open(args: argparse.Namespace, path: str) -> InputReader:
    from bm25.files import open_input
    from bm25.files.reader import DEFAULT_BLOCK_BYTES

    try:
        return open_input(
            path,
            format=args.format,
            columns=[],  # the text column comes in any case
            text_column=args.text_column,
            on_error=args.on_error,
            block_bytes=args.batch_bytes or DEFAULT_BLOCK_BYTES,
        )
    except Bm25InputError:
        if path != "-":  # where all columns are read, the error names them
            open_input(path, format=args.format, text_column=args.text_column).close()
        raise


def _table(found: Verification) -> str:
    documents, queries = found.documents, found.queries
    lines = [
        ("", "documents", "queries"),
        ("equal", f"{documents.equal:,}", f"{queries.equal:,}"),
        ("different", f"{documents.different:,}", f"{queries.different:,}"),
        ("two terms with one id", f"{documents.shared_ids:,}", f"{queries.shared_ids:,}"),
        ("no result there", f"{documents.no_result:,}", f"{queries.no_result:,}"),
    ]
    return "\n".join(f"{name:22}{left:>13}{right:>13}" for name, left, right in lines)


def _place(args: argparse.Namespace, starts: list[int], row: int) -> str:
    """Return the file and the row in it, counted from 1."""
    from bisect import bisect_right

    number = bisect_right(starts, row) - 1
    name = "standard input" if args.input[number] == "-" else args.input[number]
    return f"{name}, row {row - starts[number] + 1:,}"


def _explained(difference: Difference, *, has_terms: bool) -> str:
    lines = [f"  text    {_shortened(difference.text)}"]
    if difference.length is not None:
        lines.append(f"  length  {difference.length} here, {_or_unknown(difference.oracle_length)} there")
    if not difference.terms:
        lines.append("  the same ids and weights, in another order")
    lines += [_term(term, has_terms=has_terms) for term in difference.terms[:_TERMS]]
    if len(difference.terms) > _TERMS:
        lines.append(f"  {len(difference.terms) - _TERMS:,} more ids differ")
    return "\n".join(lines)


def _term(term: TermDifference, *, has_terms: bool) -> str:
    origin = ""
    tokens = "; ".join(map(_token, term.tokens[:3])) + ("; ..." if len(term.tokens) > 3 else "")
    if term.terms:
        origin = f"  {' and '.join(map(_shortened, term.terms))} from {tokens}"
    elif term.missed:
        origin = f"  {' or '.join(map(_shortened, term.missed))}, not a term here, perhaps from {tokens}"
    elif has_terms:
        origin = "  not a term here"
    weights = f"weight {_weight(term.weight)} here, {_weight(term.oracle_weight)} there"
    frequencies = ""
    if term.frequency is not None or term.oracle_frequency is not None:
        here, there = term.frequency or 0, term.oracle_frequency or 0
        frequencies = f"; tf {here} here, {there} there"
    return f"  id {term.id:<10}{origin}\n      {weights}{frequencies}"


def _token(token: Token) -> str:
    """Return the token as it stands in the text, and the steps that changed it."""
    steps = [
        f"dropped: {change.reason or change.step}"
        if change.after is None
        else f"{change.step} {_shortened(change.after)}"
        for change in token.changes
    ]
    return _shortened(token.form) + (f" ({', '.join(steps)})" if steps else "")


def _weight(value: float | None) -> str:
    if value is None:
        return "none"
    import numpy as np

    return str(np.float32(value))  # the shortest decimal that reads back to the same bits


def _or_unknown(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _shortened(text: str) -> str:
    if len(text) <= _CHARACTERS:
        return repr(text)
    return f"{text[:_CHARACTERS]!r}... ({len(text):,} characters)"
