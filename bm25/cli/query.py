"""`bm25 query`: the sparse vector of a question, as JSON."""

from __future__ import annotations

import argparse
from typing import Any

from bm25.cli.options import add_config_arguments, config_from_arguments
from bm25.cli.texts import texts

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
    questions = texts(args.text, 'bm25 query "how do I parse a date"')

    from bm25 import Bm25Encoder

    encoder = Bm25Encoder(config)
    for text in questions:
        indices, values = encoder.encode_query(text)
        # A float32 prints as the shortest decimal that reads back to it, not as its float64 neighbour.
        numbers = [float(str(value)) for value in values]
        print(json.dumps({"indices": indices.tolist(), "values": numbers}), flush=not args.text)
