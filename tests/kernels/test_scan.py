import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels.scan import BATCH, PADDING
from bm25.kernels.table import MANY, NEW
from tests import reference
from tests.conftest import REDUCED
from tests.kernels.helpers import MODES, Numbers, Table, scan_texts
from tests.strategies import LENGTHS, examples, nasty_bytes, nasty_text

modes = pytest.mark.parametrize("mode", MODES)

SEPARATOR = {"word": b"_", "whitespace": b"\t", "identifier": b"-", "multilingual": b"\0"}


def check(texts, mode, numbers=None, **options):
    """Assert that a scan finds the forms that the twin finds; return it."""
    numbers = numbers if numbers is not None else Numbers()
    result = scan_texts(texts, mode, resolve=numbers, **options)
    forms = [[form for form in reference.forms(text, mode) if not numbers.dropped(form)] for text in texts]
    assert result.references == [[numbers.of(form) for form in document] for document in forms]
    listed = [form for batch in result.new_forms for form in batch]
    assert {form for document in forms for form in document} <= set(listed) | set(numbers.numbers)
    return result


@modes
@given(texts=st.lists(nasty_bytes, max_size=6))
@examples(80)
def test_random_bytes_against_the_twin(mode, texts):
    check(texts, mode)


@modes
@given(texts=st.lists(nasty_text.map(str.encode), max_size=8), before=st.integers(0, 63))
@examples(60)
def test_nasty_text_against_the_twin(mode, texts, before):
    check(texts, mode, before=b"q" * before, between=b"z")


@modes
@given(
    texts=st.lists(nasty_bytes, min_size=1, max_size=5),
    room=st.integers(1, 4),
    room_bytes=st.sampled_from([PADDING + 2, PADDING + 10, 300]),
    slots=st.sampled_from([1, 2, 64]),
)
@examples(60)
def test_a_tiny_list_of_new_forms_is_filled_again_and_again(mode, texts, room, room_bytes, slots):
    numbers = Numbers()
    result = check(texts, mode, numbers, room=room, room_bytes=room_bytes, slots=slots)
    assert all(len(batch) <= room for batch in result.new_forms)


@modes
def test_it_resumes_inside_a_text_and_learns_meanwhile(mode):
    words = [f"w{i}".encode() for i in range(300)]
    text = SEPARATOR[mode].join(words + words[::-1] + words)
    numbers, table = Numbers(), Table(bits=10)
    result = check([b"first", text, text, b"last"], mode, numbers, learn=table, room=7)
    listed = [form for batch in result.new_forms for form in batch]
    assert len(listed) == len(set(listed)) == 302
    assert len(result.new_forms) == -(-302 // 7)
    again = check([text], mode, numbers, table=table)
    assert again.new_forms == []


def test_a_form_is_listed_once_however_often_it_comes():
    result = check([b"a b a b c a", b"c b a"], "word")
    assert result.new_forms == [[b"a", b"b", b"c"]]
    assert result.raw[0] == [NEW, NEW + 1, NEW, NEW + 1, NEW + 2, NEW]


def test_numbers_of_new_forms_go_on_after_those_resolved():
    result = check([b"a b c d a"], "word", room=2)
    assert result.new_forms == [[b"a", b"b"], [b"c", b"d"], [b"a"]]
    assert result.raw == [[NEW, NEW + 1, NEW + 2, NEW + 3, NEW + 4]]


@modes
def test_forms_of_every_length_at_every_alignment(mode):
    separator = SEPARATOR[mode]
    places = range(64) if not REDUCED else (0, 1, 31, 62, 63)
    texts = [separator * place + bytes([97 + length % 26]) * length for place in places for length in LENGTHS]
    check(texts, mode)
    check([text + separator for text in texts], mode)


@modes
def test_texts_of_every_length_next_to_one_another(mode):
    # Nothing lies between two texts, and a letter on either side must not join the token.
    lengths = [*range(0, 200 if not REDUCED else 70)]
    check([b"x" * length for length in lengths], mode)
    check([(b"ab" + SEPARATOR[mode]) * length for length in lengths], mode, before=b"q")


@modes
@pytest.mark.parametrize("gap", [1, 2, 61, 62, 63, 64, 65, 127, 128, 129])
def test_separators_in_runs_around_the_size_of_a_block(mode, gap):
    separator = SEPARATOR[mode] * gap
    texts = [
        separator,
        b"a" + separator,
        separator + b"a",
        b"a" + separator + b"b",
        separator.join([b"ab"] * 70),
    ]
    check(texts, mode)


@modes
@pytest.mark.parametrize(
    "tokens", [1, BATCH - 36, BATCH - 35, BATCH - 34, BATCH - 33, BATCH - 2, BATCH, BATCH + 1]
)
def test_more_tokens_than_a_batch_holds(mode, tokens):
    words = [b"%d" % (i % 97) for i in range(tokens)]
    dense = [b"a"] * tokens
    for text in (words, dense, [*dense, b"b" * 300, *dense]):
        joined = SEPARATOR[mode].join(text)
        for place in (0, 1, 63):
            check([SEPARATOR[mode] * place + joined], mode)


@modes
def test_a_token_that_is_open_at_the_edge_of_a_batch(mode):
    # The scratch fills in the block in which a long token starts, or ends.
    separator = SEPARATOR[mode]
    for tail in (64, 100, 1000):
        for tokens in range(BATCH - 40, BATCH + 1, 1 if not REDUCED else 20):
            check([(b"a" + separator) * tokens + b"b" * tail + separator + b"c"], mode)


@modes
@pytest.mark.parametrize("first", range(0, 33, 1 if not REDUCED else 3))
def test_the_fullest_blocks_find_room_whatever_came_before(mode, first):
    # A block has at most 32 tokens; here the batch ends after any number of them.
    separator = SEPARATOR[mode]
    block = ((b"a" + separator) * first).ljust(64, separator)
    check([block + (b"b" + separator) * (BATCH + 40)], mode)


@modes
def test_texts_of_several_megabytes(mode):
    size = 2_000_000 if not REDUCED else 20_000
    rng = np.random.default_rng(3)
    alphabet = np.frombuffer(b"abcdefgh \t-_\xc3\xa9" + b"ijklmnopqrstuvw" * 3, np.uint8)
    text = alphabet[rng.integers(0, len(alphabet), size)].tobytes()
    check([b"before", text, text[: size // 4], b"after"], mode, room=1 << 15, room_bytes=1 << 20)


@modes
def test_a_token_of_a_megabyte(mode):
    size = 1 << 20 if not REDUCED else 5000
    token = b"x" * (size - 3) + b"\xc3\xa9y"
    texts = [token, b"a " + token + b" b", token[:-1], token]
    result = check(texts, mode, room_bytes=1000)
    assert result.references[0] == result.references[3] != result.references[2]


@modes
@given(texts=st.lists(nasty_bytes, max_size=5))
@examples(50)
def test_dropped_forms_leave_no_reference(mode, texts):
    numbers, table = Numbers(dropped=lambda form: len(form) % 2 == 0), Table(bits=10)
    check(texts, mode, numbers, learn=table)
    result = check(texts, mode, numbers, table=table)
    assert result.raw == result.references


def test_references_to_lists_are_passed_on():
    table = Table()
    table.add([b"a", b"b"], [MANY + 3, 9])
    result = scan_texts([b"b a c"], "word", table=table, resolve=lambda new: [1] * len(new))
    assert result.raw == [[9, MANY + 3, NEW]]


def test_no_texts_and_texts_without_tokens():
    assert check([], "word").raw == []
    assert check([b"", b" ", b"", b"--", b""], "word").raw == [[]] * 5


def test_state_tells_the_size_that_a_long_form_needs():
    # `scan_texts` makes the list as large as it is told, and checks that more was needed.
    check([b"a " + b"b" * 5000 + b" c " + b"d" * 9000], "word", room_bytes=PADDING + 8)
