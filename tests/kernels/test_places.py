"""Finding ids in an ascending array, compared with a dictionary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels.statistics import find_places

LAST = 2**32 - 1


def places(known, wanted):
    arrays = [np.array(values, np.uint32) for values in (known, wanted)]
    for array in arrays:
        array.flags.writeable = False
    found = np.full(len(wanted), -7, np.int64)
    find_places(*arrays, found)
    return found.tolist()


def expected(known, wanted):
    where = {term_id: place for place, term_id in enumerate(known)}
    return [where.get(term_id, -1) for term_id in wanted]


IDS = st.one_of(st.integers(0, 40), st.integers(0, 2**31), st.sampled_from([0, 1, 2**31, LAST - 1, LAST]))


@given(st.sets(IDS, max_size=300).map(sorted), st.lists(IDS, max_size=200))
def test_any_ids(known, wanted):
    wanted = wanted + known
    assert places(known, wanted) == expected(known, wanted)


@pytest.mark.parametrize("power", [1, 3, 9])
def test_ids_that_are_not_uniform(power):
    source = np.random.default_rng(power)
    known = np.unique((source.random(3000) ** power * 2**31).astype(np.uint32)).tolist()
    wanted = [*known, *source.integers(0, LAST, 500, endpoint=True).tolist()]
    assert places(known, wanted) == expected(known, wanted)


def test_one_id_far_from_all_others():
    known = [*range(1000), LAST]
    wanted = [*range(0, 1100), LAST, 2**31]
    assert places(known, wanted) == expected(known, wanted)
