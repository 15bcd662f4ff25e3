import numpy as np
import pytest
import qdrant_edge
from hypothesis import given
from hypothesis import strategies as st

from bm25.hashing import term_id
from bm25.kernels.murmur import term_ids_of_lines
from tests import reference
from tests.kernels.helpers import call
from tests.strategies import LENGTHS, examples, nasty_text

# (term, murmur3_x86_32 with seed 0): published values, and the shortest terms worked out elsewhere.
KNOWN = [
    (b"", 0x00000000),
    (b"test", 0xBA6BD213),
    (b"Hello, world!", 0xC0363E43),
    (b"The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    (b"aaaa", 0x7EEED987),
    (b"hello", 0x248BFA47),
    (b"hello, world", 0x149BBB7F),
    (b"abc", 0xB3DD93FA),
]


def ids_of(terms):
    """Term ids by the kernel; bytes beyond the last term must not matter."""
    lines = b"\n".join(terms)
    ids = np.full(len(terms), 0xDEAD, np.uint32)
    call(term_ids_of_lines, np.frombuffer(lines + b"\xff" * 8, np.uint8), len(lines), ids)
    return ids.tolist()


@pytest.mark.parametrize(("term", "hashed"), KNOWN)
def test_published_hashes(term, hashed):
    expected = hashed if hashed <= 2**31 else 2**32 - hashed
    assert ids_of([term]) == [expected]
    assert term_id(term.decode()) == expected
    assert reference.term_id(term) == expected


def test_pinned_ids():
    # An index holds these numbers: they can never change.
    words = ["hello", "world", "straße", "ρ", "中文", "😀", "a", ""]
    assert ids_of([word.encode() for word in words]) == PINNED
    assert [term_id(word) for word in words] == PINNED


PINNED = [613153351, 74040069, 2095602437, 704011452, 618237545, 1095487750, 1009084850, 0]


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"")), min_size=1, max_size=20))
@examples(200)
def test_lines_against_the_twin(terms):
    assert ids_of(terms) == [reference.term_id(term) for term in terms]


@given(nasty_text)
@examples(200)
def test_plain_python_against_the_twin(text):
    assert term_id(text) == reference.term_id(text.encode())


def test_every_length():
    terms = [
        bytes(range(128, 256))[:length] * 1 + b"x" * max(0, length - 128) for length in [*range(70), *LENGTHS]
    ]
    assert ids_of(terms) == [reference.term_id(term) for term in terms]


ALPHABET = bytes(range(33, 127))


@pytest.mark.parametrize("wanted", [0, 1, 2, 2**31 - 1, 2**31, 12345])
def test_the_whole_range_of_ids_is_reached(wanted):
    terms = [reference.term_with_id(wanted, number, ALPHABET) for number in (0, 10**6)]
    assert ids_of(terms) == [wanted, wanted]
    assert [term_id(term.decode()) for term in terms] == [wanted, wanted]
    engine = qdrant_edge.Bm25(
        qdrant_edge.Bm25Config(
            tokenizer=qdrant_edge.TokenizerType.Whitespace,
            lowercase=False,
            stopwords=qdrant_edge.StopwordsSet(),
            stemmer=qdrant_edge.DisabledStemmer(),
        )
    )
    assert engine.embed_query(terms[0].decode()).indices == [wanted]
