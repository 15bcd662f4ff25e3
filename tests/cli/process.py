"""The command line in a process of its own, with the package beside these tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "bm25"]

# A warning that a user would see fails the test. Compiled code is wanted even where the tests have none.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")},
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "PYTHONWARNINGS": "error",
}


def run(*arguments, **options):
    """Run `bm25` with arguments; keyword arguments are those of `subprocess.run`."""
    return run_python("-m", "bm25", *map(str, arguments), **options)


def run_python(*arguments, **options):
    """Run the interpreter with arguments."""
    options = {"capture_output": True, "timeout": 300, "env": ENVIRONMENT, **options}
    return subprocess.run([sys.executable, *arguments], **options)
