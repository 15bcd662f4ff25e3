"""Columns: which to keep, which holds the text, and the text as an array to encode."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from bm25.errors import Bm25ConfigError, Bm25InputError

__all__ = [
    "ColumnSpec",
    "decode_dictionaries",
    "is_text",
    "parse_columns",
    "require_column",
    "require_text_column",
    "require_unicode",
    "text_array",
]

_TYPES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "uint64": pa.uint64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A column to keep, and the type to read it as where one was given."""

    name: str
    type: pa.DataType | None = None


def parse_columns(columns: Sequence[str] | None, text_column: str | None) -> list[ColumnSpec] | None:
    """Parse ``["id", "year:int64"]``; the text column is read too, whether listed or not.

    A colon belongs to the name unless one of string, int64, uint64, float64 and bool follows it.
    """
    if columns is None:
        return None
    specs = []
    for column in columns:
        name, _, kind = column.rpartition(":")
        specs.append(ColumnSpec(name, _TYPES[kind]) if name and kind in _TYPES else ColumnSpec(column))
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise Bm25ConfigError(f"column {name!r} is listed twice")
    if text_column is not None and text_column not in names:
        specs.append(ColumnSpec(text_column))
    return specs


def require_column(name: str, existing: Iterable[str], where: str, what: str = "column") -> None:
    """Raise `Bm25InputError` unless `name` exists; the message lists what does."""
    names = list(existing)
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    listed = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    raise Bm25InputError(f"{where}: no {what} {name!r}{hint} (columns: {listed or 'none'})")


def require_text_column(name: str, schema: pa.Schema, where: str) -> None:
    """Raise `Bm25InputError` unless the schema has a column of that name and it holds text."""
    require_column(name, schema.names, where, "text column")
    kind = schema.field(name).type
    if not is_text(kind):
        raise Bm25InputError(f"{where}: text column {name!r} has the type {kind}, not string")


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column of this type can be encoded; all-null columns can."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
        or (pa.types.is_dictionary(kind) and is_text(kind.value_type))
    )


def text_array(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Return the texts of a batch as a string, large_string or string_view array."""
    array = batch.column(name)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.string()) if pa.types.is_null(array.type) else array


def require_unicode(batches: Iterable[pa.RecordBatch], name: str, where: str) -> Iterator[pa.RecordBatch]:
    """Pass on batches of which nothing is known, once their texts are found to be valid UTF-8."""
    first_row = 0
    for batch in batches:
        texts = batch.column(name)
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            for i in range(len(texts)):
                _require_valid(texts.slice(i, 1), f"{where}: row {first_row + i + 1}: column {name!r}")
            raise Bm25InputError(f"{where}: column {name!r} is damaged: {error}") from None
        first_row += batch.num_rows
        yield batch


def _require_valid(text: pa.Array, where: str) -> None:
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        raise Bm25InputError(f"{where} is not valid UTF-8") from None


def decode_dictionaries(schema: pa.Schema) -> pa.Schema:
    """Return the schema with plain columns in place of dictionary-encoded ones.

    Batches of one file may come with different dictionaries, which an Arrow file cannot hold.
    """
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in schema
    ]
    return pa.schema(fields, metadata=schema.metadata)
