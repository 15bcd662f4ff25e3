import json

import pytest

from bm25 import Bm25Config, statistics
from bm25.cli.stats import terms
from tests.cli.stores import ROWS, statistics_in, statistics_of, write_jsonl
from tests.test_encoder import colliding


@pytest.fixture
def built(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", ROWS)
    call("stats", "build", tmp_path / "s", source, "--tenant-column", "owner")
    return tmp_path / "s"


def rows_of(done):
    return [json.loads(line) for line in done.out.splitlines()]


def test_top_is_that_of_the_library(built, call):
    for by in ("document_frequency", "collection_frequency"):
        found = rows_of(call("stats", "top", built, "-n", 3, "--by", by, "--format", "json"))
        assert found == [
            {
                "term": entry.term,
                "term_id": entry.term_id,
                "document_frequency": entry.document_frequency,
                "collection_frequency": entry.collection_frequency,
                "idf": entry.idf,
            }
            for entry in statistics_of(ROWS).top(3, by=by)
        ]
    [first, *_] = rows_of(call("stats", "top", built, "--tenant", "acme", "--format", "json"))
    assert first["document_frequency"] == 1
    assert call("stats", "top", built, "-n", 2).out == (
        "term  id          df   share  cf     idf\n"
        "fox   1621867415   3  1.0000   3  0.1335\n"
        "dog   1312749093   2  0.6667   3  0.4700\n"
    )


def test_words_are_analyzed_as_queries(built, call):
    found = rows_of(call("stats", "term", built, "Foxes", "lazy dogs", "the", "zebra", "--format", "json"))
    library = statistics_in(built)
    assert [item["word"] for item in found] == ["Foxes", "lazy dogs", "the", "zebra"]
    [fox], [lazi, dog], nothing, [zebra] = (item["terms"] for item in found)
    assert fox == {
        "term": "fox",
        "term_id": 1621867415,
        "document_frequency": 3,
        "collection_frequency": 3,
        "idf": library.idf([1621867415])[0],
        "stored_term": "fox",
    }
    assert (lazi["term"], dog["term"], dog["collection_frequency"]) == ("lazi", "dog", 3)
    assert nothing == []
    assert found[2]["dropped"] == [{"form": "the", "reason": "stopword (english)"}]
    assert (zebra["document_frequency"], zebra["stored_term"]) == (0, None)
    assert "the is no term: stopword (english)\n" in call("stats", "term", built, "the").out


def test_ids_tenants_and_formulas(built, call):
    done = call("stats", "term", built, "--id", 1312749093, "--tenant", "bolt", "--format", "json")
    [entry] = done.json["terms"]
    assert (entry["stored_term"], entry["term"]) == ("dog", "dog")
    assert (entry["document_frequency"], entry["idf"]) == (
        1,
        statistics_in(built, "bolt").idf([1312749093])[0],
    )
    done = call("stats", "term", built, "fox", "--idf", "robertson", "--format", "json")
    assert done.json["terms"][0]["idf"] < 0


def test_a_term_that_shares_its_id_says_so(tmp_path, call):
    one, other = sorted(colliding(2, 123456789))
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": 1, "text": one}, {"id": 2, "text": other}])
    flags = ["--no-stopwords", "--stemmer", "none", "--no-lowercase"]
    assert call("stats", "build", tmp_path / "s", source, *flags).code == 0
    out = call("stats", "term", tmp_path / "s", other).out
    assert f"{other} has the id 123456789 of {one} too: the numbers are of both together" in out
    assert "too" not in call("stats", "term", tmp_path / "s", one).out


def test_unusable_options(built, call):
    done = call("stats", "term", built)
    assert (done.code, "nothing to look up: give a word" in done.err) == (2, True)
    done = call("stats", "term", built, "fox", "--idf", "okapi")
    assert (done.code, "unknown idf formula 'okapi'" in done.err) == (2, True)
    for command in (["top"], ["term", "fox"]):
        done = call("stats", command[0], built, *command[1:], "--tenant", "acne")
        assert (done.code, "no tenant 'acne' (did you mean 'acme'?)" in done.err) == (2, True), done.err
    assert call("stats", "top", built, "-n", 0).code == 2
    for value in ("99999999999", "-1", "fox"):
        done = call("stats", "term", built, f"--id={value}")
        assert (done.code, "a term id is an integer from 0 to 2147483648" in done.err) == (2, True), done.err


def test_the_orders_are_those_of_the_library():
    assert terms.ORDERS == statistics.ORDERS


def test_terms_of_a_store_with_plug_ins(tmp_path, call, monkeypatch):
    (tmp_path / "bm25_test_stats_plugin.py").write_text(
        "from bm25.plugins import register\n"
        "register('stats-commas', lambda text: text.split(','), version='1')\n"
    )
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": 1, "text": "York,Rome"}])
    monkeypatch.chdir(tmp_path)
    flags = ["--plugins", "bm25_test_stats_plugin"]
    done = call("stats", "build", tmp_path / "s", source, "--tokenizer", "plugin:stats-commas", *flags)
    assert done.code == 0, done.err
    found = call("stats", "term", tmp_path / "s", "York", *flags, "--format", "json").json
    assert [entry["document_frequency"] for entry in found["terms"]] == [1]
    assert Bm25Config.from_dict(
        call("stats", "show", tmp_path / "s", *flags, "--format", "json").json["config"]
    ).tokenizer == {"type": "plugin", "name": "stats-commas", "version": "1"}
