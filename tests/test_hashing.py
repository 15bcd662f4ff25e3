import pytest
from hypothesis import given

from bm25.hashing import term_id
from tests import reference
from tests.strategies import examples, nasty_text


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("", 0),
        ("hello", 613153351),
        ("world", 74040069),
        ("straße", 2095602437),
        ("中文", 618237545),
        ("😀", 1095487750),
    ],
)
def test_pinned_ids(term, expected):
    assert term_id(term) == expected


@given(nasty_text)
@examples(100)
def test_against_the_twin(text):
    for size in range(9):
        assert term_id(text[:size]) == reference.term_id(text[:size].encode())


@pytest.mark.parametrize("wanted", [0, 1, 2**31 - 1, 2**31])
def test_the_ends_of_the_range(wanted):
    assert term_id(reference.term_with_id(wanted, 0, bytes(range(33, 127))).decode()) == wanted


def test_a_lone_surrogate_has_no_id():
    with pytest.raises(UnicodeEncodeError):
        term_id("a\ud800")
