"""What a kernel needs and plain Python does not have, each with a pure-Python twin.

Unaligned loads, 64 bytes classified at a time, bit scans, prefetch, ordered stores, fused
multiply-add. With the JIT off (`NUMBA_DISABLE_JIT=1`) the twins stand under the same names, so the
whole suite runs without a compiler. LLVM's portable vector operations are used, not one
processor's instructions: LLVM lowers them to AVX-512, AVX2, SSE2 or NEON.
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = [
    "count_trailing_zeros", "fused_multiply_add", "load64", "load_acquire", "prefetch",
    "store64", "store_release", "token_mask_identifier", "token_mask_multilingual",
    "token_mask_whitespace", "token_mask_word",
]  # fmt: skip

U64 = np.uint64


def _pointer(context: Any, builder: Any, signature: Any, args: Any, ir_type: Any, position: int = 0) -> Any:
    """Return a pointer to element `args[position + 1]` of the array `args[position]`."""
    array_type = signature.args[position]
    array = context.make_array(array_type)(context, builder, args[position])
    pointer = builder.gep(array.data, [args[position + 1]])
    return builder.bitcast(pointer, ir_type.as_pointer())


def _mask_intrinsic(classify: Any) -> Any:
    """Make an intrinsic of a function that builds the <64 x i1> "belongs to a token" of 64 bytes."""

    @intrinsic(prefer_literal=False)
    def token_mask(typingctx: Any, data: Any, start: Any) -> Any:
        from llvmlite import ir

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vector = ir.VectorType(ir.IntType(8), 64)
            pointer = _pointer(context, builder, signature, args, vector)
            block = builder.load(pointer, align=1)
            bits = classify(builder, block, lambda value: ir.Constant(vector, [value] * 64))
            return builder.bitcast(bits, ir.IntType(64))

        return types.uint64(data, types.intp), codegen

    return token_mask


def _classify_word(builder: Any, block: Any, splat: Any) -> Any:
    letter = builder.icmp_unsigned(
        "<", builder.sub(builder.or_(block, splat(0x20)), splat(ord("a"))), splat(26)
    )
    digit = builder.icmp_unsigned("<", builder.sub(block, splat(ord("0"))), splat(10))
    beyond_ascii = builder.icmp_signed("<", block, splat(0))
    return builder.or_(builder.or_(letter, digit), beyond_ascii)


def _classify_identifier(builder: Any, block: Any, splat: Any) -> Any:
    underscore = builder.icmp_unsigned("==", block, splat(ord("_")))
    return builder.or_(_classify_word(builder, block, splat), underscore)


MULTILINGUAL_SEPARATORS = (
    (0x00, 0x00), (0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x23), (0x25, 0x2F), (0x3A, 0x3B), (0x3F, 0x40),
    (0x5B, 0x5D), (0x5F, 0x60), (0x7B, 0x7B), (0x7D, 0x7D),
)  # fmt: skip
"""ASCII separators of the `multilingual` tokenizer, as (first, last)."""


def _classify_multilingual(builder: Any, block: Any, splat: Any) -> Any:
    separators = [
        builder.icmp_unsigned("<", builder.sub(block, splat(first)), splat(last - first + 1))
        for first, last in MULTILINGUAL_SEPARATORS
    ]
    return builder.not_(reduce(builder.or_, separators))


def _classify_whitespace(builder: Any, block: Any, splat: Any) -> Any:
    space = builder.icmp_unsigned("==", block, splat(0x20))
    control = builder.icmp_unsigned("<", builder.sub(block, splat(0x09)), splat(5))
    return builder.not_(builder.or_(space, control))


@intrinsic
def _load64(typingctx: Any, data: Any, start: Any) -> Any:
    from llvmlite import ir

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, args, ir.IntType(64)), align=1)

    return types.uint64(data, types.intp), codegen


@intrinsic
def _store64(typingctx: Any, data: Any, start: Any, value: Any) -> Any:
    from llvmlite import ir

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _pointer(context, builder, signature, args, ir.IntType(64)), align=1)
        return context.get_dummy_value()

    return types.void(data, types.intp, types.uint64), codegen


@intrinsic
def _count_trailing_zeros(typingctx: Any, value: Any) -> Any:
    from llvmlite import ir

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # Zero is given its defined answer, 64.
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.intp(types.uint64), codegen


@intrinsic
def _prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    from llvmlite import ir

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i8p, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [i8p, i32, i32, i32]), "llvm.prefetch.p0i8"
        )
        pointer = _pointer(context, builder, signature, args, ir.IntType(8))
        builder.call(function, [pointer, i32(0), i32(3), i32(1)])  # read, keep in all caches, data
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic
def _load_acquire(typingctx: Any, array: Any, index: Any) -> Any:
    from llvmlite import ir

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature, args, ir.IntType(64))
        return builder.load_atomic(pointer, ordering="acquire", align=8)

    return types.uint64(array, types.intp), codegen


@intrinsic
def _store_release(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    from llvmlite import ir

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature, args, ir.IntType(64))
        builder.store_atomic(args[2], pointer, ordering="release", align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.uint64), codegen


@intrinsic
def _fused_multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen


def _python_load64(data: Any, start: int) -> Any:
    block = data[start : start + 8]
    assert len(block) == 8, "a load may not leave the buffer: inputs are padded"
    return U64(int.from_bytes(block.tobytes(), "little"))


def _python_store64(data: Any, start: int, value: Any) -> None:
    assert start + 8 <= len(data), "a store may not leave the buffer"
    data[start : start + 8] = np.frombuffer(int(value).to_bytes(8, "little"), np.uint8)


def _python_token_mask_word(data: Any, start: int) -> Any:
    return _python_mask(data, start, lambda byte: byte >= 0x80 or chr(byte).isalnum())


def _python_token_mask_identifier(data: Any, start: int) -> Any:
    return _python_mask(data, start, lambda byte: byte >= 0x80 or chr(byte).isalnum() or byte == ord("_"))


def _python_token_mask_multilingual(data: Any, start: int) -> Any:
    return _python_mask(
        data, start, lambda byte: not any(first <= byte <= last for first, last in MULTILINGUAL_SEPARATORS)
    )


def _python_token_mask_whitespace(data: Any, start: int) -> Any:
    return _python_mask(data, start, lambda byte: byte not in b" \t\n\v\f\r")


def _python_mask(data: Any, start: int, belongs: Any) -> Any:
    block = data[start : start + 64].tolist()
    assert len(block) == 64, "a load may not leave the buffer: inputs are padded"
    return U64(sum(1 << i for i, byte in enumerate(block) if belongs(byte)))


def _python_count_trailing_zeros(value: Any) -> int:
    number = int(value)
    return (number & -number).bit_length() - 1 if number else 64


def _python_prefetch(array: Any, index: int) -> None:
    pass


def _python_load_acquire(array: Any, index: int) -> Any:
    return array[index]


def _python_store_release(array: Any, index: int, value: Any) -> None:
    array[index] = value


def _python_fused_multiply_add(a: float, b: float, c: float) -> float:
    # Fraction is exact and its conversion to float rounds once, as the instruction does.
    return float(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c)))


if config.DISABLE_JIT:
    load64 = _python_load64
    store64 = _python_store64
    token_mask_word = _python_token_mask_word
    token_mask_identifier = _python_token_mask_identifier
    token_mask_multilingual = _python_token_mask_multilingual
    token_mask_whitespace = _python_token_mask_whitespace
    count_trailing_zeros = _python_count_trailing_zeros
    prefetch = _python_prefetch
    load_acquire = _python_load_acquire
    store_release = _python_store_release
    fused_multiply_add = _python_fused_multiply_add
else:
    load64 = _load64
    store64 = _store64
    token_mask_word = _mask_intrinsic(_classify_word)
    token_mask_identifier = _mask_intrinsic(_classify_identifier)
    token_mask_multilingual = _mask_intrinsic(_classify_multilingual)
    token_mask_whitespace = _mask_intrinsic(_classify_whitespace)
    count_trailing_zeros = _count_trailing_zeros
    prefetch = _prefetch
    load_acquire = _load_acquire
    store_release = _store_release
    fused_multiply_add = _fused_multiply_add
