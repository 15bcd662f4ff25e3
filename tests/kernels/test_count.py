import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels.count import SLACK, bucket_bits, count, expansion
from bm25.kernels.table import DROPPED, MANY, MAX_ID, NEW, SIDE
from tests import reference
from tests.conftest import REDUCED
from tests.kernels.helpers import call
from tests.strategies import examples


def lists_of(lists):
    """Ends and ids, as the kernels take lists of several ids."""
    ends = np.cumsum([len(ids) for ids in lists], dtype=np.int64)
    return ends, np.array([term for ids in lists for term in ids], np.uint32)


def run(documents, new=(), many=(), side=()):
    """Count documents given as references; check everything against the twin and return it."""
    references = np.array([r for document in documents for r in document], np.uint32)
    ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
    new_references = np.array(new, np.uint32)
    many_ends, many_ids = lists_of(many)
    side_ends, side_ids = lists_of(side)
    expanded = [[i for r in document for i in ids_of(r, new, many, side)] for document in documents]

    total, largest = call(expansion, references, ends, new_references, many_ends, side_ends)
    assert total == sum(map(len, expanded))
    assert largest == max(map(len, expanded), default=0)

    buckets = np.zeros((1 << int(bucket_bits(largest))) + SLACK, np.uint64)
    indptr = np.full(len(documents) + 1, -1, np.int64)
    term_ids, frequencies = np.full(total, 7, np.uint32), np.full(total, 7, np.uint32)
    lengths = np.full(len(documents), 7, np.uint32)
    written = call(
        count, references, ends, new_references, many_ends, many_ids, side_ends, side_ids,
        np.zeros(largest, np.uint32), buckets, indptr, term_ids, frequencies, lengths,
    )  # fmt: skip
    result = (
        indptr.tolist(), term_ids[:written].tolist(), frequencies[:written].tolist(), lengths.tolist()
    )  # fmt: skip
    assert result == reference.counts(expanded)
    assert not buckets.any(), "the scratch is used again, and must be zero"
    return result


def ids_of(item, new, many, side):
    if NEW <= item < DROPPED:
        return ids_of(new[item - NEW], new, many, side)
    if item == DROPPED:
        return []
    if item >= SIDE:
        return side[item - SIDE]
    return many[item - MANY] if item >= MANY else [item]


term = st.one_of(
    st.integers(0, MAX_ID),
    st.integers(0, 5),
    st.sampled_from([0, 1, MAX_ID - 1, MAX_ID, 2**30, 2**25, 2**25 - 1]),
    st.integers(2**25 - 40, 2**25 + 40),
)
id_lists = st.lists(st.lists(term, min_size=2, max_size=6), max_size=4)


@given(st.lists(st.lists(term, max_size=80), max_size=10))
@examples(100)
def test_ids_against_the_twin(documents):
    run(documents)


@given(data=st.data(), many=id_lists, side=id_lists)
@examples(100)
def test_all_kinds_of_references_against_the_twin(data, many, side):
    resolved = st.one_of(
        term,
        st.just(DROPPED),
        st.integers(MANY, MANY + len(many) - 1) if many else term,
        st.integers(SIDE, SIDE + len(side) - 1) if side else term,
    )
    new = data.draw(st.lists(resolved, max_size=6))
    # `scan` writes no DROPPED and no SIDE: those come through new forms.
    written = st.one_of(
        term,
        st.integers(MANY, MANY + len(many) - 1) if many else term,
        st.integers(NEW, NEW + len(new) - 1) if new else term,
    )
    run(data.draw(st.lists(st.lists(written, max_size=30), max_size=6)), new, many, side)


def test_no_documents_and_empty_documents():
    assert run([]) == ([0], [], [], [])
    assert run([[], [], []]) == ([0, 0, 0, 0], [], [], [0, 0, 0])
    assert run([[], [5], []]) == ([0, 0, 1, 1], [5], [1], [0, 1, 0])


def test_frequencies_and_order():
    assert run([[3, 1, 3, 2, 3]]) == ([0, 3], [1, 2, 3], [1, 1, 3], [5])


def test_the_ends_of_the_range_of_ids():
    assert run([[MAX_ID, 0, MAX_ID, MAX_ID - 1, 0, 0]]) == ([0, 3], [0, MAX_ID - 1, MAX_ID], [3, 1, 2], [6])


def test_a_document_of_dropped_forms_has_no_length():
    assert run([[NEW, NEW + 1, NEW], [NEW + 1, 4]], new=[DROPPED, DROPPED]) == ([0, 0, 1], [4], [1], [0, 1])


def test_lists_count_every_id_they_hold():
    many, side = [[5, 6], [7, 7, 8]], [[6, 9], [1, 2, 3, 4]]
    documents = [[MANY, MANY + 1, NEW, NEW + 1, 6], [NEW + 1], [MANY + 1]]
    indptr, ids, frequencies, lengths = run(documents, [SIDE, SIDE + 1], many, side)
    assert ids[: indptr[1]] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert frequencies[: indptr[1]] == [1, 1, 1, 1, 1, 3, 2, 1, 1]
    assert lengths == [12, 4, 3]


@pytest.mark.parametrize("size", [1, 31, 32, 33, 63, 64, 65, 66, 67, 128, 129, 1000])
@pytest.mark.parametrize("first", [0, 2**20, MAX_ID - 1000])
def test_ids_that_all_fall_into_one_bucket(size, first):
    # Beyond the probe limit the kernel sorts instead.
    ids = [first + i for i in range(size)]
    run([ids])
    run([ids[::-1] * 2, [1, 2, 3], ids])


def test_what_comes_after_a_sorted_document_is_counted_afresh():
    crowded = [i for i in range(100) for _ in range(5)]
    others = [[7, 2**30, 2**31, 7], [], [0], list(range(0, 2**31, 2**24)), crowded[::-1], [3]]
    run([crowded, *others])
    run([others[0], crowded, crowded, *others])


def test_a_sorted_document_holds_all_bytes_of_ids():
    rng = np.random.default_rng(4)
    crowded = rng.integers(0, 2**22, 300).tolist() * 2
    spread = rng.integers(0, 2**31 + 1, 300).tolist()
    run([crowded + spread + [0, 2**31], spread + crowded])


def test_sorted_ids_that_differ_in_one_byte_only():
    crowded = list(range(100))
    for byte in (8, 16, 24, 30):
        near = [5, 5 + (1 << byte)] * 3 + [5]
        run([crowded + near, near + crowded])


def test_documents_of_many_sizes():
    rng = np.random.default_rng(5)
    largest = 17 if not REDUCED else 10
    for power in range(largest):
        for size in ((1 << power) - 1, 1 << power, (1 << power) + 1):
            ids = (
                rng.integers(0, 2**31 + 1, max(1, size // 3))[rng.integers(0, max(1, size // 3), size)]
            ).tolist()
            run([ids, ids[:3]])


def test_neighbours_that_stand_in_the_wrong_order_in_the_table():
    # Descending ids of one bucket are probed past each other, and into the next bucket.
    step = 2**31 >> 8
    documents = [[(bucket + 1) * step - 1 - i for bucket in range(20) for i in range(12)] for _ in range(3)]
    run(documents + [document[::-1] for document in documents])


def test_bucket_bits_leave_room_for_every_token_twice():
    for size in [0, 1, 31, 32, 33, 64, 65, 1000, 2**20, 2**20 + 1]:
        assert 1 << int(bucket_bits(size)) >= max(64, 2 * size)
    assert int(bucket_bits(2**40)) == 31
