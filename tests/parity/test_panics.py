"""Words on which the engine's Greek stemmer panics. There is no result to equal; ours must live on."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from snowballstemmer.greek_stemmer import GreekStemmer

from bm25 import Bm25Config
from bm25.analysis.greek import may_panic
from tests.oracle import is_panic, oracle, oracle_documents

# Vocatives and imperatives, all stripped to a stem that the rules then replace beyond its end.
WORDS = ["αντίθετε", "Αντίθετε", "ανεύρετε", "ΑΝΕΎΡΕΤΕ", "ανυπέρθετε"]

PROGRAM = """
import sys
from bm25 import Bm25Config, Bm25Encoder

word, kind = sys.argv[1:]
encoder = Bm25Encoder(Bm25Config(language="greek"), threads=1)
if kind == "encode_query":
    print(len(encoder.encode_query("θάλασσα " + word + " δρόμος")[0]))
else:
    vectors = getattr(encoder, kind)(["θάλασσα", word, "δρόμος"])
    print(*(len(vectors[i][0]) for i in range(3)))
"""


@pytest.mark.parametrize("word", WORDS)
def test_the_engine_panics(word):
    """Should this fail, a newer engine has a result for these words, and ours must equal it."""
    engine = oracle(Bm25Config(language="greek"))
    for embed in (engine.embed_document, engine.embed_query):
        with pytest.raises(BaseException) as caught:
            embed(word)
        assert is_panic(caught.value)
    with pytest.raises(AssertionError, match="the oracle itself panics on"):
        oracle_documents(Bm25Config(language="greek"), ["θάλασσα", word])


@pytest.mark.parametrize("kind", ["encode_query", "encode_queries", "encode_documents"])
@pytest.mark.parametrize("word", WORDS)
def test_ours_does_not_take_the_process_down(word, kind):
    root = Path(__file__).resolve().parents[2]
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM, word, kind],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert child.returncode == 0, f"exit code {child.returncode}: {child.stderr[-400:]}"
    # Every word has a vector, this one too: Snowball has a stem for it.
    assert child.stdout.split() == (["3"] if kind == "encode_query" else ["1", "1", "1"])


def test_no_other_token_makes_the_engine_panic():
    """Words made of the rules' own strings, to which the guard does not apply: a panic would raise here."""
    rng = random.Random(5)
    rules = vars(GreekStemmer)
    pieces = sorted({among.s for name, table in rules.items() if name.startswith("a_") for among in table})
    endings = ("ετε", "ανε", "έτε", "ησετε", "ισα")
    words = set()
    while len(words) < 300_000:
        parts = [rng.choice(pieces) for _ in range(rng.randint(1, 4))]
        if rng.random() < 0.7:
            parts.insert(rng.randint(0, len(parts)), rng.choice(endings))
        words.add("".join(parts))
    engine = oracle(Bm25Config(language="greek", stopwords={}))
    for batch in batched(sorted(word for word in words if word and not may_panic(word)), 1000):
        engine.embed_document(" ".join(batch))


def batched(items, size):
    for start in range(0, len(items), size):
        yield items[start : start + size]
