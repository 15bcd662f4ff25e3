"""What to do about damage: find all of it, and make a new store of what is whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bm25.accumulator import Frequencies
from bm25.errors import StoreDamagedError, StoreError
from bm25.store.commit import Transaction, create
from bm25.store.compaction import merge_ledgers, merge_segments
from bm25.store.contents import Contents
from bm25.store.damage import LEDGER, advice
from bm25.store.layout import MANIFEST, MANIFEST_COPY, SEGMENTS, file_name
from bm25.store.manifest import Manifest, SegmentInfo, Totals, read_manifest
from bm25.store.mapped import MappedFile
from bm25.store.snapshot import Snapshot, alive_rows, open_segments
from bm25.store.sums import Sums

__all__ = ["StoreReport", "recover", "verify"]


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What was verified.

    Attributes:
        files: whose checksums were compared.
        bytes: of these files.
        documents: of the ledger that were counted again; None in a store without one.
    """

    files: int
    bytes: int
    documents: int | None


class Damage(NamedTuple):
    """A file that cannot be used, and why."""

    segment: str
    kind: str
    reason: str


def verify(snapshot: Snapshot) -> StoreReport:
    """Compare every file with its checksum, and the frequencies with a recount of the ledger.

    Raises:
        StoreDamagedError: it names every file that is missing, truncated or altered, and says what can be
            recovered.
    """
    manifest = snapshot.manifest
    damage = _find_damage(snapshot.directory, manifest)
    if damage:
        reasons = "; ".join(item.reason for item in damage)
        raise StoreDamagedError(
            f"{reasons}. {advice({item.kind for item in damage}, has_ledger=manifest.ledger)}"
        )
    files = [info for segment in manifest.segments for info in segment.files.values()]
    _check_sums(snapshot)
    documents = _recount(snapshot) if manifest.ledger else None
    return StoreReport(len(files), sum(info.bytes for info in files), documents)


def recover(directory: Path, new_directory: Path) -> None:
    """Make a new store of what is whole in a damaged one: all from the ledger, else all but the ledger.

    Raises:
        StoreError: neither the ledger nor the frequencies are whole, or there is no manifest.
    """
    manifest = _usable_manifest(directory)
    damage = _find_damage(directory, manifest)
    bad = {(item.segment, item.kind) for item in damage}
    kinds = {item.kind for item in damage}
    ledger = manifest.ledger and not kinds & LEDGER
    snapshot = _open_without(directory, manifest, bad, ledger=ledger)
    if ledger and "tenants" in kinds and _count(snapshot)[1] != manifest.totals:
        ledger = False  # tenants were dropped, and which is lost
    if not ledger and kinds & {"frequencies", "tenants"}:
        raise StoreError(
            f"{directory}: neither its ledger nor its frequencies are whole; count the corpus again"
        )
    snapshot = _open_without(directory, manifest, bad, ledger=ledger)
    manifest = snapshot.manifest
    create(new_directory, replace(manifest, segments=(), next_segment=1, totals=Totals()))
    transaction = Transaction(new_directory)
    try:
        contents, totals = (
            _all_from_ledger(snapshot) if ledger else (merge_segments(snapshot, 0), manifest.totals)
        )
        transaction.write(contents)
        transaction.commit(totals)
    finally:
        transaction.discard()


def _all_from_ledger(snapshot: Snapshot) -> tuple[Contents, Totals]:
    contents, totals = _count(snapshot)
    if snapshot.manifest.terms:
        contents.terms = snapshot.term_rows(contents.frequencies.term_ids).to_arrow()
    contents.ledger = merge_ledgers(snapshot, 0)
    return contents, totals


def _without(info: SegmentInfo, bad: set[tuple[str, str]], ledger: bool) -> SegmentInfo:
    files = {
        kind: file
        for kind, file in info.files.items()
        if (info.name, kind) not in bad and (ledger or kind not in LEDGER)
    }
    return replace(info, files=files)


def _find_damage(directory: Path, manifest: Manifest) -> list[Damage]:
    found = []
    for segment in manifest.segments:
        for kind, info in segment.files.items():
            path = directory / SEGMENTS / file_name(segment.name, kind)
            try:
                MappedFile(path, info).check()
            except StoreDamagedError as error:
                found.append(Damage(segment.name, kind, str(error)))
            except FileNotFoundError:
                found.append(Damage(segment.name, kind, f"{path}: is missing"))
            except OSError as error:
                found.append(Damage(segment.name, kind, f"{path}: cannot be read: {error.strerror}"))
    return found


def _open_without(
    directory: Path, manifest: Manifest, bad: set[tuple[str, str]], *, ledger: bool
) -> Snapshot:
    segments = tuple(_without(info, bad, ledger) for info in manifest.segments)
    manifest = replace(manifest, ledger=ledger, segments=segments)
    return Snapshot(directory, manifest, open_segments(directory, manifest))


def _check_sums(snapshot: Snapshot) -> None:
    """Compare totals with frequencies: the occurrences of all terms are the length of all documents."""
    tenants = snapshot.tenants()
    scopes: list[tuple[str | None, Totals]] = [(None, snapshot.manifest.totals), *tenants.items()]
    for tenant, totals in scopes:
        frequencies = snapshot.frequencies(tenant)
        same = int(frequencies.collection.sum()) == totals.total_length
        if not same or min(totals) < 0 or not _possible(frequencies, totals.document_count):
            whose = "" if tenant is None else f" of tenant {tenant!r}"
            raise StoreDamagedError(
                f"{snapshot.directory}: the statistics{whose} contradict themselves ({totals}), though every "
                "file is as it was written. Something was subtracted that was not in it: count the corpus "
                "again"
            )


def _possible(frequencies: Frequencies, documents: int) -> bool:
    document, collection = frequencies.document, frequencies.collection
    return bool(((document >= 1) & (document <= documents) & (collection >= document)).all())


def _recount(snapshot: Snapshot) -> int:
    contents, totals = _count(snapshot)
    same = _equal(contents.frequencies, snapshot.frequencies()) and totals == snapshot.manifest.totals
    changes = contents.tenants
    counted = {name: total for name, total in zip(changes.names, changes.totals, strict=True) if any(total)}
    same = same and counted == snapshot.tenants()
    numbers = np.arange(len(changes.names) + 1, dtype=np.uint64)
    bounds = np.searchsorted(changes.frequencies.term_ids, numbers << np.uint64(32)).tolist()
    for name, (first, last) in zip(changes.names, pairwise(bounds), strict=True):
        mine = Frequencies(*(array[first:last] for array in changes.frequencies))
        ids = (mine.term_ids & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        same = same and _equal(mine._replace(term_ids=ids), snapshot.frequencies(name))
    if not same:
        raise StoreDamagedError(
            f"{snapshot.directory}: the ledger's documents do not add up to the frequencies "
            f"({totals} counted, {snapshot.manifest.totals} kept), though every file is as it was written: "
            "please report it; StatisticsStore.recover makes a new store from the ledger"
        )
    return totals.document_count + totals.empty_count


def _equal(one: Frequencies, other: Frequencies) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def _count(snapshot: Snapshot) -> tuple[Contents, Totals]:
    """Count the documents of the ledger."""
    sums = Sums(keeps_terms=False)
    for segment, table in alive_rows(snapshot):
        sums.add(segment.counts(table), table.column("tenant").to_pylist())
    return sums.contents(snapshot)


def _usable_manifest(directory: Path) -> Manifest:
    try:
        return read_manifest(directory)
    except StoreDamagedError:
        try:
            return Manifest.from_json((directory / MANIFEST_COPY).read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            raise StoreError(
                f"{directory}: neither {MANIFEST} nor {MANIFEST_COPY} can be used, so nothing says what its "
                "files are: count the corpus again"
            ) from None
