"""Hypothesis strategies: whole configurations, and texts that the options make a difference to."""

from __future__ import annotations

from hypothesis import strategies as st

from bm25 import Bm25Config
from bm25.analysis.languages import STEMMER_LANGUAGES, STOPWORD_LANGUAGES

TOKENIZERS = ("word", "whitespace", "prefix", "code")
"""Those whose terms are ours; the fifth, `multilingual`, is the engine itself."""

# Inflected words, stopwords among them, of every language with a stemmer or a list.
_INFLECTED = """
the running Generously skies don't والكتاب المكتبات كتابهم الذي գրքերը երեխաները մեծագույն huse
bøgerne hverdagens arbejderne boeken mogelijkheden vrijheid de talossa kirjoittaminen
järjestelmällä ja continuellement l'amitié chevaux été Häuser Straße weiß größte und οι άνθρωποι
ΆΝΘΡΩΠΟΣ Οδός και házakban gyermekeinknek és dell'acqua perché abbandonarono il på bøkene
frihetens og às ações construções não copiii frumoasă și книгами бежавшего Ёлка и canciones
dándoselo años el vägarna friheter och மரங்கள் வந்தான் அவர்களுக்கு evlerimizden İSTANBUL ışık ve
kitabların və etxeak eta বইগুলি এবং llibres els 学习 的 הספרים של hai aur buku yang 日本語 これ кітаптар
және किताबहरू छ hiše in китобҳо ва ʼn ǅungla ﬀ ẞ Σίσυφος ΣΑΣ σς
"""
WORDS = tuple(_INFLECTED.split())

_IDENTIFIERS = """
getUserName snake_case_name HTTPServer parseHTTPRequest2 utf8Decode ABc URLs URLsFoo URLst IDss foo_barBaz
1_000 0xDEAD_BEEF __init__ _1_2_ ÉcoleÉtéX AB日 SCREAMING_SNAKE camelCase2Go x2Y4 IOError getHTTPSUrl aB Ab
ΑβΓδ ПриветМир_ещёРаз ǅungla_ǅX Ⅷth ⅷX ªB ßS ÀÉs ŁódźS İstanbulI ſTart 日本Go한국Ko ABCs_DEFs x² X²Y a١B _ __
"""
IDENTIFIERS = tuple(_IDENTIFIERS.split())

# Characters at which some rule turns: sigma and its neighbours, dotted I, joiners, combining marks,
# tatweel, NUL, emoji, right-to-left marks, unusual spaces, letters that only folding touches.
SPECIAL = (
    "ΣσςİıIiKÅſß'’.:·^`ªᵃʰͅⅷⓐ\u00ad\u0301\u0307\u0345\u034f\u200b\u200c\u200d\u200e\u200f\u202e\u2060"
    "\ufe0f\ufeffـ\u064b\u0670ة\0\x01\x1c\x1d\x1e\x1f\x7f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"
    "😀👩🏽\U000e0020𝒜𞤀𐐀ǅﬃÆøŁĳ½²Ⅻ①々ーｱ한गि்்ം_-1٣\u0903\U0001e900\uffff\ufffe\ufdd0\ufffd\U0010ffff\ue000"
)
SEPARATORS = (
    " ",
    "\n",
    "\t",
    "\r\n",
    "\v",
    "\f",
    ", ",
    ". ",
    "-",
    "_",
    "\u2003",
    "\u3000",
    "\x85",
    "\0",
    "'",
)

characters = st.characters(exclude_categories=["Cs"])

_pieces = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(WORDS).map(str.upper),
    st.sampled_from(WORDS).map(str.title),
    st.sampled_from(IDENTIFIERS),
    st.text("aAsSzZ_09éÉσΣǅ²", max_size=8),
    st.sampled_from(SPECIAL),
    st.sampled_from(SEPARATORS),
    st.text(characters, max_size=4),
)

texts = st.one_of(
    st.lists(_pieces, max_size=20).map("".join),
    st.lists(st.sampled_from(SPECIAL + "aA1 "), max_size=24).map("".join),
    st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join),
    st.text(characters, max_size=40),
)

_stopword_words = st.one_of(st.sampled_from(WORDS), st.sampled_from(SPECIAL), texts)

stopwords = st.one_of(
    st.none(),
    st.sampled_from(STOPWORD_LANGUAGES),
    st.just({}),
    st.fixed_dictionaries(
        {},
        optional={
            "languages": st.lists(st.sampled_from(STOPWORD_LANGUAGES), max_size=4),
            "custom": st.lists(_stopword_words, max_size=8),
        },
    ),
)

stemmers = st.one_of(
    st.none(),
    st.just({"type": "none"}),
    st.sampled_from(STEMMER_LANGUAGES).map(lambda name: {"type": "snowball", "language": name}),
)

_lengths = st.one_of(st.integers(0, 12), st.sampled_from([0, 1, 1000, 2**31 - 1]))


@st.composite
def _length_limits(draw):
    shortest, longest = draw(st.none() | _lengths), draw(st.none() | _lengths)
    if shortest is not None and longest is not None and shortest > longest:
        shortest, longest = longest, shortest
    return {"min_token_len": shortest, "max_token_len": longest}


@st.composite
def configs(draw):
    """A configuration with every option drawn, all that Qdrant has an equivalent of."""
    numbers = {
        "k": st.one_of(
            st.floats(0, 10), st.floats(0, allow_infinity=False), st.sampled_from([0.0, 1.2, 1e12])
        ),
        "b": st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.75, 1.0])),
        "avg_len": st.one_of(
            st.floats(1, 1000),
            st.floats(0, exclude_min=True, allow_infinity=False),
            st.sampled_from([256.0, 1.0]),
        ),
    }
    return Bm25Config(
        **{name: draw(strategy) for name, strategy in numbers.items()},
        tokenizer=draw(st.sampled_from(TOKENIZERS)),
        language=draw(st.sampled_from(STOPWORD_LANGUAGES)),
        lowercase=draw(st.booleans()),
        ascii_folding=draw(st.booleans()),
        stopwords=draw(stopwords),
        stemmer=draw(stemmers),
        **draw(_length_limits()),
    )
