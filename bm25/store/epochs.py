"""Epochs: how long an average length stays in use, and what that can cost."""

from __future__ import annotations

import math

from bm25.errors import Bm25ConfigError
from bm25.store.manifest import Epoch, Totals

__all__ = ["check_max_drift", "next_epochs", "score_bounds"]


def check_max_drift(value: object) -> float:
    """Return a bound on the drift of the average length.

    Raises:
        Bm25ConfigError: it is no finite number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise Bm25ConfigError(
            "max_drift must be a finite number above 0, the share by which the mean length may move; "
            f"got {value!r}"
        )
    return float(value)


def next_epochs(
    epochs: tuple[Epoch, ...], totals: Totals, max_drift: float, sequence: int, *, ask: bool = False
) -> tuple[Epoch, ...]:
    """Return the epochs after a commit: a new one where the mean has drifted too far, or was asked for."""
    mean = totals.average_length
    if not mean:
        return epochs
    if epochs and not ask and abs(mean / epochs[-1].avg_len - 1) <= max_drift:
        return epochs
    return (*epochs, Epoch(epochs[-1].number + 1 if epochs else 1, mean, sequence))


def score_bounds(avg_len: float, mean: float) -> tuple[float, float]:
    """Return between which factors of the right score any score is, for vectors weighed with `avg_len`.

    The weight tf (k + 1) / (tf + k (1 - b + b dl / a)) with a = `avg_len`, divided by that with a = `mean`,
    is f(1 / mean) / f(1 / avg_len) for f(x) = tf + k (1 - b) + k b dl x. f is affine, with a positive
    intercept and no negative slope, so this ratio is between 1 and avg_len / mean. A score is a sum of
    weights with factors that do not depend on a and are not negative, so the same holds for it. Float32
    rounding of the weights comes on top (a factor of at most 1 ± 2**-23).
    """
    ratio = avg_len / mean
    return min(1.0, ratio), max(1.0, ratio)
