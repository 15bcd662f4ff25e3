"""The bound on scores of an older epoch, proven in `bm25.store.epochs` and tried here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bm25 import Bm25Config, Bm25Encoder, TermCounts
from bm25.store.epochs import next_epochs, score_bounds
from bm25.store.manifest import Epoch, Totals

ROUNDING = 2**-22  # two weights, each rounded to float32


@given(
    before=st.floats(0.5, 1e4),
    now=st.floats(0.5, 1e4),
    k=st.floats(0, 100),
    b=st.floats(0, 1),
    documents=st.lists(st.lists(st.integers(1, 1000), min_size=1, max_size=5), min_size=1, max_size=5),
)
def test_no_weight_leaves_the_bounds(before, now, k, b, documents):
    sizes = [len(document) for document in documents]
    frequencies = np.array([tf for document in documents for tf in document], np.uint32)
    counts = TermCounts(
        np.cumsum([0, *sizes]).astype(np.int64),
        np.concatenate([np.arange(size, dtype=np.uint32) for size in sizes]),
        frequencies,
        np.array([sum(document) for document in documents], np.uint32),
    )
    encoder = Bm25Encoder(Bm25Config(k=k, b=b), threads=1)
    ratio = encoder.weigh(counts, avg_len=before).values / encoder.weigh(counts, avg_len=now).values.astype(
        float
    )
    low, high = score_bounds(before, now)
    assert ratio.min() >= low * (1 - ROUNDING)
    assert ratio.max() <= high * (1 + ROUNDING)


def test_the_bounds_are_met_by_long_documents():
    # tf 1 in a document of a million tokens, b = 1, k = 100: the length alone decides.
    one = np.ones(1, np.uint32)
    counts = TermCounts(np.array([0, 1]), one, one, one * 10**6)
    encoder = Bm25Encoder(Bm25Config(k=100.0, b=1.0), threads=1)
    ratio = encoder.weigh(counts, avg_len=110.0).values[0] / encoder.weigh(counts, avg_len=100.0).values[0]
    assert ratio == pytest.approx(score_bounds(110.0, 100.0)[1], rel=1e-5)


def test_an_epoch_lasts_while_the_mean_stays_within_the_bound():
    epochs = (Epoch(1, 100.0, 1),)
    assert next_epochs((), Totals(0, 5, 0), 0.05, 1) == ()
    assert next_epochs((), Totals(2, 0, 200), 0.05, 1) == epochs
    assert next_epochs(epochs, Totals(100, 0, 10_499), 0.05, 2) == epochs
    assert next_epochs(epochs, Totals(100, 0, 10_501), 0.05, 2) == (*epochs, Epoch(2, 105.01, 2))
    assert next_epochs(epochs, Totals(100, 0, 9_499), 0.05, 2) == (*epochs, Epoch(2, 94.99, 2))
    assert next_epochs(epochs, Totals(100, 0, 10_000), 0.05, 2, ask=True) == (*epochs, Epoch(2, 100.0, 2))
    assert next_epochs(epochs, Totals(), 0.05, 2) == epochs
