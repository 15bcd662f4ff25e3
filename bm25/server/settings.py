"""What the server is told: `ServerSettings`, from a TOML file, the environment and flags, in that order."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from bm25.errors import Bm25ConfigError
from bm25.inference.settings import (
    BUILT_IN,
    Bm25Model,
    CompatibleModel,
    FastEmbedModel,
    ModelSettings,
    ProviderSettings,
)
from bm25.server.tables import Key, Tables, parse_scalar, read_toml, unknown

__all__ = [
    "PROVIDERS", "Limits", "Logging", "ServerOptions", "ServerSettings", "is_loopback", "load_settings",
]  # fmt: skip

PROVIDERS = ("openai", "cohere", "jinaai", "openrouter")

_PREFIX = "BM25__"
_KINDS: dict[str, type[ModelSettings]] = {
    "bm25": Bm25Model, "openai-compatible": CompatibleModel, "fastembed": FastEmbedModel
}  # fmt: skip
_KEYS = (("server", "api_key"), ("server", "api_key_file"))
_PATHS = ("api_key_file", "tls_certificate", "tls_key")
_MODEL_PATHS = ("statistics", "path", "cache")

Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]
Name = Annotated[str, msgspec.Meta(min_length=1)]


class _Secret(str):
    """A string that no repr shows."""

    def __repr__(self) -> str:
        return "'***'"


class _Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Unknown names are errors."""


class ServerOptions(_Strict, frozen=True, kw_only=True):
    """The table `server`.

    Attributes:
        host: the address to listen on.
        port: of TCP; 0 for any that is free.
        workers: processes.
        api_key: what clients have to send.
        api_key_file: a file with that; one key a line, each of which is accepted.
        allow_unauthenticated: whether an address beyond loopback may do without a key.
        tls_certificate, tls_key: paths of PEM files, both or none.
        shutdown_timeout: seconds that requests in flight get when the server ends.
        plugins: modules to import at the start, which register plug-ins.
    """

    host: Name = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 6340
    workers: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1
    api_key: str | None = None
    api_key_file: Name | None = None
    allow_unauthenticated: bool = False
    tls_certificate: Name | None = None
    tls_key: Name | None = None
    shutdown_timeout: Annotated[int, msgspec.Meta(ge=1, le=86400)] = 30
    plugins: list[str] = []

    def __post_init__(self) -> None:
        if self.api_key is not None:
            msgspec.structs.force_setattr(self, "api_key", _Secret(self.api_key))


class Limits(_Strict, frozen=True, kw_only=True):
    """The table `limits`.

    Attributes:
        max_body_bytes: of a request's body.
        max_inputs: of a request.
        max_text_bytes: of one input.
        max_buffered_bytes: of the bodies that a worker holds at once; requests beyond that are refused.
        concurrency: requests that a worker works on at once, those that wait for a provider included.
        queue: requests of a worker that wait; more are refused.
        max_connections: open at once to a worker; more are refused.
        request_timeout: seconds from the end of the headers to the answer.
        header_timeout: seconds for the headers of a request.
        body_timeout: seconds for the body of a request.
        idle_timeout: seconds that a connection may wait for its next request.
        max_header_bytes: of the address and the headers of a request.
    """

    max_body_bytes: Count = 33_554_432
    max_inputs: Count = 10_000
    max_text_bytes: Count = 1_048_576
    max_buffered_bytes: Count = 268_435_456
    concurrency: Count = 128
    queue: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 128
    max_connections: Count = 1024
    request_timeout: Seconds = 60.0
    header_timeout: Seconds = 10.0
    body_timeout: Seconds = 30.0
    idle_timeout: Seconds = 75.0
    max_header_bytes: Annotated[int, msgspec.Meta(ge=1024, le=2**31 - 1)] = 65_536


class Logging(_Strict, frozen=True, kw_only=True):
    """The table `logging`.

    Attributes:
        format: `json` for machines, `text` for people.
        level: the least that is logged.
        requests: whether there is a line for each request.
    """

    format: Literal["json", "text"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
    requests: bool = True


class ServerSettings(_Strict, frozen=True, kw_only=True):
    """Everything the server is told.

    Attributes:
        server, limits, logging: tables.
        models: by name, besides `bm25` and `qdrant/bm25`.
        providers: by name, those of `PROVIDERS` that are switched on.
        api_keys: all that are accepted, from `api_key` or `api_key_file`; none lets everybody in.

    Raises:
        Bm25ConfigError: `api_key_file` cannot be read, or a key is none.
    """

    server: ServerOptions = ServerOptions()
    limits: Limits = Limits()
    logging: Logging = Logging()
    models: dict[str, ModelSettings] = {}
    providers: dict[str, ProviderSettings] = {}
    api_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        keys = tuple(map(_Secret, self.api_keys or _api_keys(self.server)))
        msgspec.structs.force_setattr(self, "api_keys", keys)


_TABLES: dict[str, type[msgspec.Struct]] = {"server": ServerOptions, "limits": Limits, "logging": Logging}


def load_settings(
    path: str | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> ServerSettings:
    """Return the settings of a TOML file, with the environment's over them, and flags over both.

    Args:
        path: of the file; None for defaults. Relative paths in it are relative to it.
        environment: variables; `BM25__SERVER__PORT` is the key `port` of the table `server`. Only those whose
            names begin with `BM25__` are looked at.
        overrides: values by dotted name, `server.port`. None takes a value away.

    Raises:
        Bm25ConfigError: a name, a type or a value is not allowed, or two contradict each other; the message
            names the place, the value, and what is allowed.
    """
    tables = Tables(path, {} if path is None else read_toml(path))
    tables.top([*_TABLES, "models", "providers"])
    if path is not None:
        _resolve_paths(tables, Path(path).absolute().parent)
    _check_one_key(tables)
    _overlay(tables, _from_environment(environment or {}))
    flags = [(tuple(name.split(".")), value, _flag(name)) for name, value in (overrides or {}).items()]
    _overlay(tables, flags)
    return _checked(tables)


def _resolve_paths(tables: Tables, folder: Path) -> None:
    places: list[Key] = [("server", name) for name in _PATHS]
    places += [("models", model, name) for model in tables.table(("models",)) for name in _MODEL_PATHS]
    for place in places:
        value = tables.get(place)
        if isinstance(value, str) and value:
            tables.table(place[:-1])[place[-1]] = os.path.join(folder, value)


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[Key, Any, str]]:
    for variable in sorted(environment):
        if not variable.startswith(_PREFIX):
            continue
        text = environment[variable]
        key, kind = _key_of(variable)
        if kind is None:
            value = parse_scalar(text, dict[str, Any])
            if not isinstance(value, dict):
                raise Bm25ConfigError(f"{variable}: must be a table, such as {{}}, got {text!r:.80}")
        else:
            types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
            if key[-1] not in types:
                raise Bm25ConfigError(f"{variable}: {unknown('key', key[-1], types)}")
            value = parse_scalar(text, types[key[-1]])
        yield key, value, variable


def _key_of(variable: str) -> tuple[Key, type[msgspec.Struct] | None]:
    """Return what a variable sets, and the kind of table that this is in; None for a provider as a whole."""
    table, *rest = key = variable.removeprefix(_PREFIX).lower().split("__")
    if table not in (*_TABLES, "providers"):
        hint = "; models are set in the file" if table == "models" else ""
        raise Bm25ConfigError(f"{variable}: {unknown('table', table, (*_TABLES, 'providers'))}{hint}")
    if table == "providers" and rest and rest[0] not in PROVIDERS:
        raise Bm25ConfigError(f"{variable}: {unknown('provider', rest[0], PROVIDERS)}")
    if table == "providers" and len(rest) == 1:
        return tuple(key), None
    if len(rest) != (2 if table == "providers" else 1):
        example = "BM25__PROVIDERS__OPENAI__TIMEOUT" if table == "providers" else "BM25__SERVER__PORT"
        raise Bm25ConfigError(f"{variable}: names no key; it should look like {example}")
    return tuple(key), _TABLES.get(table, ProviderSettings)


def _flag(name: str) -> str:
    return "--log-format" if name == "logging.format" else "--" + name.split(".")[-1].replace("_", "-")


def _overlay(tables: Tables, values: Iterable[tuple[Key, Any, str]]) -> None:
    values = list(values)
    keys = [(key, origin) for key, value, origin in values if key in _KEYS and value is not None]
    if len(keys) > 1:
        raise Bm25ConfigError(f"{keys[0][1]} and {keys[1][1]} exclude each other")
    if keys:  # whichever of the two was there before
        for each in _KEYS:
            tables.drop(each)
    for key, value, origin in values:
        if value is None:
            tables.drop(key)
        else:
            tables.set(key, value, origin)


def _check_one_key(tables: Tables) -> None:
    if all(tables.get(key) is not None for key in _KEYS):
        raise tables.error(_KEYS[0], "excludes api_key_file; keep one of the two")


def _checked(tables: Tables) -> ServerSettings:
    for name in tables.table(("providers",)):
        if name not in PROVIDERS:
            raise tables.error(("providers", name), unknown("provider", name, PROVIDERS))
    models: dict[str, ModelSettings] = {}
    for name in tables.table(("models",)):
        if not name or name != name.strip():
            raise tables.error(
                ("models",), f"a name must not be empty or have white space around it, got {name!r}"
            )
        if name.lower() in BUILT_IN:
            raise tables.error(
                ("models", name),
                f"{name.lower()!r}, in any case, is Qdrant's own model, with Qdrant's weights; choose "
                "another name, and have requests use that",
            )
        if name.endswith("/"):
            raise tables.error(
                ("models", name),
                "a name must not end in a slash, as the prefixes of providers do; leave it out",
            )
        place = ("models", name)
        models[name] = tables.structure(place, tables.choice(place, "type", _KINDS))
    options = tables.structure(("server",), ServerOptions, secret=("api_key",))
    _check_tls(tables, options)
    limits = tables.structure(("limits",), Limits)
    _check_sizes(tables, limits)
    settings = ServerSettings(
        server=options,
        limits=limits,
        logging=tables.structure(("logging",), Logging),
        models=models,
        providers={
            name: tables.structure(("providers", name), ProviderSettings)
            for name in tables.table(("providers",))
        },
        api_keys=_api_keys(options, tables),
    )
    if not (settings.api_keys or options.allow_unauthenticated or is_loopback(options.host)):
        raise tables.error(
            ("server", "host"),
            f"{options.host!r} can be reached from other machines, and no API key is set; set "
            "[server] api_key_file (--api-key-file) or BM25__SERVER__API_KEY, listen on 127.0.0.1, or let "
            "everybody in with allow_unauthenticated = true (--no-api-key)",
        )
    return settings


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address; a name other than localhost counts as no."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_sizes(tables: Tables, limits: Limits) -> None:
    if limits.max_body_bytes <= limits.max_buffered_bytes:
        return
    names = ("max_buffered_bytes", "max_body_bytes")
    name, other = names if tables.get(("limits", names[0])) is not None else names[::-1]
    raise tables.error(
        ("limits", name),
        f"{getattr(limits, name)} does not fit {other}, {getattr(limits, other)}: a body of max_body_bytes "
        "has to fit in max_buffered_bytes, or it would be told to try again for ever; change one of the two",
    )


def _check_tls(tables: Tables, options: ServerOptions) -> None:
    if options.tls_certificate is None and options.tls_key is None:
        return
    for name, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
        if getattr(options, other) is None:
            raise tables.error(("server", name), f"needs {other} too")

    from bm25.server.tls import server_context

    for name in ("tls_certificate", "tls_key"):
        path = getattr(options, name)
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise tables.error(("server", name), f"{path} cannot be read: {error.strerror}") from error
    try:
        server_context(options.tls_certificate or "", options.tls_key or "")
    except Bm25ConfigError as error:
        raise tables.error(("server", "tls_certificate"), str(error)) from error


def _api_keys(options: ServerOptions, tables: Tables | None = None) -> tuple[str, ...]:
    tables = tables or Tables(None, {})
    if options.api_key is not None:
        place = ("server", "api_key")
        keys = [str(options.api_key)]
        if not options.api_key:
            raise tables.error(
                place, "must not be empty; leave it out, or use --no-api-key, to serve without a key"
            )
    elif options.api_key_file is not None:
        place = ("server", "api_key_file")
        path = options.api_key_file
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            raise tables.error(place, f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise tables.error(place, f"{path}: not valid UTF-8 at byte {error.start}") from error
        keys = [line.strip() for line in lines if line.strip()]
        if not keys:
            raise tables.error(place, f"{path} has no key in it; write one a line")
    else:
        return ()
    for key in keys:
        # Anything else cannot stand in a header as it is, so no client could ever send it.
        if not all("!" <= char <= "~" for char in key):
            raise tables.error(place, "a key must be printable ASCII without white space")
    return tuple(keys)
