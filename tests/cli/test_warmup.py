import os
import re

from tests.cli.process import run


def test_the_cache_is_named_and_filled():
    done = run("warmup", text=True)
    assert (done.returncode, done.stderr) == (0, "")
    match = re.fullmatch(r"kernels ready after [\d.]+ s; cache: (.+)\n", done.stdout)
    assert match is not None
    assert any(name.endswith(".nbi") for name in os.listdir(match[1]))
