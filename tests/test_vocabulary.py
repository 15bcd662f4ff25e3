import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder
from bm25.analysis.analyzer import Analyzer
from bm25.analysis.languages import STEMMER_LANGUAGES
from bm25.counter import NEW_FORMS, SurfaceFormCounter
from bm25.errors import EncoderInUseError
from bm25.inputs import as_arrow
from bm25.kernels.table import DROPPED, ENTRY, MANY, MAX_ID, PROBE_LIMIT, SIDE
from bm25.vocabulary import LONGEST_FORM, IdLists, SideTable, Vocabulary
from tests import reference
from tests.conftest import REDUCED
from tests.kernels.helpers import Table, lines_of
from tests.oracle import assert_equal
from tests.strategies import examples, nasty_texts

BARE = Bm25Config(lowercase=False, stopwords={}, stemmer={"type": "none"})
ENGLISH = Bm25Config()


def vocabulary(config=BARE, **options):
    return Vocabulary(Analyzer(config, "document"), **options)


def resolve(vocabulary, forms, side=None):
    lines, ends = lines_of(forms)
    with np.errstate(over="ignore"):
        return vocabulary.resolve(lines, ends, side if side is not None else SideTable()).tolist()


def ids_of(reference_, vocabulary, side):
    """The term ids that a reference stands for."""
    if reference_ == DROPPED:
        return []
    if reference_ <= MAX_ID:
        return [reference_]
    lists, number = (
        (side.lists, reference_ - SIDE) if reference_ >= SIDE else (vocabulary.lists, reference_ - MANY)
    )
    ends, ids = lists.arrays
    return ids[ends[number - 1] if number else 0 : ends[number]].tolist()


def kept(vocabulary, forms):
    """The references that a scan finds for forms, None where it finds none."""
    table = Table()
    table.table, table.shift, table.arena = vocabulary.snapshot
    return table.lookup(forms)


def counter_of(vocabulary, threads=1):
    return SurfaceFormCounter(vocabulary, threads)


def counted(counter, texts):
    with np.errstate(over="ignore"):
        built = counter.count(as_arrow(texts))
    return built.indptr.tolist(), built.term_ids.tolist(), built.values.tolist(), built.lengths.tolist()


def expected_counts(texts):
    """Counts under BARE, for texts of ASCII words."""
    return reference.counts(
        [[reference.term_id(f) for f in reference.forms(t.encode(), "word")] for t in texts]
    )


def footprint(vocabulary):
    """Everything a vocabulary holds that could grow."""
    ends, ids = vocabulary.lists.arrays
    table, _, arena = vocabulary.snapshot
    blocks = vocabulary.index.blocks
    return {
        "forms": vocabulary.form_count,
        "blocks": len(blocks),
        "terms": sum(len(block.ids) for block in blocks),
        "lists": len(ends) + len(ids),
        "table": len(table),
        "arena": len(arena),
    }


# Resolving


def test_what_forms_mean():
    words, side = vocabulary(ENGLISH), SideTable()
    forms = ["running", "the", "RUN", "ära·öd", "·", "x" * 300, "x" * 300 + "·ab"]
    references = resolve(words, [form.encode() for form in forms], side)
    run = reference.term_id(b"run")
    assert references[:3] == [run, DROPPED, run]
    assert ids_of(references[3], words, side) == [reference.term_id(t.encode()) for t in ("ära", "öd")]
    assert references[3] == MANY
    assert references[4] == DROPPED
    assert references[5] == reference.term_id(b"x" * 300)
    assert references[6] == SIDE
    assert ids_of(SIDE, words, side) == [reference.term_id(b"x" * 300), reference.term_id(b"ab")]
    assert words.form_count == 5
    assert kept(words, [form.encode() for form in forms]) == [*references[:5], None, None]
    assert [block.lines for block in words.index.blocks] == ["run\nrun\nära\nöd".encode()]
    assert [block.lines for block in side.blocks] == [b"\n".join([b"x" * 300] * 2 + [b"ab"])]


def test_forms_known_already_are_resolved_alike_and_counted_once():
    words = vocabulary()
    forms = [b"one", b"two", "a·b".encode(), "c·d".encode(), "a…b".encode()]
    first = resolve(words, forms)
    assert first == resolve(words, forms) == resolve(words, forms[::-1])[::-1]
    assert words.form_count == len(forms)
    # Equal lists are one.
    assert first[2] == first[4] != first[3]
    assert len(words.lists.arrays[0]) == 2


def test_invalid_utf8_leaves_nothing_behind():
    words = vocabulary()
    before = footprint(words)
    with pytest.raises(UnicodeDecodeError):
        resolve(words, [b"fine", b"\xff"])
    assert footprint(words) == before
    assert not words.lock.locked()


def test_an_error_in_the_analysis_leaves_no_lock_held(monkeypatch):
    words = vocabulary()

    def fail(text):
        raise MemoryError

    monkeypatch.setattr(words.analyzer, "analyze", fail)
    with pytest.raises(MemoryError):
        resolve(words, [b"a"])
    assert not words.lock.locked()


@pytest.mark.parametrize("length", [1, 8, 16, 17, 24, 25, LONGEST_FORM - 1, LONGEST_FORM, LONGEST_FORM + 1])
def test_forms_up_to_the_longest_are_kept(length):
    words = vocabulary()
    form = b"f" * length
    (found,) = resolve(words, [form])
    assert found == reference.term_id(form)
    assert kept(words, [form]) == ([found] if length <= LONGEST_FORM else [None])


@given(nasty_texts)
@examples(50)
def test_tables_of_one_form_and_of_very_many_give_the_same(texts):
    tiny, large = (counter_of(vocabulary(ENGLISH, max_forms=n)) for n in (0, 1 << 20))
    for _ in range(2):
        assert counted(tiny, texts) == counted(large, texts)
    assert tiny.vocabulary.form_count == 0


# Growth


def test_the_table_and_its_arena_grow_and_lose_nothing():
    words = vocabulary()
    size = 40_000 if not REDUCED else 300
    forms = [b"form%d" % i if i % 3 else b"a form of more than twenty-four bytes %d" % i for i in range(size)]
    forms = [form.replace(b" ", b"_") for form in forms]
    before = footprint(words)
    for start in range(0, size, size // 7):
        resolve(words, forms[start : start + size // 7])
    assert words.form_count == size
    assert kept(words, forms) == [reference.term_id(form) for form in forms]
    if not REDUCED:
        after = footprint(words)
        assert after["table"] > before["table"]
        assert after["arena"] > before["arena"]
        # Half of the slots stay free.
        assert 2 * size <= after["table"] // ENTRY <= 8 * size


def test_readers_go_on_while_the_table_grows():
    size = 60_000 if not REDUCED else 200
    words = vocabulary()
    counter = counter_of(words)
    known = [f"known{i} and a form of some length{i}" for i in range(50)]
    counted(counter, known)
    expected, errors, stop = expected_counts(known), [], threading.Event()

    def read():
        try:
            while not stop.is_set():
                assert counted(counter, known) == expected
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for start in range(0, size, 2000):
        resolve(words, [b"new%d_%s" % (i, b"x" * (i % 40)) for i in range(start, min(size, start + 2000))])
    stop.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert words.form_count >= size


def test_threads_that_resolve_the_same_forms_at_once():
    words = vocabulary()
    forms = [
        f"form{i}".encode() if i % 5 else f"ä{i}·ö{i}".encode() for i in range(3000 if not REDUCED else 30)
    ]
    expected = resolve(vocabulary(), forms)
    results, barrier = {}, threading.Barrier(4)

    def work(i):
        barrier.wait(30)
        side = SideTable()
        order = forms if i % 2 else forms[::-1]
        found = resolve(words, order, side)
        results[i] = [ids_of(r, words, side) for r in (found if i % 2 else found[::-1])]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    other = vocabulary()
    side = SideTable()
    assert [ids_of(r, other, side) for r in resolve(other, forms, side)] == results[0]
    assert results[0] == results[1] == results[2] == results[3]
    assert words.form_count == len(forms)
    assert len(expected) == len(forms)


# Bounds


@pytest.mark.parametrize("limit", [0, 1, 7, 100])
def test_past_the_bound_results_are_exact(limit):
    counter = counter_of(vocabulary(max_forms=limit))
    rng = np.random.default_rng(limit)
    for _ in range(5):
        texts = [" ".join(f"w{i}" for i in rng.integers(0, 500, 60)) for _ in range(20)]
        assert counted(counter, texts) == expected_counts(texts)
    # One list of new forms may go beyond the bound, for the bound is looked at before.
    assert counter.vocabulary.form_count <= limit + NEW_FORMS


def test_the_bound_holds():
    words = vocabulary(max_forms=100)
    for batch in range(50):
        resolve(words, [b"form%d" % i for i in range(batch * 30, batch * 30 + 30)])
    assert 100 <= words.form_count < 130
    assert sum(len(block.ids) for block in words.index.blocks) == words.form_count


def test_once_full_nothing_grows_whatever_comes():
    words = vocabulary(max_forms=50)
    counter = counter_of(words)
    counted(counter, [" ".join(f"first{i}" for i in range(60))])
    before = footprint(words)
    for turn in range(20):
        text = " ".join(f"w{turn}x{i} ä{turn}·{i} {'long' * 30}{turn}{i}" for i in range(30))
        counted(counter, [text, text])
        counted(counter, ["the same again: ö·ü"])
        counted(counter, ["· …", f"{turn}", f"number{turn}"])
    assert footprint(words) == before


def test_once_full_stopwords_do_not_make_it_grow():
    words = vocabulary(ENGLISH, max_forms=0)
    before = footprint(words)
    for _ in range(20):
        resolve(words, [b"the", b"and"])
    assert footprint(words) == before


@pytest.mark.parametrize("language", [None, *STEMMER_LANGUAGES])
@pytest.mark.parametrize("tokenizer", ["word", "whitespace", "code"])
def test_forms_that_end_in_a_digit_against_the_oracle(language, tokenizer):
    # Where analysis would leave them alone, compiled code does not even ask it.
    stemmer = {"type": "none"} if language is None else {"type": "snowball", "language": language}
    encoder = Bm25Encoder(Bm25Config(stemmer=stemmer, tokenizer=tokenizer, stopwords={}), threads=1)
    letters = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789", max_size=10)
    ends = st.sampled_from(["ing", "s", "ation", "ly", "e", "heiten", "mente", "iqU", "yY", "qu", "ée", ""])
    forms = st.builds(
        lambda a, end, digit: f"{a}{end}{digit}", letters, ends, st.sampled_from("0123456789") | letters
    )

    @given(st.lists(forms, max_size=15))
    @examples(25)
    def check(forms):
        assert_equal(encoder, [" ".join(forms), *forms])

    check()


@pytest.mark.parametrize(
    "options",
    [
        {"stopwords": {"custom": ["abc1", "X2", "3"]}},
        {"stopwords": {"custom": ["abc1"]}, "lowercase": False},
        {"min_token_len": 1},
        {"min_token_len": 3},
        {"max_token_len": 3},
        {"lowercase": False},
        {"ascii_folding": True},
        {"language": "danish"},
    ],
    ids=str,
)
def test_options_apply_to_forms_that_end_in_a_digit(options):
    encoder = Bm25Encoder(Bm25Config(**options), threads=1)
    assert_equal(
        encoder, ["abc1 ABC1 x2 X2 3 33 3333 aBcDeF12 running1 ½ x² 1² ä1 é2 a_1 1-2 x11 ll11", "3 3 X2"]
    )


def test_huge_forms_do_not_make_it_grow():
    words = vocabulary()
    counter = counter_of(words)
    counted(counter, ["a b"])
    before = footprint(words)
    for turn in range(10):
        size = 500_000 if not REDUCED else 5000
        counted(counter, [f"{'x' * size}{turn}", f"{'x' * size}{turn}·y"])
    assert footprint(words) == before


def test_a_huge_form_among_small_ones_does_not_reserve_memory_for_it():
    words = vocabulary()
    resolve(words, [b"small", b"x" * 5_000_000])
    assert footprint(words)["arena"] < 1_000_000


def test_forms_crafted_to_collide_do_not_make_it_grow():
    # They find no place in the table, so they are new in every batch.
    words = vocabulary()
    bits = 64 - words.snapshot.shift
    if REDUCED:
        pytest.skip("searching for them takes a compiler")
    crafted = crowded_forms(bits, PROBE_LIMIT + 40)
    text = b" ".join(crafted).decode()
    counter = counter_of(words)
    assert counted(counter, [text, text]) == expected_counts([text, text])
    assert kept(words, crafted).count(None) > 20
    before = footprint(words)
    for _ in range(5):
        assert counted(counter, [text]) == expected_counts([text])
    assert footprint(words) == before


def crowded_forms(bits, count):
    """Forms of (nearly) one slot in a table of 2**bits."""
    size, part = 1_600_000, 2000
    slots = np.empty(size, np.int32)
    table = Table(bits)
    for start in range(0, size, part):
        # A table so sparse that most forms stand in their very slot, and the numbers as references.
        table.table[:] = 0
        assert table.add([b"%07d" % i for i in range(start, start + part)], range(part)) == part
        words = table.table[3::ENTRY]
        taken = np.flatnonzero(words)
        slots[start + (words[taken] & np.uint64(0xFFFFFFFF)).astype(np.int64)] = taken
    chosen = np.flatnonzero(slots == np.argmax(np.bincount(slots)))[:count]
    assert len(chosen) == count
    return [b"%07d" % i for i in chosen]


# Terms


def test_terms_of_what_was_kept():
    words, side = vocabulary(max_forms=3), SideTable()
    ids = resolve(words, [b"one", "two·three".encode(), b"one-", b"never"], side)
    assert dict(words.terms()) == {
        reference.term_id(t): t.decode() for t in (b"one", b"two", b"three", b"one-")
    }
    wanted = np.array(sorted([ids[0], ids[3]]), np.uint32)
    assert dict(words.terms(wanted)) == {ids[0]: "one"}
    assert words.index.blocks == []


def test_terms_grow_with_the_vocabulary_and_are_forgotten_with_it():
    words = vocabulary()
    known = set()
    for batch in range(20):
        forms = [f"form{i}" for i in range(batch * 7, batch * 7 + 10)]
        resolve(words, [form.encode() for form in forms])
        known.update(forms)
        assert set(words.terms().values()) == known
    words._forget()
    assert len(words.terms()) == 0


def test_terms_asked_for_within_the_analysis_are_refused(monkeypatch):
    words = vocabulary()
    monkeypatch.setattr(words.analyzer, "analyze", lambda text: words.terms())
    with pytest.raises(EncoderInUseError, match="asks the encoder that it is part of for terms"):
        resolve(words, [b"a"])
    assert not words.lock.locked()
    assert len(words.terms()) == 0


def test_terms_asked_for_by_threads_while_others_add_some():
    words = vocabulary()
    size, errors, stop = 3000 if not REDUCED else 60, [], threading.Event()
    resolve(words, [b"first"])
    first = np.array([reference.term_id(b"first")], np.uint32)

    def ask():
        try:
            while not stop.is_set():
                assert dict(words.terms(first)) == {first[0]: "first"}
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=ask) for _ in range(3)]
    for reader in readers:
        reader.start()
    for start in range(0, size, 20):
        resolve(words, [b"form%d" % i for i in range(start, start + 20)])
    stop.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert set(words.terms().values()) == {"first", *(f"form{i}" for i in range(size))}


# Lists of ids


@given(st.lists(st.lists(st.lists(st.integers(0, MAX_ID), min_size=2, max_size=4), max_size=5), max_size=5))
@examples(50)
def test_lists_are_numbered_and_published(batches):
    lists, known = IdLists(), {}
    for batch in batches:
        for ids in batch:
            number = lists.number(np.array(ids, np.uint32).tobytes())
            assert number == known.setdefault(tuple(ids), number)
        lists.publish()
        ends, ids = lists.arrays
        assert (ends.dtype, ids.dtype) == (np.int64, np.uint32)
        assert len(ends) == len(known)
        for expected, number in known.items():
            assert tuple(ids[ends[number - 1] if number else 0 : ends[number]].tolist()) == expected


def test_published_arrays_do_not_change():
    lists = IdLists()
    lists.number(np.array([1, 2], np.uint32).tobytes())
    lists.publish()
    ends, ids = lists.arrays
    lists.number(np.array([3, 4, 5], np.uint32).tobytes())
    assert lists.arrays[0] is ends
    lists.publish()
    assert (ends.tolist(), ids.tolist()) == ([2], [1, 2])
    assert [array.tolist() for array in lists.arrays] == [[2, 5], [1, 2, 3, 4, 5]]


def test_an_older_snapshot_holds_no_form_whose_bytes_it_lacks():
    words = vocabulary()
    counter = counter_of(words)
    counted(counter, ["x" * 40])
    older = words.snapshot
    many = [f"{number:040d}x" for number in range(5000)]
    counted(counter, many)
    assert len(words.snapshot.arena) > len(older.arena)
    for entry in older.table.reshape(-1, ENTRY):
        length, offset = int(entry[3]) >> 32, int(entry[2])
        if length > 24:
            assert older.arena[offset : offset + length - 16].all()
