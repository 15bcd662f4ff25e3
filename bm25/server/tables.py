"""Tables of settings: merged from several places, converted, with errors that name the place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from bm25.analysis.languages import nearest
from bm25.errors import Bm25ConfigError

__all__ = ["Key", "Tables", "parse_scalar", "read_toml", "unknown"]

Structure = TypeVar("Structure", bound=msgspec.Struct)
Key = tuple[str, ...]

_NAMES = {
    "int": "an integer", "float": "a number", "str": "a string", "bool": "true or false",
    "array": "a list", "object": "a table",
}  # fmt: skip
_RANGES = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}
_EXPECTED = re.compile(r"Expected `([^`]+)`(?: (of length )?(>=|<=|>|<) ([\d.e+-]+))?(?:, got .*)?")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def read_toml(path: str) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        Bm25ConfigError: it cannot be read, or is no TOML; the message has the line.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Bm25ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Bm25ConfigError(f"{path}: not valid UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise Bm25ConfigError(f"{path}: not valid TOML: {error}") from error


def parse_scalar(text: str, type_: Any) -> Any:
    """Return what a text stands for: a value as in TOML where that fits the type, else the text itself."""
    try:
        parsed = tomllib.loads(f"value = {text}") if "\n" not in text else {}
    except tomllib.TOMLDecodeError:
        return text
    if list(parsed) != ["value"]:
        return text
    try:
        msgspec.convert(text, type_)
    except msgspec.ValidationError:
        return parsed["value"]
    # A string is wanted. 1234 is one too, but "quoted" is meant without the quotes.
    return parsed["value"] if isinstance(parsed["value"], str) else text


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Return the message about a name that is none of the known ones."""
    names = list(known)
    return f"unknown {what} {name!r}{nearest(name, names)}; allowed: {', '.join(names)}"


class Tables:
    """Nested tables, and of each value where it came from.

    Args:
        file: the name of the file that values come from unless `set` says otherwise; None for no file.
    """

    def __init__(self, file: str | None, values: dict[str, Any]) -> None:
        self._file = file
        self._values = values
        self._origins: dict[Key, str] = {}

    def set(self, key: Key, value: Any, origin: str) -> None:
        """Put a value in the place of an earlier one."""
        table = self.table(key[:-1])
        table[key[-1]] = value
        self._origins[key] = origin

    def drop(self, key: Key) -> None:
        """Forget a value."""
        self.table(key[:-1]).pop(key[-1], None)

    def get(self, key: Key) -> Any:
        """Return a value, None where there is none."""
        return self.table(key[:-1]).get(key[-1])

    def table(self, key: Key) -> dict[str, Any]:
        """Return a table, an empty one where there is none.

        Raises:
            Bm25ConfigError: something else has its name.
        """
        table = self._values
        for depth, name in enumerate(key, start=1):
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise self.error(key[:depth], f"must be a table, got {table!r:.80}")
        return table

    def place(self, key: Key) -> str:
        """Return where a value came from: a variable, a flag, or a file and a table."""
        for length in range(len(key), 0, -1):
            if key[:length] in self._origins:
                return ": ".join([self._origins[key[:length]], *key[length:]])
        *tables, name = key
        # Of what has no table of its own, such as a table itself, the name stands in brackets.
        parts = [self._file] if self._file is not None else []
        parts.append(f"[{_dotted(tables)}] {name}" if tables else f"[{name}]")
        return ": ".join(parts)

    def error(self, key: Key, message: str) -> Bm25ConfigError:
        """Return an error about a value."""
        return Bm25ConfigError(f"{self.place(key)}: {message}")

    def top(self, known: Sequence[str]) -> None:
        """Check the names of the tables themselves."""
        for name, value in self._values.items():
            if name not in known:
                what = "table" if isinstance(value, dict) else "key outside of a table,"
                prefix = "" if self._file is None else f"{self._file}: "
                raise Bm25ConfigError(prefix + unknown(what, name, known))
            if not isinstance(value, dict):
                raise self.error((name,), f"must be a table, got {value!r:.80}")

    def structure(self, key: Key, kind: type[Structure], *, secret: Sequence[str] = ()) -> Structure:
        """Return a table as a structure.

        Args:
            key: of the table.
            kind: of the structure.
            secret: names whose values no error shows.

        Raises:
            Bm25ConfigError: a name is unknown or missing, a value of another type or out of range.
        """
        table = dict(self.table(key))
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        tag = kind.__struct_config__.tag_field
        if tag is not None:
            table.pop(tag, None)
        for name in table:
            if name not in fields:
                known = [*([tag] if tag else []), *fields]
                raise Bm25ConfigError(f"{self._table(key)}: {unknown('key', name, known)}")
        for name, field in fields.items():
            if name not in table:
                if field.required:
                    raise Bm25ConfigError(f"{self._table(key)}: {name!r} is missing")
                continue
            try:
                table[name] = msgspec.convert(table[name], field.type)
            except msgspec.ValidationError as error:
                shown = None if name in secret else table[name]
                raise self.error((*key, name), _reason(str(error), field.type, shown)) from None
        return kind(**table)

    def choice(self, key: Key, tag: str, kinds: Mapping[str, type[Structure]]) -> type[Structure]:
        """Return the kind that a table says that it is of.

        Raises:
            Bm25ConfigError: it says none, or an unknown one.
        """
        value = self.table(key).get(tag)
        if value is None:
            names = ", ".join(map(repr, kinds))
            raise Bm25ConfigError(f"{self._table(key)}: {tag!r} is missing; allowed: {names}")
        if not isinstance(value, str) or value not in kinds:
            raise self.error((*key, tag), unknown(tag, value, kinds))
        return kinds[value]

    def _table(self, key: Key) -> str:
        for length in range(len(key), 0, -1):
            if key[:length] in self._origins:
                return self._origins[key[:length]]
        return f"[{_dotted(key)}]" if self._file is None else f"{self._file}: [{_dotted(key)}]"


def _dotted(key: Sequence[str]) -> str:
    return ".".join(part if _BARE.fullmatch(part) else f'"{part}"' for part in key)


def _reason(message: str, type_: Any, value: Any) -> str:
    """Turn what msgspec says, "Expected `int | null` >= 1, got `str`", into what an operator reads."""
    got = "" if value is None else f", got {value!r:.80}"
    allowed = _literals(type_)
    if allowed:
        names = " or ".join(map(repr, allowed))
        return f"must be {names}{got}{nearest(value, allowed) if isinstance(value, str) else ''}"
    message, _, where = message.partition(" - at `$")
    where = f" at {where.rstrip('`').lstrip('.')}" if where else ""
    match = re.fullmatch(
        r"Expected `([^`]+)`(?: (of length )?(>=|<=|>|<) ([\d.e+-]+))?(?:, got .*)?", message
    )
    if match is None:
        return f"{message[0].lower()}{message[1:]}{where}{got}"
    types, length, comparison, bound = match.groups()
    names = " or ".join(_NAMES.get(name, name) for name in types.split(" | ") if name != "null")
    if length:
        return f"must not be empty{where}" if bound == "1" else f"must be longer{where}{got}"
    bounds = f" {_RANGES[comparison]} {bound}" if comparison else ""
    return f"must be {names}{bounds}{where}{got}"


def _literals(type_: Any) -> list[str]:
    if get_origin(type_) is Literal:
        return list(get_args(type_))
    return [value for inner in get_args(type_) for value in _literals(inner)] if get_args(type_) else []
