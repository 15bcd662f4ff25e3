"""What commands that read files of texts share: their flags, and a bar that shows how far they are."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from bm25.cli.options import positive
from bm25.errors import Bm25ConfigError, Bm25InputError

if TYPE_CHECKING:
    from bm25.files import InputReader

__all__ = [
    "Progress",
    "add_input_arguments",
    "add_reading_arguments",
    "add_working_arguments",
    "check_inputs",
    "report_skipped",
    "size",
]


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the inputs themselves."""
    parser.add_argument(
        "input",
        nargs="+",
        metavar="INPUT",
        help="jsonl, csv, tsv, txt, parquet or arrow file, the text formats also as .gz, .zst or .bz2; "
        "- for stdin; several must have the same columns",
    )


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how to read them."""
    parser.add_argument("--format", metavar="NAME", help="input format, where the name does not tell")
    parser.add_argument(
        "--on-error",
        choices=("raise", "skip"),
        default="raise",
        help="stop at a broken line, or skip and count it (default: raise)",
    )
    parser.add_argument(
        "--batch-bytes",
        type=_batch_bytes,
        metavar="N",
        help="bytes of input a batch (4 MiB, less for more than 8 threads)",
    )
    add_working_arguments(parser)


def add_working_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of long work: threads, and whether to show how far it is."""
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads that encode (default: all cores)"
    )
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="default: only on a terminal",
    )


def check_inputs(paths: list[str]) -> None:
    """Refuse inputs that cannot be read, and not after hours of work on those before them."""
    import os

    if paths.count("-") > 1:
        raise Bm25ConfigError("standard input (-) can be read only once")
    for path in paths:
        if path != "-" and not os.path.exists(path):
            raise Bm25InputError(f"{path}: no such file")


def report_skipped(reader: InputReader) -> None:
    """Say on stderr which lines were left out."""
    for message in reader.skipped.messages:
        print(f"bm25: skipped: {message}", file=sys.stderr)
    if reader.skipped.count > len(reader.skipped.messages):
        more = reader.skipped.count - len(reader.skipped.messages)
        print(f"bm25: skipped: {more:,} more lines of {reader.name}", file=sys.stderr)


class Progress:
    """A bar on stderr, called with the number of bytes read so far."""

    def __init__(self, args: argparse.Namespace, what: str) -> None:
        self._bar: Any = None
        if args.progress or (args.progress is None and sys.stderr.isatty()):
            from tqdm import tqdm

            self._bar = tqdm(total=_total_bytes(args.input), unit="B", unit_scale=True, desc=what)

    def __call__(self, bytes_read: int) -> None:
        """Show that so much was read."""
        if self._bar is not None:
            self._bar.update(bytes_read - self._bar.n)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()


def size(path: str) -> int | None:
    """Return the size of a plain file, None for anything else."""
    import os

    return os.path.getsize(path) if path != "-" and os.path.isfile(path) else None


def _total_bytes(paths: list[str]) -> int | None:
    sizes = [size(path) for path in paths]
    return None if None in sizes else sum(number or 0 for number in sizes)


def _batch_bytes(text: str) -> int:
    value = positive(text)
    if not 1024 <= value <= 1 << 28:
        raise argparse.ArgumentTypeError(f"must be from 1024 to {1 << 28}, got {value}")
    return value
