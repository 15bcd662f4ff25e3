"""Figures of runs that take turns, and tables of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.server_wrk import Run

__all__ = ["Figures", "table", "turns"]


class Figures(NamedTuple):
    """Medians of the rates and latencies of some runs; `failed` is all that went wrong in any of them."""

    rate: float
    p50: float
    p99: float
    failed: int

    @property
    def rest(self) -> list[str]:
        """The cells that come after a rate."""
        digits = 2 if self.p50 < 10 else 1
        return [f"{self.p50:.{digits}f}", f"{self.p99:.{digits}f}", str(self.failed)]


REST = ("p50, ms", "p99, ms", "failed")
"""The columns of `Figures.rest`."""


def turns(rounds: int, calls: Mapping[str, Callable[[], Run]]) -> dict[str, Figures]:
    """Return figures of calls that take turns, so that a disturbance of the machine meets them all."""
    runs: dict[str, list[Run]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            runs[name].append(call())
    return {
        name: Figures(
            median(one.rate for one in found),
            median(one.p50 for one in found),
            median(one.p99 for one in found),
            sum(one.failed + one.refused for one in found),
        )
        for name, found in runs.items()
    }


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in Markdown."""
    print("\n| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
