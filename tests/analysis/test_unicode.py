import json
import re
import unicodedata
from importlib.resources import files
from itertools import pairwise

import pytest
import qdrant_edge
from hypothesis import given, settings
from hypothesis import strategies as st

from bm25.analysis import unicode

CODE_POINTS = [*range(0xD800), *range(0xE000, 0x110000)]

# Neighbours that a capital sigma can have: cased, case-ignorable, both, neither, or unknown to an older
# Unicode version.
CASED = "aAβΒſⅷⓐǅ𝒜𞤀"
CASE_IGNORABLE = "'.:^`·\u00ad\u0301\u200d’\ufe0f𑂹"
CASED_AND_IGNORABLE = "ªᵃʰͅⁱₐ"
NEITHER = "1_-中ا,\u0903"
RECENT = "\u1c89\u1c8a\ua7cb\ua7dc\U00010d50\U00010d70\U00016ea0\U00016ebb\U00010efa\U00011f5a\u0897"


def engine(tokenizer, **options):
    """The engine without stopwords and stemmer; a value of a document is a term frequency."""
    return qdrant_edge.Bm25(
        qdrant_edge.Bm25Config(
            **{"tokenizer": tokenizer, "lowercase": False, "stopwords": qdrant_edge.StopwordsSet()} | options,
            stemmer=qdrant_edge.DisabledStemmer(),
            b=0.0,
            k=1e12,
        )
    )


WORD = engine(qdrant_edge.TokenizerType.Word)
WHITESPACE = engine(qdrant_edge.TokenizerType.Whitespace)
LOWERCASE = engine(qdrant_edge.TokenizerType.Whitespace, lowercase=True)
FOLDING = engine(qdrant_edge.TokenizerType.Whitespace, ascii_folding=True)


def terms(bm25, text):
    """(term id, frequency) of every term."""
    vector = bm25.embed_document(text)
    return list(zip(vector.indices, vector.values, strict=True))


def members(ranges):
    return {code for first, last in ranges for code in range(first, last + 1)}


def token_characters():
    whitespace = members(unicode.whitespace_ranges())
    return [chr(code) for code in CODE_POINTS if code not in whitespace]


# Splitting


def test_alphanumeric_is_what_the_word_tokenizer_keeps():
    kept = {code for code in CODE_POINTS if WORD.embed_document(chr(code)).indices}
    assert members(unicode.alphanumeric_ranges()) == kept
    assert len(kept) == 149_106


def test_whitespace_is_where_the_whitespace_tokenizer_splits():
    gone = {code for code in CODE_POINTS if not WHITESPACE.embed_document(chr(code)).indices}
    assert members(unicode.whitespace_ranges()) == gone
    assert len(gone) == 25


# Runs of bytes between ASCII separators; what lies beyond ASCII is split by the patterns.
SURFACE = {"word": re.compile("[0-9A-Za-z\x80-\U0010ffff]+"), "whitespace": re.compile("[^\t-\r ]+")}


def split(tokenizer, text):
    pattern = unicode.separators_beyond_ascii(tokenizer)
    forms = SURFACE[tokenizer].findall(text)
    return [token for form in forms for token in pattern.split(form) if token]


@pytest.mark.parametrize(
    ("tokenizer", "ranges", "inside"),
    [("word", unicode.alphanumeric_ranges, False), ("whitespace", unicode.whitespace_ranges, True)],
)
def test_pattern_agrees_with_its_ranges_at_every_code_point(tokenizer, ranges, inside):
    everything = members(ranges())
    expected = {code for code in CODE_POINTS if code >= 0x80 and (code in everything) is inside}
    matches = unicode.separators_beyond_ascii(tokenizer).fullmatch
    assert {code for code in CODE_POINTS if matches(chr(code)) is not None} == expected


@pytest.mark.parametrize("tokenizer", ["word", "whitespace"])
def test_pattern_leaves_the_ranges_of_ascii_to_the_surface_forms(tokenizer):
    ascii_alphanumeric = {code for code in range(0x80) if chr(code).isalnum()}
    assert members(unicode.alphanumeric_ranges()) & set(range(0x80)) == ascii_alphanumeric
    assert members(unicode.whitespace_ranges()) & set(range(0x80)) == {9, 10, 11, 12, 13, 32}
    assert unicode.separators_beyond_ascii(tokenizer).search("".join(map(chr, range(0x80)))) is None


@pytest.mark.parametrize("tokenizer", ["word", "whitespace"])
def test_pattern_matches_whole_runs_and_never_nothing(tokenizer):
    pattern = unicode.separators_beyond_ascii(tokenizer)
    assert pattern.findall("a\u2003\u3000\x85b\nc\xa0") == ["\u2003\u3000\x85", "\xa0"]
    assert pattern.search("") is None
    assert pattern.search("abc") is None


def test_word_pattern_matches_whole_runs_in_every_plane():
    pattern = unicode.separators_beyond_ascii("word")
    run = "\u2026\U0001f600\U0001f601\U000e0001\ue000\U0010ffff"
    assert pattern.findall(f"𐌰{run}𠀀{run[::-1]}ä") == [run, run[::-1]]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("snake_case", ["snake", "case"]),
        ("हिन्दी", ["हिन", "दी"]),
        ("x² ½ ⑽ Ⅷ", ["x²", "½", "⑽", "Ⅷ"]),
        ("a😀😀…b", ["a", "b"]),
        ("𐌰𐌱😀𠀀", ["𐌰𐌱", "𠀀"]),
        ("ⓐⓑ", ["ⓐⓑ"]),
        ("e\u0301a", ["e", "a"]),
        ("don't", ["don", "t"]),
    ],
)
def test_word_separators_between_known_tokens(text, tokens):
    assert split("word", text) == tokens
    assert terms(WORD, text) == terms(WHITESPACE, " ".join(tokens))


def test_nul_and_information_separators_are_no_whitespace():
    # Python's str.split() splits at U+001C to U+001F.
    assert split("whitespace", "a\x1cb\x1fc\x00d e\x85f\u200bg") == ["a\x1cb\x1fc\x00d", "e", "f\u200bg"]


any_text = st.text(st.characters(exclude_categories=["Cs"]))


@given(any_text)
@settings(max_examples=300, deadline=None)
def test_split_text_has_the_terms_of_the_engine(text):
    assert terms(WORD, text) == terms(WHITESPACE, " ".join(split("word", text)))
    assert terms(WHITESPACE, text) == terms(WHITESPACE, " ".join(split("whitespace", text)))


# Lowercase


def test_lower_of_every_code_point():
    wrong = [
        char
        for char in token_characters()
        if LOWERCASE.embed_document(char).indices != WHITESPACE.embed_document(unicode.lower(char)).indices
    ]
    assert wrong == []


def test_lower_of_all_code_points_joined():
    chars = [chr(code) for code in CODE_POINTS]
    assert unicode.lower("\n".join(chars)) == "\n".join(map(unicode.lower, chars))


@pytest.mark.parametrize("context", ["{}Σ", "a{}Σ", "aΣ{}", "aΣ{}a"])
def test_sigma_beside_every_code_point(context):
    texts = [context.format(char) for char in token_characters()]
    lowered = unicode.lower("\n".join(texts)).split("\n")
    wrong = [
        text
        for text, lower in zip(texts, lowered, strict=True)
        if LOWERCASE.embed_document(text).indices != WHITESPACE.embed_document(lower).indices
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "lowered"),
    [
        ("", ""),
        ("HELLO", "hello"),
        ("Straße", "straße"),
        ("İ", "i\u0307"),
        ("K", "k"),
        ("ẞ", "ß"),
        ("Σ", "σ"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("ΣΑΣ\nΣ\nΑΣ", "σας\nσ\nας"),
        ("ΑΣ'", "ας'"),
        ("ΑΣ'Α", "ασ'α"),
        ("Α'Σ", "α'ς"),
        ("'Σ", "'σ"),
        ("ʰΣ", "ʰσ"),
        ("ΑΣʰ", "αςʰ"),
        ("1Σ", "1σ"),
        ("ςΣ", "ςς"),
        ("\u1c89Σ", "\u1c8aς"),
        ("\U00010d50X\U00016ea0", "\U00010d70x\U00016ebb"),
        ("Ꟛ", "ꟛ"),
    ],
)
def test_known_lowercase(text, lowered):
    assert unicode.lower(text) == lowered


def test_lower_leaves_a_lone_surrogate():
    assert unicode.lower("Ä\ud800Σ") == "ä\ud800σ"


sigma_contexts = st.text(
    st.sampled_from("ΣΣΣσς" + CASED + CASE_IGNORABLE + CASED_AND_IGNORABLE + NEITHER + RECENT), min_size=1
)


@given(sigma_contexts)
@settings(max_examples=1000, deadline=None)
def test_lower_in_sigma_contexts(token):
    assert terms(LOWERCASE, token) == terms(WHITESPACE, unicode.lower(token))


@given(st.lists(st.one_of(sigma_contexts, any_text.map(lambda text: text.replace("\n", "")))))
@settings(max_examples=500, deadline=None)
def test_joined_tokens_have_the_lowercase_and_folding_of_single_ones(tokens):
    assert unicode.lower("\n".join(tokens)) == "\n".join(map(unicode.lower, tokens))
    assert unicode.fold("\n".join(tokens)) == "\n".join(map(unicode.fold, tokens))


def test_newline_is_neither_cased_nor_case_ignorable():
    tables = unicode._tables()
    assert not members(tables.cased) & {10}
    assert not members(tables.case_ignorable) & {10}
    assert {"\n"}.isdisjoint(tables.lowercase | tables.ascii_folding)


@pytest.mark.parametrize("deviant", ["", "ä", "ßÉa", "ςσ"])
def test_lower_does_not_depend_on_which_characters_python_gets_wrong(monkeypatch, deviant):
    pattern = re.compile(f"([{deviant}])") if deviant else None
    monkeypatch.setattr(unicode, "_deviant_pattern", lambda: pattern)
    assert unicode.lower("ÄÉä ßA\nΑΣ\nÉÉ") == "äéä ßa\nας\néé"


def python_deviations():
    lowercase = unicode._tables().lowercase
    return [code for code in CODE_POINTS if chr(code).lower() != lowercase.get(chr(code), chr(code))]


def test_deviations_of_the_running_python_are_found():
    pattern = unicode._deviant_pattern()
    found = [code for code in CODE_POINTS if pattern is not None and pattern.fullmatch(chr(code))]
    assert found == python_deviations()
    if unicodedata.unidata_version == "14.0.0":
        assert len(found) == 55


@pytest.mark.parametrize(
    "text",
    [
        "Σ" * 100_000,
        "Σ" + "'" * 200_000,
        "'" * 200_000 + "Σ",
        ("aΣ" + "'" * 1000) * 200,
        "\u1c89" * 100_000,
    ],
    ids=["sigmas", "ignorable after", "ignorable before", "both", "deviant"],
)
def test_lower_of_hostile_text_takes_linear_time(text):
    # The engine is the judge of the result; a quadratic algorithm would take minutes.
    assert terms(LOWERCASE, text) == terms(WHITESPACE, unicode.lower(text))


# ASCII folding


def test_fold_of_every_code_point():
    wrong = [
        char
        for char in token_characters()
        if FOLDING.embed_document(char).indices != WHITESPACE.embed_document(unicode.fold(char)).indices
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", ""),
        ("plain", "plain"),
        ("Ærøskøbing", "AEroskobing"),
        ("Straße", "Strasse"),
        ("ẞ", "SS"),
        ("Þórr", "THorr"),
        ("Việt", "Viet"),
        ("ﬃ", "ffi"),
        ("⑽", "(10)"),
        ("«x»", '"x"'),
        ("e\u0301", "e\u0301"),
        ("Жж中", "Жж中"),
        ("Ａ１", "A1"),
    ],
)
def test_known_foldings(text, folded):
    assert unicode.fold(text) == folded


@given(any_text | st.text(st.sampled_from(sorted(unicode._tables().ascii_folding))))
@settings(max_examples=300, deadline=None)
def test_folded_text_has_the_terms_of_the_engine(text):
    assert terms(FOLDING, text) == terms(WHITESPACE, unicode.fold(text))


def test_every_folding_is_ascii_and_not_empty():
    assert all(string and string.isascii() for string in unicode._tables().ascii_folding.values())


# The data


def test_data_names_its_oracle_and_has_the_expected_size():
    raw = json.loads((files("bm25.analysis") / "data" / "unicode.json").read_text(encoding="utf-8"))
    assert raw.pop("oracle") == "qdrant-edge-py 0.9.0"
    assert {name: len(table) for name, table in raw.items()} == {
        "alphanumeric": 844,
        "whitespace": 10,
        "cased": 151,
        "case_ignorable": 464,
        "lowercase": 1488,
        "ascii_folding": 1241,
        "uppercase": 660,
        "numeric": 147,
    }


@pytest.mark.parametrize(
    "name", ["alphanumeric", "whitespace", "cased", "case_ignorable", "uppercase", "numeric"]
)
def test_ranges_are_ascending_and_apart(name):
    bounds = [bound for first, last in getattr(unicode._tables(), name) for bound in (first, last + 1)]
    assert all(low < high for low, high in pairwise(bounds))
