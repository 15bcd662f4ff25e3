from fractions import Fraction

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25.kernels import intrinsics
from tests import reference
from tests.kernels.helpers import read_only
from tests.strategies import examples


@numba.njit
def mask_word(data, start):
    return intrinsics.token_mask_word(data, start)


@numba.njit
def mask_identifier(data, start):
    return intrinsics.token_mask_identifier(data, start)


@numba.njit
def mask_multilingual(data, start):
    return intrinsics.token_mask_multilingual(data, start)


@numba.njit
def mask_whitespace(data, start):
    return intrinsics.token_mask_whitespace(data, start)


@numba.njit
def load64(data, start):
    return intrinsics.load64(data, start)


@numba.njit
def count_trailing_zeros(value):
    return intrinsics.count_trailing_zeros(value)


@numba.njit
def fused_multiply_add(a, b, c):
    return intrinsics.fused_multiply_add(a, b, c)


@numba.njit
def store_then_load(array, index, value):
    intrinsics.store_release(array, index, value)
    intrinsics.prefetch(array, index)
    return intrinsics.load_acquire(array, index)


MASKS = {
    "word": [mask_word, intrinsics._python_token_mask_word],
    "identifier": [mask_identifier, intrinsics._python_token_mask_identifier],
    "multilingual": [mask_multilingual, intrinsics._python_token_mask_multilingual],
    "whitespace": [mask_whitespace, intrinsics._python_token_mask_whitespace],
}
PAIRS = [(mode, mask) for mode, masks in MASKS.items() for mask in masks]
FUSED = [fused_multiply_add, intrinsics._python_fused_multiply_add]
LOADS = [load64, intrinsics._python_load64]
ZEROS = [count_trailing_zeros, intrinsics._python_count_trailing_zeros]


@pytest.mark.parametrize(("mode", "mask"), PAIRS)
def test_mask_of_every_byte_at_every_place(mode, mask):
    for place in range(64):
        for byte in range(256):
            data = bytearray(b" " * 64)
            data[place] = byte
            expected = 1 << place if reference.belongs(byte, mode) else 0
            assert int(mask(read_only(bytes(data)), 0)) == expected


@pytest.mark.parametrize(("mode", "mask"), PAIRS)
def test_mask_of_random_bytes_at_every_alignment(mode, mask):
    data = np.random.default_rng(1).integers(0, 256, 256, np.uint8).tobytes()
    for start in range(192):
        block = data[start : start + 64]
        expected = sum(1 << i for i, byte in enumerate(block) if reference.belongs(byte, mode))
        assert int(mask(read_only(data), start)) == expected


@pytest.mark.parametrize("load", LOADS)
@given(data=st.binary(min_size=8, max_size=40), where=st.integers(0, 32))
@examples(50)
def test_load_is_little_endian_at_any_alignment(load, data, where):
    start = where % (len(data) - 7)
    assert int(load(read_only(data), start)) == int.from_bytes(data[start : start + 8], "little")


@pytest.mark.parametrize("function", ZEROS)
def test_count_trailing_zeros(function):
    assert function(np.uint64(0)) == 64
    for place in range(64):
        assert function(np.uint64(1 << place)) == place
        assert function(np.uint64((2**64 - 1) << place & (2**64 - 1))) == place


@pytest.mark.parametrize("function", FUSED)
def test_fused_multiply_add_rounds_once(function):
    # (1 + e)(1 - e) - 1 = -e*e, which two roundings lose.
    e = 2.0**-52
    assert function(1 + e, 1 - e, -1.0) == -e * e
    assert (1 + e) * (1 - e) - 1.0 != -e * e


finite = st.floats(-1e100, 1e100, allow_subnormal=False)


@pytest.mark.parametrize("function", FUSED)
@given(a=finite, b=finite, c=finite)
@examples(200)
def test_fused_multiply_add_is_the_exact_result_rounded(function, a, b, c):
    assert function(a, b, c) == float(Fraction(a) * Fraction(b) + Fraction(c))


def test_a_fused_and_a_split_multiply_add_differ_often_in_what_we_compute():
    rng = np.random.default_rng(2)
    k, norm, tf = rng.uniform(0.5, 2, 2000), rng.uniform(0.2, 3, 2000), rng.integers(1, 9, 2000)
    fused = [fused_multiply_add(x, y, float(z)) for x, y, z in zip(k, norm, tf, strict=True)]
    assert (np.array(fused) != k * norm + tf).mean() > 0.05


def test_ordered_store_and_load():
    array = np.zeros(4, np.uint64)
    assert int(store_then_load(array, 2, np.uint64(2**64 - 1))) == 2**64 - 1
    assert array.tolist() == [0, 0, 2**64 - 1, 0]


def test_store64_writes_little_endian_at_any_alignment():
    if not hasattr(intrinsics, "store64"):
        pytest.skip("there is no such intrinsic")

    @numba.njit
    def store(data, start, value):
        intrinsics.store64(data, start, value)

    for start in range(9):
        data = np.full(17, 7, np.uint8)
        store(data, start, np.uint64(0x0807060504030201))
        assert data.tolist() == [7] * start + [1, 2, 3, 4, 5, 6, 7, 8] + [7] * (9 - start)
