"""Documents as a ledger knows them: their ids, the keys these are found by, and digests of their counts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from bm25.counts import TermCounts
from bm25.errors import Bm25InputError
from bm25.kernels.statistics import pack_rows, take_rows

__all__ = [
    "add_fields",
    "as_fields",
    "concatenate",
    "document_ids",
    "document_keys",
    "fingerprints",
    "select",
    "tenant_names",
]

Array = np.ndarray[Any, Any]


def document_ids(ids: Any) -> list[str]:
    """Return document ids as strings: the integer 7 and the string "7" are one id.

    Raises:
        Bm25InputError: one is null, empty, or neither an integer nor a string; it names which.
    """
    if isinstance(ids, str | bytes):
        raise Bm25InputError(
            f"document_ids must be a sequence of ids, got one: {ids!r:.80}; put it in a list"
        )
    values = ids.to_pylist() if isinstance(ids, pa.Array | pa.ChunkedArray) else list(ids)
    if set(map(type, values)) != {str}:
        values = [_id(i, value) for i, value in enumerate(values)]
    if "" in values:
        raise Bm25InputError(f"document_ids[{values.index('')}] is empty; every document needs an id")
    _check_encodable("document_ids", values)
    return values


def _id(i: int, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, UUID):
        return str(value)
    what = "null" if value is None else f"{value!r:.80}, of type {type(value).__name__}"
    raise Bm25InputError(f"document_ids[{i}] is {what}; an id is an integer or a string")


def _check_encodable(what: str, values: Sequence[str | None]) -> None:
    try:
        "".join(filter(None, values)).encode()
    except UnicodeEncodeError:
        for i, value in enumerate(values):
            try:
                (value or "").encode()
            except UnicodeEncodeError as error:
                raise Bm25InputError(
                    f"{what}[{i}] is not valid Unicode: {error.reason} at character {error.start}"
                ) from None


def tenant_names(tenant: Any, documents: int) -> list[str | None]:
    """Return the tenant of each document: one for all, or one for each.

    Raises:
        Bm25InputError: a name is empty or no string, or there are not as many as documents.
    """
    if tenant is None or isinstance(tenant, str):
        if tenant == "":
            raise Bm25InputError("tenant is an empty string; use None for no tenant")
        _check_encodable("tenant", [tenant])
        return [tenant] * documents
    names: list[Any] = tenant.to_pylist() if isinstance(tenant, pa.Array | pa.ChunkedArray) else list(tenant)
    if len(names) != documents:
        raise Bm25InputError(f"{len(names)} tenants for {documents} documents")
    for i, name in enumerate(names):
        if name is not None and (not isinstance(name, str) or not name):
            raise Bm25InputError(
                f"tenant[{i}] is {name!r:.80}; a tenant is a string that is not empty, or None"
            )
    _check_encodable("tenant", names)
    return names


def document_keys(ids: Sequence[str]) -> Array:
    """Return the key of each id, uint64: the first 8 bytes of SHA-256 of its UTF-8, little-endian.

    Ledgers are sorted by it.
    """
    sha256 = hashlib.sha256
    return np.frombuffer(b"".join([sha256(value.encode()).digest()[:8] for value in ids]), "<u8").astype(
        np.uint64
    )


def fingerprints(fields: Sequence[TermCounts]) -> list[bytes]:
    """Return a digest of the counts of each document, 16 bytes: equal for equal counts in all fields.

    It is the beginning of the SHA-256 of, for each field, the length, the number of terms, their ids and
    their frequencies, as little-endian unsigned 32-bit numbers.
    """
    packed = [_packed(counts) for counts in fields]
    sha256 = hashlib.sha256
    if len(packed) == 1:
        data, ends = packed[0]
        view, start, digests = memoryview(data), 0, []
        for end in ends:
            digests.append(sha256(view[start:end]).digest()[:16])
            start = end
        return digests
    digests = []
    starts = [0] * len(packed)
    for row in range(len(fields[0])):
        digest = sha256()
        for number, (data, ends) in enumerate(packed):
            digest.update(memoryview(data)[starts[number] : ends[row]])
            starts[number] = ends[row]
        digests.append(digest.digest()[:16])
    return digests


def _packed(counts: TermCounts) -> tuple[bytes, list[int]]:
    """Return what is digested of all documents, and where that of each ends."""
    ends = np.cumsum(8 + 8 * np.diff(counts.indptr))
    out = np.empty(2 * (len(counts) + len(counts.term_ids)), np.uint32)
    pack_rows(counts.indptr, counts.term_ids, counts.frequencies, counts.lengths, out)
    return out.astype("<u4", copy=False).tobytes(), ends.tolist()


def concatenate(parts: Sequence[TermCounts]) -> TermCounts:
    """Return the counts of all documents of several; null texts become empty ones."""
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([0, *(int(part.indptr[-1]) for part in parts)])
    return TermCounts(
        np.concatenate(
            [[0], *(part.indptr[1:] + end for part, end in zip(parts, ends[:-1], strict=True))]
        ).astype(np.int64),
        np.concatenate([np.empty(0, np.uint32), *(part.term_ids for part in parts)]),
        np.concatenate([np.empty(0, np.uint32), *(part.frequencies for part in parts)]),
        np.concatenate([np.empty(0, np.uint32), *(part.lengths for part in parts)]),
    )


def select(counts: TermCounts, rows: Array) -> TermCounts:
    """Return the counts of some documents, in the order of `rows` (int64)."""
    indptr = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.diff(counts.indptr)[rows], out=indptr[1:])
    term_ids, frequencies = np.empty(int(indptr[-1]), np.uint32), np.empty(int(indptr[-1]), np.uint32)
    take_rows(
        counts.indptr,
        counts.term_ids,
        counts.frequencies,
        rows.astype(np.int64),
        indptr,
        term_ids,
        frequencies,
    )
    return TermCounts(indptr, term_ids, frequencies, counts.lengths[rows])


def add_fields(counts: Sequence[TermCounts]) -> TermCounts:
    """Return the counts of documents whose fields are given one by one: frequencies and lengths add up."""
    if len(counts) == 1:
        return counts[0]
    keys = np.concatenate([_row_keys(one) for one in counts])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.ones(len(keys), bool)
    first[1:] = keys[1:] != keys[:-1]
    frequencies = np.concatenate([one.frequencies for one in counts])[order]
    starts = np.flatnonzero(first)
    summed = np.add.reduceat(frequencies, starts, dtype=np.uint32) if len(starts) else frequencies
    rows = (keys[starts] >> np.uint64(32)).astype(np.int64)
    indptr = np.zeros(len(counts[0]) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(counts[0])), out=indptr[1:])
    lengths: Array = np.add.reduce([one.lengths for one in counts], dtype=np.uint32)
    return TermCounts(indptr, (keys[starts] & np.uint64(0xFFFFFFFF)).astype(np.uint32), summed, lengths)


def _row_keys(counts: TermCounts) -> Array:
    rows = np.repeat(np.arange(len(counts), dtype=np.uint64), np.diff(counts.indptr))
    return (rows << np.uint64(32)) | counts.term_ids


def as_fields(counts: Any, names: tuple[str, ...]) -> list[TermCounts]:
    """Return the counts of each field, in the store's order; of the only one where it has no fields.

    Raises:
        Bm25InputError: counts of other fields, of something else, or of different numbers of documents.
    """
    if not names:
        if not isinstance(counts, TermCounts):
            raise Bm25InputError(
                f"counts must be TermCounts, got {type(counts).__name__}; the store has no fields"
            )
        return [counts]
    if not isinstance(counts, Mapping) or set(counts) != set(names):
        given = ", ".join(map(str, counts)) if isinstance(counts, Mapping) else type(counts).__name__
        raise Bm25InputError(
            f"counts must be given for each field of the store ({', '.join(names)}), got {given}"
        )
    found = [counts[name] for name in names]
    for name, one in zip(names, found, strict=True):
        if not isinstance(one, TermCounts):
            raise Bm25InputError(f"counts[{name!r}] must be TermCounts, got {type(one).__name__}")
        if len(one) != len(found[0]):
            raise Bm25InputError(
                f"counts[{name!r}] has {len(one)} documents, counts[{names[0]!r}] has {len(found[0])}"
            )
    return found
