"""What a user sees of a store: options, refusals, documents, epochs, tenants, fields."""

from __future__ import annotations

import pickle
import uuid

import numpy as np
import pytest

from bm25 import Bm25Config, Bm25ConfigError, Bm25Encoder, Bm25InputError, CorpusStatistics, StatisticsStore
from bm25.errors import StoreError, StoreMismatchError
from bm25.store import StoreReport, Totals, WriteSummary

CAT, DOG, MOUSE = 1751422759, 1312749093, 1507753846


@pytest.fixture(scope="module")
def encoder():
    return Bm25Encoder(threads=1)


@pytest.fixture
def store(tmp_path):
    return StatisticsStore.create(tmp_path / "store")


def put(store, encoder, documents, **options):
    with store.write() as batch:
        batch.add(list(documents), encoder.count_documents(list(documents.values())), **options)
    return batch.summary


def put_counts(store, document_ids, counts):
    with store.write() as batch:
        batch.add(document_ids, counts)


# Making and opening


def test_a_new_store_is_empty(store):
    assert store.totals == Totals(0, 0, 0)
    assert store.sequence == 0
    assert store.statistics() == CorpusStatistics.empty()
    assert store.epoch is None
    assert store.score_bounds() == (1.0, 1.0)
    assert store.tenants() == {}
    assert list(store.documents()) == []
    assert store.verify() == StoreReport(files=0, bytes=0, documents=0)
    # Until something is known of the corpus, the configuration's avg_len counts.
    assert store.encoder().config == Bm25Config()


def test_a_store_is_not_made_over_something_else(tmp_path, store):
    with pytest.raises(StoreError, match="is a store already; open it"):
        StatisticsStore.create(store.path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="is not an empty directory"):
        StatisticsStore.create(tmp_path / "full")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="cannot be made"):
        StatisticsStore.create(tmp_path / "full" / "notes.txt" / "store")
    with pytest.raises(StoreError, match="is a file"):
        StatisticsStore.open(tmp_path / "full" / "notes.txt")
    StatisticsStore.create(tmp_path / "new" / "nested")


def test_what_is_no_store_is_not_opened(tmp_path):
    with pytest.raises(StoreError, match=r"no such directory.*StatisticsStore.create"):
        StatisticsStore.open(tmp_path / "nothing")
    with pytest.raises(StoreError, match=r"no store, it has no manifest.json"):
        StatisticsStore.open(tmp_path)


def test_another_analysis_is_refused_and_shown(store):
    with pytest.raises(StoreMismatchError, match='language "english" there, "german" here'):
        StatisticsStore.open(store.path, Bm25Config(language="german"))
    other = Bm25Config(stemmer={"type": "none"}, min_token_len=2)
    with pytest.raises(StoreMismatchError, match=r"stemmer null there.*min_token_len null there, 2 here"):
        StatisticsStore.open(store.path, other)


def test_weights_may_differ(store, encoder):
    put(store, encoder, {1: "a cat", 2: "a dog and a cat"})
    opened = StatisticsStore.open(store.path, Bm25Config(k=2.0, b=0.5, k3=7.0, avg_len=3.0))
    config = opened.encoder().config
    assert (config.k, config.b, config.k3, config.avg_len) == (2.0, 0.5, 7.0, 1.5)
    assert opened.encoder(k=1.0, avg_len=9.0).config == Bm25Config(k=1.0, b=0.5, k3=7.0, avg_len=9.0)
    with pytest.raises(StoreMismatchError, match="language"):
        opened.encoder(language="german")


@pytest.mark.parametrize("fields", ["title", ["a", "a"], [""], [1]])
def test_fields_are_different_names(tmp_path, fields):
    with pytest.raises(Bm25ConfigError, match="fields must be"):
        StatisticsStore.create(tmp_path / "store", fields=fields)


@pytest.mark.parametrize("drift", [0, -1, "x", True, float("nan"), float("inf")])
def test_drift_is_a_positive_number(tmp_path, drift):
    with pytest.raises(Bm25ConfigError, match="max_drift must be a finite number above 0"):
        StatisticsStore.create(tmp_path / "store", max_drift=drift)


def test_a_store_travels_as_its_path(store, encoder):
    put(store, encoder, {1: "cat"})
    again = pickle.loads(pickle.dumps(store))
    assert again.statistics() == store.statistics()


# Documents


def test_documents_come_change_and_go(store, encoder):
    assert put(store, encoder, {1: "cat dog", 2: "dog", 3: ""}) == WriteSummary(added=3)
    assert store.totals == Totals(document_count=2, empty_count=1, total_length=3)
    assert store.document_frequency([DOG, CAT, MOUSE]).tolist() == [2, 1, 0]

    assert put(store, encoder, {1: "cat dog", 2: "mouse mouse"}) == WriteSummary(replaced=1, unchanged=1)
    assert store.document_frequency([DOG, CAT, MOUSE]).tolist() == [1, 1, 1]
    assert store.collection_frequency([MOUSE]).tolist() == [2]
    assert store.document(2).counts == {MOUSE: 2}

    with store.write() as batch:
        assert batch.remove([1, 99, "3", 1]) == ["99"]
    assert batch.summary == WriteSummary(removed=2, unknown=1)
    assert store.totals == Totals(1, 0, 2)
    assert store.document(1) is None
    assert len(store.statistics()) == 1


def test_the_same_content_again_is_no_commit(store, encoder):
    put(store, encoder, {1: "cat dog", 2: "dog"})
    before = sorted(path.name for path in store.path.rglob("*"))
    assert put(store, encoder, {1: "cat dog", 2: "The dogs!"}) == WriteSummary(unchanged=2)
    assert store.sequence == 1
    assert sorted(path.name for path in store.path.rglob("*")) == before


def test_in_one_batch_the_last_word_counts(store, encoder):
    with store.write() as batch:
        batch.add([1, 1], encoder.count_documents(["cat", "dog"]))
        batch.add([2], encoder.count_documents(["cat"]))
        assert batch.remove([2]) == []
        assert batch.remove([2]) == ["2"]
        batch.add([3], encoder.count_documents(["cat"]))
        batch.remove([3])
        batch.add([3], encoder.count_documents(["mouse"]))
    assert batch.summary == WriteSummary(added=2, unknown=1)
    assert store.document(1).counts == {DOG: 1}
    assert store.document(2) is None
    assert store.document(3).counts == {MOUSE: 1}


def test_ids_are_integers_strings_or_uuids(store, encoder):
    number = uuid.UUID("9b2d4b56-2a65-4fe4-8a6c-3d1c6dc7a0ad")
    put(store, encoder, {7: "cat", number: "dog", 2**64 - 1: "mouse", "ключ": "cat", np.int32(5): "dog"})
    for known in ("7", 7, str(number), number, 2**64 - 1, "ключ", 5):
        assert store.document(known) is not None


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([None], r"document_ids\[0\] is null"),
        (["a", 1.5], r"document_ids\[1\] is 1.5, of type float"),
        ([True], r"document_ids\[0\] is True, of type bool"),
        (["a", ""], r"document_ids\[1\] is empty"),
        (["a", "\ud800"], r"document_ids\[1\] is not valid Unicode"),
        ("ab", "put it in a list"),
        (["a", "b"], "2 document_ids for counts of 1 documents"),
    ],
)
def test_other_ids_are_refused_by_place(store, encoder, ids, message):
    counts = encoder.count_documents(["cat"] * (len(ids) if "for counts" not in message else 1))
    with pytest.raises(Bm25InputError, match=message), store.write() as batch:
        batch.add(ids, counts)
    assert store.sequence == 0


def test_an_exception_leaves_the_store_as_it_was(store, encoder):
    put(store, encoder, {1: "cat"})
    before = store.statistics()
    with pytest.raises(RuntimeError), store.write() as batch:  # noqa: PT012
        batch.add([2], encoder.count_documents(["dog"]))
        batch.flush()  # as if much had been added
        raise RuntimeError
    assert store.statistics() == before
    assert StatisticsStore.open(store.path).statistics() == before
    with pytest.raises(StoreError, match="the batch has ended"):
        batch.add([3], encoder.count_documents(["dog"]))
    put(store, encoder, {2: "mouse"})
    assert store.document_frequency([CAT, DOG, MOUSE]).tolist() == [1, 0, 1]


def test_a_reader_stays_where_it_is_until_it_moves_on(store, encoder):
    put(store, encoder, {1: "cat"})
    reader = StatisticsStore.open(store.path)
    seen = reader.statistics()
    for i in range(20):  # enough for segments to be merged and removed
        put(store, encoder, {i: f"dog mouse w{i}"})
    store.compact()
    assert reader.statistics() == seen
    assert reader.document(1).counts == {CAT: 1}
    assert reader.refresh()
    assert reader.statistics() == store.statistics()
    assert not reader.refresh()


def test_counts_without_terms_need_a_store_without_terms(tmp_path, encoder):
    from bm25 import TermCounts

    counts = TermCounts.from_arrow(encoder.count_documents(["cat dog"]).to_arrow())
    with pytest.raises(Bm25InputError, match="create the store with terms=False"):
        put_counts(StatisticsStore.create(tmp_path / "one"), [1], counts)
    store = StatisticsStore.create(tmp_path / "two", terms=False)
    with store.write() as batch:
        batch.add([1], counts)
    assert store.statistics().terms is None
    assert store.term(CAT) is None
    assert store.collisions() == {}


def test_documents_can_be_copied_into_another_store(tmp_path, store, encoder):
    put(store, encoder, {1: "cat dog", 2: "mouse"}, tenant=["a", None])
    other = StatisticsStore.create(tmp_path / "other")
    with other.write() as batch:
        for part in store.documents():
            batch.add(part.document_ids, part.counts, tenant=part.tenants)
    assert other.statistics() == store.statistics()
    assert other.statistics().terms == store.statistics().terms
    assert other.tenants() == store.tenants()


# Terms


def test_ids_become_words_again(store, encoder):
    put(store, encoder, {1: "cats and dogs"})
    assert store.term(CAT) == "cat"
    assert store.term(MOUSE) is None
    put(store, encoder, {2: "mouse"})
    assert dict(store.statistics().terms) == {CAT: "cat", DOG: "dog", MOUSE: "mous"}
    assert store.collisions() == {}


# Epochs


def test_the_first_commit_fits_and_drift_begins_a_new_epoch(tmp_path, encoder):
    store = StatisticsStore.create(tmp_path / "store", max_drift=0.2)
    put(store, encoder, dict.fromkeys(range(10), "cat dog mouse bird"))
    assert store.epochs == ((1, 4.0, 1),)
    assert store.encoder().config.avg_len == 4.0
    put(store, encoder, {10: "cat"})  # 41 / 11, within a fifth
    assert store.epochs == ((1, 4.0, 1),)
    low, high = store.score_bounds()
    assert (low, high) == (1.0, 4.0 / (41 / 11))
    put(store, encoder, dict.fromkeys(range(11, 20), "cat"))  # 50 / 20
    assert store.epochs == ((1, 4.0, 1), (2, 2.5, 3))
    assert store.document(19).epoch == 1  # it was encoded before the commit
    put(store, encoder, {20: "dog cat"})
    assert store.document(20).epoch == 2
    with pytest.raises(Bm25ConfigError, match="there is no epoch 3; there are 1, 2"):
        store.score_bounds(3)


def test_only_an_epoch_that_there_is_can_be_marked(store, encoder):
    with pytest.raises(Bm25ConfigError, match=r"there is no epoch 1; there are none yet"):
        store.mark_reweighed(1)
    put(store, encoder, {1: "cat"})
    with pytest.raises(Bm25ConfigError, match="there is no epoch 2; there are 1"):
        store.mark_reweighed(2)


def test_a_closed_store_says_so(store, encoder):
    put(store, encoder, {1: "cat"})
    with StatisticsStore.open(store.path) as closed:
        pass
    with pytest.raises(StoreError, match="the store is closed; open it again"):
        closed.statistics()
    assert closed.totals.document_count == 1


def test_options_are_a_configuration(store, tmp_path):
    for call in (StatisticsStore.open, StatisticsStore.create):
        with pytest.raises(Bm25ConfigError, match=r"got dict; for a dict use"):
            call(tmp_path / "other", {"k": 1})


def test_an_epoch_can_be_asked_for(store, encoder):
    put(store, encoder, {1: "cat dog", 2: "cat dog"})
    with store.write() as batch:
        batch.start_epoch()
    assert store.epochs == ((1, 2.0, 1), (2, 2.0, 2))


def test_reweighing_needs_no_texts(tmp_path, encoder):
    store = StatisticsStore.create(tmp_path / "store", max_drift=0.01)
    texts = {1: "cat dog", 2: "cat cat mouse", 3: ""}
    put(store, encoder, texts)
    assert list(store.reweigh()) == []
    put(store, encoder, {4: "dog " * 20})
    assert store.epoch.number == 2
    vectors = {
        document_id: vectors[i] for ids, vectors in store.reweigh() for i, document_id in enumerate(ids)
    }
    assert set(vectors) == {"1", "2", "3", "4"}  # the fourth was encoded before its commit began the epoch
    expected = store.encoder().encode_documents(list(texts.values()))
    for row, document_id in enumerate(texts):
        for mine, wanted in zip(vectors[str(document_id)], expected[row], strict=True):
            assert np.array_equal(mine, wanted)
    store.mark_reweighed(2)
    assert list(store.reweigh()) == []
    assert store.document(1).epoch == 2
    # The same content again is the same document, whatever the epoch.
    assert put(store, encoder, {1: "cat dog"}) == WriteSummary(unchanged=1)


def test_a_commit_while_reweighing_changes_nothing(tmp_path, encoder):
    store = StatisticsStore.create(tmp_path / "store", max_drift=0.01)
    put(store, encoder, {1: "cat"})
    with store.write() as batch:
        batch.start_epoch()
    put(store, encoder, {2: "dog"})  # of epoch 2, the one that is weighed for
    vectors = store.reweigh()
    found = next(vectors)[0]
    put(store, encoder, {3: "dog " * 40})
    assert store.epoch.number == 3
    found += [key for keys, _ in vectors for key in keys]
    assert found == ["1"]


# Tenants


def test_tenants_beside_the_whole(store, encoder):
    put(store, encoder, {1: "cat", 2: "cat dog", 3: "mouse", 4: ""}, tenant=["a", "b", None, "b"])
    assert store.tenants() == {"a": Totals(1, 0, 1), "b": Totals(1, 1, 2)}
    assert store.document_frequency([CAT]).tolist() == [2]
    assert store.document_frequency([CAT], tenant="a").tolist() == [1]
    assert store.document_frequency([CAT], tenant="nobody").tolist() == [0]
    assert store.statistics("b") == CorpusStatistics.from_counts(encoder.count_documents(["cat dog", ""]))
    assert store.idf([CAT], tenant="b")[0] == pytest.approx(np.log(1 + 0.5 / 1.5))  # N = df = 1

    # A document moves with its id.
    assert put(store, encoder, {1: "cat"}, tenant="b") == WriteSummary(replaced=1)
    assert store.tenants() == {"b": Totals(2, 1, 3)}

    with store.write() as batch:
        batch.drop_tenant("b")
    assert batch.summary == WriteSummary(removed=3)
    assert store.tenants() == {}
    assert store.statistics() == CorpusStatistics.from_counts(encoder.count_documents(["mouse"]))
    assert store.document(2) is None
    # What comes after the drop is there.
    put(store, encoder, {2: "dog"}, tenant="b")
    store.compact()
    assert store.tenants() == {"b": Totals(1, 0, 1)}
    assert store.document(2).tenant == "b"


def test_a_tenant_without_documents_cannot_be_dropped(store, encoder):
    put(store, encoder, {1: "cat"}, tenant="a")
    with pytest.raises(StoreError, match="tenant 'b' has no documents"), store.write() as batch:
        batch.drop_tenant("b")


@pytest.mark.parametrize("tenant", [None, 7, ["a"]])
def test_only_a_name_can_be_dropped(store, encoder, tenant):
    put(store, encoder, {1: "cat", 2: "dog"}, tenant=["a", None])
    with pytest.raises(Bm25InputError, match="tenant must be the name of one"), store.write() as batch:
        batch.drop_tenant(tenant)
    assert store.totals == Totals(2, 0, 2)


@pytest.mark.parametrize(
    ("tenant", "message"),
    [
        ("", "empty string"),
        (["a"], "1 tenants for 2 documents"),
        (["a", ""], r"tenant\[1\] is ''"),
        ([1, "a"], r"tenant\[0\] is 1"),
        (["a", "\ud800"], r"tenant\[1\] is not valid Unicode"),
        ("\ud800", r"tenant\[0\] is not valid Unicode"),
    ],
)
def test_tenants_are_names(store, encoder, tenant, message):
    with pytest.raises(Bm25InputError, match=message):
        put(store, encoder, {1: "cat", 2: "dog"}, tenant=tenant)


# Fields


def test_fields_are_kept_apart_and_counted_together(tmp_path, encoder):
    store = StatisticsStore.create(tmp_path / "store", fields=["title", "body"])
    title = encoder.count_documents(["cat", "dog", None])
    body = encoder.count_documents(["cat mouse", None, ""])
    with store.write() as batch:
        batch.add([1, 2, 3], {"title": title, "body": body})
    assert store.totals == Totals(document_count=2, empty_count=1, total_length=4)
    assert store.document_frequency([CAT, DOG, MOUSE]).tolist() == [1, 1, 1]
    assert store.collection_frequency([CAT]).tolist() == [2]
    entry = store.document(1)
    assert entry.counts == {CAT: 2, MOUSE: 1}
    assert entry.fields == {"title": {CAT: 1}, "body": {CAT: 1, MOUSE: 1}}
    [batch] = store.documents()
    row = batch.document_ids.index("1")
    assert batch.fields["title"][row][0].tolist() == [CAT]
    # The same words in other fields are another document.
    with store.write() as batch:
        batch.add([2], {"title": encoder.count_documents([""]), "body": encoder.count_documents(["dog"])})
    assert batch.summary == WriteSummary(replaced=1)
    assert store.document(2).fields == {"title": {}, "body": {DOG: 1}}


def test_counts_must_be_of_the_fields(tmp_path, store, encoder):
    counts = encoder.count_documents(["cat"])
    with pytest.raises(Bm25InputError, match="counts must be TermCounts, got dict"), store.write() as batch:
        batch.add([1], {"title": counts})
    fielded = StatisticsStore.create(tmp_path / "fielded", fields=["title", "body"])
    with pytest.raises(Bm25InputError, match=r"each field of the store \(title, body\), got title"):
        put_counts(fielded, [1], {"title": counts})
    with pytest.raises(Bm25InputError, match=r"counts\['body'\] has 2 documents, counts\['title'\] has 1"):
        put_counts(fielded, [1], {"title": counts, "body": encoder.count_documents(["cat", "dog"])})


# Without a ledger


def test_without_a_ledger_statistics_add_up(tmp_path, encoder):
    store = StatisticsStore.create(tmp_path / "store", ledger=False)
    one = CorpusStatistics.from_counts(encoder.count_documents(["cat dog", "dog", ""]))
    with store.write() as batch:
        batch.add(None, encoder.count_documents(["mouse"]))
        batch.add_statistics(one, tenant="a")
    assert batch.summary == WriteSummary(added=4)
    assert store.tenants() == {"a": Totals(2, 1, 3)}
    assert dict(store.statistics("a").terms) == {CAT: "cat", DOG: "dog"}
    with store.write() as batch:
        batch.subtract_statistics(one, tenant="a")
    assert store.statistics() == CorpusStatistics.from_counts(encoder.count_documents(["mouse"]))
    assert store.tenants() == {}
    with pytest.raises(Bm25InputError, match="cannot subtract"), store.write() as batch:
        batch.subtract_statistics(one)
    for ask in (
        lambda: store.document(1),
        lambda: list(store.documents()),
        lambda: list(store.reweigh()),
    ):
        with pytest.raises(StoreError, match="has no ledger"):
            ask()
    with pytest.raises(StoreError, match="has no ledger, so it cannot remove"), store.write() as batch:
        batch.remove([1])


def test_documents_of_a_tenant_are_subtracted_with_its_name(tmp_path, encoder):
    store = StatisticsStore.create(tmp_path / "store", ledger=False)
    one, other = (CorpusStatistics.from_counts(encoder.count_documents([text])) for text in ("cat", "dog"))
    with store.write() as batch:
        batch.add_statistics(one, tenant="a")
        batch.add_statistics(other)
    with pytest.raises(Bm25InputError, match=r"none was named; the tenants are a$"), store.write() as batch:
        batch.subtract_statistics(one)
    with store.write() as batch:
        batch.subtract_statistics(other)
        batch.drop_tenant("a")
    assert store.statistics() == CorpusStatistics.empty()


def test_with_a_ledger_statistics_are_refused(store, encoder):
    one = CorpusStatistics.from_counts(encoder.count_documents(["cat"]))
    with pytest.raises(StoreError, match="has a ledger of its documents"), store.write() as batch:
        batch.add_statistics(one)
    with pytest.raises(Bm25InputError, match="document_ids are needed"), store.write() as batch:
        batch.add(None, encoder.count_documents(["cat"]))


# Multilingual yields ids without terms


def test_ids_alone_are_enough(tmp_path):
    config = Bm25Config(tokenizer="multilingual")
    encoder = Bm25Encoder(config, threads=1)
    store = StatisticsStore.create(tmp_path / "store", config)
    assert not store.has_terms
    put(store, encoder, {1: "猫と犬", 2: "cat"})
    assert store.totals.document_count == 2
    assert store.statistics().terms is None
    with pytest.raises(Bm25ConfigError, match="yields no terms"):
        StatisticsStore.create(tmp_path / "other", config, terms=True)
