"""Each formula against numbers worked out by hand, and against its plain form in Python."""

import math

import numpy as np
import pytest

from bm25 import Bm25ConfigError
from bm25.idf import IDF_FORMULAS, inverse_document_frequency

PLAIN = {
    "qdrant": lambda n, df: math.log((n - df + 0.5) / (df + 0.5) + 1),
    "lucene": lambda n, df: math.log((n - df + 0.5) / (df + 0.5) + 1),
    "robertson": lambda n, df: math.log(n - df + 0.5) - math.log(df + 0.5),
    "atire": lambda n, df: math.log(n) - math.log(df) if df else 0.0,
    "bm25+": lambda n, df: math.log(n + 1) - math.log(df) if df else 0.0,
    "bm25l": lambda n, df: math.log(n + 1) - math.log(df + 0.5),
}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        # N = 10, df = 2: (10 - 2 + 0.5) / (2 + 0.5) = 3.4
        ("qdrant", 1.4816045),  # ln 4.4
        ("lucene", 1.4816045),
        ("robertson", 1.2237754),  # ln 3.4
        ("atire", 1.6094379),  # ln (10 / 2)
        ("bm25+", 1.7047481),  # ln (11 / 2)
        ("bm25l", 1.4816045),  # ln (11 / 2.5): Lucene's, (N - df + 0.5 + df + 0.5) / (df + 0.5), in short
    ],
)
def test_worked_numbers(formula, expected):
    found = inverse_document_frequency(10, np.array([2]), formula)
    assert found.dtype == np.float64
    assert found == pytest.approx([expected], abs=1e-7)


def test_every_formula_has_a_plain_form_here():
    assert PLAIN.keys() == IDF_FORMULAS.keys()


@pytest.mark.parametrize("formula", IDF_FORMULAS)
@pytest.mark.parametrize("n", [1, 2, 7, 1000, 10**9])
def test_plain_forms(formula, n):
    df = np.unique(np.minimum([0, 1, 2, 3, n // 2, n - 1, n], n))
    found = inverse_document_frequency(n, df, formula)
    assert found == pytest.approx([PLAIN[formula](n, int(d)) for d in df], rel=1e-9, abs=1e-9)
    # Rarer is never worth less, but where a formula has no value for terms that nothing has.
    known = found[df > 0] if formula in ("atire", "bm25+") else found
    assert (np.diff(known) < 0).all()


@pytest.mark.parametrize(
    ("formula", "nowhere", "everywhere"),
    [
        # N = 4. df = 0: (4 + 0.5) / 0.5 = 9; df = 4: 0.5 / 4.5 = 1/9.
        ("qdrant", math.log(10), math.log(10 / 9)),
        ("lucene", math.log(10), math.log(10 / 9)),
        ("robertson", math.log(9), -math.log(9)),
        ("atire", 0.0, 0.0),
        ("bm25+", 0.0, math.log(5 / 4)),
        ("bm25l", math.log(5 / 0.5), math.log(5 / 4.5)),
    ],
)
def test_terms_of_no_document_and_of_all(formula, nowhere, everywhere):
    found = inverse_document_frequency(4, np.array([0, 4]), formula)
    assert found == pytest.approx([nowhere, everywhere])


@pytest.mark.parametrize("formula", IDF_FORMULAS)
def test_a_corpus_without_documents(formula):
    found = inverse_document_frequency(0, np.array([0, 0]), formula)
    assert np.isfinite(found).all()
    assert inverse_document_frequency(0, np.empty(0, np.int64), formula).shape == (0,)


def test_what_is_tiny_keeps_its_digits():
    # 1 + 0.5 / (10^12 + 0.5) is 1 + 5e-13, of which a float64 has only three digits left.
    assert inverse_document_frequency(10**12, np.array([10**12]), "qdrant") == pytest.approx(5e-13, rel=1e-9)


def test_unknown_formulas():
    with pytest.raises(Bm25ConfigError, match=r"unknown idf formula 'lucen' \(did you mean 'lucene'\?\)"):
        inverse_document_frequency(1, np.array([1]), "lucen")
    with pytest.raises(Bm25ConfigError, match="unknown idf formula 'x'; allowed: qdrant, lucene, robertson"):
        inverse_document_frequency(1, np.array([1]), "x")
