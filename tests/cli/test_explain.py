import json

import pytest

from bm25 import Bm25Config, StatisticsStore
from bm25.cli.main import main

TEXTS = ["the quick brown fox", "a lazy dog", "dogs and foxes, dogs and foxes", "", "cats"]

TABLE = """\
"lazy dogs, dogs": document 2 of length 4 scores 0.8154673
N 4, avg_len 2.5, k 1.2, b 0.75, k3 none

term          id  qtf  tf  df        idf  query weight  document weight      score   share
dog   1312749093    2   2   2  0.6931472           1.0        1.1764706  0.8154673  100.0%
lazi   226376294    1   0   1  1.2039728           1.0              0.0        0.0    0.0%
"""


@pytest.fixture
def path(tmp_path):
    with StatisticsStore.create(tmp_path / "store") as store:
        counts = store.encoder(threads=1).count_documents(TEXTS)
        with store.write() as batch:
            batch.add(range(5), counts, tenant=["acme", "acme", "acme", "globex", "globex"])
    return tmp_path / "store"


@pytest.fixture
def explained(path, capsys):
    """A function that returns the JSON of `bm25 explain`, and the store's own explanation by name."""

    def call(query, *arguments):
        assert main(["explain", query, "--statistics", str(path), "--format", "json", *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    return call


def test_a_table(path, capsys):
    arguments = ["--statistics", str(path), "--document-id", "2"]
    for flags in ([], ["--format", "table"]):
        assert main(["explain", "lazy dogs, dogs", *arguments, *flags]) == 0
        assert capsys.readouterr().out == TABLE


def test_documents_by_id_and_by_text(explained, path):
    with StatisticsStore.open(path) as store:
        assert explained("dogs, fox", "--document-id", "2") == (
            store.explain("dogs, fox", document_id=2).to_dict()
        )
        assert explained("dogs, fox", "--document", "a fox") == store.explain("dogs, fox", "a fox").to_dict()
        assert explained("fox", "--document", "")["score"] == 0
        assert explained("dogs, fox", "--document-id", "2", "--tenant", "globex") == (
            store.explain("dogs, fox", document_id=2, tenant="globex").to_dict()
        )


def test_other_weights(explained, path):
    flags = ["--k", "2", "--b", "0.5", "--avg-len", "10", "--k3", "8"]
    found = explained("dogs, dog", "--document-id", "2", *flags)
    assert {name: found[name] for name in ("k", "b", "avg_len", "k3")} == {
        "k": 2, "b": 0.5, "avg_len": 10, "k3": 8,
    }  # fmt: skip
    assert found["terms"][0]["query_weight"] == 1.8


def test_query_weights_of_a_tuned_store_can_be_switched_off(explained, tmp_path, capsys):
    with StatisticsStore.create(tmp_path / "tuned", Bm25Config.tuned()) as store, store.write() as batch:
        batch.add([7], store.encoder(threads=1).count_documents(["a dog"]))
    # The last one given counts.
    tuned = ["--statistics", str(tmp_path / "tuned"), "--document-id", "7"]
    assert explained("dogs, dog", *tuned)["terms"][0]["query_weight"] == 1.8
    assert explained("dogs, dog", *tuned, "--k3", "none")["k3"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "one of the arguments --document --document-id is required"),
        (["--document", "a", "--document-id", "1"], 2, "not allowed with argument --document"),
        (["--document-id", "17"], 1, "there is no document '17'"),
        (
            ["--document-id", "1", "--tenant", "acm"],
            2,
            "no such tenant (did you mean 'acme'?); it has acme",
        ),
        (["--document-id", "1", "--k3", "x"], 2, "--k3: must be a number or none, got 'x'"),
        (["--document-id", "1", "--b", "2"], 2, "b must be"),
        (["--document", "a", "--statistics", "nowhere"], 1, "nowhere: no such directory"),
        (["--document", "a", "--plugins", "no_such_module"], 2, "--plugins no_such_module: cannot be"),
    ],
)
def test_what_is_refused(path, capsys, arguments, code, message):
    assert main(["explain", "fox", "--statistics", str(path), *arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_a_store_without_tenants(tmp_path, capsys):
    with StatisticsStore.create(tmp_path / "store") as store, store.write() as batch:
        batch.add([1], store.encoder(threads=1).count_documents(["a dog"]))
    arguments = ["--statistics", str(tmp_path / "store"), "--document", "a", "--tenant", "acme"]
    assert main(["explain", "fox", *arguments]) == 2
    assert "has no such tenant; it has none at all" in capsys.readouterr().err
