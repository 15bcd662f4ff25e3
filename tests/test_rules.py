"""What a vector is, held fixed: ids, weights and fingerprints of fixed texts under fixed configurations.

An index holds the vectors of the release it was built with. So this fails when some text gets other ids or
weights than before and `RULES_VERSION` was not raised. `python -m tests.test_rules` writes what is now into
`rules.json`.
"""

import hashlib
import json
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from bm25 import Bm25Config, Bm25Encoder, plugins
from bm25.analysis.languages import EXTRA_STEMMERS, FASTEMBED_LANGUAGES, STEMMER_LANGUAGES, STOPWORD_LANGUAGES
from bm25.config import RULES_VERSION
from tests.conftest import REDUCED

PINNED = Path(__file__).with_name("rules.json")

HINT = """
If that is a mistake, mend it. If it is meant, existing collections must be encoded again: raise
RULES_VERSION in bm25/config.py, say in CHANGELOG.md what changed, and run `python -m tests.test_rules` to
pin the new values.
"""

TEXTS = [
    "The quick brown foxes didn't jump over 12 lazy dogs; skies, Generously ABSURD generously added.",
    "getUserName snake_case_name HTTPServer parseHTTPRequest2 utf8Decode ABc "
    "URLs URLsFoo URLst IDss foo_barBaz",
    "1_000 0xDEAD_BEEF __init__ _1_2_ x86_64 a1B2 I2C ÉcoleÉtéX AB日 i18nKey C++ std::vector<int> _ __",
    "Die Häuser an der Straße, GRÖSSTE Freiheit für alle Straßen! L'amitié dure continuellement, déjà vu",
    "İSTANBUL'da evlerimizden ışıklar IŞIK ΟΔΥΣΣΕΥΣ και οι ΆΝΘΡΩΠΟΙ ΑΣ.Α Σ ςΣ книгами бежавшего Ёлка И",
    "والكتاب في المكتبات ـ كتابهم مُحَمَّد שָׁלוֹם הספרים हिन्दी किताबें மரங்கள் বইগুলি ไทยที่นี่ ქართული գրքերը",
    "日本語の文章です これは 中文分词 한국어를 ㍿ ﬁre ﬀ "
    "ẞ ŉ ǰ ǅungla Ⅷ ⅷ ½ x² ⓐⓑ 𝒜𝓫 𐐀𐐨 e\u0301cole naïve Ångström",
    "a\0b \0 c\x1cd\x85e\xa0f\u2003g\u3000h\u200bi\u2028j "
    "don’t o'clock 😀👩🏽 ❤️ - _ a_b a-b a.b a·b aͅb \ufeffz",
    "tv TV television car news News dogs " + "term " * 300 + "other " * 17,
    "x" * 40 + " " + "y" * 41 + " " + "z" * 300 + " " + "é" * 40 + " 3.14 2024-11-24 7 77 777",
    "",
]


def shout(token):
    token = token.replace("\x1c", "")
    return ["", token + "!", token.upper()][min(len(token), 4) // 2]


PLAIN = {"stopwords": {}, "stemmer": {"type": "none"}}
PLUGIN = {"type": "plugin", "name": "rules-test", "version": "1"}

CONFIGURATIONS = {
    **{language: {"language": language} for language in STOPWORD_LANGUAGES},
    **{
        f"stemmer {language}": {"stopwords": {}, "stemmer": {"type": "snowball", "language": language}}
        for language in (*STEMMER_LANGUAGES, *EXTRA_STEMMERS)
    },
    **{
        f"fastembed {language}": {"dialect": "fastembed", "language": language}
        for language in FASTEMBED_LANGUAGES
    },
    "fastembed, no stemmer": {
        "dialect": "fastembed",
        "stemmer": {"type": "none"},
        "max_token_len": 8,
        "k": 0.7,
    },
    **{tokenizer: {"tokenizer": tokenizer} for tokenizer in ("whitespace", "prefix", "code")},
    **{
        f"{tokenizer}, plain": {"tokenizer": tokenizer, **PLAIN}
        for tokenizer in ("word", "whitespace", "code")
    },
    **{
        f"{tokenizer}, folded as it is": {
            "tokenizer": tokenizer,
            "ascii_folding": True,
            "lowercase": False,
            **PLAIN,
        }
        for tokenizer in ("word", "whitespace", "code")
    },
    "prefix, limits": {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4, "ascii_folding": True},
    "prefix, empty stems": {"tokenizer": "prefix", "language": "arabic"},
    "folding": {"ascii_folding": True},
    "limits": {"min_token_len": 3, "max_token_len": 5},
    "weights": {"k": 2.7, "b": 0.31, "avg_len": 17.3, "k3": 8.0},
    "stopwords": {"stopwords": {"languages": ["german", "french"], "custom": ["Foxes", "x86", "İ"]}},
    "synonyms": {"synonyms": {"tv": ["television", "Telly"], "car": ["car", "auto"]}},
    "protected words": {"protected_words": ["news", "Dogs"]},
    "filter": {"filters": [PLUGIN]},
    "stemmer plug-in": {"stemmer": PLUGIN, "protected_words": ["news"]},
    "tokenizer plug-in": {"tokenizer": PLUGIN},
}

# All planes of Unicode that have characters, where the tables of the package decide and nothing of Python's.
WITH_ALL_OF_UNICODE = [name for name, options in CONFIGURATIONS.items() if PLAIN.items() <= options.items()]


@cache
def texts(name):
    found = list(TEXTS)
    language = CONFIGURATIONS[name].get("stemmer", {}).get("language")
    if language:
        found += words_of_suffixes(language)
    if name in WITH_ALL_OF_UNICODE and not REDUCED:
        every = [chr(code) for code in (*range(0xD800), *range(0xF900, 0x32400), *range(0xE0000, 0xE0200))]
        tokens = [f"aΣ{char}Bs" for char in every]
        found += [" ".join(tokens[i : i + 200]) for i in range(0, len(tokens), 200)]
    return found


def words_of_suffixes(language):
    """Words of the strings that the Snowball rules look for, as the pinned package has them."""
    module = import_module(f"snowballstemmer.{language}_stemmer")
    rules = vars(getattr(module, f"{language.title().replace('_', '')}Stemmer"))
    strings = {among.s for name, table in rules.items() if name.startswith("a_") for among in table} - {""}
    pieces = sorted(strings)
    count = len(pieces)
    return [
        " ".join(
            f"{pieces[(i * step) % count]}{pieces[i * i % count]}{piece}" for i, piece in enumerate(pieces)
        )
        for step in (1, 7, 31)
    ]


def found(name):
    """What is pinned of a configuration: its fingerprints and digests of its vectors."""
    config = Bm25Config(**CONFIGURATIONS[name])
    encoder = Bm25Encoder(config, threads=1)
    sample = texts(name)
    documents, queries = encoder.encode_documents(sample), encoder.encode_queries(sample)
    return {
        "analysis fingerprint": config.analysis_fingerprint,
        "vector fingerprint": config.vector_fingerprint,
        "texts": digest("\n".join(sample).encode()),
        "document ids": digest(layout(documents)),
        "document weights": digest(documents.values.astype("<f4").tobytes()),
        "query ids": digest(layout(queries)),
        "query weights": digest(queries.values.astype("<f4").tobytes()),
    }


def layout(vectors):
    return vectors.indptr.astype("<i8").tobytes() + vectors.indices.astype("<u4").tobytes()


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


@pytest.fixture(autouse=True)
def plugin():
    plugins.register(PLUGIN["name"], shout, version=PLUGIN["version"])
    yield
    plugins.unregister(PLUGIN["name"])


def pinned():
    return json.loads(PINNED.read_text(encoding="utf-8"))


def test_the_version_is_the_pinned_one():
    assert pinned()["rules_version"] == RULES_VERSION, f"RULES_VERSION is {RULES_VERSION} now.{HINT}"
    assert list(pinned()["configurations"]) == list(CONFIGURATIONS), "a configuration is new: pin it"


@pytest.mark.skipif(REDUCED, reason="the texts are others then")
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_nothing_changes_while_the_rules_do_not(name):
    expected, actual = pinned()["configurations"][name], found(name)
    assert actual["texts"] == expected["texts"], (
        "the texts of this test have changed: pin on code known to be right"
    )
    changed = [what for what in expected if actual[what] != expected[what]]
    assert not changed, f"{', '.join(changed)} changed under {CONFIGURATIONS[name]}.{HINT}"


def test_a_changed_id_or_weight_is_noticed(monkeypatch):
    before = found("limits")
    monkeypatch.setitem(CONFIGURATIONS, "limits", {**CONFIGURATIONS["limits"], "max_token_len": 6})
    after = found("limits")
    same = {what for what in before if before[what] == after[what]}
    assert same == {"texts"}
    monkeypatch.setitem(CONFIGURATIONS, "limits", {"min_token_len": 3, "max_token_len": 5, "k": 1.3})
    assert found("limits")["document ids"] == before["document ids"]
    assert found("limits")["vector fingerprint"] != before["vector fingerprint"]


def main():
    plugins.register(PLUGIN["name"], shout, version=PLUGIN["version"])
    values = {
        "rules_version": RULES_VERSION,
        "configurations": {name: found(name) for name in CONFIGURATIONS},
    }
    PINNED.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
