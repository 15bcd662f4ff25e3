"""Tables for terminals: columns as wide as their widest cell, whatever script it is in."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Sequence

from bm25 import display
from bm25.display import display_width, padded

__all__ = ["print_table", "printable"]

Cell = str | int | float | None

_GAP = "  "


def print_table(header: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Container[int] = ()) -> None:
    """Print rows under a header; columns of numbers are flush right, floats have 4 decimals.

    Args:
        header: the names of the columns.
        rows: their cells; None is shown as a hyphen.
        right: the numbers of further columns that are flush right.
    """
    rows = list(rows)
    flush_right = [
        i in right or (bool(rows) and all(isinstance(row[i], int | float | None) for row in rows))
        for i in range(len(header))
    ]
    lines = [list(header), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(display_width(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        cells = [
            padded(text, size, right=flush)
            for text, size, flush in zip(line, widths, flush_right, strict=True)
        ]
        print(_GAP.join(cells).rstrip())


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.4f}"
    return printable(cell) if isinstance(cell, str) else f"{cell:,}"


def printable(text: str) -> str:
    """Return the text with control characters, joiners and what the terminal cannot show escaped."""
    return display.printable(text, sys.stdout.encoding or "utf-8")
