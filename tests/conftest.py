"""Hypothesis profiles, and what the tests may start in other processes.

That this folder is a package makes pytest put the root of the repository on the path, so the package
under test is the one beside it and `tests.reference` can be imported from any test.
"""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

# Without the JIT a kernel is a thousand times slower: the same tests, less of each.
REDUCED = os.environ.get("BM25_TESTS_REDUCED") == "1"

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "reduced", deadline=None, max_examples=10, suppress_health_check=list(HealthCheck), derandomize=True
)
settings.load_profile("reduced" if REDUCED else "default")


@pytest.fixture
def child_environment(monkeypatch):
    """Environment variables for a child process that finds the package under test."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    return {**environment, "PYTHONPATH": root, "PYTHONWARNINGS": "error", "PYTHON": sys.executable}
