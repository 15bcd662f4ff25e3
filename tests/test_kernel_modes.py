"""The tests of the kernels once more without the JIT, and with its bounds checks.

They run in a copy of the repository, so that code compiled with checks is not left where others find it.
"""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INSIDE = "BM25_TESTS_REDUCED"

pytestmark = pytest.mark.skipif(INSIDE in os.environ, reason="this is the run inside")

# Small ones: of the encoder, in which everything passes through every kernel, and of rows of terms.
SMALL = [
    "tests/test_encoder.py::test_known_vectors",
    "tests/test_encoder.py::test_nasty_texts_against_the_oracle",
    "tests/test_encoder.py::test_null_and_empty_texts",
    "tests/test_encoder.py::test_a_query_alone_equals_queries_together",
    "tests/test_vocabulary.py::test_the_table_and_its_arena_grow_and_lose_nothing",
    "tests/test_term_rows.py",
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    for name in ("bm25", "stopwords", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def run(root, arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={**clean, "PYTHONPATH": str(root), INSIDE: "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def run_tests(root, *arguments, **environment):
    options = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--deselect",
        "tests/kernels/test_jit.py",
    ]
    result = run(root, [*options, *arguments], **environment)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    assert " passed" in result.stdout
    assert "error" not in result.stdout.splitlines()[-1]


def test_kernels_without_the_jit(copy):
    run_tests(copy, "tests/kernels", NUMBA_DISABLE_JIT="1")
    assert not list(copy.glob("bm25/**/*.nb?"))


def test_an_encoder_without_the_jit(copy):
    run_tests(copy, *SMALL, NUMBA_DISABLE_JIT="1")


def test_kernels_and_an_encoder_with_bounds_checks(copy):
    run_tests(copy, "tests/kernels", *SMALL, NUMBA_BOUNDSCHECK="1")


def test_bounds_checks_are_on_where_they_are_asked_for(copy):
    code = """
        import numpy as np
        from bm25.kernels.weigh import weigh_queries
        weigh_queries(np.ones(3, np.uint32), 8.0, np.empty(2, np.float32))
    """
    result = run(copy, ["-c", textwrap.dedent(code)], NUMBA_BOUNDSCHECK="1")
    assert result.returncode == 1
    assert "IndexError: index is out of bounds" in result.stderr


def test_the_jit_is_off_where_it_is_asked_for(copy):
    code = """
        from bm25.kernels import intrinsics, scan
        assert intrinsics.load64 is intrinsics._python_load64
        assert type(scan.scan).__name__ == "function"
    """
    assert run(copy, ["-c", textwrap.dedent(code)], NUMBA_DISABLE_JIT="1").returncode == 0
