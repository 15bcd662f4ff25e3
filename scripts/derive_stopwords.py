"""Derive stopwords/<language>.txt, the stopword lists of Qdrant's engine, from the oracle.

    python scripts/derive_stopwords.py --download           write the lists
    python scripts/derive_stopwords.py --corpus PATH        the same without a download
    python scripts/derive_stopwords.py --check              exit with 1 unless the committed lists are right
    python scripts/derive_stopwords.py --check --download   compare with a fresh derivation

The engine shows its lists only by what it drops, so candidates come from elsewhere: the NLTK stopword
corpus, which the wheel of llama-index-core contains (PATH is that wheel, or a directory that holds one
file a language; --download fetches the wheel with pip), and for Japanese every substring of the words of
the package stopwordsiso, which must be installed. A plain --check tries the committed words of all
languages in every list instead, and needs neither.

A word belongs to a list if it yields no term with that list and one without. It is tried with
`lowercase` off, where membership is case-sensitive, and on, which must not drop any further word.
104 entries contain whitespace ("des de", "zein "): they are in the engine's lists, yet no tokenizer
produces such a token. They are taken from the corpus, or from the committed list.

stopwords/sums.json has the number of words and the SHA-256 of the sorted words joined by newlines, in
UTF-8, of each complete list. A list that does not match is an error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import oracle
import qdrant_edge

TARGET = Path(__file__).resolve().parents[1] / "stopwords"
SUMS: dict[str, dict[str, str | int]] = json.loads((TARGET / "sums.json").read_text(encoding="utf-8"))
CORPUS_WHEEL = "llama-index-core==0.14.25"
CORPUS_IN_WHEEL = "llama_index/core/_static/nltk_cache/corpora/stopwords/"

Lists = dict[str, list[str]]
"""Language -> words, as a source has them."""


def derive(candidates: Lists) -> dict[str, list[str]]:
    """The sorted list of each language. `candidates` of a language contribute to all."""
    tokens = {word for words in candidates.values() for word in words if _is_token(word)}
    tokens |= {word.lower() for word in tokens} | {word.capitalize() for word in tokens}
    lists = {}
    for language in SUMS:
        unreachable = {word for word in candidates.get(language, ()) if not _is_token(word)}
        lists[language] = sorted(unreachable.union(_dropped(language, tokens)))
    return lists


def mistakes(lists: dict[str, list[str]]) -> list[str]:
    """What is wrong with the lists, by their sums."""
    return [
        f"{language}: {len(words)} words instead of {SUMS[language]['count']}, or other words"
        for language, words in lists.items()
        if SUMS[language] != sums(words)
    ]


def sums(words: list[str]) -> dict[str, str | int]:
    """What sums.json records of a sorted list."""
    digest = hashlib.sha256("\n".join(words).encode()).hexdigest()
    return {"count": len(words), "sha256_of_sorted_utf8_lines": digest}


def _dropped(language: str, tokens: Iterable[str]) -> set[str]:
    stopwords = qdrant_edge.StopwordsSet({getattr(qdrant_edge.Language, language.capitalize())}, set())
    exact = oracle.tokenizer("whitespace", stopwords=stopwords)
    lowercased = oracle.tokenizer("whitespace", stopwords=stopwords, lowercase=True)
    dropped = {token for token in tokens if not exact.embed_document(token).indices}
    for token in tokens:
        if not lowercased.embed_document(token).indices and token.lower() not in dropped:
            raise SystemExit(f"{language}: {token!r} is dropped with lowercase only: a candidate is missing")
    return dropped


def _is_token(word: str) -> bool:
    return word.split() == [word]


def _corpus(path: Path) -> Lists:
    """The NLTK corpus in a wheel of llama-index-core or in a directory."""
    if path.is_dir():
        raw = {language: (path / language).read_bytes() for language in SUMS if (path / language).exists()}
    else:
        with zipfile.ZipFile(path) as wheel:
            names = set(wheel.namelist())
            entries = {language: CORPUS_IN_WHEEL + language for language in SUMS}
            raw = {language: wheel.read(name) for language, name in entries.items() if name in names}
    if not raw:
        raise SystemExit(f"{path} has no stopword corpus")
    return {language: [w for w in data.decode().split("\n") if w] for language, data in raw.items()}


def _downloaded_corpus() -> Lists:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        subprocess.run([*pip, CORPUS_WHEEL], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        return _corpus(wheel)


def _japanese() -> list[str]:
    # The engine's list also has parts of compounds, such as the kanji of a word that kana follow.
    try:
        import stopwordsiso
    except ImportError as missing:
        raise SystemExit("pip install stopwordsiso==0.7.1: it has the candidates for Japanese") from missing
    words = stopwordsiso.stopwords("ja")
    return sorted({w[i:j] for w in words for i in range(len(w)) for j in range(i + 1, len(w) + 1)})


def _committed() -> Lists:
    paths = {language: TARGET / f"{language}.txt" for language in SUMS}
    return {
        language: path.read_bytes().decode().split("\n")[:-1]
        for language, path in paths.items()
        if path.exists()
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--download", action="store_true", help="fetch llama-index-core with pip")
    source.add_argument("--corpus", type=Path, metavar="PATH", help="its wheel, or the corpus as a directory")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    if arguments.download:
        candidates = _downloaded_corpus() | {"japanese": _japanese()}
    elif arguments.corpus:
        candidates = _corpus(arguments.corpus) | {"japanese": _japanese()}
    elif arguments.check:
        candidates = _committed()
    else:
        parser.error("candidates come from --download or --corpus PATH")

    lists = derive(candidates)
    problems = mistakes(lists)
    if arguments.check:
        committed = _committed()
        problems += [f"{name}.txt differs" for name, words in lists.items() if committed.get(name) != words]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    if not arguments.check:
        for language, words in lists.items():
            text = "".join(f"{word}\n" for word in words)
            (TARGET / f"{language}.txt").write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
