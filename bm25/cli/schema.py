"""`bm25 schema`: the JSON Schema of the options."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  bm25 schema > config.schema.json

A server, an editor or a form can check a configuration with it before it reaches Python, and complete
and explain its options. What it cannot say (that a plug-in is registered, that min_token_len is not above
max_token_len, that synonyms have no cycle) only the commands themselves check.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of the options",
        description="Print the JSON Schema (draft 2020-12) of what --config and Bm25Config.from_dict take.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the schema."""
    import json

    from bm25.schema import config_schema

    print(json.dumps(config_schema(), indent=2))
