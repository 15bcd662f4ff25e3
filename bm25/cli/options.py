"""Flags that make a `Bm25Config`, the same for every command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bm25.errors import Bm25ConfigError

if TYPE_CHECKING:
    from bm25.config import Bm25Config

__all__ = ["add_config_arguments", "config_from_arguments", "describe_config", "positive", "split_names"]

PRESETS = ("tuned", "qdrant")


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that `config_from_arguments` reads."""
    group = parser.add_argument_group(
        "model",
        "Documents and queries of one collection need the same options. The default is the preset\n"
        "'tuned' (k 1.5, b 0.75, k3 8), which ranks better on most collections; --preset qdrant gives\n"
        "exactly the vectors that Qdrant computes itself (k 1.2, b 0.75, query weights 1).",
    )
    group.add_argument("--preset", choices=PRESETS, help="options to start from (default: tuned)")
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
    group.add_argument("--tokenizer", metavar="NAME", help="word (default) or whitespace")
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
    group.add_argument("--stemmer", metavar="LANG|none", help="stemmer of another language, or none")
    group.add_argument("--min-token-len", type=int, metavar="N", help="drop shorter tokens")
    group.add_argument("--max-token-len", type=int, metavar="N", help="drop longer tokens")


def config_from_arguments(args: argparse.Namespace) -> Bm25Config:
    """Return the configuration that the flags ask for.

    Raises `Bm25ConfigError` where they contradict each other or a value is not allowed.
    """
    from bm25.config import Bm25Config

    if args.config and args.preset:
        raise Bm25ConfigError(
            "--config and --preset exclude each other: a file holds all options; "
            "put k, b and k3 into it, or give them as flags"
        )
    options: dict[str, Any] = _read(args.config) if args.config else {}
    options |= _scalars(args)
    _add_stopwords(options, args)
    if args.stemmer is not None:
        options["stemmer"] = (
            {"type": "none"} if args.stemmer == "none" else {"type": "snowball", "language": args.stemmer}
        )
    if args.config or args.preset == "qdrant":
        return Bm25Config.from_dict(options)
    return Bm25Config.tuned(**options)


def describe_config(args: argparse.Namespace, config: Bm25Config) -> str:
    """Return the preset or file and the options that decide most, for a summary line."""
    origin = args.config or f"preset {args.preset or PRESETS[0]}"
    weight = "none" if config.k3 is None else f"{config.k3:g}"
    return (
        f"{origin}: k {config.k:g}, b {config.b:g}, k3 {weight}, avg_len {config.avg_len:g}, "
        f"language {config.language}, tokenizer {config.tokenizer}"
    )


def positive(text: str) -> int:
    """Read a number of at least 1; the type of an argparse option."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer, got {text!r}") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
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
    )
    given = {name: getattr(args, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


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
    from bm25.config import Bm25Config

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
