import os
import platform
import subprocess
import sys

import pytest

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")

SCRIPT = """
import resource, sys
from bm25.server.memory import keep_memory
print(keep_memory())
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def batch():
    kept = [b'x' * 3_000_000 for _ in range(3)]
batch()
before = faults()
for _ in range(20):
    batch()
print(faults() - before)
"""


def run(**environment):
    plain = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True,
        env={**plain, **environment},
    )  # fmt: skip
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


@glibc
def test_memory_is_used_again():
    kept, faults = run()
    assert kept
    assert faults < 5_000  # of 44,000 pages


@glibc
def test_the_environment_comes_first():
    kept, faults = run(MALLOC_MMAP_THRESHOLD_="100000", MALLOC_TRIM_THRESHOLD_="100000")
    assert not kept
    assert faults > 10_000
