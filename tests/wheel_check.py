"""Run with the Python of an environment that has only the wheel: is everything inside?"""

import sys
from pathlib import Path

import bm25
from bm25 import Bm25Config, Bm25Encoder
from bm25.analysis.languages import STEMMER_LANGUAGES, STOPWORD_LANGUAGES

assert Path(bm25.__file__).is_relative_to(sys.prefix), f"this is not the installed package: {bm25.__file__}"

for language in STOPWORD_LANGUAGES:
    Bm25Encoder(Bm25Config(language=language)).encode_query("Σοφός “Naïve” 北京。上海 1st")
for language in STEMMER_LANGUAGES:
    stemmer = {"type": "snowball", "language": language}
    Bm25Encoder(Bm25Config(stemmer=stemmer)).encode_query("Σοφός “Naïve” 北京。上海 1st")

vectors = Bm25Encoder().encode_documents(["Hello hello world the quick"])
assert vectors.indices.tolist() == [74040069, 613153351, 771291085]
assert vectors.values.tolist() == [1.6741974353790283, 1.9014179706573486, 1.6741974353790283]
print(f"bm25 {bm25.__version__}: the wheel has all it needs")
