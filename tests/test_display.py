from bm25.display import display_width, padded, printable


def test_width_counts_columns_of_the_terminal():
    assert [display_width(text) for text in ("abc", "東京", "e\u0301")] == [3, 4, 1]


def test_padding_is_before_or_behind():
    assert padded("東", 4) == "東  "
    assert padded("e\u0301", 3, right=True) == "  e\u0301"


def test_what_cannot_be_shown_is_escaped():
    assert printable("a\n\u200d東") == "a\\n\\u200d東"
    assert printable("é東", "latin-1") == "é\\u6771"
