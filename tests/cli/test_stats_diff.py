import pytest

from tests.cli.stores import ROWS, statistics_of, write_jsonl


@pytest.fixture
def stores(tmp_path, call):
    for name, rows in (("a", ROWS), ("b", [*ROWS[:3], ROWS[4], {"id": 9, "owner": "acme", "text": "a cat"}])):
        source = write_jsonl(tmp_path / f"{name}.jsonl", rows)
        call("stats", "build", tmp_path / name, source, "--tenant-column", "owner")
    return tmp_path / "a", tmp_path / "b"


def test_before_and_after(stores, call):
    values = call("stats", "diff", *stores, "--format", "json").json
    assert (values["before"]["document_count"], values["after"]["document_count"]) == (3, 3)
    assert values["before"]["average_length"] == statistics_of(ROWS).average_length
    assert (values["new_terms"], values["lost_terms"], values["changed_terms"]) == (1, 3, 2)
    assert {(item["term"], item["before"], item["after"]) for item in values["largest"]} == {
        ("fox", 3, 2), ("dog", 2, 1), ("cat", 0, 1), ("füchse", 1, 0), ("und", 1, 0), ("hund", 1, 0),
    }  # fmt: skip
    out = call("stats", "diff", *stores, "-n", 1).out
    assert "documents with terms     3     3      +0\n" in out
    assert "1 terms are new, 3 are lost, 2 have other frequencies\n" in out
    assert len(out.split("largest changes of document frequency:\n")[1].splitlines()) == 2


def test_of_a_tenant_and_of_equal_stores(stores, call):
    values = call("stats", "diff", *stores, "--tenant", "acme", "--format", "json").json
    assert (values["new_terms"], values["lost_terms"]) == (1, 0)
    values = call("stats", "diff", stores[0], stores[0], "--format", "json").json
    assert (values["new_terms"], values["lost_terms"], values["largest"]) == (0, 0, [])
    done = call("stats", "diff", *stores, "--tenant", "acne")
    assert (done.code, "no tenant 'acne' (did you mean 'acme'?)" in done.err) == (2, True)
