"""`WriteBatch`: changes of a store that become visible together, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bm25.accumulator import Frequencies
from bm25.errors import Bm25InputError, StoreError
from bm25.statistics import CorpusStatistics
from bm25.store import documents as docs
from bm25.store.contents import Contents, TenantChanges
from bm25.store.manifest import Totals
from bm25.store.snapshot import Snapshot
from bm25.store.sums import NEEDS_TERMS, Sums, for_tenant, negated, terms_of
from bm25.store.updates import Updates

__all__ = ["WriteBatch", "WriteSummary"]

_SPILL_ENTRIES = 1 << 23  # entries of counts that wait in memory, 64 MB
_SPILL_DOCUMENTS = 1 << 20  # documents that do, be they removed ones


@dataclass(frozen=True, slots=True)
class WriteSummary:
    """What a batch did, in documents.

    Attributes:
        added: new ones.
        replaced: known ones with other content, or of another tenant.
        unchanged: known ones with the same content.
        removed: those taken out, one by one or with their tenant.
        unknown: those that were to be removed and were not there.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    unknown: int = 0


class WriteBatch:
    """What `StatisticsStore.write` gives: nothing is visible to readers before the ``with`` statement ends.

    Attributes:
        summary: what was done so far; complete when the ``with`` statement has ended.
    """

    def __init__(self, snapshot: Snapshot, spill: Callable[[Contents], Snapshot]) -> None:
        """Wrap the snapshot to change, and what writes a segment and returns the snapshot with it."""
        self._snapshot = snapshot
        self._spill = spill
        manifest = snapshot.manifest
        self._manifest = manifest
        # What was encoded before this batch, or in the first one will be after it, is of this epoch.
        self._epoch = manifest.epochs[-1].number if manifest.epochs else 1
        self._closed = False
        self._whole = True  # until something cannot be written
        self._counts: Counter[str] = Counter()
        self.new_epoch = False
        self.totals = manifest.totals
        self._updates = Updates()
        self._sums = Sums(manifest.terms)

    @property
    def summary(self) -> WriteSummary:
        """What was done so far."""
        return WriteSummary(**self._counts)

    def add(self, document_ids: Any, counts: Any, *, tenant: Any = None) -> None:
        """Add documents; one whose id is known is replaced, and one that is the same changes nothing.

        Args:
            document_ids: integers, strings or UUIDs, each once or the last counts; None in a store without a
                ledger, where ids mean nothing and nothing can be replaced.
            counts: `TermCounts` of as many documents, or for each field of the store its own.
            tenant: a name for all, or one (or None) for each document.

        Raises:
            Bm25InputError: an id that is none, or different numbers of ids and documents.
        """
        self._check_open()
        fields = docs.as_fields(counts, self._manifest.fields)
        documents = len(fields[0])
        tenants = docs.tenant_names(tenant, documents)
        if not self._manifest.ledger:
            self._sums.add(fields, tenants)
            self._counts["added"] += documents
            return
        if document_ids is None:
            raise Bm25InputError("document_ids are needed: the store keeps a ledger of its documents")
        ids = docs.document_ids(document_ids)
        if len(ids) != documents:
            raise Bm25InputError(f"{len(ids)} document_ids for counts of {documents} documents")
        self._updates.add(ids, fields, tenants, terms_of(fields) if self._manifest.terms else None)
        self._spill_if_large()

    def remove(self, document_ids: Any) -> list[str]:
        """Remove documents, and return the ids that are not in the store.

        Raises:
            StoreError: the store has no ledger, and so does not know what its documents hold.
        """
        self._check_open()
        self._needs_ledger("remove documents")
        ids = list(dict.fromkeys(docs.document_ids(document_ids)))
        unknown = self._updates.remove(ids, self._snapshot)
        self._spill_if_large()
        self._counts["unknown"] += len(unknown)
        return unknown

    def drop_tenant(self, tenant: str) -> None:
        """Remove all documents of a tenant.

        Raises:
            Bm25InputError: it is no string; documents without a tenant have no name to be dropped by.
            StoreError: the tenant has no documents.
        """
        self._check_open()
        if not isinstance(tenant, str):  # None would be the whole corpus
            raise Bm25InputError(f"tenant must be the name of one, a string, got {tenant!r:.80}")
        self.flush()
        totals = self._snapshot.totals(tenant)
        if not any(totals):
            raise StoreError(
                f"{self._snapshot.directory}: tenant {tenant!r} has no documents, nothing to drop"
            )
        frequencies = negated(self._snapshot.frequencies(tenant))
        changes = TenantChanges([tenant], [Totals().plus(totals, -1)], {0}, for_tenant(0, frequencies))
        self._write(Contents(frequencies, changes, None), changes.totals[0])
        self._counts["removed"] += totals.document_count + totals.empty_count

    def add_statistics(self, statistics: CorpusStatistics, *, tenant: str | None = None) -> None:
        """Add the statistics of other documents, as those of a shard.

        Raises:
            StoreError: the store has a ledger, which needs the documents one by one.
        """
        self._change(statistics, tenant, 1)

    def subtract_statistics(self, statistics: CorpusStatistics, *, tenant: str | None = None) -> None:
        """Take the statistics of some documents out.

        Raises:
            Bm25InputError: they are no part of the store, or of the tenant, or without one of the documents
                of no tenant: something would be below zero; it names the term.
            StoreError: the store has a ledger, which needs the documents one by one.
        """
        self._change(statistics, tenant, -1)

    def start_epoch(self) -> None:
        """Begin a new epoch with this commit, whatever the drift of the mean length."""
        self._check_open()
        self.new_epoch = True

    def flush(self) -> None:
        """Write what waits in memory; it stays invisible until the batch ends.

        Raises:
            StoreError: an earlier attempt failed, and what was to be written then is lost.
        """
        self._check_open()
        self._whole = False
        if self._updates:
            updates, self._updates = self._updates, Updates()
            contents, totals, summary = updates.contents(self._snapshot, self._epoch)
            self._counts += summary
            if contents is not None:
                self._write(contents, totals)
        if self._sums:
            self._write(*self._sums.contents(self._snapshot))
            self._sums = Sums(self._manifest.terms)
        self._whole = True

    def close(self) -> None:
        """Refuse further changes."""
        self._closed = True

    def _spill_if_large(self) -> None:
        if self._updates.entries >= _SPILL_ENTRIES or len(self._updates) >= _SPILL_DOCUMENTS:
            self.flush()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the batch has ended; open another one with write()")
        if not self._whole:
            raise StoreError(
                f"{self._snapshot.directory}: the batch cannot go on, a part of it could not be written; the "
                "store is as it was before. Open another one with write()"
            )

    def _needs_ledger(self, what: str) -> None:
        if not self._manifest.ledger:
            raise StoreError(
                f"{self._snapshot.directory}: has no ledger, so it cannot {what}: it does not know what they "
                "hold. subtract_statistics takes out what you count again"
            )

    def _change(self, statistics: CorpusStatistics, tenant: str | None, sign: int) -> None:
        self._check_open()
        if self._manifest.ledger:
            raise StoreError(
                f"{self._snapshot.directory}: has a ledger of its documents, which statistics do not name; "
                "use add and remove, or make a store with ledger=False"
            )
        if not isinstance(statistics, CorpusStatistics):
            raise Bm25InputError(f"expected CorpusStatistics, got {type(statistics).__name__}")
        [name] = docs.tenant_names(tenant, 1)
        if sign > 0 and self._manifest.terms and statistics.terms is None and len(statistics):
            raise Bm25InputError(f"these statistics have no terms; {NEEDS_TERMS}")
        if sign < 0:
            self.flush()
            self._so_far(None) - statistics  # raises where it is no part
            if name is not None:
                self._so_far(name) - statistics
            else:
                self._check_of_no_tenant(statistics)
        self._sums.change(statistics, name, sign)
        self._counts["added" if sign > 0 else "removed"] += statistics.document_count + statistics.empty_count

    def _check_of_no_tenant(self, statistics: CorpusStatistics) -> None:
        """Raise where a tenant's documents are among them: the tenant would have more than the corpus."""
        tenants = self._snapshot.tenants()
        rest = self._so_far(None)
        for name in tenants:
            rest -= self._snapshot.statistics(name, terms=False)
        try:
            rest - statistics
        except Bm25InputError as error:
            some = f"{', '.join(list(tenants)[:10])}{', ...' if len(tenants) > 10 else ''}"
            raise Bm25InputError(
                f"{error}, and of no tenant, as none was named; the tenants are {some}"
            ) from None

    def _so_far(self, tenant: str | None) -> CorpusStatistics:
        """Return the statistics of the corpus or of a tenant, with what this batch has written."""
        found = self._snapshot.statistics(tenant)
        if tenant is not None:
            return found
        frequencies = Frequencies(found.term_ids, found.document_frequencies, found.collection_frequencies)
        return CorpusStatistics(frequencies, **self.totals._asdict(), terms=found.terms)

    def _write(self, contents: Contents, totals: Totals) -> None:
        self.totals = self.totals.plus(totals)
        self._snapshot = self._spill(contents)
