"""Flags that make a `Bm25Config`, the same for every command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bm25.errors import Bm25ConfigError

if TYPE_CHECKING:
    from bm25.config import Bm25Config

__all__ = [
    "add_config_arguments", "add_plugins_argument", "config_from_arguments", "count", "describe_config",
    "import_plugins", "positive", "split_names",
]  # fmt: skip

PRESETS = ("tuned", "qdrant")


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that `config_from_arguments` reads."""
    group = parser.add_argument_group(
        "model",
        "Documents and queries of one collection need the same options. The default is the preset\n"
        "'tuned' (k 1.5, b 0.75, k3 8), which ranks better on most collections; --preset qdrant gives\n"
        "exactly the vectors that Qdrant computes itself (k 1.2, b 0.75, query weights 1).",
    )
    group.add_argument(
        "--preset",
        choices=PRESETS,
        help="options to start from (default: tuned; under --dialect fastembed: qdrant)",
    )
    group.add_argument(
        "--config",
        metavar="FILE",
        help="all options from a JSON or TOML file, without a preset; flags override it",
    )
    group.add_argument("--language", metavar="NAME", help="stopwords and stemmer (default: english)")
    group.add_argument("--k", type=float, metavar="X", help="saturation of the term frequency")
    group.add_argument("--b", type=float, metavar="X", help="normalisation by length, from 0 to 1")
    group.add_argument("--avg-len", type=float, metavar="X", help="mean document length in tokens (256)")
    group.add_argument("--k3", type=float, metavar="X", help="weight of repeated query terms")
    group.add_argument(
        "--tokenizer",
        metavar="NAME",
        help="word (default), whitespace, prefix, multilingual, code, or plugin:NAME",
    )
    group.add_argument(
        "--lowercase", action=argparse.BooleanOptionalAction, default=None, help="default: lowercase"
    )
    group.add_argument(
        "--ascii-folding", action=argparse.BooleanOptionalAction, default=None, help="default: keep accents"
    )
    group.add_argument("--stopwords", metavar="LANG[,LANG]", help="lists of other languages")
    group.add_argument(
        "--stopword", action="append", metavar="WORD", help="a further stopword; may be repeated"
    )
    group.add_argument("--no-stopwords", action="store_true", help="no list; --stopword still counts")
    group.add_argument("--stemmer", metavar="NAME", help="stemmer of another language, none, or plugin:NAME")
    group.add_argument("--min-token-len", type=int, metavar="N", help="drop shorter tokens")
    group.add_argument("--max-token-len", type=int, metavar="N", help="drop longer tokens")
    group.add_argument(
        "--dialect",
        metavar="NAME",
        help="qdrant (default), or fastembed for collections that FastEmbed filled",
    )
    group.add_argument(
        "--synonyms", metavar="FILE", help='rules, one a line: "car, auto" or "tv => television"'
    )
    group.add_argument("--protected-words", metavar="FILE", help="words that are not stemmed, one a line")
    group.add_argument(
        "--filter", action="append", metavar="NAME", help="a plug-in for lowercased tokens; may be repeated"
    )
    add_plugins_argument(group)


def add_plugins_argument(parser: argparse._ActionsContainer) -> None:
    """Add the flag that `import_plugins` reads."""
    parser.add_argument(
        "--plugins",
        action="append",
        metavar="MODULE",
        help="import a Python module that registers plug-ins; may be repeated",
    )


def config_from_arguments(args: argparse.Namespace, base: Bm25Config | None = None) -> Bm25Config:
    """Return the configuration that the flags ask for.

    Args:
        args: with the flags of `add_config_arguments`.
        base: what they start from, where no file is given, instead of a preset; a preset that is given
            changes k, b and k3 of it.

    Raises `Bm25ConfigError` where they contradict each other or a value is not allowed.
    """
    from bm25.config import Bm25Config
    from bm25.wordlists import read_synonyms, read_words

    if args.config and args.preset:
        raise Bm25ConfigError(
            "--config and --preset exclude each other: a file holds all options; "
            "put k, b and k3 into it, or give them as flags"
        )
    import_plugins(args)
    options: dict[str, Any] = _read(args.config) if args.config else {}
    if base is not None and not args.config:
        options = base.to_dict() | (_preset_weights(args.preset) if args.preset else {})
    options |= _scalars(args)
    if plugin := _plugin(args.tokenizer):
        options["tokenizer"] = plugin
    if args.stemmer is not None:
        options["stemmer"] = _stemmer(args.stemmer)
    _add_stopwords(options, args)  # after what decides which words it starts from
    if args.filter:
        options["filters"] = [{"type": "plugin", "name": name} for name in args.filter]
    if args.synonyms:
        options["synonyms"] = read_synonyms(args.synonyms)
    if args.protected_words:
        options["protected_words"] = read_words(args.protected_words)
    if args.config or base is not None or _preset(args) == "qdrant":
        return Bm25Config.from_dict(options)
    return Bm25Config.tuned(**options)


def describe_config(args: argparse.Namespace, config: Bm25Config, origin: str | None = None) -> str:
    """Return the preset or file and the options that decide most, for a summary line.

    Args:
        args: with the flags of `add_config_arguments`.
        config: what was made of them.
        origin: where the options come from, if not from a preset.
    """
    origin = args.config or origin or f"preset {_preset(args)}"
    weight = "none" if config.k3 is None else f"{config.k3:g}"
    tokenizer = config.tokenizer if isinstance(config.tokenizer, str) else config.tokenizer["name"]
    dialect = "" if config.dialect == "qdrant" else f", dialect {config.dialect}"
    return (
        f"{origin}: k {config.k:g}, b {config.b:g}, k3 {weight}, avg_len {config.avg_len:g}, "
        f"language {config.language}, tokenizer {tokenizer}{dialect}"
    )


def positive(text: str) -> int:
    """Read a number of at least 1; the type of an argparse option."""
    return _integer(text, 1)


def count(text: str) -> int:
    """Read a number of at least 0; the type of an argparse option."""
    return _integer(text, 0)


def _integer(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer, got {text!r}") from None
    if value < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}, got {value}")
    return value


def split_names(text: str) -> list[str]:
    """Split a comma-separated list of names; the type of an argparse option."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"empty name in {text!r}")
    return names


def _scalars(args: argparse.Namespace) -> dict[str, Any]:
    names = (
        "language",
        "k",
        "b",
        "avg_len",
        "k3",
        "tokenizer",
        "lowercase",
        "ascii_folding",
        "min_token_len",
        "max_token_len",
        "dialect",
    )
    given = {name: getattr(args, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def _preset(args: argparse.Namespace) -> str:
    # Who names FastEmbed's dialect wants what FastEmbed gives.
    return args.preset or ("qdrant" if args.dialect == "fastembed" else "tuned")


def _preset_weights(preset: str) -> dict[str, Any]:
    from bm25.config import Bm25Config

    config = Bm25Config.tuned() if preset == "tuned" else Bm25Config()
    return {name: getattr(config, name) for name in ("k", "b", "k3")}


def _stemmer(name: str) -> dict[str, str]:
    if name == "none":
        return {"type": "none"}
    return _plugin(name) or {"type": "snowball", "language": name}


def _plugin(name: str | None) -> dict[str, str] | None:
    """Return the plug-in that "plugin:NAME" stands for."""
    prefix = "plugin:"
    return {"type": "plugin", "name": name[len(prefix) :]} if name and name.startswith(prefix) else None


def import_plugins(args: argparse.Namespace) -> None:
    """Import the modules of --plugins.

    Raises:
        Bm25ConfigError: one cannot be imported.
    """
    from bm25.plugins import import_modules

    import_modules(args.plugins or (), lambda name: f"--plugins {name}:")


def _add_stopwords(options: dict[str, Any], args: argparse.Namespace) -> None:
    if args.no_stopwords and args.stopwords:
        raise Bm25ConfigError("--no-stopwords and --stopwords exclude each other")
    if not (args.no_stopwords or args.stopwords or args.stopword):
        return
    languages, custom = _current_stopwords(options)
    if args.no_stopwords:
        languages, custom = [], []
    elif args.stopwords:
        languages = split_names(args.stopwords)
    options["stopwords"] = {"languages": languages, "custom": [*custom, *(args.stopword or ())]}


def _current_stopwords(options: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the languages and own words that the options so far stand for."""
    import warnings

    from bm25.config import Bm25Config

    with warnings.catch_warnings():  # about options that are not complete yet
        warnings.simplefilter("ignore")
        so_far = Bm25Config.from_dict(options)
    return list(so_far.stopword_languages), list(so_far.custom_stopwords)


def _read(path: str) -> dict[str, Any]:
    import json
    import tomllib

    try:
        with open(path, "rb") as file:
            data = file.read()
        options = tomllib.loads(data.decode()) if path.endswith(".toml") else json.loads(data)
    except OSError as error:
        raise Bm25ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Bm25ConfigError(f"{path}: not valid UTF-8") from None
    except ValueError as error:
        raise Bm25ConfigError(f"{path}: {error}") from None
    if not isinstance(options, dict):
        raise Bm25ConfigError(f"{path}: an object with options is expected, got {type(options).__name__}")
    return options
