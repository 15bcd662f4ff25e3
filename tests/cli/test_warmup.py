import os
import re
import subprocess
import sys


def test_the_cache_is_named_and_filled(tmp_path):
    command = [sys.executable, "-m", "bm25", "warmup"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    match = re.fullmatch(r"kernels ready after [\d.]+ s; cache: (.+)\n", done.stdout)
    assert match[1].startswith(str(tmp_path))
    assert any(name.endswith(".nbi") for name in os.listdir(match[1]))
