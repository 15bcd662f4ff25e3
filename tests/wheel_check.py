"""Run with the Python of an environment that has only the wheel: is everything inside?"""

import sys
import tempfile
from pathlib import Path

import bm25
from bm25 import Bm25Config, Bm25Encoder, StatisticsStore
from bm25.analysis.languages import EXTRA_STEMMERS, STEMMER_LANGUAGES, STOPWORD_LANGUAGES
from bm25.analysis.multilingual import character_kinds
from bm25.errors import MissingExtraError
from bm25.schema import config_schema

assert Path(bm25.__file__).is_relative_to(sys.prefix), f"this is not the installed package: {bm25.__file__}"

TEXT = "Σοφός “Naïve” 北京。上海 1st getUserName"

for language in STOPWORD_LANGUAGES:
    Bm25Encoder(Bm25Config(language=language)).encode_query(TEXT)
for language in (*STEMMER_LANGUAGES, *EXTRA_STEMMERS):
    stemmer = {"type": "snowball", "language": language}
    Bm25Encoder(Bm25Config(stemmer=stemmer, stopwords={})).encode_query(TEXT)
for options in ({"tokenizer": "prefix"}, {"tokenizer": "code"}, {"dialect": "fastembed"}):
    assert len(Bm25Encoder(Bm25Config(**options)).encode_documents([TEXT])[0][0]) > 5
assert len(character_kinds()) > 0x10000
assert "tokenizer" in config_schema()["properties"]

# The engine is not part of the wheel: what needs it says so.
message = ""
try:
    Bm25Encoder(Bm25Config(tokenizer="multilingual")).encode_documents(["ASCII"])
except MissingExtraError as error:
    message = str(error)
assert "bm25-engine[edge]" in message

# Neither are the packages of the server; its page is.
message = ""
try:
    import bm25.inference

    bm25.inference.infer({"inputs": []})
except MissingExtraError as error:
    message = str(error)
assert "bm25-engine[inference]" in message
for name in ("index.html", "page.css", "page.js"):
    assert (Path(bm25.__file__).parent / "server" / "page" / name).stat().st_size > 1000

vectors = Bm25Encoder().encode_documents(["Hello hello world the quick"])
assert vectors.indices.tolist() == [74040069, 613153351, 771291085]
assert vectors.values.tolist() == [1.6741974353790283, 1.9014179706573486, 1.6741974353790283]

with tempfile.TemporaryDirectory() as folder:
    store = StatisticsStore.create(Path(folder) / "store")
    with store.write() as batch:
        batch.add(["a"], Bm25Encoder().count_documents(["Hello hello world the quick"]))
    assert store.verify().documents == 1
    assert {item.term for item in store.statistics().top()} == {"hello", "quick", "world"}
    explanation = store.explain("hello", document_id="a")
    assert [term.term for term in explanation.terms] == ["hello"]
print(f"bm25 {bm25.__version__}: the wheel has all it needs")
