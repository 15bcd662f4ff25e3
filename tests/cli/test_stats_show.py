import pytest

from bm25 import Bm25Config, StatisticsStore
from tests.cli.stores import ROWS, statistics_of, write_jsonl


@pytest.fixture
def built(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", ROWS)
    call("stats", "build", tmp_path / "s", source, "--tenant-column", "owner", "--max-drift", "0.1")
    more = write_jsonl(tmp_path / "more.jsonl", [{"id": 6, "owner": "acme", "text": "a dog " * 50}])
    call("stats", "add", tmp_path / "s", more, "--tenant-column", "owner")
    return tmp_path / "s"


def test_as_json(built, call):
    values = call("stats", "show", built, "--format", "json").json
    expected = statistics_of([*ROWS, {"text": "a dog " * 50}])
    with StatisticsStore.open(built) as store:
        bounds = store.score_bounds(1)
        size = store.size
    assert (values["document_count"], values["empty_count"], values["term_count"]) == (4, 2, len(expected))
    assert (values["average_length"], values["total_length"]) == (
        expected.average_length,
        expected.total_length,
    )
    assert (values["commit"], values["segments"], values["bytes"]) == (2, 2, size)
    first, second = values["epochs"]
    assert first == {
        "number": 1,
        "avg_len": 16 / 3,
        "sequence": 1,
        "low": bounds[0],
        "high": bounds[1],
    }
    assert (second["avg_len"], second["low"], second["high"]) == (expected.average_length, 1.0, 1.0)
    assert bounds[0] < 1.0
    assert values["tenant_count"] == 2
    assert [row["tenant"] for row in values["tenants"]] == ["acme", "bolt"]
    assert Bm25Config.from_dict(values["config"]) == Bm25Config.tuned()
    assert (values["ledger"], values["terms"], values["fields"], values["max_drift"]) == (True, True, [], 0.1)


def test_as_tables(built, call):
    out = call("stats", "show", built, "--tenants", 1).out
    assert "documents       6, 2 of them without terms\n" in out
    assert "ledger          yes\n" in out
    assert "options         k 1.5, b 0.75, tokenizer word, language english, k3 8.0\n" in out
    assert "a new epoch begins where the mean length moves by more than 10%\n" in out
    assert "\n    1   5.3333             1           0.3232   1.0000\n" in out
    assert out.endswith(
        "2 tenants, the largest:\n"
        "tenant  documents  without terms  average length\n"
        "acme            2              1         29.0000\n"
    )


def test_an_empty_store_and_none(tmp_path, call):
    StatisticsStore.create(tmp_path / "s").close()
    done = call("stats", "show", tmp_path / "s")
    assert (done.code, "documents       0, 0 of them" in done.out) == (0, True)
    assert call("stats", "show", tmp_path / "s", "--format", "json").json["epochs"] == []
    done = call("stats", "show", tmp_path / "none")
    assert (done.code, done.out) == (1, "")
    assert "no such directory" in done.err
    done = call("stats", "show", tmp_path)
    assert (done.code, "no store, it has no manifest.json" in done.err) == (1, True)
