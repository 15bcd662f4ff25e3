"""Fixed texts with their vectors written out: what an index holds today must be found tomorrow.

Unlike the other tests of parity these hold without the engine, and whatever the engine becomes.
"""

import numpy as np
import pytest

from bm25 import Bm25Config, Bm25Encoder
from tests.oracle import assert_equal, oracle

# options, text, the document's vector, and the ids of the query's vector if they are others
CASES = {
    "english defaults": (
        {},
        "The quick brown foxes were jumping over the lazy dogs; the dogs didn't care.",
        {
            226376294: 1.656470537185669,
            741580288: 1.656470537185669,
            771291085: 1.656470537185669,
            1312749093: 1.8899328708648682,
            1551089265: 1.656470537185669,
            1621867415: 1.656470537185669,
            1913189942: 1.656470537185669,
        },
        None,
    ),
    "german": (
        {"language": "german"},
        "Die Häuser an der Straße: größte Freiheit für alle Straßen!",
        {
            18554856: 1.6697301864624023,
            311696062: 1.6697301864624023,
            1620730712: 1.6697301864624023,
            1962405504: 1.898533582687378,
        },
        None,
    ),
    "german-folding": (
        {"language": "german", "ascii_folding": True},
        "Die Häuser an der Straße: größte Freiheit für alle Straßen!",
        {
            18554856: 1.6652867794036865,
            311696062: 1.6652867794036865,
            1620730712: 1.6652867794036865,
            1752542484: 1.6652867794036865,
            1962405504: 1.895658016204834,
        },
        None,
    ),
    "french whitespace": (
        {"language": "french", "tokenizer": "whitespace"},
        "L'amitié dure continuellement, l'amitié des\xa0chevaux",
        {
            4113582: 1.6697301864624023,
            367697797: 1.6697301864624023,
            544817090: 1.898533582687378,
            957243651: 1.6697301864624023,
        },
        None,
    ),
    "russian": (
        {"language": "russian", "k": 0.9, "b": 0.4, "avg_len": 151.4},
        "Книги бежали за книгами, а книга читала Ёлку",
        {
            579379043: 1.22244131565094,
            617770944: 1.22244131565094,
            1650306798: 1.6037062406539917,
            2065866318: 1.22244131565094,
        },
        None,
    ),
    "greek": (
        {"language": "greek"},
        "ΟΔΥΣΣΕΥΣ και οι ΆΝΘΡΩΠΟΙ της θάλασσας",
        {
            809598673: 1.6741974353790283,
            1109272307: 1.6741974353790283,
            1660997172: 1.6741974353790283,
            1959546223: 1.6741974353790283,
        },
        None,
    ),
    "turkish": (
        {"language": "turkish"},
        "İSTANBUL'da evlerimizden ışıklar, evler ve IŞIK",
        {
            954164472: 1.898533582687378,
            1467803446: 1.6697301864624023,
            1534118984: 1.6697301864624023,
            2095485982: 1.6697301864624023,
        },
        None,
    ),
    "arabic": (
        {"language": "arabic"},
        "والكتاب في المكتبات ـ كتابهم",
        {
            0: 1.6741974353790283,
            554614560: 1.6741974353790283,
            1808354261: 1.6741974353790283,
            1863414707: 1.6741974353790283,
        },
        None,
    ),
    "tamil": (
        {"stopwords": {}, "stemmer": {"type": "snowball", "language": "tamil"}},
        "மரங்கள் மரம் வந்தான் அவர்களுக்கு",
        {
            1522113094: 1.656470537185669,
            1573301833: 1.656470537185669,
            1665532892: 1.656470537185669,
            1855349751: 1.656470537185669,
            1998640886: 1.656470537185669,
            2019304683: 1.656470537185669,
            2043297161: 1.656470537185669,
            2135049120: 1.656470537185669,
        },
        None,
    ),
    "armenian": (
        {"stopwords": {"custom": ["և"]}, "stemmer": {"type": "snowball", "language": "armenian"}},
        "գրքերը և երեխաները գրքեր",
        {
            816185530: 1.6786885261535645,
            1924530473: 1.6786885261535645,
            2129669578: 1.6786885261535645,
        },
        None,
    ),
    "japanese": (
        {"language": "japanese"},
        "これ は 日本語 の 文章 です 日本語",
        {
            411188944: 1.6786885261535645,
            1515949417: 1.9043110609054565,
        },
        None,
    ),
    "lengths": (
        {
            "min_token_len": 3,
            "max_token_len": 5,
            "stopwords": {"languages": ["english"], "custom": ["Fox"]},
            "stemmer": {"type": "none"},
        },
        "A fox and an ox ran: ran, running, run 12345 123456 ❤ naïve",
        {
            243905464: 1.6697301864624023,
            329585043: 1.6697301864624023,
            567658162: 1.898533582687378,
            992511445: 1.6697301864624023,
        },
        None,
    ),
    "as is": (
        {
            "lowercase": False,
            "tokenizer": "whitespace",
            "stopwords": {},
            "stemmer": {"type": "none"},
            "b": 0.0,
            "k": 2.0,
        },
        "To be, or not to be: To be\u3000OR NOT 🙂 \x00",
        {
            80677311: 1.0,
            117848935: 1.0,
            152217691: 1.0,
            553938707: 1.0,
            572399988: 1.0,
            1042440291: 1.0,
            1364076727: 1.0,
            1480764286: 1.0,
            1937781495: 1.0,
            1961197897: 1.0,
            2043613733: 1.5,
        },
        [
            80677311,
            117848935,
            152217691,
            553938707,
            572399988,
            1042440291,
            1480764286,
            1937781495,
            1961197897,
            2043613733,
        ],
    ),
    "saturation": (
        {"k": 3.7, "b": 1.0, "avg_len": 7.5},
        "buffalo buffalo buffalo buffalo buffalo buffalo buffalo buffalo buffalo bison",
        {
            362681647: 3.0358850955963135,
            429338383: 0.7921348214149475,
        },
        None,
    ),
    "prefix": (
        {"tokenizer": "prefix"},
        "The ran: té 日本 a",
        {
            104613667: 1.6608669757843018,
            567658162: 1.6608669757843018,
            847041780: 1.6608669757843018,
            897065139: 1.6608669757843018,
            992347838: 1.6608669757843018,
            1411444746: 1.6608669757843018,
            1553167345: 1.6608669757843018,
        },
        [567658162, 847041780, 992347838, 1009084850, 1132748958],
    ),
    "prefix with limits": (
        {"tokenizer": "prefix", "min_token_len": 2, "max_token_len": 4, "language": "german"},
        "Die Häuser an der Straße, ÄÖ x",
        {
            18554856: 1.6608669757843018,
            373398316: 1.6608669757843018,
            443994268: 1.6608669757843018,
            1093038971: 1.6608669757843018,
            1717549479: 1.6608669757843018,
            1844041627: 1.6608669757843018,
            2092604586: 1.6608669757843018,
        },
        [18554856, 373398316, 408270109, 520427161, 1109731834, 2092604586],
    ),
    "code": (
        {"tokenizer": "code"},
        "getUserName(snake_case_name) HTTPServer2 URLs 0xDEAD_BEEF __init__ the ÉtéX",
        {
            68653346: 1.6179258823394775,
            487292756: 1.6179258823394775,
            580887246: 1.6179258823394775,
            609270800: 1.8645919561386108,
            627257894: 1.6179258823394775,
            729405235: 1.6179258823394775,
            730744740: 1.6179258823394775,
            865297935: 1.6179258823394775,
            884471572: 1.6179258823394775,
            997012898: 1.6179258823394775,
            1050319643: 1.6179258823394775,
            1317935926: 1.6179258823394775,
            1384642954: 1.6179258823394775,
            1482859905: 1.6179258823394775,
            1706537602: 1.6179258823394775,
            1785447155: 1.6179258823394775,
        },
        None,
    ),
    "code as it is": (
        {"tokenizer": "code", "lowercase": False, "stopwords": {}, "stemmer": {"type": "none"}},
        "getUserName = HTTPServer::snake_case_Name[1_000] # IDsFoo",
        {
            115446041: 1.643419861793518,
            439896574: 1.643419861793518,
            580887246: 1.643419861793518,
            636461959: 1.881409764289856,
            729405235: 1.643419861793518,
            940395164: 1.643419861793518,
            997012898: 1.643419861793518,
            1319662467: 1.643419861793518,
            1875898635: 1.643419861793518,
            1932800090: 1.643419861793518,
        },
        None,
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def test_documents(case):
    options, text, vector, _ = case
    vectors = Bm25Encoder(Bm25Config(**options)).encode_documents([text])
    assert vectors.indices.dtype == np.uint32
    assert vectors.values.dtype == np.float32
    assert vectors.indices.tolist() == list(vector)
    # As Python prints the float32 in float64: all its bits.
    assert list(map(repr, vectors.values.tolist())) == list(map(repr, vector.values()))


def test_queries(case):
    options, text, vector, query = case
    ids = query if query is not None else list(vector)
    encoder = Bm25Encoder(Bm25Config(**options))
    for indices, values in (encoder.encode_query(text), encoder.encode_queries([text])[0]):
        assert (indices.dtype, values.dtype) == (np.uint32, np.float32)
        assert indices.tolist() == ids
        assert values.tolist() == [1.0] * len(ids)


def test_the_oracle(case):
    options, text, vector, query = case
    engine = oracle(Bm25Config(**options))
    document = engine.embed_document(text)
    assert dict(zip(document.indices, document.values, strict=True)) == vector
    assert engine.embed_query(text).indices == (query if query is not None else list(vector))
    assert_equal(Bm25Encoder(Bm25Config(**options)), [text])


@pytest.mark.parametrize(
    ("term", "term_id"),
    [("a", 1009084850), ("hello", 613153351), ("ä", 2117259732), ("\U0001f600", 1095487750)],
)
def test_term_ids(term, term_id):
    config = Bm25Config(tokenizer="whitespace", stopwords={}, stemmer={"type": "none"})
    assert Bm25Encoder(config).encode_query(term)[0].tolist() == [term_id]
    assert Bm25Encoder(config).encode_documents([term])[0][0].tolist() == [term_id]
    assert oracle(config).embed_query(term).indices == [term_id]


def test_largest_term_id():
    """The id of the hash -2**31 does not fit 31 bits."""
    config = Bm25Config(stopwords={}, stemmer={"type": "none"})
    assert Bm25Encoder(config).encode_documents(["ad1u66pi"])[0][0].tolist() == [2**31]
    assert_equal(Bm25Encoder(config), ["ad1u66pi", "a ad1u66pi b"])
