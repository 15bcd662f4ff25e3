"""`bm25 warmup`: compile everything now, so that no later run waits for it."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  bm25 warmup
  NUMBA_CACHE_DIR=/opt/app/cache bm25 warmup      (in a container image: build time, not start time)
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "warmup",
        help="compile the kernels into the cache",
        description="Compile all kernels and keep the machine code in the cache.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Compile, and print where the code is kept and how long it took."""
    import time

    started = time.perf_counter()

    from bm25 import Bm25Encoder

    directory = Bm25Encoder.warmup()
    seconds = time.perf_counter() - started
    where = "none, no folder is writable" if directory is None else directory
    print(f"kernels ready after {seconds:.1f} s; cache: {where}")
