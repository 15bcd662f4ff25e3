"""Names of file formats, and how one is told from a file's name or first bytes."""

from __future__ import annotations

from pathlib import PurePath

from bm25.errors import Bm25ConfigError

__all__ = [
    "INPUT_FORMATS",
    "OUTPUT_FORMATS",
    "compression_of",
    "format_of_bytes",
    "input_format",
    "output_format",
]

INPUT_FORMATS = ("jsonl", "csv", "tsv", "txt", "parquet", "arrow", "arrows")
OUTPUT_FORMATS = ("parquet", "arrow", "arrows")

_EXTENSIONS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "txt",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrows",
}
_COMPRESSED = (".gz", ".zst", ".bz2", ".lz4")
_ALIASES = {"ndjson": "jsonl", "feather": "arrow", "ipc": "arrow"}

# None of these can begin a UTF-8 text, except bzip2's, which is therefore matched at full length.
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_BZIP2_BLOCK = b"1AY&SY"


def input_format(path: str, given: str | None) -> str | None:
    """Return the format of an input, or None where neither `given` nor the name of the file tells."""
    if given is not None:
        return _known(given, INPUT_FORMATS, "format")
    if path == "-":
        return None
    return _format_of_name(path)


def output_format(path: str, given: str | None, allowed: tuple[str, ...] = OUTPUT_FORMATS) -> str:
    """Return the format of an output: `given`, or what its name says; a pipe is an Arrow stream."""
    if given is not None:
        return _known(given, allowed, "output format")
    if path == "-":
        return "arrows"
    name = _format_of_name(path)
    if name not in allowed:
        raise Bm25ConfigError(
            f"{path}: cannot tell the output format from the name; end it in .{', .'.join(allowed[:-1])} or "
            f".{allowed[-1]}, or give the output format ({', '.join(allowed)})"
        )
    return name


def compression_of(head: bytes) -> str | None:
    """Return the codec whose file begins with `head`, as pyarrow names it."""
    for magic, codec in _MAGIC:
        if head.startswith(magic):
            return codec
    if head.startswith(b"BZh") and head[4:10] == _BZIP2_BLOCK:
        return "bz2"
    return None


def format_of_bytes(head: bytes) -> str | None:
    """Guess the format of uncompressed bytes; only what is certain is guessed."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.startswith(b"\xff\xff\xff\xff"):
        return "arrows"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return "jsonl"
    return None


def _format_of_name(path: str) -> str | None:
    name = PurePath(path)
    if name.suffix.lower() in _COMPRESSED:
        name = name.with_suffix("")
    return _EXTENSIONS.get(name.suffix.lower())


def _known(name: str, allowed: tuple[str, ...], what: str) -> str:
    name = _ALIASES.get(name, name)
    if name not in allowed:
        raise Bm25ConfigError(f"unknown {what} {name!r}; allowed: {', '.join(allowed)}")
    return name
