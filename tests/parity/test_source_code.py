"""The tokenizer `code`: real source code in several languages, and every short identifier there is."""

import random
import sysconfig
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder
from tests.conftest import REDUCED
from tests.oracle import assert_documents_equal, assert_equal, assert_queries_equal
from tests.parity.strategies import IDENTIFIERS
from tests.strategies import examples

PLAIN = {"stopwords": {}, "stemmer": {"type": "none"}}
OPTIONS = {
    "default": {},
    "plain": PLAIN,
    "as-is": {"lowercase": False, **PLAIN},
    "folding": {"ascii_folding": True, "language": "german"},
    "limits": {"min_token_len": 2, "max_token_len": 9, "lowercase": False},
}
options = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)

# Suffixes of files, and the least that installed packages have of them, in kB.
LANGUAGES = {
    "Python": ((".py",), 600),
    "Python stubs": ((".pyi",), 600),
    "C and C++ headers": ((".h", ".hpp"), 600),
    "C and C++": ((".c", ".cc", ".cpp", ".cu"), 600),
    "Fortran": ((".f90", ".f"), 20),
    "Cython": ((".pyx", ".pxd", ".pxi"), 600),
    "JavaScript": ((".js",), 400),
    "CSS": ((".css",), 60),
    "HTML": ((".html",), 60),
    "JSON": ((".json", ".ipynb"), 60),
}
MOST = 1_200_000 if not REDUCED else 20_000
CHUNK = 3_000


def encoder(**options):
    return Bm25Encoder(Bm25Config(tokenizer="code", **options), threads=1)


@cache
def files():
    found = {}
    for folder in {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "include")}:
        for file in Path(folder).rglob("*.*"):
            found.setdefault(file.suffix, set()).add(file)
    return {suffix: sorted(those) for suffix, those in found.items()}


@cache
def source_code(language):
    """Documents of a few kB out of a random choice of files, the same at each run."""
    paths = [file for suffix in LANGUAGES[language][0] for file in files().get(suffix, ())]
    random.Random(1).shuffle(paths)
    documents, size = [], 0
    for path in paths:
        text = path.read_bytes()[:100_000].decode("utf-8", "ignore") if path.is_file() else ""
        while text and size < MOST:
            end = text.find("\n", CHUNK) + 1 or len(text)
            documents.append(text[:end])
            size += len(text[:end])
            text = text[end:]
        if size >= MOST:
            break
    return documents


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_enough_of_it(language):
    least = min(LANGUAGES[language][1] * 1000, MOST)
    assert sum(map(len, source_code(language))) > 0.9 * least


@options
@pytest.mark.parametrize("language", LANGUAGES)
def test_source_code(language, options):
    texts = source_code(language)
    one = encoder(**options)
    assert_documents_equal(one, texts)
    assert_queries_equal(one, texts, singly=False)
    lines = [line for text in texts[::20] for line in text.split("\n")]
    assert_equal(one, lines)


def test_source_code_under_the_other_tokenizers():
    texts = [text for language in LANGUAGES for text in source_code(language)[::10]]
    for more in (
        {"tokenizer": "word"},
        {"tokenizer": "whitespace"},
        {"tokenizer": "prefix", "max_token_len": 6},
    ):
        assert_equal(Bm25Encoder(Bm25Config(**more), threads=1), texts)


# Every kind of character that a rule asks for: letters of both cases, the plural s, digits, other numbers,
# an underscore, and the same beyond ASCII; a letter that has no case, a title case one.
ALPHABETS = ["aAsS1_", "aAÉés_", "AsÉ²1_", "Aasǅ日", "As_٣Ⅷⅷ"]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_every_short_identifier(alphabet, lowercase):
    longest = 5 if not REDUCED else 3
    words = ["".join(chars) for n in range(1, longest + 1) for chars in product(alphabet, repeat=n)]
    one = encoder(lowercase=lowercase, **PLAIN)
    assert_documents_equal(one, words)
    assert_queries_equal(one, words[::7])
    # And longer ones, many in a text.
    rng = random.Random(alphabet)
    longer = [rng.choice(words) + rng.choice(words) for _ in range(20_000 if not REDUCED else 200)]
    assert_documents_equal(one, [" ".join(longer[i : i + 20]) for i in range(0, len(longer), 20)])


parts = st.one_of(
    st.sampled_from(
        ["get", "User", "Name", "HTTP", "URLs", "s", "S", "_", "__", "1", "2D", "0x", "x86", "é", "É"]
    ),
    st.sampled_from(IDENTIFIERS),
    st.text("aAsS1_ÉéΣσςǅ²", max_size=5),
    st.characters(exclude_categories=["Cs"]),
)
identifiers = st.lists(parts, min_size=1, max_size=6).map("".join)


@options
@given(
    sample=st.lists(identifiers, max_size=8),
    separator=st.sampled_from([" ", "-", ".", "::", "(", "\u2003", "\n"]),
)
@examples(200)
def test_random_identifiers(options, sample, separator):
    assert_equal(encoder(**options), [separator.join(sample), *sample])
