"""`dialect="fastembed"` against FastEmbed, and what tells the two dialects apart."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
from fastembed.sparse.bm25 import Bm25 as FastEmbedBm25
from fastembed.sparse.bm25 import supported_languages
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25ConfigError, Bm25Encoder
from bm25.analysis.languages import EXTRA_STEMMERS, FASTEMBED_LANGUAGES
from tests import oracle, reference
from tests.conftest import REDUCED
from tests.fastembed_oracle import (
    assert_documents_equal,
    assert_equal,
    assert_queries_equal,
    fastembed,
    fastembed_documents,
    harmless,
)
from tests.parity import strategies
from tests.parity.test_paragraphs import language_of, messages_by_language
from tests.parity.test_suffixes import made_up_words
from tests.parity.test_unicode import EVERY, NOTABLE
from tests.parity.words import message_files, words
from tests.strategies import examples, nasty_texts

PLAIN = {"stopwords": {}, "stemmer": {"type": "none"}}


def encoder(**options):
    return Bm25Encoder(Bm25Config(dialect="fastembed", **options), threads=1)


def groups(items, size):
    return [" ".join(items[i : i + size]) for i in range(0, len(items), size)]


def test_languages():
    assert sorted(FASTEMBED_LANGUAGES) == supported_languages


@pytest.mark.skipif(REDUCED, reason="many texts")
@pytest.mark.parametrize("language", FASTEMBED_LANGUAGES)
def test_words(language):
    one = encoder(language=language)
    for form in (str, str.upper):
        sample = harmless(one.config, list(map(form, words(language))))
        together = groups(sample, 200)
        assert_documents_equal(one, together if form is str else together[::3])
        assert_queries_equal(one, together[::4], singly=False)
        assert_documents_equal(one, sample[::20])


@pytest.mark.skipif(REDUCED, reason="many texts")
@pytest.mark.parametrize("language", FASTEMBED_LANGUAGES)
def test_words_made_of_suffixes(language):
    one = encoder(language=language, stopwords={})
    assert_documents_equal(one, groups(harmless(one.config, list(made_up_words(language))[::4]), 100))


@pytest.mark.skipif(REDUCED, reason="many texts")
@pytest.mark.parametrize("language", sorted({language_of(file.parts[-3]) for file in message_files()}))
def test_translated_messages(language):
    """Paragraphs in a hundred languages, under English where FastEmbed does not have the language."""
    one = encoder(language=language if language in FASTEMBED_LANGUAGES else "english")
    texts = harmless(one.config, messages_by_language()[language])
    assert_documents_equal(one, texts[:: 4 if language == "english" else 1])
    assert_documents_equal(one, groups(texts, 50))
    assert_queries_equal(one, texts[::10])


@pytest.mark.skipif(REDUCED, reason="many texts")
@pytest.mark.parametrize("pattern", ["{}", "a{}b", "AΣ{}A"])
def test_every_code_point(pattern):
    """Many in one text: each token differs from the others by its code point."""
    one = encoder(**PLAIN)
    texts = groups([pattern.format(c) for c in EVERY], 500)
    assert_documents_equal(one, texts)
    assert_queries_equal(one, texts, singly=False)


@pytest.mark.parametrize("pattern", ["{}", "A{}Σ", "_{}_", "{0}{0}a{0}s"])
def test_notable_code_points(pattern):
    assert_equal(
        encoder(language="german"), [pattern.format(c) for c in NOTABLE[:: 1 if not REDUCED else 50]]
    )


@pytest.mark.parametrize("code", [0, *range(0x1C, 0x20), 0x7F, 0x85, 0xA0, 0x200B, 0x203F, 0x2028, 0xFEFF])
def test_separators(code):
    c = chr(code)
    assert_equal(encoder(), [c, f"a{c}b", f"{c}a {c}", f"_{c}_", f"AΣ{c}A", f"{c}_{c}{c}__"])


stopword_sets = st.none() | st.fixed_dictionaries(
    {"custom": st.lists(st.sampled_from(strategies.WORDS + strategies.IDENTIFIERS), max_size=8)}
)
# FastEmbed takes any stemmer, those that Snowball has for other languages too.
stemmers = (
    st.none()
    | st.just({"type": "none"})
    | st.sampled_from([name for name in FASTEMBED_LANGUAGES if name != "greek"] + list(EXTRA_STEMMERS)).map(
        lambda name: {"type": "snowball", "language": name}
    )
)


@given(
    texts=st.lists(strategies.texts, min_size=1, max_size=6),
    language=st.sampled_from(FASTEMBED_LANGUAGES),
    options=st.fixed_dictionaries(
        {},
        optional={
            "k": st.floats(0, 10, allow_subnormal=False),
            "b": st.floats(0, 1, allow_subnormal=False),
            "avg_len": st.floats(1, 1000),
            "max_token_len": st.integers(0, 12) | st.just(1000),
            "stopwords": stopword_sets,
            "stemmer": stemmers,
        },
    ),
)
@examples(500)
def test_random_configurations(texts, language, options):
    one = encoder(language=language, **options)
    assert_equal(one, harmless(one.config, texts))


@given(texts=nasty_texts)
@examples(300)
def test_nasty_texts(texts):
    assert_equal(SHARED, texts)


SHARED = encoder()


def test_any_deviation_fails():
    """That a comparison can fail."""
    one = encoder(language="german")
    assert_equal(one, ["die Häuser der Städte"])
    one.config = Bm25Config(dialect="fastembed", language="dutch")  # for the oracle only
    for compare in (assert_documents_equal, assert_queries_equal):
        with pytest.raises(AssertionError, match=r"not FastEmbed's\n.*\noptions: \{'language': 'dutch'"):
            compare(one, ["die Häuser der Städte"])
    one = encoder()
    one.encode_documents(["a cat"])
    one.config = Bm25Config(dialect="fastembed", k=1.3)
    one._document_values = lambda part: np.full(len(part.term_ids), 0.5, np.float32)
    with pytest.raises(AssertionError, match="the document vector is not FastEmbed's"):
        assert_documents_equal(one, ["a cat"])


def test_terms_that_share_an_id():
    """FastEmbed keeps the weight of the later term; ours has that of the sum of the frequencies."""
    alphabet = b"abcdefghijklmnopqrstuvwxyz"
    first, second = (reference.term_with_id(12345, n, alphabet).decode() for n in (0, 10_000))
    assert first != second
    one = encoder(**PLAIN)
    text = f"{first} {second} {second} {first} {first} other"
    assert assert_documents_equal(one, [text, first, second, "other"]) == 1
    assert_queries_equal(one, [text])
    k, b, avg_len = one.config.k, one.config.b, one.config.avg_len
    expected = [reference.document_weight_unfused(tf, 6, k, b, avg_len).item() for tf in (5, 2)]
    for found, weight in zip(
        (one.encode_documents([text]), fastembed_documents(one.config, [text])), expected, strict=True
    ):
        assert found.values[found.indices == 12345].tolist() == [weight]


def test_what_fastembed_itself_yields():
    """Ids in the order of the text, weights in float64, integers for queries; ours are sorted, float32."""
    model = fastembed(Bm25Config(dialect="fastembed"))
    document = next(iter(model.embed(["mango apple zebra mango"])))
    terms = [reference.term_id(term) for term in (b"mango", b"appl", b"zebra")]
    assert document.indices.tolist() == terms != sorted(terms)
    assert document.values.dtype == np.float64
    query = next(iter(model.query_embed("mango apple zebra mango")))
    assert (sorted(query.indices.tolist()), query.values.tolist()) == (sorted(terms), [1, 1, 1])
    assert query.values.dtype == np.int64
    indices, values = encoder().encode_documents(["mango apple zebra mango"])[0]
    assert (indices.tolist(), values.dtype) == (sorted(terms), np.float32)


# What collections made by FastEmbed and by Qdrant disagree in. The table of the docs is made of this.


class Difference(NamedTuple):
    text: str
    qdrant: list[str]
    fastembed: list[str]
    options: Mapping = MappingProxyType({})


DIFFERENCES = {
    "an underscore is part of a word": Difference(
        "snake_case_name", ["snake", "case", "name"], ["snake_case_nam"]
    ),
    "underscores at the ends": Difference("__init__", ["init"], ["__init__"]),
    "underscores alone, but for a single one": Difference("_ __ a", ["a"], ["__", "a"], {"stopwords": {}}),
    "words of more than 40 characters are dropped": Difference("w" * 41 + " ok", ["w" * 41, "ok"], ["ok"]),
    "that is measured before stemming": Difference("x" * 35 + "nesses", ["x" * 35 + "ness"], []),
    "and so is max_token_len": Difference("runnings", ["run"], [], {"max_token_len": 5}),
    "a dotted capital I is split": Difference(
        "İstanbul", ["i\u0307stanbul"], ["i", "stanbul"], {"language": "turkish"}
    ),
    "an empty stem is dropped": Difference("ـ كتاب", ["", "كتاب"], ["كتاب"], {"language": "arabic"}),
    "without a stemmer there are no stopwords": Difference(
        "the running dogs", ["running", "dogs"], ["the", "running", "dogs"], {"stemmer": {"type": "none"}}
    ),
    "vowel signs split, Hindi": Difference("हिन्दी", ["हिन", "दी"], ["ह", "न", "द"]),
    "vowel signs split, Thai": Difference("ที่นี่", ["ที", "นี"], ["ท", "น"]),
    "vowel signs split, Hebrew": Difference("שָׁלוֹם", ["שָׁלוֹם"], ["ש", "לו", "ם"]),
    "vowel signs split, Arabic": Difference("مُحَمَّد", ["محمد"], [], {"language": "arabic"}),
    "letters in circles": Difference("ⓐⓑ abc", ["ⓐⓑ", "abc"], ["abc"]),
    "combining iota": Difference("\u0345b", ["\u0345b"], ["b"]),
    # Letters of Unicode 15 and 16, of which Python 3.11 knows nothing yet; newer Pythons know them.
    "letters newer than Python": Difference("\U0001e4f0 \ua7cbx", ["\U0001e4f0", "ɤx"], ["x"], PLAIN),
}


@pytest.mark.parametrize("name", DIFFERENCES)
@pytest.mark.parametrize("dialect", ["qdrant", "fastembed"])
def test_differences(name, dialect):
    if name == "letters newer than Python" and sys.version_info >= (3, 12):
        pytest.skip("this Python knows one of them")
    case = DIFFERENCES[name]
    expected = getattr(case, dialect)
    config = Bm25Config(dialect=dialect, **case.options)
    ids = sorted({reference.term_id(term.encode()) for term in expected})
    one = Bm25Encoder(config, threads=1)
    counts = one.count_documents([case.text])
    assert sorted(counts.terms[int(id)] for id in counts.term_ids) == sorted(set(expected))
    assert counts.lengths.tolist() == [len(expected)]
    assert one.encode_documents([case.text])[0][0].tolist() == ids
    assert one.encode_query(case.text)[0].tolist() == ids
    if dialect == "qdrant":
        oracle.assert_equal(one, [case.text])
    else:
        assert_equal(one, [case.text])


def test_every_listed_difference_is_one():
    for case in DIFFERENCES.values():
        assert case.qdrant != case.fastembed


def test_the_documented_differences_are_among_these():
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "move-from-fastembed.md").read_text()
    table = page.partition("| what |")[2].partition("\n\n")[0]
    documented = re.findall(r"^\|[^|]*\| `([^`]+)`[^|]*\|", table, re.MULTILINE)
    assert len(documented) > 8
    assert set(documented) <= {case.text for case in DIFFERENCES.values()}


def test_rounding():
    """Qdrant fuses a multiplication and an addition, FastEmbed rounds after each: rarely another float32."""
    options = {"k": 2.144421503813383, "b": 0.7365746571732775, "avg_len": 17.3, **PLAIN}
    text = "term " * 6 + "other " * 38
    weights = {}
    for dialect in ("qdrant", "fastembed"):
        one = Bm25Encoder(Bm25Config(dialect=dialect, **options), threads=1)
        found = dict(zip(*(array.tolist() for array in one.encode_documents([text])[0]), strict=True))
        weights[dialect] = found[reference.term_id(b"term")]
        (oracle.assert_documents_equal if dialect == "qdrant" else assert_documents_equal)(one, [text])
    assert weights == {"qdrant": 1.782857060432434, "fastembed": 1.7828571796417236}


def test_with_ordinary_parameters_the_weights_are_the_same():
    """With k, b and the mean length at their defaults, rounding tells none of these apart."""
    frequencies, lengths = range(1, 40), range(1, 600)
    for tf in frequencies:
        for length in lengths[tf - 1 :: 7]:
            fused = reference.document_weight(tf, length, 1.2, 0.75, 256.0)
            assert fused == reference.document_weight_unfused(tf, length, 1.2, 0.75, 256.0)


def test_armenian_is_not_among_fastembeds_languages():
    with pytest.raises(Bm25ConfigError, match="has no Armenian stemmer"):
        Bm25Config(dialect="fastembed", language="armenian")
    with pytest.raises(ValueError, match="armenian"):
        FastEmbedBm25("Qdrant/bm25", language="armenian")


def test_what_is_no_word_to_python():
    """`\\w` is that of the running Python, which FastEmbed's is too."""
    one = encoder(**PLAIN)
    text = " ".join(f"a{c}b" for c in NOTABLE if not c.isspace())
    found = {tuple(re.findall(r"\w+", part.lower())) for part in text.split(" ")}
    ids = {reference.term_id(term.encode()) for terms in found for term in terms if len(term) <= 40}
    assert set(one.encode_query(text)[0].tolist()) == ids
