import pytest
from hypothesis import given

from bm25 import Bm25Config, plugins
from bm25.analysis.tokenizers import SURFACE_FORMS, tokenizer
from tests import reference
from tests.strategies import examples, nasty_text

PLUGIN = {"type": "plugin", "name": "at-hyphens"}


@pytest.fixture(autouse=True, scope="module")
def plugin():
    plugins.register("at-hyphens", lambda piece: piece.split("-"), version="1")
    yield
    plugins.unregister("at-hyphens")


OPTIONS = {
    "word": {},
    "whitespace": {"tokenizer": "whitespace"},
    "prefix": {"tokenizer": "prefix"},
    "code": {"tokenizer": "code"},
    "code as it is": {"tokenizer": "code", "lowercase": False},
    "fastembed": {"dialect": "fastembed"},
    "plug-in": {"tokenizer": PLUGIN},
}
FORMS = {
    "word": "word", "whitespace": "whitespace", "prefix": "word", "code": "identifier",
    "code as it is": "identifier", "fastembed": "identifier", "plug-in": "whitespace",
}  # fmt: skip


def made(name):
    return tokenizer(Bm25Config(**OPTIONS[name]))


@pytest.mark.parametrize("kind", SURFACE_FORMS)
@given(text=nasty_text)
@examples(200)
def test_surface_forms_are_those_of_the_kernels(kind, text):
    forms = [form.decode() for form in reference.forms(text.encode(), kind)]
    assert SURFACE_FORMS[kind].findall(text) == forms


def test_surface_forms_of_every_character_of_ascii():
    for code in range(128):
        inside = {kind for kind, pattern in SURFACE_FORMS.items() if pattern.fullmatch(chr(code))}
        assert inside == {kind for kind in SURFACE_FORMS if reference.belongs(code, kind)}


@pytest.mark.parametrize("name", OPTIONS)
def test_names_and_kinds_of_forms(name):
    found = made(name)
    assert found.forms == FORMS[name]
    assert found.name == {
        "code as it is": "code", "fastembed": "word", "plug-in": "at-hyphens",
    }.get(name, name)  # fmt: skip


# Surface forms of one line each, and what they are split into.
SPLITS = [
    ("word", "abc\ndon’t\n—\nx²½\nहिन्दी\nÉCOLE", "abc\ndon t\n \nx²½\nहिन दी\nÉCOLE"),
    ("prefix", "abc\ndon’t", "abc\ndon t"),
    ("whitespace", "a-b,c\na\u3000b\na\x1cb\0\n\x85\nÉ\u200bx", "a-b,c\na b\na\x1cb\0\n \nÉ\u200bx"),
    (
        "code",
        "getName\nsnake_case’sX\n__\n—\nÉtéX",
        "get Name getName\nsnake case snakecase s X sX\n\n\nÉté X ÉtéX",
    ),
    ("code as it is", "getName\nsnake_case’sX\n__", "get Name\nsnake case s X\n"),
    ("fastembed", "snake_case\n_\nहिन्दी\nⓐx\nİ’b", "snake_case\n_\nह न द \n x\nİ b"),
    ("plug-in", "a-b\n-\nA\u3000b-c\nplain\n--x", "a b\n\nA b c\nplain\nx"),
]


@pytest.mark.parametrize(("name", "text", "split"), SPLITS)
def test_split(name, text, split):
    assert made(name).split(text) == split


SPANS = [
    ("word", "don’t", [(0, 3), (4, 5)]), ("word", "——x—", [(2, 3)]), ("word", "—", []),
    ("word", "abc", [(0, 3)]), ("whitespace", "a-b\u3000\u3000É", [(0, 3), (5, 6)]),
    ("code", "snake_case’sX", [(0, 10), (11, 13)]), ("plug-in", "A\u3000b-c", [(0, 1), (2, 5)]),
    ("fastembed", "हिन्दी_a", [(0, 1), (2, 3), (4, 5), (6, 8)]), ("prefix", "a\U0001f600b", [(0, 1), (2, 3)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "form", "spans"), SPANS)
def test_spans_are_bounded_but_not_taken_apart(name, form, spans):
    assert made(name).spans(form) == spans


@pytest.mark.parametrize("name", OPTIONS)
@given(text=nasty_text)
@examples(60)
def test_what_is_split_is_what_lies_in_the_spans(name, text):
    one = made(name)
    for form in SURFACE_FORMS[one.forms].findall(text):
        parts = [form[start:end] for start, end in one.spans(form)]
        apart = [word for part in parts for word in one.split(part).split(" ") if word]
        assert apart == [word for word in one.split(form).split(" ") if word]


@pytest.mark.parametrize("name", OPTIONS)
@given(text=nasty_text)
@examples(60)
def test_forms_are_split_each_by_itself(name, text):
    one = made(name)
    forms = SURFACE_FORMS[one.forms].findall(text)
    if not forms:
        return
    lines = one.split("\n".join(forms)).split("\n")
    assert [line.split(" ") for line in lines] == [one.split(form).split(" ") for form in forms]
