"""Rows of JSON as Python sees them: the types they have, and what is wrong with a broken one.

The compiled parser is fast and says little. This slow twin decides the schema of a file from its
first block, and is asked about a block that the compiled parser refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

from bm25.files.columns import ColumnSpec
from bm25.files.lines import RowFault, decode_line

__all__ = ["conform", "decode_row", "infer_schema"]

_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**63, 2**64)


class _WrongType(RowFault):
    pass


def decode_row(line: bytes) -> dict[str, Any]:
    """Decode one line that must hold one JSON object."""
    text = decode_line(line)
    try:
        row = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise RowFault(f"not valid JSON: {error.msg} (column {error.colno}){_hint(text)}") from None
    except RecursionError:
        raise RowFault("JSON nested too deeply") from None
    except ValueError as error:  # Python refuses integers of thousands of digits
        raise RowFault(f"not usable JSON: {error}") from None
    if not isinstance(row, dict):
        raise RowFault(f"a JSON object is expected on every line, found {_kind(row)}{_hint(text)}")
    return row


def _hint(text: str) -> str:
    start = text.strip()
    if start.startswith("["):
        return "; a JSON array has to become one object a line: jq -c '.[]' FILE"
    if start == "{" or (start.startswith("{") and start.endswith(",")):
        return "; an object must not span lines: jq -c . FILE"
    return ""


def infer_schema(
    rows: Iterable[dict[str, Any]], columns: list[ColumnSpec] | None, text_column: str | None
) -> pa.Schema:
    """Return the schema that holds `rows`; strings stay strings, whatever they look like.

    Where values contradict each other the first one decides. A column that is null throughout is
    taken for strings, the likeliest type of an optional field.
    """
    wanted = None if columns is None else {spec.name for spec in columns}
    types: dict[str, pa.DataType] = {}
    for row in rows:
        for name, value in row.items():
            if wanted is None or name in wanted:
                types[name] = _merge(types.get(name, pa.null()), _type_of(value))
    if text_column in types:
        types[text_column] = pa.string()
    if columns is not None:
        known = {spec.name: spec.type if spec.type is not None else types.get(spec.name) for spec in columns}
        types = {name: kind for name, kind in known.items() if kind is not None}
    return pa.schema([(name, _settle(kind)) for name, kind in types.items()])


def conform(
    row: dict[str, Any], schema: pa.Schema, *, strict: bool, text_column: str | None = None
) -> dict[str, Any]:
    """Return the row's values as the schema's types need them, missing ones as None.

    Raises:
        RowFault: a value has another type, or, if `strict`, the row has a field the schema lacks.
    """
    if strict and not row.keys() <= set(schema.names):
        name = next(name for name in row if name not in schema.names)
        raise RowFault(
            f"column {name!r} is new: no line near the beginning has it; keep only the columns you need "
            f"(--columns {','.join(schema.names)}), or name its type (--columns {_typed(schema, name, row)})"
        )
    values = {}
    for field in schema:
        try:
            values[field.name] = _conform(row.get(field.name), field.type, field.name)
        except _WrongType as fault:
            if field.name == text_column or not _is_scalar(row[field.name]) or pa.types.is_nested(field.type):
                raise
            advice = (
                f"give its type (--columns {_typed(schema, field.name, row)}), or keep other columns only"
            )
            raise RowFault(f"{fault}; {advice}") from None
    return values


def _conform(value: Any, kind: pa.DataType, path: str) -> Any:
    if value is None:
        return None
    if pa.types.is_struct(kind) and isinstance(value, dict):
        names = [kind.field(i).name for i in range(kind.num_fields)]
        for name in value:
            if name not in names:
                raise RowFault(
                    f"column {path!r} has a field {name!r} that no line near the beginning has; "
                    "leave the column out (--columns with the ones you need)"
                )
        return {
            name: _conform(value.get(name), kind.field(i).type, f"{path}.{name}")
            for i, name in enumerate(names)
        }
    if pa.types.is_list(kind) and isinstance(value, list):
        return [_conform(item, kind.value_type, path) for item in value]
    check = _CHECKS.get(str(kind))
    if check is None or not check(value):
        expected = _NAMES.get(str(kind), str(kind))
        raise _WrongType(f"column {path!r} holds {_kind(value)}, where {expected} is expected")
    if isinstance(value, str):
        _require_unicode(value, path)
    return float(value) if pa.types.is_floating(kind) else value


def _typed(schema: pa.Schema, name: str, row: dict[str, Any]) -> str:
    """Return a --columns argument with all columns, `name` typed so that it holds the row's value."""
    suffix = _SUFFIXES.get(str(_type_of(row[name])))
    typed = name if suffix is None else f"{name}:{suffix}"
    if name not in schema.names:
        return ",".join([*schema.names, typed])
    return ",".join(typed if column == name else column for column in schema.names)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _require_unicode(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RowFault(
            f"column {path!r} is not valid Unicode: "
            f"lone surrogate \\u{ord(text[error.start]):04x} at position {error.start}"
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RowFault(f"the key {twice!r} appears twice in one object")
    return row


def _type_of(value: Any) -> pa.DataType:
    if value is None:
        return pa.null()
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        return pa.int64() if value in _INT64 else pa.uint64() if value in _UINT64 else pa.float64()
    if isinstance(value, float):
        return pa.float64()
    if isinstance(value, str):
        return pa.string()
    if isinstance(value, list):
        item = pa.null()
        for element in value:
            item = _merge(item, _type_of(element))
        return pa.list_(item)
    return pa.struct([(name, _type_of(item)) for name, item in value.items()])


def _merge(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one.equals(other) or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(_merge(one.value_type, other.value_type))
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        fields = {one.field(i).name: one.field(i).type for i in range(one.num_fields)}
        for i in range(other.num_fields):
            name = other.field(i).name
            fields[name] = _merge(fields.get(name, pa.null()), other.field(i).type)
        return pa.struct(list(fields.items()))
    numbers = {str(one), str(other)}
    if numbers <= {"int64", "uint64", "double"}:
        return pa.uint64() if numbers == {"int64", "uint64"} else pa.float64()
    return one


def _settle(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_settle(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(kind.field(i).name, _settle(kind.field(i).type)) for i in range(kind.num_fields)])
    return kind


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return f"the string {_shorten(json.dumps(value))}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {_shorten(json.dumps(value))}"
    return json.dumps(value)


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "int64": lambda value: isinstance(value, int) and not isinstance(value, bool) and value in _INT64,
    "uint64": lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64,
    "double": _is_number,
}
_NAMES = {
    "string": "a string",
    "bool": "true or false",
    "int64": "a 64-bit integer",
    "uint64": "an unsigned 64-bit integer",
    "double": "a number",
}
_SUFFIXES = {"string": "string", "bool": "bool", "int64": "int64", "uint64": "uint64", "double": "float64"}
