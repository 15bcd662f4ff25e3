import json
import pickle
import random

import numpy as np
import pytest

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics, StatisticsStore
from bm25.accumulator import Frequencies
from bm25.errors import Bm25InputError, StoreError, StoreMismatchError
from bm25.explain import Explanation, TermScore, explain
from tests import corpora
from tests.test_encoder import BARE, colliding

TEXTS = ["the quick brown fox", "a lazy dog", "dogs and foxes, dogs and foxes", "", "cats"]
PRESETS = {"qdrant": Bm25Config, "tuned": Bm25Config.tuned}


def statistics_of(encoder, texts=TEXTS):
    return CorpusStatistics.from_counts(encoder.count_documents(texts))


def test_numbers_worked_by_hand():
    encoder = Bm25Encoder(Bm25Config(avg_len=4, k=1.2, b=0.5, k3=1), threads=1)
    found = explain(encoder, statistics_of(encoder), "Fox dog fox wolf", TEXTS[2])
    assert (found.query, found.document) == ("Fox dog fox wolf", TEXTS[2])
    assert found.document_id is None
    assert found.tenant is None
    # Of five texts, four have a term. "dogs foxes dogs foxes" has four tokens, the average here, so that
    # tf (k + 1) / (tf + k) is 2 * 2.2 / 3.2 = 1.375 for both its terms.
    assert (found.document_count, found.document_length) == (4, 4)
    assert (found.avg_len, found.k, found.b, found.k3) == (4, 1.2, 0.5, 1)
    # df 2 of 4: ln(1 + 2.5 / 2.5) = ln 2. qtf 2: (k3 + 1) * 2 / (k3 + 2) = 4/3; qtf 1: 1.
    fox, dog, wolf = found.terms
    assert (fox.term, dog.term, wolf.term) == ("fox", "dog", "wolf")
    assert [term.query_frequency for term in found.terms] == [2, 1, 1]
    assert [term.term_frequency for term in found.terms] == [2, 2, 0]
    assert [term.document_frequency for term in found.terms] == [2, 2, 0]
    assert [term.idf for term in found.terms] == pytest.approx([np.log(2), np.log(2), np.log(10)])
    assert [term.query_weight for term in found.terms] == pytest.approx([4 / 3, 1, 1])
    assert [term.document_weight for term in found.terms] == [1.375, 1.375, 0]
    assert [term.score for term in found.terms] == pytest.approx(
        [4 / 3 * np.log(2) * 1.375, np.log(2) * 1.375, 0]
    )
    assert found.score == pytest.approx(7 / 3 * np.log(2) * 1.375)
    assert [term.share for term in found.terms] == pytest.approx([4 / 7, 3 / 7, 0])
    assert all(term.shared_with == () for term in found.terms)


def test_the_arithmetic_is_that_of_float32():
    encoder = Bm25Encoder(Bm25Config.tuned(), threads=1)
    rng = random.Random(7)
    words = [f"w{i}" for i in range(40)]
    texts = [" ".join(rng.choices(words, k=rng.randrange(30))) for _ in range(200)]
    statistics = statistics_of(encoder, texts)
    for text in texts[:50]:
        found = explain(encoder, statistics, " ".join(rng.choices(words, k=12)), text)
        total = np.float32(0)
        for term in sorted(found.terms, key=lambda term: term.term_id):
            weights = [np.float32(value) for value in (term.query_weight, term.idf, term.document_weight)]
            assert np.float32(term.score) == weights[0] * weights[1] * weights[2]
            total += np.float32(term.score)
        assert np.float32(found.score) == total
        assert sum(term.share for term in found.terms) == pytest.approx(1 if found.score else 0)
        ids = np.array([term.term_id for term in found.terms], np.uint32)
        assert [term.idf for term in found.terms] == pytest.approx(statistics.idf(ids).tolist(), rel=1e-6)
        order = [(-term.score, term.term_id) for term in found.terms]
        assert order == sorted(order)


def test_idf_is_as_coarse_as_it_is_in_float32():
    # A float32 has 24 bits: 1 + 0.5 / (2^24 + 0.5) is 1, and its logarithm 0.
    encoder = Bm25Encoder(threads=1)
    term_ids = encoder.encode_query("fox")[0]
    ones = np.array([2**24])
    statistics = CorpusStatistics(
        Frequencies(term_ids, ones, ones), document_count=2**24, empty_count=0, total_length=2**24
    )
    (term,) = explain(encoder, statistics, "fox", "fox").terms
    assert (term.idf, term.score, term.share) == (0, 0, 0)
    assert statistics.idf(term_ids) == pytest.approx([2**-25])


@pytest.mark.parametrize("query", ["", "the of and", "unseen wolves"])
def test_queries_without_a_shared_term_score_nothing(query):
    encoder = Bm25Encoder(threads=1)
    found = explain(encoder, statistics_of(encoder), query, TEXTS[0])
    assert found.score == 0
    assert all((term.term_frequency, term.score, term.share) == (0, 0, 0) for term in found.terms)
    assert len(found.terms) == len(encoder.encode_query(query)[0])
    assert explain(encoder, statistics_of(encoder), "fox", "").score == 0
    assert explain(encoder, CorpusStatistics.empty(), "fox", "fox").score == pytest.approx(
        np.log(2) * float(encoder.encode_documents(["fox"]).values[0])
    )


def test_counts_stand_for_a_text():
    encoder = Bm25Encoder(threads=1)
    statistics = statistics_of(encoder)
    by_text = explain(encoder, statistics, "dogs, fox", TEXTS[2])
    by_counts = explain(encoder, statistics, "dogs, fox", encoder.count_documents([TEXTS[2]]))
    assert by_counts.document is None
    assert {**by_counts.to_dict(), "document": TEXTS[2]} == by_text.to_dict()


def test_the_query_is_analyzed_as_a_query():
    encoder = Bm25Encoder(Bm25Config(tokenizer="prefix", min_token_len=2), threads=1)
    found = explain(encoder, statistics_of(encoder), "quic", TEXTS[0])
    assert [(term.term, term.document_frequency) for term in found.terms] == [("quic", 1)]
    assert found.document_length == len("quick"[1:]) + len("brown"[1:]) + len("fox"[1:])


def test_terms_that_share_an_id_are_told():
    one, other, third = sorted(colliding(3, 12345))
    encoder = Bm25Encoder(BARE, threads=1)
    statistics = statistics_of(encoder, [one, third, "else"])
    (term,) = explain(encoder, statistics, one, f"{other} {one} else").terms
    # As one term: the document has it twice, and two documents have it.
    assert (term.term, term.term_id, term.shared_with) == (one, 12345, (other, third))
    assert (term.query_frequency, term.term_frequency, term.document_frequency) == (1, 2, 2)
    (term,) = explain(encoder, statistics, f"{third} {other} {third}", "nothing").terms
    assert (term.term, term.query_frequency, term.shared_with) == (other, 3, (one, third))


def test_a_tokenizer_without_terms():
    pytest.importorskip("qdrant_edge")
    encoder = Bm25Encoder(Bm25Config(tokenizer="multilingual", language="chinese", k3=2), threads=1)
    found = explain(encoder, statistics_of(encoder, ["北京的天气", "上海"]), "天气 上海", "北京的天气")
    assert [term.term for term in found.terms] == [None, None]
    assert [term.term_frequency for term in found.terms] == [1, 0]
    assert {term.term_id for term in found.terms} == {*encoder.encode_query("天气 上海")[0].tolist()}
    assert found.score == found.terms[0].score > 0
    # No column for terms where there are none.
    assert str(found).splitlines()[3].split()[0] == "id"


def test_plain_values_and_pickles():
    encoder = Bm25Encoder(threads=1)
    found = explain(encoder, statistics_of(encoder), "dogs, wolf", TEXTS[2])
    values = json.loads(json.dumps(found.to_dict()))
    terms = tuple(
        TermScore(**{**term, "shared_with": tuple(term["shared_with"])}) for term in values["terms"]
    )
    assert Explanation(**{**values, "terms": terms}) == found
    assert pickle.loads(pickle.dumps(found)) == found


TABLE = """\
"lazy dogs, dogs \\x1b": a document of length 4 scores 0.9530774
N 4, avg_len 4, k 1.2, b 0.75, k3 none

term          id  qtf  tf  df        idf  query weight  document weight      score   share
dog   1312749093    2   2   2  0.6931472           1.0            1.375  0.9530774  100.0%
lazi   226376294    1   0   1  1.2039728           1.0              0.0        0.0    0.0%"""


def test_a_table():
    encoder = Bm25Encoder(Bm25Config(avg_len=4), threads=1)
    found = explain(encoder, statistics_of(encoder), "lazy dogs, dogs \x1b", TEXTS[2])
    assert str(found) == TABLE


def test_a_table_of_wide_words_and_shared_ids():
    one, other = sorted(colliding(2, 77))
    encoder = Bm25Encoder(BARE, threads=1)
    lines = str(explain(encoder, statistics_of(encoder, [other]), f"{one} 猫猫", one)).splitlines()
    assert lines[-1] == f"* 77 is the id of {other} too"
    first, second, third = lines[3:6]
    assert "77*" in second
    # Two columns of a terminal for each of the two characters.
    assert len(first) == len(second) == len(third) + 2
    assert str(explain(encoder, statistics_of(encoder), "x" * 1000, "y")).splitlines()[0].count("x") == 200


def test_what_cannot_be_explained():
    encoder = Bm25Encoder(threads=1)
    statistics = statistics_of(encoder)
    with pytest.raises(Bm25InputError, match="the query must be a string, got NoneType: None"):
        explain(encoder, statistics, None, "fox")
    with pytest.raises(Bm25InputError, match=r"the TermCounts of one document, got list: \['fox'\]"):
        explain(encoder, statistics, "fox", ["fox"])
    with pytest.raises(Bm25InputError, match="the TermCounts of one document, got those of 2"):
        explain(encoder, statistics, "fox", encoder.count_documents(["fox", "dog"]))
    with pytest.raises(Bm25InputError, match=r"lone surrogate '\\ud800'"):
        explain(encoder, statistics, "fox \ud800", "fox")


# Of a store


@pytest.fixture
def store(tmp_path):
    with StatisticsStore.create(tmp_path / "store", max_drift=10) as store:
        encoder = store.encoder(threads=1)
        with store.write() as batch:
            batch.add(range(5), encoder.count_documents(TEXTS), tenant=["a", "a", "b", "b", "b"])
        yield store


def test_a_document_of_the_ledger(store):
    encoder = store.encoder(threads=1)
    assert encoder.config.avg_len == store.epoch.avg_len == 2.5
    whole = explain(encoder, store.statistics(), "dogs, fox", TEXTS[2])
    for found in (store.explain("dogs, fox", document_id=2), store.explain("dogs, fox", document_id="2")):
        assert found.document_id == "2"
        assert {**found.to_dict(), "document": TEXTS[2], "document_id": None} == whole.to_dict()
    assert store.explain("dogs, fox", TEXTS[2]) == whole
    assert store.explain("dogs, fox", document_id=3).score == 0
    assert store.explain("dogs, fox", document_id=3).document_length == 0


def test_the_corpus_of_a_tenant(store):
    encoder = store.encoder(threads=1)
    for tenant, n in (("a", 2), ("b", 2)):
        found = store.explain("dogs, fox", document_id=2, tenant=tenant)
        assert (found.tenant, found.document_count) == (tenant, n)
        expected = explain(encoder, store.statistics(tenant), "dogs, fox", TEXTS[2])
        assert found.terms == expected.terms
    unknown = store.explain("dogs, fox", document_id=2, tenant="c")
    assert unknown.document_count == 0
    assert [term.idf for term in unknown.terms] == pytest.approx([np.log(2)] * 2)


def test_an_older_epoch_and_other_parameters(store):
    assert store.explain("dog", document_id=2).avg_len == 2.5
    encoder = store.encoder(avg_len=100, k3=5, k=2)
    found = store.explain("dog", document_id=2, encoder=encoder)
    assert (found.avg_len, found.k3, found.k) == (100, 5, 2)
    assert found.terms[0].document_weight == pytest.approx(2 * 3 / (2 + 2 * (0.25 + 0.75 * 4 / 100)))


def test_fields_are_taken_together(tmp_path):
    with StatisticsStore.create(tmp_path / "fielded", fields=["title", "body"]) as store:
        encoder = store.encoder(threads=1)
        titles, bodies = ["foxes", "dogs"], ["a fox is a fox", "a dog, no fox"]
        with store.write() as batch:
            fields = {"title": encoder.count_documents(titles), "body": encoder.count_documents(bodies)}
            batch.add(["x", "y"], fields)
        found = store.explain("fox", document_id="x")
        assert (found.terms[0].term_frequency, found.document_length) == (3, 3)
        assert found.terms == store.explain("fox", "foxes fox fox").terms


def test_a_store_that_keeps_ids_only(tmp_path):
    with StatisticsStore.create(tmp_path / "ids", terms=False, ledger=False) as store:
        encoder = store.encoder(threads=1)
        with store.write() as batch:
            batch.add(range(5), encoder.count_documents(TEXTS))
        # The query's terms are known from the query.
        assert [term.term for term in store.explain("fox dog", TEXTS[2]).terms] == ["dog", "fox"]
        with pytest.raises(StoreError, match="has no ledger"):
            store.explain("fox", document_id=2)


def test_what_a_store_cannot_explain(store):
    for both in ({}, {"document": "fox", "document_id": 2}):
        with pytest.raises(Bm25InputError, match="either a document's text or its document_id"):
            store.explain("fox", **both)
    with pytest.raises(Bm25InputError, match="there is no document 17"):
        store.explain("fox", document_id=17)
    with pytest.raises(StoreMismatchError, match='language "english" there, "german" here'):
        store.explain("fox", "fox", encoder=Bm25Encoder(Bm25Config(language="german")))


# Against the engine


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", ["cacm", "cranfield"])
def test_scores_are_those_of_the_engine(name, preset, tmp_path):
    edge = pytest.importorskip("qdrant_edge")
    from bm25.qdrant.edge import EdgeCollection

    texts, queries = corpora.documents(name), corpora.queries(name)[:40]
    tenants = [("odd", "third", "even")[i % 3] for i in range(len(texts))]
    with StatisticsStore.create(tmp_path / "store", PRESETS[preset]()) as store:
        counts = Bm25Encoder(store.config).count_documents(texts)
        with store.write() as batch:
            batch.add(range(len(texts)), counts, tenant=tenants)
        encoder = store.encoder()
        with EdgeCollection.create(tmp_path / "collection") as collection:
            payloads = [{"tenant": tenant} for tenant in tenants]
            collection.upsert(range(len(texts)), encoder.weigh(counts), payloads)
            collection.optimize()
        compared = 0
        with EdgeCollection.open(tmp_path / "collection") as collection:
            for number, query in enumerate(queries):
                tenant = (None, "odd", "third", "even")[number % 4]
                corpus = None
                if tenant is not None:
                    of_tenant = edge.FieldCondition("tenant", match=edge.MatchValue(tenant))
                    corpus = edge.Filter(must=[of_tenant])
                hits = collection.search(
                    *encoder.encode_query(query), limit=10, filter=corpus, idf_corpus=corpus
                )
                for hit in hits:
                    found = store.explain(query, document_id=hit.id, tenant=tenant, encoder=encoder)
                    shared = sum(term.term_frequency > 0 for term in found.terms)
                    assert abs(found.score - hit.score) <= (shared + 2) * 2**-23 * hit.score
                    assert found.document_count == store.statistics(tenant).document_count
                    compared += 1
    assert compared >= 350
