"""Made-up words: every stemmer's own suffixes put together at random, so that all its rules have work."""

import random
from importlib import import_module

import pytest

from bm25 import Bm25Config, Bm25Encoder
from bm25.analysis.languages import STEMMER_LANGUAGES
from tests.oracle import assert_documents_equal, is_panic, oracle

WORDS = 40_000


def suffixes(language):
    """All strings that the Snowball rules of a language look for."""
    module = import_module(f"snowballstemmer.{language}_stemmer")
    rules = vars(getattr(module, f"{language.capitalize()}Stemmer"))
    return sorted(
        {among.s for name, table in rules.items() if name.startswith("a_") for among in table} - {""}
    )


def made_up_words(language):
    rng = random.Random(language)
    pieces = suffixes(language)
    letters = sorted(set("".join(pieces)))
    for _ in range(WORDS):
        yield "".join(
            rng.choice(pieces) if rng.random() < 0.75 else "".join(rng.choices(letters, k=rng.randint(1, 4)))
            for _ in range(rng.randint(1, 4))
        )


@pytest.mark.parametrize("language", STEMMER_LANGUAGES)
def test_words_made_of_suffixes(language):
    assert len(suffixes(language)) > 30
    config = Bm25Config(stemmer={"type": "snowball", "language": language}, stopwords={})
    engine = oracle(config)
    words = [word for word in made_up_words(language) if not _panics(engine, word)]
    assert len(words) > 0.99 * WORDS
    assert_documents_equal(Bm25Encoder(config, threads=1), words)


def _panics(engine, word):
    try:
        engine.embed_query(word)
    except BaseException as error:
        if is_panic(error):
            return True
        raise
    return False
