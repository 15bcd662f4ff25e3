"""`bm25 query`: the sparse vector of a question, as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from bm25.cli.options import add_config_arguments, config_from_arguments
from bm25.errors import Bm25ConfigError, Bm25InputError

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  bm25 query "how do I parse a date"
  bm25 query --language german "Wie liest man ein Datum?"
  bm25 query < questions.txt > vectors.jsonl

Each text gives one line, {"indices": [...], "values": [...]}: the shape of a sparse vector in
Qdrant's REST API.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "query",
        help="print the sparse vectors of questions as JSON",
        description="Encode questions and print their sparse vectors as JSON, one a line.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", nargs="*", metavar="TEXT", help="a question; lines of stdin if none is given")
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the vector of each text."""
    import json

    config = config_from_arguments(args)
    if not args.text and sys.stdin.isatty():
        raise Bm25ConfigError('no text: give one, as in bm25 query "how do I parse a date", or pipe lines in')

    from bm25 import Bm25Encoder

    encoder = Bm25Encoder(config)
    for text in args.text or _lines():
        indices, values = encoder.encode_query(_require_unicode(text))
        # A float32 prints as the shortest decimal that reads back to it, not as its float64 neighbour.
        numbers = [float(str(value)) for value in values]
        print(json.dumps({"indices": indices.tolist(), "values": numbers}), flush=not args.text)


def _lines() -> Iterable[str]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise Bm25InputError(f"standard input: line {number}: not valid UTF-8") from None


def _require_unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # Arguments that are not valid in the locale's encoding arrive with lone surrogates.
        raise Bm25InputError(
            f"the text {text!r} is not valid Unicode; is the terminal set to UTF-8?"
        ) from None
    return text
