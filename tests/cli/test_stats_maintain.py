import pytest

from bm25 import StatisticsStore
from tests.cli.process import run
from tests.cli.stores import (
    ROWS,
    documents_in,
    left_in,
    statistics_in,
    statistics_of,
    write_jsonl,
)


@pytest.fixture
def source(tmp_path):
    return write_jsonl(tmp_path / "in.jsonl", ROWS)


@pytest.fixture
def built(tmp_path, source, call):
    call("stats", "build", tmp_path / "s", source, "--tenant-column", "owner")
    return tmp_path / "s"


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_compact(built, tmp_path, call):
    call(
        "stats",
        "add",
        built,
        write_jsonl(tmp_path / "more.jsonl", [{"id": 9, "text": "a cat"}]),
        "--tenant",
        "acme",
    )
    before = statistics_in(built)
    values = call("stats", "compact", built, "--format", "json").json
    assert (values["before"]["segments"], values["after"]["segments"]) == (2, 1)
    assert statistics_in(built) == before
    assert "from 1 to 1 segments" in call("stats", "compact", built).out


def test_a_whole_store(built, source, call):
    done = call("stats", "verify", built)
    assert (done.code, done.out.endswith("all as written, 5 documents of the ledger recounted\n")) == (
        0,
        True,
    )
    done = call("stats", "verify", built, source, "--tenant-column", "owner")
    assert (done.code, done.out.endswith("\nequal to the recount of the corpus\n")) == (0, True)
    values = call("stats", "verify", built, source, "--output-format", "json").json
    assert (values["equal"], values["documents"], values["different"]) == (True, 5, [])


def test_differences_from_the_corpus(built, tmp_path, call):
    rows = [*ROWS[1:3], {**ROWS[3], "text": "Cats"}, ROWS[4], {"id": 9, "owner": "acme", "text": "a cat"}]
    corpus = write_jsonl(tmp_path / "corpus.jsonl", rows)
    done = call("stats", "verify", built, corpus)
    assert done.code == 1
    assert done.err == f"bm25: error: {built}: does not hold the statistics of the corpus given\n"
    assert "documents with terms      3       3      +0\n" in done.out
    assert "documents that only the store has: 1: 1\n" in done.out
    assert "documents that only the corpus has: 1: 9\n" in done.out
    assert "documents that differ: 1: 4\n" in done.out
    done = call("stats", "verify", built, corpus, "--output-format", "json")
    assert (done.code, done.json["equal"], done.json["only_in_store"]) == (1, False, ["1"])


def test_documents_with_each_other_s_content_differ(built, tmp_path, call):
    swapped = [
        {**ROWS[0], "text": ROWS[3]["text"]},
        *ROWS[1:3],
        {**ROWS[3], "text": ROWS[0]["text"]},
        ROWS[4],
    ]
    corpus = write_jsonl(tmp_path / "corpus.jsonl", swapped)
    done = call("stats", "verify", built, corpus)
    assert (done.code, "documents that differ: 2: " in done.out) == (1, True)


def test_tenants_are_compared_where_they_are_known(built, tmp_path, call):
    corpus = write_jsonl(tmp_path / "corpus.jsonl", [{**row, "owner": "acme"} for row in ROWS])
    assert call("stats", "verify", built, corpus).code == 0
    done = call("stats", "verify", built, corpus, "--tenant-column", "owner")
    assert (done.code, "tenants that differ: acme, bolt\n" in done.out) == (1, True)


def test_an_id_twice_in_the_corpus_counts_once_here_too(tmp_path, call):
    corpus = write_jsonl(tmp_path / "twice.jsonl", [*ROWS, {**ROWS[0], "text": "a cat"}])
    call("stats", "build", tmp_path / "s", corpus)
    assert call("stats", "verify", tmp_path / "s", corpus).code == 0


def test_without_a_ledger(source, tmp_path, call):
    call("stats", "build", tmp_path / "s", source, "--no-ledger", "--tenant-column", "owner")
    assert call("stats", "verify", tmp_path / "s", source, "--tenant-column", "owner").code == 0
    less = write_jsonl(tmp_path / "less.jsonl", ROWS[1:])
    done = call("stats", "verify", tmp_path / "s", less, "--tenant-column", "owner")
    assert (done.code, "tenants that differ: acme\n" in done.out) == (1, True)


def test_damage_is_named_and_what_is_whole_recovered(built, tmp_path, call):
    [file] = (built / "segments").glob("*-frequencies.arrow")
    flip(file)
    done = call("stats", "verify", built)
    assert done.code == 1
    assert f"{file}: was altered, its checksum is wrong" in done.err
    assert "--recover NEW" in done.err
    done = call("stats", "verify", built, "--recover", tmp_path / "new")
    assert (done.code, done.out.splitlines()[0]) == (0, "recovered with ledger")
    assert f"bm25: damaged: {file}: was altered" in done.err
    assert statistics_in(tmp_path / "new") == statistics_of(ROWS)
    assert documents_in(tmp_path / "new").keys() == {"1", "2", "3", "4", "5"}
    assert call("stats", "verify", tmp_path / "new").code == 0
    done = call("stats", "verify", built, "--recover", tmp_path / "new")
    assert (done.code, "is there already" in done.err) == (1, True)
    done = call("stats", "verify", built, "in.jsonl", "--recover", tmp_path / "no")
    assert done.code == 1
    done = call("stats", "verify", built, tmp_path / "in.jsonl", "--recover", tmp_path / "no")
    assert (done.code, "--recover takes no INPUT" in done.err) == (2, True)


def test_what_is_beyond_recovery_leaves_nothing(built, tmp_path, call):
    for file in (built / "segments").iterdir():
        flip(file)
    names = left_in(tmp_path)
    done = call("stats", "verify", built, "--recover", tmp_path / "new")
    assert (done.code, "count the corpus again" in done.err) == (1, True)
    assert left_in(tmp_path) == names


def test_a_damaged_manifest(built, tmp_path, call):
    flip(built / "manifest.json")
    done = call("stats", "show", built)
    assert (done.code, "manifest.json: is damaged" in done.err) == (1, True)
    assert call("stats", "verify", built, "--recover", tmp_path / "new").code == 0
    assert statistics_in(tmp_path / "new") == statistics_of(ROWS)


def test_a_corpus_from_a_pipe(built, source):
    done = run("stats", "verify", built, "-", input=source.read_bytes())
    assert (done.returncode, done.stdout.endswith(b"equal to the recount of the corpus\n")) == (0, True)
    with StatisticsStore.open(built) as store:
        assert store.sequence == 1
