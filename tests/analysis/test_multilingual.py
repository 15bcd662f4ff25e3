import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bm25
from bm25.analysis.multilingual import SPACE, CharacterKinds, character_kinds, split_words
from tests.strategies import examples

TABLES = json.loads(
    (Path(bm25.__file__).parent / "analysis" / "data" / "multilingual.json").read_text(encoding="utf-8")
)
KINDS = character_kinds()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        # Text is cut where the script changes; what has none stays with the run before, or joins the first.
        ("мир123abc", "мир123 abc"),
        ("3д", "3д"),
        ("3d", "3d"),
        ("abcмирabc", "abc мир abc"),
        ("$мир$abc$", "$мир$ abc$"),
        ("aמb", "a מ b"),
        ("a가", "a \u1100\u1161"),
        ("Ωm", "ω m"),
        ("\u2126m", "ωm"),
        # Separators beyond ASCII.
        ("«слово»", "слово"),
        ("a«b»c", "a b c"),
        ("क।ख", "क ख"),
        ("क॥", "क"),
        ("a…b—c", "a b c"),
        # What ASCII leaves within a form.
        ("a=b", "a=b"),
        ("<b>", "<b>"),
        ("a^b|c~d$", "a^b|c~d$"),
        ("c\x01d", "cd"),
        ("a\x7fb", "ab"),
        ("м\x01р", "мр"),
        ("a\fb\vc", "a\fb\vc"),
        # A no-break space is a Latin character that splits nothing there, and becomes a space.
        ("a\xa0b", f"a{SPACE}b"),
        ("a\xa0", f"a{SPACE}"),
        ("мир\xa0труд", "мир труд"),
        # Normal forms.
        ("Йй", "и\u0306и\u0306"),
        ("Ёё", "е\u0308е\u0308"),
        ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
        ("가", "\u1100\u1161"),
        ("힣", "\u1112\u1175\u11c2"),
        ("ÉCOLE", "ecole"),
        ("naïve", "naive"),
        ("e\u0301", "e"),
        ("İ", "i"),
        ("ß", "ß"),
        ("ẞ", "ß"),
        ("æÆœŒ", "aeaeoeoe"),
        ("ØŁ", "øł"),
        ("ǆŉ", "dzʼn"),
        ("x²", "x2"),
        ("ª", "a"),
        ("№5", "no5"),
        ("µ", "μ"),
        ("שָׁלוֹם", "שלום"),
        ("हिन्दी", "हिन्दी"),
        ("தமிழ்", "தமிழ்"),
        # The final sigma is a common one at the end of a word only.
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
        ("λόγος", "λογοσ"),
        ("ς", "σ"),
        ("ςα", "ςα"),
        ("ςς", "ςσ"),
        ("ϲ", "σ"),
        ("σς\u0301", "σς"),
        ("ας\x01", "ασ"),
        ("ας1", "ας1"),
        ("ας«ας", "ασ ασ"),
        # What has no letter is dropped.
        ("123", ""),
        ("$5", ""),
        ("😀", ""),
        ("½", ""),
        ("१२३", ""),
        ("१२३क", "१२३क"),
        ("\x01", ""),
        ("\u0301", ""),
        ("\xa0", ""),
        ("…", ""),
        ("«»", ""),
        ("1«a", "a"),
        ("", ""),
    ],
)  # fmt: skip
def test_words_of_a_form(form, words):
    assert split_words(form) == words
    # A line beyond ASCII beside it must not matter, nor lines that yield nothing.
    lines = f"{form}\n\n{form}\nß\n1\n{form}"
    assert split_words(lines).split("\n") == [words, "", words, "ß", "", words]


@pytest.mark.parametrize(
    ("form", "word"),
    [("Word", "word"), ("3D", "3d"), ("A$", "a$"), ("ABC\x02", "abc"), ("42", ""), ("<=>", "")],
)
def test_ascii_alone_and_beside_other_text_is_the_same(form, word):
    assert split_words(form) == word
    assert split_words(f"{form}\nж") == f"{word}\nж"


ASCII_FORMS = [chr(code) for code in range(128) if KINDS[code] != CharacterKinds().separator]


@given(forms=st.lists(st.text(ASCII_FORMS, max_size=12), min_size=1, max_size=8))
@examples(200)
def test_both_ways_through_ascii_agree(forms):
    lines = "\n".join(forms)
    assert split_words(lines) + "\nж" == split_words(f"{lines}\nж")
    for form, word in zip(forms, split_words(lines).split("\n"), strict=True):
        kept = "".join(char for char in form.lower() if " " <= char <= "~" or char in "\v\f")
        assert word == (kept if any(char.isalpha() for char in kept) else "")


supported = st.characters(exclude_categories=["Cs"]).filter(
    lambda char: ord(char) < len(KINDS) and KINDS[ord(char)] and char != "\n"
)


@given(forms=st.lists(st.text(supported, max_size=10), min_size=1, max_size=6))
@examples(300)
def test_each_form_by_itself(forms):
    together = split_words("\n".join(forms)).split("\n")
    assert together == [split_words(form) for form in forms]
    for words in together:
        assert words == "" or all(words.split(" ")), "no empty words"


def test_hangul_syllables_are_their_letters():
    syllables = "".join(map(chr, range(0xAC00, 0xD7A4)))
    assert split_words(syllables) == unicodedata.normalize("NFD", syllables)


@pytest.mark.parametrize(
    ("chars", "kind"),
    [
        ("世の日ไاԱա\u0600\u3042ﬁἀ", "unsupported"),
        ("0159$<=>^|~\x01\x7f😀\u0301\u200d\u2028\v\f", "neutral"),
        (" \t\n\r\0-_.,'\"@()[]{}`\\/:;?!#%&*+—“…", "separator"),
        ("azAZéßæǆẞ½²\xa0", "Latin"),
        ("яЯёѢ", "Cyrillic"),
        ("αΩς", "Greek"),
        ("את", "Hebrew"),
        ("कह१", "Devanagari"),
        ("ক", "Bengali"),
        ("கழ", "Tamil"),
        ("가힣\u1100", "Hangul"),
        ("აჰ", "Georgian"),
        ("ሀ", "Ethiopic"),
    ],
)
def test_kinds(chars, kind):
    kinds = CharacterKinds()
    scripts = {name: kinds.script + i for i, name in enumerate(TABLES["scripts"])}
    number = scripts.get(kind, getattr(kinds, kind, None))
    assert {char: KINDS[ord(char)] for char in chars} == dict.fromkeys(chars, number)


def test_separators_that_have_a_script():
    kinds = CharacterKinds()
    numbers = {name: kinds.separator + kinds.script + i for i, name in enumerate(TABLES["scripts"])}
    assert {KINDS[ord(char)] for char in "¡§«»·¿×÷"} == {numbers["Latin"]}
    assert {KINDS[ord(char)] for char in "।॥"} == {numbers["Devanagari"]}
    assert KINDS[0x5BE] == numbers["Hebrew"]


def test_kinds_say_what_the_tables_say():
    assert type(KINDS) is bytes
    kinds = CharacterKinds()
    numbers = [(kinds.neutral, TABLES["neutral"]), (kinds.separator, TABLES["separators"])]
    numbers += [(kinds.script + i, ranges) for i, ranges in enumerate(TABLES["scripts"].values())]
    listed = {}
    for number, ranges in numbers:
        for first, last in ranges:
            for code in range(first, last + 1):
                listed[code] = listed.get(code, 0) + number
    assert {code: kind for code, kind in enumerate(KINDS) if kind} == listed
    assert KINDS[-1] != kinds.unsupported
    assert max(listed.values()) < 256
    # A neutral character has no script and separates nothing.
    assert not any(
        KINDS[code] != kinds.neutral for first, last in TABLES["neutral"] for code in (first, last)
    )


def test_tables_name_the_oracle():
    assert TABLES["oracle"] == "qdrant-edge-py 0.9.0"
