import pytest

from bm25 import Bm25Config, StatisticsStore
from tests.cli.stores import (
    ROWS,
    documents_in,
    left_in,
    statistics_in,
    statistics_of,
    write_jsonl,
)


@pytest.fixture
def build(tmp_path, call):
    def build(name, rows, *flags):
        source = write_jsonl(tmp_path / f"{name}.jsonl", rows)
        done = call("stats", "build", tmp_path / name, source, "--tenant-column", "owner", *flags)
        assert done.code == 0, done.err
        return tmp_path / name

    return build


def test_ledgers_are_merged_by_id(build, tmp_path, call):
    one, other = build("one", ROWS[:3]), build("other", ROWS[2:])
    done = call("stats", "merge", one, other, "-o", tmp_path / "all")
    assert done.code == 0, done.err
    assert done.out.splitlines()[1] == "1 documents were in several stores, 0 with other content"
    assert statistics_in(tmp_path / "all") == statistics_of(ROWS)
    assert statistics_in(tmp_path / "all").terms == statistics_of(ROWS).terms
    assert documents_in(tmp_path / "all") == documents_in(build("whole", ROWS))
    with StatisticsStore.open(tmp_path / "all") as store, StatisticsStore.open(tmp_path / "whole") as whole:
        assert store.tenants() == whole.tenants()
        assert (store.has_ledger, store.sequence) == (True, 1)
        store.verify()


def test_a_conflict_is_named_and_can_be_settled(build, tmp_path, call):
    changed = {**ROWS[3], "text": "cats"}
    one, other = build("one", ROWS), build("other", [changed, ROWS[4]])
    done = call("stats", "merge", one, other, "-o", tmp_path / "all")
    assert done.code == 1
    assert f"in two stores: '4' ({one} and {other}); --on-conflict last" in done.err
    assert "all" not in left_in(tmp_path)
    values = call(
        "stats", "merge", one, other, "-o", tmp_path / "last", "--on-conflict", "last", "--format", "json"
    ).json
    assert (values["shared"], values["conflicts"]) == (1, 1)
    assert statistics_in(tmp_path / "last") == statistics_of([*ROWS[:3], changed, ROWS[4]])
    call("stats", "merge", one, other, "-o", tmp_path / "first", "--on-conflict", "first")
    assert statistics_in(tmp_path / "first") == statistics_of(ROWS)
    assert documents_in(tmp_path / "first") == documents_in(one)


def test_the_same_content_of_another_tenant_is_a_conflict(build, tmp_path, call):
    one, other = build("one", ROWS), build("other", [{**ROWS[0], "owner": "bolt"}])
    done = call("stats", "merge", one, other, "-o", tmp_path / "all")
    assert (done.code, "or of another tenant, in two stores: '1'" in done.err) == (1, True)


def test_many_conflicts_are_counted(build, tmp_path, call):
    rows = [{"id": i, "owner": "", "text": "a fox"} for i in range(20)]
    one, other = build("one", rows), build("other", [{**row, "text": "a dog"} for row in rows])
    done = call("stats", "merge", one, other, "-o", tmp_path / "all")
    assert "and others, about 20 in all;" in done.err


def test_without_a_ledger_statistics_add_up(build, tmp_path, call):
    one, other = build("one", ROWS[:3]), build("other", ROWS[2:], "--no-ledger")
    done = call("stats", "merge", one, other, "-o", tmp_path / "all")
    assert (done.code, done.err) == (
        0,
        f"bm25: note: no ledger in {other}: documents that two of the stores have count twice\n",
    )
    assert statistics_in(tmp_path / "all") == statistics_of([*ROWS[:3], *ROWS[2:]])
    assert statistics_in(tmp_path / "all").terms == statistics_of(ROWS).terms
    assert statistics_in(tmp_path / "all", "bolt") == statistics_of([ROWS[2], ROWS[2], ROWS[3]])
    with StatisticsStore.open(tmp_path / "all") as store:
        assert not store.has_ledger


def test_fields_are_kept(tmp_path, call):
    rows = [{"id": i, "title": f"Title {i}", "body": "some foxes"} for i in range(4)]
    for name, part in (("one", rows[:2]), ("other", rows[2:]), ("whole", rows)):
        source = write_jsonl(tmp_path / f"{name}.jsonl", part)
        call("stats", "build", tmp_path / name, source, "--field", "title", "--field", "body")
    assert call("stats", "merge", tmp_path / "one", tmp_path / "other", "-o", tmp_path / "all").code == 0
    with StatisticsStore.open(tmp_path / "all") as store, StatisticsStore.open(tmp_path / "whole") as whole:
        assert store.fields == ("title", "body")
        assert store.document(3) == whole.document(3)
        assert store.statistics() == whole.statistics()
        assert store.statistics().terms == whole.statistics().terms
    StatisticsStore.create(tmp_path / "plain", Bm25Config.tuned()).close()
    done = call("stats", "merge", tmp_path / "one", tmp_path / "plain", "-o", tmp_path / "no")
    assert (done.code, "counts the fields of none" in done.err) == (1, True)


def test_other_options_do_not_go_together(build, tmp_path, call):
    one, other = build("one", ROWS), build("other", ROWS, "--language", "german")
    for command in (["merge", "-o", tmp_path / "no"], ["subtract"], ["diff"]):
        done = call("stats", command[0], one, other, *command[1:])
        assert done.code == 1
        assert 'language "german" there, "english" here' in done.err
    same = build("same", ROWS, "--k", "1")
    assert call("stats", "merge", one, same, "-o", tmp_path / "all").code == 0
    with StatisticsStore.open(tmp_path / "all") as store:
        assert store.config.k == 1.5
    done = call("stats", "merge", one, "-o", same)
    assert (done.code, "is there already" in done.err) == (1, True)


def test_subtract_by_id(build, tmp_path, call):
    one = build("one", ROWS)
    other = build("other", [{**ROWS[0], "text": "another version"}, {"id": 77, "owner": "", "text": "new"}])
    done = call("stats", "subtract", one, other)
    assert done.out.splitlines()[0] == "removed 1, unknown 1"
    assert statistics_in(one) == statistics_of(ROWS[1:])
    assert len(documents_in(other)) == 2


def test_subtract_statistics(build, call):
    one = build("one", ROWS, "--no-ledger")
    other = build("other", ROWS[2:4], "--no-ledger")
    assert call("stats", "subtract", one, other).out.startswith("removed 2, unknown 0\n")
    assert statistics_in(one) == statistics_of([*ROWS[:2], ROWS[4]])
    with StatisticsStore.open(one) as store:
        assert list(store.tenants()) == ["acme"]
    before = statistics_in(one)
    done = call("stats", "subtract", one, other)
    assert (done.code, "must be part of the corpus" in done.err) == (1, True)
    assert statistics_in(one) == before


def test_what_cannot_be_subtracted(build, call):
    one, other = build("one", ROWS), build("other", ROWS, "--no-ledger")
    done = call("stats", "subtract", one, other)
    assert (done.code, "has no ledger, so it does not say which documents" in done.err) == (1, True)
    done = call("stats", "subtract", one, one)
    assert (done.code, "are one store" in done.err) == (2, True)
    assert call("stats", "subtract", other, one).code == 0
    assert len(statistics_in(other)) == 0
