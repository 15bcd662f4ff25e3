import random
import string
import threading
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.analysis.greek import may_panic
from bm25.analysis.languages import EXTRA_STEMMERS, STEMMER_LANGUAGES
from bm25.analysis.stemming import SPARE_DIGITS, stemmer
from tests.conftest import REDUCED

LETTERS = string.ascii_lowercase + string.digits


def identifiers(count):
    rng = random.Random(1)
    vowels_and_friends = "aeiouybnts"
    for _ in range(count):
        alphabet = LETTERS if rng.random() < 0.5 else vowels_and_friends
        yield "".join(rng.choices(alphabet, k=rng.randint(0, 12))) + rng.choice(string.digits)


@pytest.mark.parametrize("language", sorted(SPARE_DIGITS))
def test_tokens_that_end_in_a_digit_are_left_alone(language):
    tokens = list(identifiers(200_000))
    assert stemmer(language)(tokens) == tokens


@pytest.mark.parametrize("language", sorted(SPARE_DIGITS))
@given(token=st.text(LETTERS, max_size=20), digit=st.sampled_from(string.digits))
def test_any_token_that_ends_in_a_digit_is_left_alone(language, token, digit):
    assert stemmer(language)([token + digit]) == [token + digit]


@pytest.mark.parametrize("language", ["danish", "dutch", "finnish"])
def test_languages_that_undouble_are_not_trusted_with_digits(language):
    tokens = list(identifiers(20_000))
    assert stemmer(language)(tokens) != tokens
    assert language not in SPARE_DIGITS


def test_the_engines_rules_not_the_newest():
    assert stemmer("english")(["added", "running"]) == ["ad", "run"]


def test_armenian_comes_from_the_other_package():
    assert stemmer("armenian")(["գեղեցկություն", "սիրում"]) == ["գեղեցկությ", "սիր"]


# Stems of the pinned snowballstemmer: an index that is there must be found by a newer release.
EXTRA_STEMS = {
    "basque": (["etxeetan", "liburuak"], ["etxe", "liburu"]),
    "catalan": (["llibres", "caminaven"], ["llibr", "camin"]),
    "czech": (["knihách", "pražského"], ["knih", "pražsk"]),
    "esperanto": (["librojn", "kuras"], ["libr", "kur"]),
    "estonian": (["raamatutes", "majadest"], ["raama", "maja"]),
    "hindi": (["किताबों", "लड़कियाँ"], ["किताब", "लड़क"]),
    "indonesian": (["membaca", "perpustakaan"], ["baca", "pustaka"]),
    "irish": (["leabhair", "bhfuinneoga"], ["leabhair", "fuinneoga"]),
    "lithuanian": (["knygose", "žmonėms"], ["knyg", "žmon"]),
    "nepali": (["किताबहरू", "मानिसलाई"], ["किताब", "मानिस"]),
    "persian": (["کتابها", "می\u200cروم"], ["کتاب", "روم"]),
    "polish": (["książkami", "domach"], ["książk", "dom"]),
    "porter": (["added", "generously"], ["ad", "gener"]),
    "serbian": (["књигама", "kućama"], ["knjig", "kuć"]),
    "sesotho": (["dibuka", "ngwanana"], ["dibuk", "ngwan"]),
    "yiddish": (["ביכער", "קינדערלעך"], ["ביכ", "קינדער"]),
}


def snowball(language):
    """The class itself: `snowballstemmer.stemmer()` may hand out PyStemmer, whose rules are others."""
    module = import_module(f"snowballstemmer.{language}_stemmer")
    return getattr(module, f"{language.title().replace('_', '')}Stemmer")


def test_every_extra_stemmer_is_listed_here():
    assert tuple(EXTRA_STEMS) == EXTRA_STEMMERS


@pytest.mark.parametrize("language", EXTRA_STEMMERS)
def test_extra_stems(language):
    words, stems = EXTRA_STEMS[language]
    assert stemmer(language)(words) == stems


@pytest.mark.parametrize("language", EXTRA_STEMMERS)
def test_extra_stemmers_are_those_of_snowballstemmer(language):
    rules = vars(snowball(language)).items()
    pieces = sorted({among.s for name, table in rules if name.startswith("a_") for among in table})
    rng = random.Random(2)
    count = 2000 if not REDUCED else 100
    words = ["".join(rng.choice(pieces) for _ in range(rng.randint(1, 4))) for _ in range(count)]
    words += ["", "a", "ٹ", "日本", "x1"]
    one = snowball(language)()
    assert stemmer(language)(words) == [one.stemWord(word) for word in words]


def test_older_rules_are_other_rules():
    words = ["generously", "dying", "skies"]
    assert stemmer("porter")(words) != stemmer("english")(words)


def test_every_language_has_one_stem_for_each_token():
    for language in (*STEMMER_LANGUAGES, *EXTRA_STEMMERS):
        assert len(stemmer(language)(["a", "", "abc", "ٹ", "ένα"])) == 5


@pytest.mark.parametrize("language", ["armenian", "greek", "polish", "serbian"])
def test_stemmers_are_shared_by_threads(language):
    words = ["գեղեցկություն", "սիրում", "αντίθετε", "ανεύρετε", "θάλασσα"] * 200
    stem = stemmer(language)
    expected = stem(words)
    results = []

    def work():
        results.append(stem(words))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_greek_words_that_may_panic():
    risky = ["αντίθετε", "ΑΝΤΊΘΕΤΕ", "ανεύρετε", "ισαισα"]
    harmless = ["θάλασσα", "αντίθετο", "υπέρθετε", ""]
    assert [word for word in risky + harmless if may_panic(word)] == risky
    assert stemmer("greek")(["θάλασσα", "αντίθετε", "δρόμος"]) == ["θαλασσ", "ανετ", "δρομ"]
