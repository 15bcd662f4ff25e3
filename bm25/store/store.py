"""`StatisticsStore`: the statistics of a corpus in a directory, exact while documents come, change and go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from bm25.accumulator import Frequencies
from bm25.config import Bm25Config
from bm25.counts import TermCounts
from bm25.encoder import Bm25Encoder
from bm25.errors import Bm25ConfigError, Bm25InputError, StoreError
from bm25.explain import Explanation, explain
from bm25.idf import inverse_document_frequency
from bm25.sparse import SparseVectors
from bm25.statistics import CorpusStatistics, as_ids
from bm25.store import documents as docs
from bm25.store.batch import WriteBatch
from bm25.store.commit import Transaction, create, now
from bm25.store.durable import WriteError
from bm25.store.epochs import check_max_drift, score_bounds
from bm25.store.layout import MANIFEST
from bm25.store.ledger import LedgerBatch, LedgerEntry, read_document, read_documents
from bm25.store.lock import WriterLock
from bm25.store.manifest import Epoch, Manifest, Totals
from bm25.store.recovery import StoreReport, recover, verify
from bm25.store.snapshot import Snapshot
from bm25.terms import TermDictionary

__all__ = ["StatisticsStore"]

Array = np.ndarray[Any, Any]

MAX_DRIFT = 0.05


class StatisticsStore:
    """Corpus statistics in a directory of Arrow files.

    An open store shows the commit that was the last one when it was opened, whatever is written
    meanwhile; `refresh` moves it on. One process writes at a time, any number read. Close it, or use it
    in a ``with`` statement, to give its files back early.
    """

    def __init__(self, path: Path, snapshot: Snapshot, config: Bm25Config) -> None:
        """Wrap an open snapshot; see `create` and `open`."""
        self.path = path
        self.config = config
        self._snapshot = snapshot

    @classmethod
    def create(
        cls,
        path: str | PathLike[str],
        config: Bm25Config | None = None,
        *,
        ledger: bool = True,
        terms: bool | None = None,
        fields: Sequence[str] = (),
        max_drift: float = MAX_DRIFT,
    ) -> StatisticsStore:
        """Create a store without documents.

        Args:
            path: a directory that is new or empty.
            config: of the encoder whose counts will be added; None for Qdrant's defaults.
            ledger: whether to keep what each document holds: needed to replace and to remove documents,
                and to weigh them anew without their texts. Without it, for corpora that only grow.
            terms: whether to keep the terms; by default where the tokenizer yields any.
            fields: names of the fields that documents are counted in, if they are.
            max_drift: the share by which the mean length may move away from an epoch's avg_len before a new
                epoch begins.

        Raises:
            StoreError: the directory has files in it, or cannot be made.
        """
        _check_type(config)
        config = Bm25Config() if config is None else config
        if terms and not config.has_terms:
            raise Bm25ConfigError(f"tokenizer {config.tokenizer!r} yields no terms, so terms cannot be kept")
        manifest = Manifest(
            config=config.to_dict(),
            analysis_fingerprint=config.analysis_fingerprint,
            ledger=bool(ledger),
            terms=config.has_terms if terms is None else bool(terms),
            fields=_field_names(fields),
            max_drift=check_max_drift(max_drift),
            sequence=0,
            committed_at=now(),
            totals=Totals(),
            epochs=(),
            least_epoch=1,
            next_segment=1,
            segments=(),
        )
        directory = Path(path)
        _check_new(directory)
        try:
            create(directory, manifest)
        except OSError as error:
            raise StoreError(f"{directory}: a store cannot be made there: {error.strerror}") from None
        return cls.open(directory, config)

    @classmethod
    def open(cls, path: str | PathLike[str], config: Bm25Config | None = None) -> StatisticsStore:
        """Open a store; reads its manifest and nothing else.

        Args:
            path: its directory.
            config: None for the one it was made with; another may differ in k, b, k3 and avg_len.

        Raises:
            StoreError: there is no store.
            StoreMismatchError: the configuration yields other term ids; the message shows the difference.
            StoreDamagedError: the manifest was altered, or a file is missing.
        """
        _check_type(config)
        directory = Path(path)
        snapshot = Snapshot.load(directory)
        return cls(directory, snapshot, snapshot.manifest.check_config(config, directory))

    def close(self) -> None:
        """Give its files back."""
        self._snapshot.close()

    def __enter__(self) -> StatisticsStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return StatisticsStore.open, (self.path, self.config)

    def __repr__(self) -> str:
        totals = self.totals
        return (
            f"<StatisticsStore {self.path}: {totals.document_count} documents, average length "
            f"{totals.average_length:.1f}, commit {self.sequence}>"
        )

    # What it is

    @property
    def has_ledger(self) -> bool:
        """Whether it keeps what each document holds."""
        return self._manifest.ledger

    @property
    def has_terms(self) -> bool:
        """Whether it keeps the terms, or their ids only."""
        return self._manifest.terms

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that documents are counted in."""
        return self._manifest.fields

    @property
    def max_drift(self) -> float:
        """The share by which the mean length may move before a new epoch begins."""
        return self._manifest.max_drift

    @property
    def sequence(self) -> int:
        """The number of the commit that it shows."""
        return self._manifest.sequence

    @property
    def committed_at(self) -> str:
        """The time of that commit, UTC, in ISO 8601."""
        return self._manifest.committed_at

    @property
    def size(self) -> int:
        """The bytes of its segments."""
        return sum(info.bytes for info in self._manifest.segments)

    @property
    def segment_count(self) -> int:
        """The number of its segments."""
        return len(self._manifest.segments)

    @property
    def _manifest(self) -> Manifest:
        return self._snapshot.manifest

    def refresh(self) -> bool:
        """Move on to the last commit; tell whether there was one."""
        snapshot = Snapshot.load(self.path, self._snapshot.segments)
        if snapshot.manifest == self._manifest:
            return False
        self._snapshot = snapshot  # the one before is closed when nobody reads it any more
        return True

    # Statistics

    @property
    def totals(self) -> Totals:
        """Documents, empty ones and length of the whole corpus; `tenants` has those of each tenant."""
        return self._manifest.totals

    def tenants(self) -> dict[str, Totals]:
        """Return the totals of each tenant, ascending by name."""
        return self._snapshot.tenants()

    def statistics(self, tenant: str | None = None, *, terms: bool = True) -> CorpusStatistics:
        """Return the statistics of the corpus or of a tenant, as a value in memory.

        Args:
            tenant: its name; the statistics of one that is not known are empty.
            terms: whether to have the terms too; without them it takes a fraction of the time.
        """
        return self._snapshot.statistics(tenant, terms=terms)

    def terms(self, term_ids: Sequence[int] | Array) -> TermDictionary:
        """Return the terms of ids, so far as the store has them."""
        return self._snapshot.terms(np.unique(as_ids(term_ids)))

    def document_frequency(self, term_ids: Sequence[int] | Array, *, tenant: str | None = None) -> Array:
        """Return how many documents have each of the terms, int64; 0 for an unknown one."""
        return self._snapshot.lookup(as_ids(term_ids), tenant)[0]

    def collection_frequency(self, term_ids: Sequence[int] | Array, *, tenant: str | None = None) -> Array:
        """Return how often each of the terms occurs in all documents, int64; 0 for an unknown one."""
        return self._snapshot.lookup(as_ids(term_ids), tenant)[1]

    def idf(
        self, term_ids: Sequence[int] | Array, formula: str = "qdrant", *, tenant: str | None = None
    ) -> Array:
        """Return the inverse document frequency of terms, float64; see `CorpusStatistics.idf`."""
        documents = self._snapshot.totals(tenant).document_count
        return inverse_document_frequency(
            documents, self.document_frequency(term_ids, tenant=tenant), formula
        )

    def term(self, term_id: int) -> str | None:
        """Return the term with an id, the least where several share it; None for an unknown one.

        A term that no document has any more may still have its name.
        """
        return self._snapshot.terms(as_ids([term_id])).get(term_id)

    def collisions(self) -> dict[int, tuple[str, ...]]:
        """Return the ids that several terms share, with these terms."""
        return dict(self.statistics().terms.collisions) if self.has_terms else {}  # type: ignore[union-attr]

    # Documents

    def document(self, document_id: int | str) -> LedgerEntry | None:
        """Return what the ledger has of a document, None for an unknown one.

        Raises:
            StoreError: the store has no ledger.
        """
        self._needs_ledger()
        return read_document(self._snapshot, document_id)

    def documents(self) -> Iterator[LedgerBatch]:
        """Iterate over all documents of the ledger, some at a time.

        Raises:
            StoreError: the store has no ledger.
        """
        self._needs_ledger()
        return read_documents(self._snapshot)

    # Epochs

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """All epochs, oldest first; none before the first document."""
        return self._manifest.epochs

    @property
    def epoch(self) -> Epoch | None:
        """The current epoch."""
        return self.epochs[-1] if self.epochs else None

    def score_bounds(self, epoch: int | None = None) -> tuple[float, float]:
        """Return between which factors of the right score any score is, for vectors of an epoch.

        The right score is that of vectors weighed with today's mean length. See `bm25.store.epochs` for the
        proof. (1.0, 1.0) in a store without documents.

        Args:
            epoch: its number; None for the current one.
        """
        if not self.epochs or not self.totals.document_count:
            return 1.0, 1.0
        item = self.epochs[-1] if epoch is None else self._epoch_of(epoch)
        return score_bounds(item.avg_len, self.totals.average_length)

    def encoder(self, *, threads: int | None = None, **overrides: Any) -> Bm25Encoder:
        """Return an encoder with the avg_len of the current epoch.

        Args:
            threads: as for `Bm25Encoder`.
            overrides: k, b, k3 or avg_len in place of the configuration's.

        Raises:
            StoreMismatchError: an override yields other term ids.
        """
        config = self.config
        if self.epoch is not None:
            config = Bm25Config.from_dict({**config.to_dict(), "avg_len": self.epoch.avg_len})
        if overrides:
            config = Bm25Config.from_dict({**config.to_dict(), **overrides})
            self._manifest.check_config(config, self.path)
        return Bm25Encoder(config, threads=threads)

    def reweigh(self, **overrides: Any) -> Iterator[tuple[list[str], SparseVectors]]:
        """Return an iterator of (document ids, vectors) of all documents with vectors of an older epoch.

        Weighed from the ledger's counts with the avg_len of the current epoch; texts are not needed. Call
        `mark_reweighed` with the number of this epoch when they have been stored.

        Args:
            overrides: as for `encoder`.
        """
        documents = self.documents()
        if self.epoch is None:
            return iter(())
        # Of now: a commit in the meantime may begin another epoch, which is not the encoder's.
        return _reweighed(documents, self.encoder(threads=1, **overrides), self.epoch.number)

    def mark_reweighed(self, epoch: int) -> None:
        """Note that all documents added up to now have vectors of an epoch, or of a later one.

        It is a commit.

        Args:
            epoch: the number of the epoch that was current when `reweigh` was called. A later one may have
                begun since.

        Raises:
            Bm25ConfigError: there is no such epoch.
        """
        self._epoch_of(epoch)
        with self._transaction(0.0) as transaction:
            manifest = transaction.snapshot.manifest
            transaction.commit(manifest.totals, least_epoch=max(epoch, manifest.least_epoch))

    def _epoch_of(self, number: int) -> Epoch:
        for epoch in self.epochs:
            if epoch.number == number:
                return epoch
        known = ", ".join(str(epoch.number) for epoch in self.epochs) or "none yet"
        raise Bm25ConfigError(f"there is no epoch {number!r}; there are {known}")

    def explain(
        self,
        query: str,
        document: str | None = None,
        *,
        document_id: int | str | None = None,
        tenant: str | None = None,
        encoder: Bm25Encoder | None = None,
    ) -> Explanation:
        """Return the score of a document for a query, term by term; see `bm25.explain.explain`.

        Args:
            query: its text.
            document: a text, whether the store knows it or not; or, instead of it:
            document_id: a document of the ledger, weighed from its counts, those of all fields together.
            tenant: compute idf over the documents of this tenant, as Qdrant does for a query with an IDF
                corpus; N and df are 0 for a tenant that has none. None for all documents.
            encoder: None for `encoder()`, which has the avg_len of the current epoch. A vector of an older
                one was made with another; `encoder(avg_len=...)` gives that.

        Raises:
            Bm25InputError: neither or both of document and document_id, or an unknown document.
            StoreError: a document_id, but the store has no ledger.
            StoreMismatchError: the encoder yields other term ids than those that were counted.
        """
        if (document is None) == (document_id is None):
            raise Bm25InputError("give either a document's text or its document_id")
        if encoder is None:
            encoder = self.encoder(threads=1)
        self._manifest.check_config(encoder.config, self.path)
        subject: str | TermCounts | None = document
        if document_id is not None:
            entry = self.document(document_id)
            if entry is None:
                raise Bm25InputError(f"{self.path}: there is no document {document_id!r}")
            document_id = entry.document_id
            subject = entry.as_counts()
        statistics = _statistics_of(self._snapshot, encoder.encode_query(query)[0], tenant)
        found = explain(encoder, statistics, query, subject)  # type: ignore[arg-type]
        return replace(found, document_id=document_id, tenant=tenant)

    # Changes

    @contextmanager
    def write(self, *, timeout: float = 0.0) -> Iterator[WriteBatch]:
        """Change the store, in a ``with`` statement: all of it is committed at the end, or nothing.

        When the statement has ended, the changes are on disk, and this store shows them. Where it ends with
        an exception the store stays as it was.

        Args:
            timeout: seconds to wait for another writer.

        Raises:
            StoreInUseError: another writer holds the store; the message says which.
            StoreError: something cannot be written; the store is as it was.
        """
        with self._transaction(timeout) as transaction:
            batch = WriteBatch(transaction.snapshot, transaction.write)
            try:
                yield batch
                batch.flush()
            finally:
                batch.close()
            same_totals = batch.totals == transaction.snapshot.manifest.totals
            if transaction.changed or batch.new_epoch or not same_totals:  # empty texts make no segment
                transaction.compact()
                transaction.commit(batch.totals, new_epoch=batch.new_epoch)

    def compact(self, *, timeout: float = 0.0) -> None:
        """Merge all segments into one, and drop what was replaced or removed."""
        with self._transaction(timeout) as transaction:
            transaction.compact(everything=True)
            if transaction.changed:
                transaction.commit(transaction.snapshot.manifest.totals)

    def verify(self) -> StoreReport:
        """Compare every file with its checksum, and the frequencies with a recount of the ledger.

        Raises:
            StoreDamagedError: it names every file that is missing, truncated or altered, and says what can
                be recovered.
        """
        return verify(self._snapshot)

    @classmethod
    def recover(cls, path: str | PathLike[str], new_path: str | PathLike[str]) -> StatisticsStore:
        """Make a new store of what is whole in a damaged one: all from the ledger, else all but the ledger.

        Terms in damaged files are lost; their frequencies are not.

        Raises:
            StoreError: neither the ledger nor the frequencies are whole, or the directory is not empty.
        """
        new = Path(new_path)
        _check_new(new)
        recover(Path(path), new)
        return cls.open(new)

    @contextmanager
    def _transaction(self, timeout: float) -> Iterator[Transaction]:
        with WriterLock(self.path, timeout):
            transaction = Transaction(self.path, self._snapshot.segments)
            try:
                transaction.snapshot.manifest.check_config(self.config, self.path)
                yield transaction
            except WriteError as error:  # no other OSError: a caller's own passes through
                transaction.discard()
                raise StoreError(
                    f"{error.filename}: cannot be written: {error.strerror}; the store is as it was before"
                ) from error
            except BaseException:
                transaction.discard()
                raise
            self._snapshot = transaction.snapshot

    def _needs_ledger(self) -> None:
        if not self.has_ledger:
            raise StoreError(f"{self.path}: has no ledger, so it does not know its documents one by one")


def _reweighed(
    documents: Iterator[LedgerBatch], encoder: Bm25Encoder, epoch: int
) -> Iterator[tuple[list[str], SparseVectors]]:
    for batch in documents:
        rows = np.flatnonzero(np.array(batch.epochs) < epoch)
        if len(rows):
            counts = docs.select(batch.counts, rows)
            yield [batch.document_ids[i] for i in rows.tolist()], encoder.weigh(counts)


def _check_type(config: object) -> None:
    if config is not None and not isinstance(config, Bm25Config):
        raise Bm25ConfigError(
            f"config must be a Bm25Config, got {type(config).__name__}; for a dict use Bm25Config.from_dict"
        )


def _check_new(directory: Path) -> None:
    if (directory / MANIFEST).exists():
        raise StoreError(f"{directory}: is a store already; open it, or name another directory")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise StoreError(f"{directory}: is not an empty directory; name a new one")


def _field_names(fields: Sequence[str]) -> tuple[str, ...]:
    if isinstance(fields, str):
        raise Bm25ConfigError(
            f"fields must be a sequence of names, got one string {fields!r}; put it in a list"
        )
    names = tuple(fields)
    for name in names:
        if not isinstance(name, str) or not name or names.count(name) > 1:
            raise Bm25ConfigError(f"fields must be different names that are not empty, got {list(names)!r}")
    return names


def _statistics_of(snapshot: Snapshot, term_ids: Array, tenant: str | None) -> CorpusStatistics:
    """Return the statistics of all documents, but of some terms (uint32, ascending) only."""
    frequencies = Frequencies(term_ids, *snapshot.lookup(term_ids, tenant))
    terms = snapshot.terms(term_ids) if snapshot.manifest.terms else None
    return CorpusStatistics(frequencies, **snapshot.totals(tenant)._asdict(), terms=terms)
