"""`Transaction`: holds the lock, writes segments that nobody sees yet, and commits by a new manifest.

The order on disk: the files of segments, each synced; their directory, synced; the manifest beside its
place, synced, and renamed into it; its directory, synced. Only then is anything removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bm25.errors import StoreError
from bm25.store.compaction import merge_segments, start_of_run
from bm25.store.contents import Contents, write_segment
from bm25.store.durable import named, remove_file, replace_file, sync_directory
from bm25.store.epochs import next_epochs
from bm25.store.layout import MANIFEST, MANIFEST_COPY, SEGMENTS, file_name
from bm25.store.manifest import Manifest, SegmentInfo, Totals, read_manifest
from bm25.store.segment import Segment
from bm25.store.snapshot import Snapshot

__all__ = ["Transaction", "create", "now", "tidy"]


def create(directory: Path, manifest: Manifest) -> None:
    """Make a store without documents, on disk when this returns; the directory is new or empty."""
    new = [path for path in (directory, *directory.parents) if not path.exists()]
    (directory / SEGMENTS).mkdir(parents=True)
    try:
        replace_file(directory / MANIFEST, manifest.to_json())
        sync_directory(directory)
        for path in new or [directory]:
            sync_directory(path.parent)
    except BaseException:
        # Where it is no store yet, it must be possible to make one there after all.
        if not (directory / MANIFEST).exists():
            with suppress(OSError):
                (directory / SEGMENTS).rmdir()
        raise
    tidy(directory, manifest)


def tidy(directory: Path, manifest: Manifest) -> None:
    """Copy the manifest, then remove what neither needs: files that were replaced, or left by a crash.

    What fails here is no harm; the next writer does it.
    """
    copy = directory / MANIFEST_COPY
    content = manifest.to_json()
    try:
        if not copy.exists() or copy.read_bytes() != content:
            # With the copy of an older manifest the files that it names would have to stay.
            replace_file(copy, content)
            sync_directory(directory)
    except OSError:
        return
    needed = {file_name(info.name, kind) for info in manifest.segments for kind in info.files}
    with suppress(OSError):
        for path in (directory / SEGMENTS).iterdir():
            if path.name not in needed:
                remove_file(path)


def now() -> str:
    """Return the time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Transaction:
    """One commit in the making, by whoever holds the lock.

    Attributes:
        snapshot: the store with the segments written so far.
    """

    def __init__(self, directory: Path, known: Sequence[Segment] = ()) -> None:
        """Open the last commit; `known` are segments that are open already."""
        self._directory = directory
        self.snapshot = Snapshot.load(directory, known)
        self._before = self.snapshot.manifest
        self._next = self._before.next_segment
        self._own: list[Segment] = []
        tidy(directory, self._before)

    @property
    def sequence(self) -> int:
        """The number that the commit will have."""
        return self._before.sequence + 1

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return tuple(segment.info for segment in self.snapshot.segments) != self._before.segments

    def write(self, contents: Contents) -> Snapshot:
        """Write a segment on top of those there are, and return the snapshot with it."""
        info = self._write(contents)
        if info is not None:
            self._put([*self.snapshot.segments, self._open(info)])
        return self.snapshot

    def compact(self, *, everything: bool = False) -> None:
        """Merge segments where it is due, or all of them."""
        while True:
            infos = [segment.info for segment in self.snapshot.segments]
            start = 0 if everything else start_of_run(infos)
            if start is None or (everything and len(infos) < 2):
                return
            info = self._write(merge_segments(self.snapshot, start))
            merged, kept = self.snapshot.segments[start:], list(self.snapshot.segments[:start])
            self._put(kept if info is None else [*kept, self._open(info)])
            for segment in merged:
                if segment in self._own:  # written and merged in one commit: nobody knows of it
                    self._own.remove(segment)
                    self._remove(segment.info)
            if everything:
                return

    def commit(self, totals: Totals, *, new_epoch: bool = False, least_epoch: int | None = None) -> None:
        """Make what was written the state of the store; it is on disk when this returns.

        Raises:
            StoreError: it is the state of the store, but the last step failed, and it may not survive a loss
                of power.
            WriteError: the store is as it was.
        """
        before = self._before
        epochs = next_epochs(before.epochs, totals, before.max_drift, self.sequence, ask=new_epoch)
        manifest = replace(
            before,
            sequence=self.sequence,
            committed_at=now(),
            totals=totals,
            epochs=epochs,
            least_epoch=before.least_epoch if least_epoch is None else least_epoch,
            next_segment=self._next,
            segments=tuple(segment.info for segment in self.snapshot.segments),
        )
        if self._own:
            sync_directory(self._directory / SEGMENTS)
        replace_file(self._directory / MANIFEST, manifest.to_json())
        self._own = []  # they are the store's now, whatever comes
        self.snapshot = Snapshot(self._directory, manifest, self.snapshot.segments)
        try:
            sync_directory(self._directory)
        except OSError as error:
            raise StoreError(
                f"{self._directory}: commit {manifest.sequence} is in place, but the directory could not be "
                f"synced ({error.strerror}): it may not survive a loss of power"
            ) from None
        tidy(self._directory, manifest)

    def discard(self) -> None:
        """Remove what was written and not committed."""
        if not self._own:
            return
        try:
            # A signal may have come right after the new manifest was in place.
            committed = {info.name for info in read_manifest(self._directory).segments}
        except StoreError:
            return  # the next writer knows better
        for segment in self._own:
            if segment.info.name not in committed:
                self._remove(segment.info)
        self._own = []

    def _write(self, contents: Contents) -> SegmentInfo | None:
        name = f"{self._next:08d}"
        info = write_segment(self._directory, name, self.sequence, contents, self._before.fields)
        if info is not None:
            self._next += 1
        return info

    def _open(self, info: SegmentInfo) -> Segment:
        with named(self._directory / SEGMENTS):
            segment = Segment(self._directory, info, self._before)
        self._own.append(segment)
        return segment

    def _put(self, segments: list[Segment]) -> None:
        self.snapshot = Snapshot(self._directory, self.snapshot.manifest, segments)

    def _remove(self, info: SegmentInfo) -> None:
        for kind in info.files:
            remove_file(self._directory / SEGMENTS / file_name(info.name, kind))
