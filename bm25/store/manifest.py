"""The manifest: one small file that says what a store holds. To replace it is to commit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from bm25.config import Bm25Config
from bm25.errors import Bm25ConfigError, StoreDamagedError, StoreError, StoreMismatchError
from bm25.store.layout import FORMAT, FORMAT_VERSION, MANIFEST, MANIFEST_COPY

__all__ = ["Epoch", "FileInfo", "Manifest", "SegmentInfo", "Totals", "difference", "read_manifest"]


class Totals(NamedTuple):
    """What is counted without regard to terms; the same names as in `CorpusStatistics`."""

    document_count: int = 0
    empty_count: int = 0
    total_length: int = 0

    @property
    def average_length(self) -> float:
        """The mean length of documents with at least one term."""
        return self.total_length / self.document_count if self.document_count else 0.0

    def plus(self, other: Totals, sign: int = 1) -> Totals:
        """Return self + sign * other."""
        return Totals(*(mine + sign * theirs for mine, theirs in zip(self, other, strict=True)))


class Epoch(NamedTuple):
    """From commit `sequence` on, documents are encoded with this `avg_len`."""

    number: int
    avg_len: float
    sequence: int


class FileInfo(NamedTuple):
    """A file of a segment: its size, its rows, and the SHA-256 of its content."""

    bytes: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment: what some consecutive commits changed.

    Attributes:
        name: beginning of the names of its files.
        sequence: the commit that wrote it.
        rows: rows of the frequencies that are of the whole corpus; those of tenants follow.
        files: by kind, those it has.
    """

    name: str
    sequence: int
    rows: int
    files: dict[str, FileInfo]

    @property
    def bytes(self) -> int:
        """The size of its files."""
        return sum(info.bytes for info in self.files.values())


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a store is, but for the content of its segments; see docs/reference/store-format.md."""

    config: dict[str, Any]
    analysis_fingerprint: str
    ledger: bool
    terms: bool
    fields: tuple[str, ...]
    max_drift: float
    sequence: int
    committed_at: str
    totals: Totals
    epochs: tuple[Epoch, ...]
    least_epoch: int
    next_segment: int
    segments: tuple[SegmentInfo, ...]

    def to_json(self) -> bytes:
        """Return the file's content."""
        values: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
        for name, kind in (("totals", Totals), ("epochs", Epoch)):
            items = getattr(self, name)
            values[name] = items._asdict() if kind is Totals else [item._asdict() for item in items]
        for segment, info in zip(values["segments"], self.segments, strict=True):
            segment["files"] = {kind: file._asdict() for kind, file in info.files.items()}
        return json.dumps({**values, "sha256": _digest(values)}, indent=1, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is not that, or was altered.
            StoreError: a format of a later version.
        """
        values = json.loads(content)
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"it is no manifest of the format {FORMAT}")
        version = values.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise StoreError(
                f"the store has format version {version}, this release reads version {FORMAT_VERSION}: "
                "use the release that wrote it, or a later one"
            )
        del values["format"]
        digest = values.pop("sha256", None)
        if digest != _digest({"format": FORMAT, "format_version": version, **values}):
            raise ValueError("its checksum is wrong")
        return cls(
            **{
                **{field.name: values[field.name] for field in fields(cls)},
                "fields": tuple(values["fields"]),
                "totals": Totals(**values["totals"]),
                "epochs": tuple(Epoch(**item) for item in values["epochs"]),
                "segments": tuple(_segment(item) for item in values["segments"]),
            }
        )

    def check_config(self, config: Bm25Config | None, path: Path) -> Bm25Config:
        """Return the configuration to use: the one given, or the store's own.

        Raises:
            StoreMismatchError: it yields other term ids than those that were counted.
        """
        try:
            own = Bm25Config.from_dict(self.config)
        except Bm25ConfigError as error:
            raise StoreMismatchError(
                f"{path}: the configuration it was made with cannot be used: {error}"
            ) from None
        if own.analysis_fingerprint != self.analysis_fingerprint:
            raise StoreMismatchError(
                f"{path}: this release has other rules for the same options (analysis fingerprint "
                f"{own.analysis_fingerprint}, the store has {self.analysis_fingerprint}): use the release "
                "that made it, or count the corpus again"
            )
        if config is None:
            return own
        if config.analysis_fingerprint != self.analysis_fingerprint:
            raise StoreMismatchError(
                f"{path}: was made with other options: {difference(own, config)}; k, b, k3 and avg_len may "
                "differ, all else decides which term ids a text has. Open it without a configuration, or "
                "count the corpus again"
            )
        return config


def difference(own: Bm25Config, other: Bm25Config) -> str:
    """Return in words how the options of the analysis differ."""
    mine, theirs = own.to_dict(), other.to_dict()
    free = {"k", "b", "k3", "avg_len"}
    return ", ".join(
        f"{name} {json.dumps(mine[name], ensure_ascii=False)} there, "
        f"{json.dumps(theirs[name], ensure_ascii=False)} here"
        for name in mine
        if name not in free and mine[name] != theirs[name]
    )


def read_manifest(directory: Path) -> Manifest:
    """Return the manifest of the last commit.

    Raises:
        StoreError: there is no store, or one of a later format.
        StoreDamagedError: the manifest was altered; the message says what to do.
    """
    path = directory / MANIFEST
    try:
        return Manifest.from_json(path.read_bytes())
    except FileNotFoundError:
        copy = directory / MANIFEST_COPY
        if copy.exists():
            raise StoreDamagedError(_damaged(path, "is missing")) from None
        what = "no such directory" if not directory.exists() else f"no store, it has no {MANIFEST}"
        raise StoreError(
            f"{directory}: {what}; `bm25 stats build {directory} INPUT...` makes one, in Python "
            "StatisticsStore.create"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreDamagedError(_damaged(path, f"is damaged: {error}")) from None
    except NotADirectoryError:
        raise StoreError(f"{directory}: is a file; a store is a directory") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None


def _damaged(path: Path, what: str) -> str:
    copy = path.with_name(MANIFEST_COPY)
    try:
        sequence = Manifest.from_json(copy.read_bytes()).sequence
    except Exception:
        rest = f"{copy.name} is no help either; count the corpus again"
    else:
        rest = (
            f"{copy.name} beside it is whole, and of commit {sequence}, the last or the one before: "
            f"copy it over {path.name}"
        )
    return f"{path}: {what}. {rest}"


def _segment(values: dict[str, Any]) -> SegmentInfo:
    files = {kind: FileInfo(**info) for kind, info in values["files"].items()}
    return SegmentInfo(**{**values, "files": files})


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
