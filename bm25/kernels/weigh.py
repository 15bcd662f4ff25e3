"""Weigh: from term frequencies and document lengths to float32 weights."""

from __future__ import annotations

import numpy as np

from bm25.kernels.intrinsics import fused_multiply_add
from bm25.kernels.jit import kernel

__all__ = ["weigh_documents", "weigh_documents_unfused", "weigh_queries"]


@kernel
def weigh_documents(indptr, frequencies, lengths, k, b, avg_len, values):
    """Write tf * (k + 1) / (tf + k * (1 - b + b * dl / avg_len)) for every entry.

    In float64, one fused multiply-add in the denominator, rounded once to float32: the operations
    of Qdrant's own code, in their order, so that the bits are equal.
    """
    for document in range(lengths.shape[0]):
        norm = 1.0 - b + b * np.float64(lengths[document]) / avg_len
        for i in range(indptr[document], indptr[document + 1]):
            tf = np.float64(frequencies[i])
            values[i] = np.float32(tf * (k + 1.0) / fused_multiply_add(k, norm, tf))


@kernel
def weigh_documents_unfused(indptr, frequencies, lengths, k, b, avg_len, values):
    """Write the same as `weigh_documents`, each operation rounded by itself, as FastEmbed's Python does."""
    for document in range(lengths.shape[0]):
        norm = 1.0 - b + b * np.float64(lengths[document]) / avg_len
        for i in range(indptr[document], indptr[document + 1]):
            tf = np.float64(frequencies[i])
            values[i] = np.float32(tf * (k + 1.0) / (tf + k * norm))


@kernel
def weigh_queries(frequencies, k3, values):
    """Write (k3 + 1) * qtf / (k3 + qtf) for every entry."""
    for i in range(frequencies.shape[0]):
        qtf = np.float64(frequencies[i])
        values[i] = np.float32((k3 + 1.0) * qtf / (k3 + qtf))
