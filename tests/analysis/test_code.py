import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config
from bm25.analysis.code import split_identifiers
from tests import reference
from tests.oracle import oracle
from tests.strategies import examples

# An identifier, its parts, and the wholes that stand beside them when tokens are lowercased.
TABLE = [
    ("getUserName", "get User Name", "getUserName"),
    ("GetUserName", "Get User Name", "GetUserName"),
    ("snake_case_name", "snake case name", "snakecasename"),
    ("SCREAMING_SNAKE", "SCREAMING SNAKE", "SCREAMINGSNAKE"),
    ("HTTPServer", "HTTP Server", "HTTPServer"),
    ("parseHTTPRequest2", "parse HTTP Request2", "parseHTTPRequest2"),
    ("utf8Decode", "utf8 Decode", "utf8Decode"),
    ("x86_64", "x86 64", "x8664"),
    ("ABc", "A Bc", "ABc"),
    ("Ab", "Ab", ""),
    ("aB", "a B", "aB"),
    ("ABC", "ABC", ""),
    ("abc", "abc", ""),
    ("abc_", "abc", ""),
    ("a", "a", ""),
    # A single s after capitals is a plural.
    ("URLs", "URLs", ""),
    ("URLsFoo", "URLs Foo", "URLsFoo"),
    ("URLst", "UR Lst", "URLst"),
    ("IDss", "I Dss", "IDss"),
    ("IDs", "IDs", ""),
    ("As", "As", ""),
    # Beside the parts of a piece stands the piece, and at the end all pieces joined.
    ("foo_barBaz", "foo bar Baz", "barBaz foobarBaz"),
    ("fooBar_barBaz", "foo Bar bar Baz", "fooBar barBaz fooBarbarBaz"),
    # What begins with an ASCII digit is a number, without its underscores.
    ("1_000", "1000", ""),
    ("0xDEAD_BEEF", "0xDEADBEEF", ""),
    ("1a_bC", "1abC", ""),
    ("2D", "2D", ""),
    ("٣Ab", "٣ Ab", "٣Ab"),
    ("_1_2_", "1 2", "12"),
    ("__init__", "init", ""),
    ("_private", "private", ""),
    ("__getItem__", "get Item", "getItem"),
    ("_", "", ""),
    ("____", "", ""),
    # Beyond ASCII.
    ("ÉcoleÉtéX", "École Été X", "ÉcoleÉtéX"),
    ("ПриветМир", "Привет Мир", "ПриветМир"),
    ("AB日", "A B日", "AB日"),
    ("日本Go", "日本 Go", "日本Go"),
    ("ΑΒΓδ", "ΑΒ Γδ", "ΑΒΓδ"),
]


def expected(parts, wholes):
    """Each as a list; their order is of no consequence to a vector."""
    return sorted(f"{parts} {wholes}".split())


@pytest.mark.parametrize(("identifier", "parts", "wholes"), TABLE)
def test_parts_and_wholes(identifier, parts, wholes):
    assert sorted(split_identifiers(identifier, wholes=True).split(" ")) == (expected(parts, wholes) or [""])
    assert split_identifiers(identifier, wholes=False).split(" ") == (parts.split() or [""])


@pytest.mark.parametrize(("identifier", "parts", "wholes"), TABLE)
def test_the_table_is_the_engines(identifier, parts, wholes):
    plain = {"tokenizer": "code", "stopwords": {}, "stemmer": {"type": "none"}, "k": 1e12, "b": 0.0}
    for lowercase, terms in ((True, expected(parts.lower(), wholes.lower())), (False, parts.split())):
        vector = oracle(Bm25Config(**plain, lowercase=lowercase)).embed_document(identifier)
        frequencies = [reference.term_id(term.encode()) for term in terms]
        assert vector.indices == sorted(set(frequencies))
        # With b = 0 and a huge k a weight is the term frequency.
        assert [round(value) for value in vector.values] == [frequencies.count(id) for id in vector.indices]


def test_order_of_parts_and_wholes():
    assert (
        split_identifiers("fooBar_x_bazQux", wholes=True) == "foo Bar fooBar x baz Qux bazQux fooBarxbazQux"
    )


def test_lines_and_blanks():
    text = "getName set_name\n\nplain\n  aB  \n_\nA1 b"
    assert (
        split_identifiers(text, wholes=True) == "get Name getName set name setname\n\nplain\na B aB\n\nA1 b"
    )
    assert split_identifiers(text, wholes=False) == "get Name set name\n\nplain\na B\n\nA1 b"


word = st.text("aAsS1_éÉ²日 ", max_size=10)


@given(st.lists(word, min_size=1, max_size=8), st.booleans())
@examples(200)
def test_lines_are_split_each_by_itself(lines, wholes):
    together = split_identifiers("\n".join(lines), wholes=wholes).split("\n")
    assert together == [split_identifiers(line, wholes=wholes) for line in lines]
    words = [split_identifiers(word, wholes=wholes) for word in lines[0].split(" ")]
    assert " ".join(filter(None, words)) == together[0]


@given(word.filter(lambda text: " " not in text))
@examples(200)
def test_parts_are_the_identifier_without_underscores(identifier):
    parts = split_identifiers(identifier, wholes=False).split(" ")
    assert "".join(parts) == identifier.replace("_", "")
    with_wholes = split_identifiers(identifier, wholes=True).split(" ")
    if len(parts) > 1:
        assert with_wholes[-1] == identifier.replace("_", "")
    else:
        assert with_wholes == parts


def test_the_quick_way_for_one_part_is_right():
    """Lines of lowercase ASCII are returned as they are."""
    rng = random.Random(4)
    for _ in range(2000):
        line = "".join(rng.choices("abz019", k=rng.randint(1, 6)))
        assert split_identifiers(line, wholes=True) == line
        assert split_identifiers(f"{line} é", wholes=True) == f"{line} é"
