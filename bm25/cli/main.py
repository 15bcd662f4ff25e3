"""The `bm25` command: finds the subcommand, runs it, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

from bm25.cli import (
    analyze,
    demo,
    encode,
    evaluate,
    explain,
    query,
    schema,
    serve,
    stats,
    verify,
    warmup,
)  # fmt: skip
from bm25.errors import Bm25ConfigError, Bm25ConfigWarning, Bm25Error

__all__ = ["main"]

# Loading this module must stay cheap: commands import what they need when they run.

_EPILOG = """\
examples:
  bm25 encode articles.jsonl --text-column text -o vectors.arrow
  bm25 query "how do I parse a date string"
  bm25 analyze "how do I parse a date string"
  bm25 stats build articles.stats articles.jsonl --text-column text
  bm25 verify articles.jsonl --text-column text
  bm25 explain "parse dates" --statistics articles.stats --document-id 4711
  bm25 evaluate scifact
  bm25 demo "how do I parse a date string"

Exit codes: 0 done, 1 unusable data (of verify: a difference), 2 unusable options, 130 interrupted.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2

    from bm25.cli.interrupts import Terminated, interruptible

    try:
        with interruptible(), _warnings_in_one_line():
            args.run(args)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except Terminated as end:
        return end.exit_code
    except BrokenPipeError:
        _silence_stdout()
        return 141
    except Bm25Error as error:
        if os.environ.get("BM25_TRACEBACK"):
            raise
        print(f"bm25: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, Bm25ConfigError) else 1
    except OSError as error:
        if os.environ.get("BM25_TRACEBACK"):
            raise
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"bm25: error: {where}{error.strerror or error}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:
            _silence_stdout()
        return 1
    return 0


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print each warning about options once, as errors are printed."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        print(f"bm25: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("once", Bm25ConfigWarning)
        warnings.showwarning = show
        yield


def _silence_stdout() -> None:
    # Python flushes standard output when it ends; where that failed once it would be an error again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    # An abbreviation may mean another flag in the next version, and --tenant is none of --tenants.
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:  # said by the parser of the subcommand, which knows whose --help it is
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"bm25: error: {message}; see {self.prog} --help\n")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from bm25 import __version__

        print(f"bm25-engine {__version__}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="bm25",
        description="BM25 sparse vectors for Qdrant, exact and fast.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (encode, query, analyze, stats, verify, explain, evaluate, demo, serve, schema, warmup):
        command.add_parser(commands)
    return parser
