"""Texts as kernels see them: one window of bytes, and where each text starts and ends in it.

Strings in Arrow memory are read where they are. Only texts at the very end of a buffer are copied,
because kernels read whole blocks of 64 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.types as pat

from bm25.errors import Bm25InputError

__all__ = ["PADDING", "Texts", "as_arrow", "texts_of", "validity"]

Array = np.ndarray[Any, Any]

PADDING = 64
_VIEW = np.dtype([("length", "<i4"), ("prefix", "<u4"), ("buffer", "<i4"), ("offset", "<i4")])
_INLINE = 12  # bytes of a string that its view itself holds


class Texts(NamedTuple):
    """Text i is data[starts[i]:ends[i]]; `data` is readable `PADDING` bytes beyond every end.

    `first` is the number of text 0 in the input; `owner` keeps the memory alive.
    """

    data: Array
    starts: Array
    ends: Array
    first: int
    owner: Any

    def cut(self, size: int) -> Iterator[Texts]:
        """Yield consecutive parts of about `size` bytes, each of whole texts."""
        totals = np.cumsum(self.ends - self.starts + 1)
        begin = 0
        while begin < len(self.starts):
            done = totals[begin - 1] if begin else 0
            end = max(begin + 1, int(np.searchsorted(totals, done + size, "right")))
            yield Texts(
                self.data, self.starts[begin:end], self.ends[begin:end], self.first + begin, self.owner
            )
            begin = end


def as_arrow(texts: Any) -> pa.ChunkedArray:
    """Return texts as a chunked Arrow array of a string type, without copying where they are one.

    Accepts Arrow arrays and chunked arrays (string, large_string, string_view, dictionaries of them),
    anything with the Arrow C interface (pandas, polars), numpy arrays and pandas Series of strings,
    and sequences of str; None is a null text.

    Raises:
        Bm25InputError: not texts; the first element that is not a string is named.
    """
    if isinstance(texts, str | bytes):
        raise Bm25InputError(
            f"texts must be a sequence of texts, got one {type(texts).__name__}; wrap it in a list"
        )
    if isinstance(texts, pa.Array | pa.ChunkedArray):
        array = texts
    elif isinstance(texts, list | tuple):
        array = _from_sequence(texts)
    elif isinstance(texts, np.ndarray):
        array = _from_numpy(texts)
    elif hasattr(texts, "__arrow_c_stream__") or hasattr(texts, "__arrow_c_array__"):
        array = _from_capsule(texts)
    elif hasattr(texts, "to_numpy"):  # a pandas Series of an older version
        array = _from_numpy(texts.to_numpy())
    elif isinstance(texts, Sequence):
        array = _from_sequence(list(texts))
    else:
        raise Bm25InputError(
            f"texts must be a list, an Arrow array or a column of strings, got {type(texts).__name__}; "
            "for an iterator use encode_batches"
        )
    if isinstance(array, pa.Array):
        array = pa.chunked_array([array], type=array.type)
    return _decoded(array)


def validity(array: pa.ChunkedArray) -> Array | None:
    """Return a boolean array, False where a text is null, or None when none is."""
    return None if array.null_count == 0 else np.concatenate([_valid(chunk) for chunk in array.chunks])


def texts_of(array: pa.ChunkedArray) -> Iterator[Texts]:
    """Yield the memory of each chunk."""
    first = 0
    for chunk in array.chunks:
        if len(chunk):
            yield _texts(chunk, first)
        first += len(chunk)


def _decoded(array: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        array = pa.chunked_array([chunk.storage for chunk in array.chunks], type=kind.storage_type)
        kind = array.type
    if pat.is_dictionary(kind):
        array = pa.chunked_array([_plain(chunk) for chunk in array.chunks], pa.large_string())
        kind = array.type
    if pat.is_null(kind):
        return array.cast(pa.string())
    if not _is_text(kind):
        raise _not_strings(kind)
    return array


def _plain(array: pa.DictionaryArray) -> pa.Array:
    """Return the strings of a dictionary-encoded array."""
    if not (pat.is_null(array.type.value_type) or _is_text(array.type.value_type)):
        raise _not_strings(array.type.value_type)
    # A dictionary of string_view can be neither cast nor decoded as it is.
    words = array.dictionary.cast(pa.large_string())
    return pa.DictionaryArray.from_arrays(array.indices, words).dictionary_decode()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pat.is_string(kind) or pat.is_large_string(kind) or pat.is_string_view(kind))


def _not_strings(kind: pa.DataType) -> Bm25InputError:
    return Bm25InputError(f"texts must be strings, got an Arrow array of {kind}; cast it to string first")


def _from_capsule(texts: Any) -> Any:
    """Take a column through the Arrow C interface, or its elements one by one where that does not work."""
    try:
        stream = hasattr(texts, "__arrow_c_stream__")
        return pa.chunked_array(texts) if stream else pa.array(texts)
    except (pa.ArrowException, TypeError, UnicodeEncodeError):
        return _from_sequence([None if _is_missing(item) else item for item in texts])


def _from_numpy(array: Array) -> pa.Array:
    if array.ndim != 1:
        raise Bm25InputError(f"texts must be one-dimensional, got an array of shape {array.shape}")
    if array.dtype.kind in "OUT":
        return _from_sequence([None if _is_missing(item) else item for item in array.tolist()])
    raise Bm25InputError(f"texts must be strings, got a numpy array of {array.dtype}")


def _is_missing(item: Any) -> bool:
    # pandas marks a missing string by NaN and NA as well as by None.
    return item is None or (isinstance(item, float) and item != item) or type(item).__name__ == "NAType"


def _from_sequence(texts: list[Any] | tuple[Any, ...]) -> pa.Array:
    # Not `pa.array`, which takes bytes for texts and imports pandas where that is installed.
    try:
        encoded = [b"" if text is None else str.encode(text) for text in texts]
    except (TypeError, UnicodeEncodeError):
        raise _not_a_text(texts) from None
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(item) for item in encoded], out=offsets[1:])
    valid = None
    if None in texts:
        bits = np.packbits([text is not None for text in texts], bitorder="little")
        valid = pa.py_buffer(bits)
    return pa.LargeStringArray.from_buffers(
        len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)), valid
    )


def _not_a_text(texts: list[Any] | tuple[Any, ...]) -> Bm25InputError:
    for number, text in enumerate(texts):
        if text is None:
            continue
        if not isinstance(text, str):
            return Bm25InputError(
                f"texts[{number}] must be a string or None, got {type(text).__name__}: {text!r:.80}"
            )
        try:
            str.encode(text)
        except UnicodeEncodeError as bad:
            return Bm25InputError(
                f"texts[{number}] is not valid Unicode: lone surrogate "
                f"{text[bad.start]!a} at position {bad.start}"
            )
    return Bm25InputError("texts cannot be read")


def _valid(array: pa.Array) -> Array:
    """Return a boolean array, False where `array` is null."""
    bitmap = array.buffers()[0]
    if array.null_count == 0 or bitmap is None:
        return np.ones(len(array), bool)
    first, skip = divmod(array.offset, 8)  # only what belongs to this slice
    bits = np.frombuffer(bitmap, np.uint8, (skip + len(array) + 7) // 8, first)
    return np.unpackbits(bits, bitorder="little")[skip : skip + len(array)].astype(bool)


def _texts(array: pa.Array, first: int) -> Texts:
    spans = _view_spans if pat.is_string_view(array.type) else _offset_spans
    buffers, starts, ends = spans(array)
    if array.null_count:
        # What lies under a null is not text.
        ends = np.where(_valid(array), ends, starts)
    return _padded(buffers, starts, ends, first)


def _offset_spans(array: pa.Array) -> tuple[list[Array], Array, Array]:
    kind = np.int64 if pat.is_large_string(array.type) else np.int32
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, kind, len(array) + 1, array.offset * np.dtype(kind).itemsize)
    bounds = bounds.astype(np.int64, copy=False)
    return [_bytes(data)], _address(data) + bounds[:-1], _address(data) + bounds[1:]


def _view_spans(array: pa.Array) -> tuple[list[Array], Array, Array]:
    _, view_buffer, *variadic = array.buffers()
    views = np.frombuffer(view_buffer, _VIEW, len(array), array.offset * _VIEW.itemsize)
    lengths = views["length"].astype(np.int64)
    if array.null_count:
        lengths[~_valid(array)] = 0  # a null view may hold anything
    inline = _address(view_buffer) + (array.offset + np.arange(len(array))) * _VIEW.itemsize + 4
    addresses = np.array([_address(buffer) for buffer in variadic] or [0], np.int64)
    is_inline = lengths <= _INLINE
    # What stands in the place of buffer and offset in an inline view are bytes of the string.
    outside = addresses[np.where(is_inline, 0, views["buffer"])] + views["offset"]
    starts = np.where(is_inline, inline, outside)
    return [_bytes(buffer) for buffer in (view_buffer, *variadic)], starts, starts + lengths


def _padded(buffers: list[Array], starts: Array, ends: Array, first: int) -> Texts:
    """Make one window over all buffers, with copies of the texts too near to an end of one.

    `starts` and `ends` are addresses.
    """
    empty = starts == ends  # wherever an empty text claims to be, it is not read
    tails = [np.zeros(PADDING, np.uint8)]
    moved = np.zeros(len(starts), np.int64)
    for buffer in buffers:
        last = _address_of(buffer) + len(buffer)
        near = (starts >= _address_of(buffer)) & (ends > last - PADDING) & (ends <= last) & ~empty
        if near.any():
            # All of the end of the buffer at once: texts may share bytes there.
            low = int(starts[near].min())
            tail = np.zeros(last - low + PADDING, np.uint8)
            tail[: last - low] = buffer[len(buffer) - (last - low) :]
            moved[near] = _address_of(tail) - low
            tails.append(tail)
    buffers = [*buffers, *tails]
    window = _window(buffers)
    origin = _address_of(window)
    starts, ends = starts + moved - origin, ends + moved - origin
    starts[empty] = ends[empty] = _address_of(tails[0]) - origin
    return Texts(window, starts, ends, first, buffers)


class _Memory:
    """Memory from one address to another, as an array: only the parts that are buffers are ever read."""

    def __init__(self, low: int, high: int) -> None:
        self.__array_interface__ = {
            "data": (low, True), "shape": (high - low,), "typestr": "|u1", "version": 3,
        }  # fmt: skip


def _window(buffers: list[Array]) -> Array:
    filled = [buffer for buffer in buffers if len(buffer)]
    low = min(_address_of(buffer) for buffer in filled)
    high = max(_address_of(buffer) + len(buffer) for buffer in filled)
    return np.asarray(_Memory(low, high))


def _bytes(buffer: pa.Buffer | None) -> Array:
    return np.empty(0, np.uint8) if buffer is None or buffer.size == 0 else np.frombuffer(buffer, np.uint8)


def _address(buffer: pa.Buffer | None) -> int:
    return 0 if buffer is None else int(buffer.address)


def _address_of(array: Array) -> int:
    return int(array.__array_interface__["data"][0])
