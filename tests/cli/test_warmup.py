import os
import re

from bm25.cli.main import main


def test_the_cache_is_named_and_filled(capsys):
    assert main(["warmup"]) == 0
    match = re.fullmatch(r"kernels ready after [\d.]+ s; cache: (.+)\n", capsys.readouterr().out)
    assert match is not None
    assert any(name.endswith(".nbi") for name in os.listdir(match[1]))
