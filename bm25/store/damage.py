"""What can be recovered of a damaged store, in words."""

from __future__ import annotations

from collections.abc import Set

__all__ = ["LEDGER", "advice"]

LEDGER = frozenset({"documents", "counts"})
"""The kinds of files that make up the ledger."""


def advice(kinds: Set[str], *, has_ledger: bool) -> str:
    """Return what can be recovered where files of these kinds are damaged, and how."""
    how = "StatisticsStore.recover (`bm25 stats verify --recover NEW`) makes a new store of it"
    lost = "" if "terms" not in kinds else " but the terms in damaged files"
    if has_ledger and not kinds & LEDGER:
        # Which tenants were dropped stands in these files, and decides which rows of the ledger count.
        unless = ", unless tenants were dropped since the last compact()" if "tenants" in kinds else ""
        return f"The ledger is whole, all{lost} can be made again from it{unless}: {how}"
    if not kinds & {"frequencies", "tenants"}:
        without = ", without the ledger" if kinds & LEDGER else ""
        return f"The frequencies are whole, all{lost} can be kept{without}: {how}"
    return "Neither ledger nor frequencies are whole: count the corpus again"
