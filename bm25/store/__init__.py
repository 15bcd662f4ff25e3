"""Corpus statistics on disk: Arrow files, one writer, any readers; see docs/reference/store-format.md."""

from bm25.store.batch import WriteBatch, WriteSummary
from bm25.store.ledger import LedgerBatch, LedgerEntry
from bm25.store.manifest import Epoch, Totals
from bm25.store.recovery import StoreReport
from bm25.store.store import StatisticsStore

__all__ = [
    "Epoch", "LedgerBatch", "LedgerEntry", "StatisticsStore", "StoreReport", "Totals", "WriteBatch",
    "WriteSummary",
]  # fmt: skip
