"""Hypothesis profiles, and what tests need where the JIT is off.

That this folder is a package makes pytest put the root of the repository on the path, so the package
under test is the one beside it and `tests.reference` can be imported from any test.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Without the JIT a kernel is a thousand times slower: the same tests, less of each.
REDUCED = os.environ.get("BM25_TESTS_REDUCED") == "1"

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "reduced", deadline=None, max_examples=10, suppress_health_check=list(HealthCheck), derandomize=True
)
settings.load_profile("reduced" if REDUCED else "default")


def pytest_configure(config):
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        # The kernels count on integers that wrap around; numpy's warn when they do. A filter, for
        # `np.errstate` does not reach the threads of an encoder.
        config.addinivalue_line("filterwarnings", "ignore:overflow encountered:RuntimeWarning")
