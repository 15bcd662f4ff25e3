import random
import string
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.analysis.greek import may_panic
from bm25.analysis.languages import STEMMER_LANGUAGES
from bm25.analysis.stemming import SPARE_DIGITS, stemmer

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


def test_every_language_has_one_stem_for_each_token():
    for language in STEMMER_LANGUAGES:
        assert len(stemmer(language)(["a", "", "abc", "ٹ", "ένα"])) == 5


@pytest.mark.parametrize("language", ["armenian", "greek"])
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
