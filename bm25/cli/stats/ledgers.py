"""Ledgers compared document by document, in 16 bytes of memory a document."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bm25.store import documents as docs

if TYPE_CHECKING:
    from bm25.store import LedgerBatch, StatisticsStore

__all__ = ["Index", "ids_with", "index_of", "missing", "unlike"]

Array = np.ndarray[Any, Any]


class Index(NamedTuple):
    """Documents by ascending key of their id (uint64), and a digest (uint64) of what each holds."""

    keys: Array
    digests: Array

    def __add__(self, other: Index) -> Index:  # type: ignore[override]
        """Return the documents of both; of those in both, one."""
        keys = np.concatenate([self.keys, other.keys])
        keys, places = np.unique(keys, return_index=True)
        return Index(keys, np.concatenate([self.digests, other.digests])[places])


def index_of(store: StatisticsStore, *, tenants: bool = True) -> Index:
    """Return the index of a store's ledger.

    Args:
        store: with a ledger.
        tenants: whether a document of another tenant is another document.
    """
    keys, digests = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for batch in store.documents():
        batch_keys, batch_digests = _digested(batch, tenants)
        keys.append(batch_keys)
        digests.append(batch_digests)
    every = np.concatenate(keys)
    order = np.argsort(every, kind="stable")
    return Index(every[order], np.concatenate(digests)[order])


def _digested(batch: LedgerBatch, tenants: bool) -> tuple[Array, Array]:
    prints = docs.fingerprints(list(batch.fields.values()) or [batch.counts])
    if tenants:
        prints = [
            content if name is None else sha256(content + name.encode()).digest()
            for content, name in zip(prints, batch.tenants, strict=True)
        ]
    digests = np.frombuffer(b"".join(content[:8] for content in prints), "<u8").astype(np.uint64)
    return docs.document_keys(batch.document_ids), digests


def missing(one: Index, other: Index) -> Array:
    """Return the keys of `one` that `other` does not have."""
    found: Array = np.setdiff1d(one.keys, other.keys)
    return found


def unlike(one: Index, other: Index) -> Array:
    """Return the keys of documents that both have, with other content."""
    if not len(other.keys):
        return np.empty(0, np.uint64)
    places = np.minimum(np.searchsorted(other.keys, one.keys), len(other.keys) - 1)
    both = other.keys[places] == one.keys
    found: Array = one.keys[both & (other.digests[places] != one.digests)]
    return found


def ids_with(store: StatisticsStore, keys: Array) -> Iterator[str]:
    """Yield the ids of documents with these keys."""
    if not len(keys):
        return
    for batch in store.documents():
        found = np.isin(docs.document_keys(batch.document_ids), keys)
        for row in np.flatnonzero(found).tolist():
            yield batch.document_ids[row]
