import pytest

from bm25 import StatisticsStore
from tests.cli.process import run
from tests.cli.stores import ROWS, documents_in, statistics_in, statistics_of, write_jsonl


@pytest.fixture
def built(tmp_path, call):
    source = write_jsonl(tmp_path / "in.jsonl", ROWS)
    call("stats", "build", tmp_path / "s", source, "--tenant-column", "owner")
    return tmp_path / "s"


def test_remove_by_id_reports_unknown_ones_and_succeeds(built, call):
    done = call("stats", "remove", built, "--id", 4, "--id", "x", "--id", 1)
    assert done.code == 0
    assert done.out.splitlines()[0] == "removed 2, unknown 1"
    assert done.err == "bm25: not in the store: x\n"
    assert statistics_in(built) == statistics_of([*ROWS[1:3], ROWS[4]])
    values = call("stats", "remove", built, "--id", 4, "--format", "json").json
    assert (values["removed"], values["unknown"], values["document_count"]) == (0, ["4"], 1)


def test_remove_by_a_file_or_a_pipe(built, tmp_path, call):
    (tmp_path / "ids").write_bytes(b"1\r\n\n4\n" + b"".join(b"no%d\n" % i for i in range(15)))
    done = call("stats", "remove", built, "--ids", tmp_path / "ids")
    assert done.out.splitlines()[0] == "removed 2, unknown 15"
    assert done.err.splitlines()[-1] == "bm25: not in the store: 5 more"
    run("stats", "remove", built, "--ids", "-", input=b"5\n2", check=True)
    assert documents_in(built).keys() == {"3"}
    (tmp_path / "ids").write_bytes(b"3\n\xff\n")
    done = call("stats", "remove", built, "--ids", tmp_path / "ids")
    assert (done.code, "ids: line 2: not valid UTF-8" in done.err) == (1, True)
    assert documents_in(built).keys() == {"3"}
    done = call("stats", "remove", built, "--ids", tmp_path / "none")
    assert (done.code, "none: cannot be read: No such file" in done.err) == (1, True)


def test_a_tenant_is_dropped_whole(built, call):
    assert call("stats", "remove", built, "--tenant", "acme").out.startswith("removed 2, unknown 0\n")
    assert statistics_in(built) == statistics_of(ROWS[2:])
    with StatisticsStore.open(built) as store:
        assert list(store.tenants()) == ["bolt"]
    done = call("stats", "remove", built, "--tenant", "bolt", "--tenant", "acme")
    assert (done.code, "tenant 'acme' has no documents" in done.err) == (1, True)
    assert statistics_in(built) == statistics_of(ROWS[2:])


def test_unusable_options(built, tmp_path, call):
    done = call("stats", "remove", built)
    assert (done.code, "nothing to remove: name documents" in done.err) == (2, True)
    call("stats", "build", tmp_path / "t", tmp_path / "in.jsonl", "--no-ledger", "--tenant", "acme")
    done = call("stats", "remove", tmp_path / "t", "--id", 1)
    assert (done.code, "has no ledger" in done.err) == (1, True)
    assert call("stats", "remove", tmp_path / "t", "--tenant", "acme").code == 0
    assert len(statistics_in(tmp_path / "t")) == 0
