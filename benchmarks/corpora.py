"""Make the corpora of the benchmarks: `python -m benchmarks.corpora`.

Real text comes from Debian's documentation packages, fetched with `apt-get download` (no root needed)
and unpacked into benchmarks/data. On another system, give a directory with files of one's own, see
--help. Each corpus is an Arrow IPC file with one column, `text`, of passages of about 1.2 kB.
"""

from __future__ import annotations

import argparse
import gzip
import html
import random
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from gettext import GNUTranslations
from pathlib import Path

import pyarrow as pa

DATA = Path(__file__).parent / "data"
PASSAGE = 1200  # characters
LOCALES = {
    "de": "german", "fr": "french", "tr": "turkish", "ru": "russian", "el": "greek",
    "ar": "arabic", "he": "hebrew", "hi": "english", "ta": "english", "ko": "english", "zh_Hans": "chinese",
    "ja": "japanese", "th": "english",
}  # fmt: skip
"""Django's locales, one for each script and some more, and the language whose options suit each."""

PACKAGES = ("linux-doc-6.1", "python3.11-doc", "dict-gcide", "manpages-de")
TAG = re.compile(r"<script.*?</script>|<style.*?</style>|<[^>]+>", re.DOTALL)
ROFF = re.compile(r'^[.\'].*?$|\\f[A-Z]|\\[&(]?[a-z]{0,2}|\\"', re.MULTILINE)


def english(root: Path) -> Iterator[str]:
    """Kernel and Python documentation, and a dictionary of 1913: technical and literary English."""
    seen: set[int] = set()
    for path in sorted((root / "linux-doc-6.1").rglob("*.gz")):
        if path.name.endswith((".rst.gz", ".txt.gz")) and "translations" not in path.parts:
            data = gzip.decompress(path.read_bytes())
            if hash(data) not in seen:
                seen.add(hash(data))
                yield data.decode(errors="replace")
    for path in sorted((root / "python3.11-doc").rglob("*.rst.txt")):
        yield path.read_text(errors="replace")
    for path in sorted((root / "dict-gcide").rglob("*.dict.dz")):
        yield gzip.decompress(path.read_bytes()).decode(errors="replace")
    for path in sorted((root / "linux-doc-6.1").rglob("*.html")):
        if "translations" not in path.parts and path.stat().st_size < 5_000_000:
            text = html.unescape(TAG.sub(" ", path.read_text(errors="replace")))
            yield re.sub(r"[ \t]+", " ", text)


def german(root: Path) -> Iterator[str]:
    """Manual pages in German, without their markup."""
    for path in sorted((root / "manpages-de").rglob("*.gz")):
        if "/man/" in path.as_posix():
            yield ROFF.sub("", gzip.decompress(path.read_bytes()).decode(errors="replace"))


def code(size: int = 20_000_000) -> Iterator[str]:
    """Source code on this machine: Python's library, and what is in installed packages besides Python."""
    paths = sysconfig.get_paths()
    library = sorted(Path(paths["stdlib"]).glob("**/*.py"))
    others = [
        path
        for pattern in ("*.h", "*.hpp", "*.c", "*.js", "*.pyx", "*.pxd", "*.rs", "*.ts")
        for path in sorted(Path(paths["purelib"]).rglob(pattern))
    ]
    # Other languages first: there is little of them. Minified files are no text anyone would index so.
    for path in [*others, *library]:
        if ("site-packages" in path.parts and path.suffix == ".py") or path.name.endswith(".min.js"):
            continue
        text = path.read_text(errors="replace")
        size -= len(text)
        if size < 0:
            return
        yield text


def messages(locale: str, size: int = 2_000_000) -> Iterator[str]:
    """Django's messages in one language, repeated until there are enough of them."""
    import django

    found: list[str] = []
    for path in sorted(Path(django.__file__).parent.rglob(f"locale/{locale}/LC_MESSAGES/*.mo")):
        with path.open("rb") as file:
            catalog = GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        found += [text for text in catalog.values() if isinstance(text, str)]
    text = "\n\n".join(dict.fromkeys(found))
    while size > 0:
        yield text
        size -= len(text.encode())


def identifiers(size: int = 25_000_000) -> Iterator[str]:
    """Random identifiers, every token new: the worst case for anything that remembers tokens."""
    source = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    while size > 0:
        words = []
        for _ in range(36):
            words += [f"{source.getrandbits(32):08x}", f"{source.getrandbits(48):012x}"]
            words.append("".join(source.choices(letters, k=10)))
        text = " ".join(words)
        size -= len(text)
        yield text


def passages(texts: Iterable[str]) -> Iterator[str]:
    """Cut texts at blank lines into passages of about `PASSAGE` characters."""
    for text in texts:
        part: list[str] = []
        length = 0
        for paragraph in re.split(r"\n\s*\n", text):
            for piece in _shorter(paragraph):
                part.append(piece)
                length += len(piece) + 2
                if length >= PASSAGE:
                    yield "\n\n".join(part)
                    part, length = [], 0
        if part and "".join(part).strip():
            yield "\n\n".join(part)


def _shorter(paragraph: str) -> Iterator[str]:
    while len(paragraph) > 2 * PASSAGE:
        cut = paragraph.rfind(" ", 0, PASSAGE)
        cut = cut if cut > 0 else PASSAGE
        yield paragraph[:cut]
        paragraph = paragraph[cut:]
    yield paragraph


def unpack(folder: Path) -> None:
    """Fetch the packages and unpack each into a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        if (folder / package).exists():
            continue
        print(f"fetching {package} ...", file=sys.stderr)
        subprocess.run(["apt-get", "download", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for archive in folder.glob(f"{package}_*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(archive), str(folder / package)], check=True)
            archive.unlink()


def write(name: str, texts: Iterable[str]) -> None:
    """Write a corpus and say how large it is."""
    table = pa.table({"text": pa.array(list(texts), pa.large_string())})
    path = DATA / f"{name}.arrow"
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=20_000)
    size = sum(chunk.nbytes for chunk in table["text"].chunks) / 1e6
    print(f"{path}: {len(table)} passages, {size:.1f} MB", file=sys.stderr)


def load(name: str) -> pa.ChunkedArray:
    """Return the texts of a corpus."""
    path = DATA / f"{name}.arrow"
    if not path.exists():
        raise SystemExit(f"{path} is missing: run `python -m benchmarks.corpora` first")
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()["text"]


def main() -> None:
    """Make all corpora."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--english", type=Path, metavar="DIR", help="*.txt files to use for English")
    parser.add_argument("--german", type=Path, metavar="DIR", help="*.txt files to use for German")
    options = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    packages = DATA / "packages"
    if not (options.english and options.german):
        unpack(packages)
    sources: dict[str, tuple[Path | None, Callable[[Path], Iterator[str]]]] = {
        "english": (options.english, english),
        "german": (options.german, german),
    }
    for name, (folder, from_packages) in sources.items():
        own = (path.read_text(errors="replace") for path in sorted(folder.rglob("*.txt"))) if folder else None
        write(name, passages(own if own is not None else from_packages(packages)))
    write("identifiers", identifiers())
    write("code", passages(code()))
    for locale in LOCALES:
        write(f"messages-{locale}", passages(messages(locale)))


if __name__ == "__main__":
    main()
