"""Real words by language, from installed packages: what the stemmers and stopword lists are tried with."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path

from bm25.analysis.languages import ALIASES, STEMMER_LANGUAGES, STOPWORD_LANGUAGES
from bm25.analysis.stopwords import load

MOST_COMMON = 25_000
"""Of a word list ordered by frequency, this many from the top; of the rest, an even sample as large."""

WITHOUT_STEMMER = 10_000
"""Words of a language without a stemmer: they differ in their characters only, which have other tests."""

# The packages' codes, where they are not the engine's.
_WORDFREQ = {"no": "nb", "jp": "ja"}
_SIMPLEMMA = {"no": "nb"}
_LOCALES = {
    "no": ("nb", "nn"), "jp": ("ja",), "zh": ("zh_Hans", "zh_Hant", "zh_CN", "zh_TW", "zh_HK"),
    "pt": ("pt", "pt_BR"), "es": ("es", "es_AR", "es_CO", "es_MX", "es_NI", "es_VE"), "ar": ("ar", "ar_DZ"),
    "bn": ("bn", "bn_BD"),
}  # fmt: skip
_HINGLISH = "hi-en"  # no package has words of it: English ones stand in

_WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*[^\W\d_]*")


def code(language: str) -> str:
    """Return the ISO code of a language named in full."""
    return next(alias for alias, name in ALIASES.items() if name == language)


@lru_cache(maxsize=2)  # a hundred thousand words and more for each language
def words(language: str) -> tuple[str, ...]:
    """Return distinct real words of a language, common ones first."""
    alias = code(language)
    if alias == _HINGLISH:
        return words("english")[:WITHOUT_STEMMER]
    found: dict[str, None] = dict.fromkeys(_most_common(_wordfreq(alias)))
    for text in messages(language):
        # Combining vowel signs are no letters to Python, so words are also cut at blanks alone.
        found.update(dict.fromkeys(_WORD.findall(text)))
        found.update(dict.fromkeys(text.split()))
    if language not in STEMMER_LANGUAGES:
        return tuple(found)[:WITHOUT_STEMMER]
    found.update(dict.fromkeys(_evenly(sorted(_simplemma(alias)), MOST_COMMON)))
    return tuple(found)


def stopwords(language: str) -> list[str]:
    return sorted(load(language))


def messages(language: str) -> Iterator[str]:
    """Yield the translations of a language in Django and pycountry."""
    alias = code(language)
    for locale in _LOCALES.get(alias, (alias,)):
        for file in message_files():
            if file.parts[-3] == locale:
                yield from translations(file)


@cache
def message_files() -> tuple[Path, ...]:
    """The compiled message catalogues of Django and pycountry, in all languages."""
    import django
    import pycountry

    django_folder, pycountry_folder = Path(django.__file__).parent, Path(pycountry.__file__).parent
    return (
        *sorted(django_folder.glob("**/locale/*/LC_MESSAGES/*.mo")),
        *sorted(pycountry_folder.glob("locales/*/LC_MESSAGES/*.mo")),
    )


def translations(file: Path) -> list[str]:
    """Return the translated messages of a GNU .mo file, each plural form by itself."""
    data = file.read_bytes()
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    count, _, table = struct.unpack_from(f"{order}III", data, 8)
    found = []
    for i in range(1, count):  # the first is the header
        length, offset = struct.unpack_from(f"{order}II", data, table + 8 * i)
        found += [text for text in data[offset : offset + length].decode().split("\0") if text]
    return found


def table() -> list[tuple[str, int, int]]:
    """Return (language, real words, stopwords) for every language the tests cover."""
    rows = []
    for language in sorted({*STEMMER_LANGUAGES, *STOPWORD_LANGUAGES}):
        listed = len(load(language)) if language in STOPWORD_LANGUAGES else 0
        rows.append((language, len(words(language)), listed))
    return rows


def _wordfreq(alias: str) -> Iterable[str]:
    import wordfreq

    name = _WORDFREQ.get(alias, alias)
    for size in ("large", "small"):
        if name in wordfreq.available_languages(size):
            return wordfreq.iter_wordlist(name, wordlist=size)
    return ()


def _simplemma(alias: str) -> Iterable[str]:
    from simplemma.strategies.dictionaries import DefaultDictionaryFactory

    name = _SIMPLEMMA.get(alias, alias)
    try:
        return DefaultDictionaryFactory(cache_max_size=1).get_dictionary(name)
    except ValueError:  # not one of its languages
        return ()


def _most_common(ordered: Iterable[str]) -> list[str]:
    listed = list(ordered)
    return listed[:MOST_COMMON] + _evenly(listed[MOST_COMMON:], MOST_COMMON)


def _evenly(items: list[str], count: int) -> list[str]:
    step = max(1, -(-len(items) // count))
    return items[::step]
