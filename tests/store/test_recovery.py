"""A new store of what is whole in a damaged one."""

from __future__ import annotations

import shutil

import pytest

from bm25 import Bm25Encoder, StatisticsStore
from bm25.errors import StoreDamagedError, StoreError


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A store of several segments, with tenants, empty documents, removed and replaced ones."""
    encoder = Bm25Encoder(threads=1)
    store = StatisticsStore.create(tmp_path_factory.mktemp("recovery") / "store", max_drift=0.001)
    with store.write() as batch:
        texts = [f"word{i} cat" for i in range(30)] + ["", "dog"]
        batch.add(range(32), encoder.count_documents(texts), tenant=["a", "b", None, "c"] * 8)
    with store.write() as batch:
        batch.remove([1, 2])
        batch.add([3, 40], encoder.count_documents(["mouse mouse", "bird"]), tenant="b")
    with store.write() as batch:
        batch.drop_tenant("c")
    assert store.segment_count == 3
    assert len(store.epochs) > 1
    return store


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original.path, tmp_path / "damaged")


def damage(path, kind):
    for file in sorted((path / "segments").glob(f"*-{kind}.arrow")):
        file.write_bytes(file.read_bytes()[:-1])


def documents(store):
    return {
        document_id: (*(part.tolist() for part in batch.counts[row]), batch.tenants[row], batch.epochs[row])
        for batch in store.documents()
        for row, document_id in enumerate(batch.document_ids)
    }  # fmt: skip


@pytest.mark.parametrize("kinds", [[], ["frequencies"]])
def test_from_a_whole_ledger_everything(original, copy, tmp_path, kinds):
    for kind in kinds:
        damage(copy, kind)
    if kinds:
        with pytest.raises(StoreDamagedError, match="The ledger is whole, all can be made again from it"):
            StatisticsStore.open(copy).verify()
    store = StatisticsStore.recover(copy, tmp_path / "new")
    assert store.statistics() == original.statistics()
    assert store.statistics().terms == original.statistics().terms
    assert store.tenants() == original.tenants()
    for tenant in store.tenants():
        assert store.statistics(tenant) == original.statistics(tenant)
    assert documents(store) == documents(original)
    assert store.epochs == original.epochs
    assert store.config == original.config
    assert store.verify().documents == original.verify().documents
    with store.write() as batch:  # it goes on
        batch.remove([40])
    assert store.totals.document_count == original.totals.document_count - 1


def test_damaged_tenants_matter_where_one_was_dropped(original, copy, tmp_path):
    damage(copy, "tenants")
    with pytest.raises(StoreDamagedError, match="made again from it, unless tenants were dropped"):
        StatisticsStore.open(copy).verify()
    with pytest.raises(StoreError, match="neither its ledger nor its frequencies are whole"):
        StatisticsStore.recover(copy, tmp_path / "new")
    compacted = shutil.copytree(original.path, tmp_path / "compacted")
    StatisticsStore.open(compacted).compact()
    damage(compacted, "tenants")
    damage(compacted, "frequencies")
    store = StatisticsStore.recover(compacted, tmp_path / "other")
    assert store.statistics() == original.statistics()
    assert store.tenants() == original.tenants()


@pytest.mark.parametrize("kind", ["documents", "counts"])
def test_from_whole_frequencies_all_but_the_ledger(original, copy, tmp_path, kind):
    damage(copy, kind)
    with pytest.raises(StoreDamagedError, match="can be kept, without the ledger"):
        StatisticsStore.open(copy).verify()
    store = StatisticsStore.recover(copy, tmp_path / "new")
    assert not store.has_ledger
    assert store.statistics() == original.statistics()
    assert store.tenants() == original.tenants()
    for tenant in store.tenants():
        assert store.statistics(tenant) == original.statistics(tenant)
    assert store.epochs == original.epochs


def test_terms_in_damaged_files_are_lost(original, copy, tmp_path):
    first = sorted((copy / "segments").glob("*-terms.arrow"))[0]
    first.unlink()
    with pytest.raises(StoreDamagedError, match="is missing"):
        StatisticsStore.open(copy)
    store = StatisticsStore.recover(copy, tmp_path / "new")
    assert store.statistics() == original.statistics()
    assert sorted(store.statistics().terms.values()) == ["bird", "mous"]


def test_without_ledger_and_frequencies_nothing_is_made(copy, tmp_path):
    damage(copy, "frequencies")
    damage(copy, "counts")
    with pytest.raises(StoreDamagedError, match="count the corpus again"):
        StatisticsStore.open(copy).verify()
    with pytest.raises(StoreError, match="neither its ledger nor its frequencies are whole"):
        StatisticsStore.recover(copy, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_copy_of_the_manifest_serves(original, copy, tmp_path):
    manifest = copy / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"sequence": 3', b'"sequence": 4'))
    with pytest.raises(
        StoreDamagedError, match=r"is damaged: its checksum is wrong. manifest.copy.json .* of commit 3"
    ):
        StatisticsStore.open(copy)
    assert StatisticsStore.recover(copy, tmp_path / "new").statistics() == original.statistics()
    # What the message says works.
    shutil.copy(copy / "manifest.copy.json", manifest)
    assert StatisticsStore.open(copy).verify().documents == original.verify().documents
    manifest.write_bytes(b"{}")
    (copy / "manifest.copy.json").unlink()
    with pytest.raises(StoreError, match="count the corpus again"):
        StatisticsStore.recover(copy, tmp_path / "other")


def test_nothing_is_recovered_over_something_else(copy, original):
    with pytest.raises(StoreError, match="is a store already"):
        StatisticsStore.recover(copy, original.path)
