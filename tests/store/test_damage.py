"""Files that were truncated, altered or lost: found before they are used, named, and never used."""

from __future__ import annotations

import json
import shutil

import pytest

from bm25 import Bm25Encoder, StatisticsStore
from bm25.errors import StoreDamagedError, StoreError
from tests.store import steps
from tests.store.model import PLAIN, Document, assert_frequencies, assert_same, counter
from tests.store.sizes import set_sizes

AT = 5
KINDS = ["frequencies", "terms", "tenants", "documents", "counts"]
LEDGER = {"documents", "counts"}
OTHER_ID = "no such document"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "store"
    encoder = Bm25Encoder(PLAIN, threads=1)
    with pytest.MonkeyPatch.context() as patch, steps.create(path) as store:
        # Several record batches in a file.
        set_sizes(patch, LEDGER_ROWS=3)
        for number in range(1, AT + 1):
            steps.write(store, encoder, number)
    return path


@pytest.fixture
def path(template, tmp_path):
    return shutil.copytree(template, tmp_path / "store")


@pytest.fixture
def history():
    history = steps.History()
    history.advance(AT)
    return history


def file_of(path, kind, number=1):
    return path / "segments" / f"{number:08d}-{kind}.arrow"


def truncate(size):
    def damage(file):
        content = file.read_bytes()
        file.write_bytes(content[: int(size * len(content))] if isinstance(size, float) else content[:size])

    return damage


def flip(share, bit):
    def damage(file):
        content = bytearray(file.read_bytes())
        content[min(int(share * len(content)), len(content) - 1)] ^= 1 << bit
        file.write_bytes(content)

    return damage


def grow(file):
    file.write_bytes(file.read_bytes() + b"\0")


def lose(file):
    file.unlink()


DAMAGES = {
    "emptied": truncate(0),
    "cut after the first byte": truncate(1),
    "cut after the magic": truncate(8),
    "cut in half": truncate(0.5),
    "cut before the last byte": truncate(-1),
    "cut before the footer": truncate(-10),
    "grown": grow,
    "first bit": flip(0, 0),
    "bit in the schema": flip(0.1, 3),
    "bit in the middle": flip(0.5, 7),
    "bit in the footer": flip(0.95, 1),
    "last bit": flip(1.0, 7),
}

# What reads a file of each kind, and what does not.
USES = {
    "frequencies": {
        "statistics": lambda s: s.statistics(),
        "df": lambda s: s.document_frequency([1]),
        "cf of a tenant": lambda s: s.collection_frequency([1], tenant="a"),
        "idf": lambda s: s.idf([1]),
    },
    "terms": {"term": lambda s: s.term(1), "collisions": lambda s: s.collisions()},
    "tenants": {"tenants": lambda s: s.tenants(), "of a tenant": lambda s: s.statistics("a")},
    "documents": {
        "documents": lambda s: list(s.documents()),
        "an unknown document": lambda s: s.document(OTHER_ID),
    },
    "counts": {"documents": lambda s: list(s.documents())},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_named_and_never_used(path, history, kind, name):
    file = file_of(path, kind)
    DAMAGES[name](file)
    with StatisticsStore.open(path) as store:
        for use in USES[kind].values():
            for _ in range(2):  # asking again does not help
                with pytest.raises(StoreDamagedError, match=file.name):
                    use(store)
        with pytest.raises(StoreDamagedError) as error:
            store.verify()
        assert str(error.value).count(".arrow") == 1
        assert str(file) in str(error.value)
        # What needs other files only is still there.
        assert tuple(store.totals) == history.model.recount().totals
        if kind not in ("frequencies", "terms"):
            expected = history.model.recount()
            ids = sorted(expected.document_frequency)
            assert store.document_frequency(ids).tolist() == [expected.document_frequency[i] for i in ids]
        if kind != "tenants":
            assert set(store.tenants()) == history.model.tenants()
        if kind not in LEDGER | {"tenants"}:
            for key, document in history.model.documents.items():
                assert store.document(key).counts == dict(counter(document))


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_is_named(path, kind):
    file = file_of(path, kind)
    with StatisticsStore.open(path) as store:
        lose(file)
        with pytest.raises(StoreDamagedError, match=f"{file.name}: is missing"):
            store.verify()
        # A reader that has it open does not mind.
        steps.assert_at(store, steps.History(), AT)
    with pytest.raises(StoreDamagedError, match=rf"{file.name}: is missing\. .*recover"):
        StatisticsStore.open(path)


def test_all_damaged_files_are_named(path):
    files = [file_of(path, "terms", 1), file_of(path, "counts", 2), file_of(path, "frequencies", 3)]
    for file in files:
        flip(0.5, 0)(file)
    with StatisticsStore.open(path) as store:
        with pytest.raises(StoreDamagedError) as error:
            store.verify()
        message = str(error.value)
        assert all(str(file) in message for file in files)
        assert message.count(".arrow") == 3
        # What is asked of it names one of them, and no change is built on them.
        with pytest.raises(StoreDamagedError):
            store.statistics()
        with pytest.raises(StoreDamagedError, match=r"counts|terms|frequencies"):
            store.compact()
        assert steps.files(path) == steps.needed(store) | {"lock"}
    assert StatisticsStore.open(path).sequence == AT


def test_a_change_that_meets_damage_leaves_the_store_as_it_was(path):
    flip(0.5, 0)(file_of(path, "documents"))
    encoder = Bm25Encoder(PLAIN, threads=1)
    with StatisticsStore.open(path) as store:
        before = steps.files(path)
        with pytest.raises(StoreDamagedError, match="00000001-documents"):
            steps.write(store, encoder, AT + 1)
        assert store.sequence == AT
        assert steps.files(path) - {"lock"} == before - {"lock"}


def test_every_bit_of_a_manifest_counts(path):
    file = path / "manifest.json"
    content = file.read_bytes()
    with StatisticsStore.open(path) as store:
        manifest = store._manifest
    unchanged = 0
    for place in range(0, len(content), 7):
        for bit in (0, 2, 5, 7):
            altered = bytearray(content)
            altered[place] ^= 1 << bit
            file.write_bytes(altered)
            try:
                store = StatisticsStore.open(path)
            except StoreError as error:
                message = str(error)
            else:
                # As JSON it says the same: a letter of an exponent, a space.
                assert store._manifest == manifest, altered[max(0, place - 20) : place + 20]
                store.close()
                unchanged += 1
                continue
            assert "manifest.json" in message or "format version" in message
    assert unchanged < 10


@pytest.mark.parametrize("size", [0, 1, 2, 100, 0.5, -1, -2])
def test_a_truncated_manifest_has_a_copy(path, history, size):
    file = path / "manifest.json"
    truncate(size)(file)
    with pytest.raises(StoreDamagedError) as error:
        StatisticsStore.open(path)
    message = str(error.value)
    assert f"{file}: is damaged" in message
    assert "manifest.copy.json beside it is whole" in message
    assert f"of commit {AT}" in message
    shutil.copy(path / "manifest.copy.json", file)
    with StatisticsStore.open(path) as store:
        steps.assert_at(store, history, AT)
        store.verify()


def test_a_lost_manifest_has_a_copy(path):
    (path / "manifest.json").unlink()
    with pytest.raises(
        StoreDamagedError, match=r"manifest\.json: is missing\. manifest\.copy\.json beside it"
    ):
        StatisticsStore.open(path)
    (path / "manifest.copy.json").write_text("{}")
    with pytest.raises(StoreDamagedError, match=r"no help either; count the corpus again"):
        StatisticsStore.open(path)


def test_a_damaged_copy_is_made_anew(path):
    (path / "manifest.copy.json").write_text("{}")
    with StatisticsStore.open(path) as store, store.write():
        pass
    assert (path / "manifest.copy.json").read_bytes() == (path / "manifest.json").read_bytes()


def test_no_other_json_is_a_manifest(path):
    file = path / "manifest.json"
    values = json.loads(file.read_text())
    for content in (
        "[]",
        "1",
        "null",
        "{}",
        '{"format": "bm25-statistics"}',
        json.dumps({**values, "sequence": 9}),
    ):
        file.write_text(content)
        with pytest.raises(StoreError, match=r"manifest\.json|format version"):
            StatisticsStore.open(path)


@pytest.mark.parametrize(
    "kinds", [["frequencies"], ["tenants"], ["terms"], ["frequencies", "tenants", "terms"]]
)
def test_all_can_be_made_again_from_a_whole_ledger(path, tmp_path, history, kinds):
    for kind in kinds:
        flip(0.5, 3)(file_of(path, kind, 1))
        file_of(path, kind, 2).unlink(missing_ok=True)
    with StatisticsStore.recover(path, tmp_path / "new") as store:
        model = history.model
        model.epochs = [tuple(epoch) for epoch in store.epochs]
        if "terms" not in kinds:
            assert_same(store, model)
        else:
            assert store.document_frequency(sorted(model.recount().document_frequency)).min() > 0
            assert store.statistics().term_ids.tolist() == sorted(model.recount().document_frequency)
        store.verify()
        with store.write() as changes:
            changes.add(["9999"], Bm25Encoder(PLAIN, threads=1).count_documents(["ant"]))
        model.add("9999", Document("ant"))
        if "terms" not in kinds:
            assert_same(store, model)


@pytest.mark.parametrize("kind", sorted(LEDGER))
def test_the_frequencies_outlive_the_ledger(path, tmp_path, history, kind):
    flip(0.5, 3)(file_of(path, kind, 2))
    with StatisticsStore.recover(path, tmp_path / "new") as store:
        assert not store.has_ledger
        model = history.model
        assert_frequencies(store, {name: model.recount(name) for name in (None, *model.tenants())})
        store.verify()


def test_without_ledger_and_frequencies_there_is_nothing(path, tmp_path):
    flip(0.5, 3)(file_of(path, "counts", 1))
    flip(0.5, 3)(file_of(path, "frequencies", 2))
    with (
        StatisticsStore.open(path) as store,
        pytest.raises(StoreDamagedError, match="count the corpus again"),
    ):
        store.verify()
    with pytest.raises(StoreError, match="count the corpus again"):
        StatisticsStore.recover(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()
