"""What the scripts that derive tables of characters share: ranges, the file's form, the command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "bm25" / "analysis" / "data"


def ranges(code_points: Iterable[int]) -> list[list[int]]:
    """Code points as [first, last] pairs, ascending."""
    found: list[list[int]] = []
    for code in sorted(code_points):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def main(name: str, description: str | None, derive: Callable[[], dict[str, object]]) -> int:
    """Write a table file of `DATA`, or with --check compare it with a fresh derivation; the exit code."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    target = DATA / name
    fresh = _serialized(derive())
    if not check:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(fresh, encoding="utf-8", newline="\n")
    elif not target.exists() or target.read_bytes() != fresh.encode():
        script = Path(sys.argv[0]).name
        print(f"{target} differs from what the oracle does: run {script} again", file=sys.stderr)
        return 1
    return 0


def _serialized(tables: dict[str, object]) -> str:
    """JSON with one table a line."""
    lines = (f"{_compact(name)}:{_compact(table)}" for name, table in tables.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
