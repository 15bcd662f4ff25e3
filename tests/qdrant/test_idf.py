"""Where the idf comes from: the engine's, over which documents; and ours, where the engine has none."""

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from bm25 import Bm25Config, Bm25Encoder, CorpusStatistics, StatisticsStore
from bm25.errors import Bm25InputError
from bm25.qdrant.idf import apply_idf, require_no_idf_modifier
from tests import corpora

WITH, WITHOUT = "with", "without"
TEXTS = ["apple pear", "apple plum", "", "apple apple kiwi", "pear", "the", "apple fig", "fig"]
TENANTS = ["a", "a", "a", "b", "b", "b", "a", None]


@pytest.fixture
def client():
    client = QdrantClient(":memory:")
    client.create_collection(
        "c",
        vectors_config={},
        sparse_vectors_config={
            WITH: models.SparseVectorParams(modifier=models.Modifier.IDF),
            WITHOUT: models.SparseVectorParams(),
        },
    )
    yield client
    client.close()


def scores(client, name, vector, **options):
    indices, values = vector
    query = models.SparseVector(indices=indices.tolist(), values=values.tolist())
    points = client.query_points("c", query=query, using=name, limit=10_000, **options).points
    return {point.id: point.score for point in points}


def test_documents_or_queries_with_idf_score_as_with_the_modifier(client):
    texts, queries = corpora.documents("cranfield")[:400], corpora.queries("cranfield")[:30]
    encoder = Bm25Encoder(Bm25Config.tuned())
    statistics = CorpusStatistics.from_counts(encoder.count_documents(texts), terms=False)
    plain, asked = encoder.encode_documents(texts), encoder.encode_queries(queries)
    weighted = apply_idf(client, "c", WITHOUT, statistics, plain)
    points = [
        models.PointStruct(id=i, vector={WITH: one, WITHOUT: other})
        for i, (one, other) in enumerate(zip(plain.to_qdrant(), weighted.to_qdrant(), strict=True))
        if one.indices
    ]
    client.upsert("c", points)
    by_scipy = (
        weighted.to_scipy(statistics.term_ids) @ asked.to_scipy(statistics.term_ids).T.tocsc()
    ).toarray()
    by_query = (
        plain.to_scipy(statistics.term_ids)
        @ statistics.apply_idf(asked).to_scipy(statistics.term_ids).T.tocsc()
    ).toarray()
    compared = 0
    for number in range(len(queries)):
        expected = scores(client, WITH, asked[number])
        found = scores(client, WITHOUT, asked[number])
        assert found == pytest.approx(expected, rel=1e-5)
        for column in (by_scipy[:, number], by_query[:, number]):
            assert dict(enumerate(column.tolist())) == pytest.approx(
                {i: expected.get(i, 0.0) for i in range(len(texts))}, rel=1e-5
            )
        compared += len(found)
    assert compared > 3000


def test_a_vector_with_the_modifier_is_refused(client):
    encoder = Bm25Encoder()
    vectors = encoder.encode_documents(TEXTS)
    statistics = CorpusStatistics.from_counts(encoder.count_documents(TEXTS))
    require_no_idf_modifier(client, "c", WITHOUT)
    for refuse in (
        lambda: require_no_idf_modifier(client, "c", WITH),
        lambda: apply_idf(client, "c", WITH, statistics, vectors),
    ):
        with pytest.raises(Bm25InputError, match=r"'with' of collection 'c' has modifier idf: .* be squared"):
            refuse()
    marked = apply_idf(client, "c", WITHOUT, statistics, vectors, formula="lucene")
    assert marked.idf == "lucene"
    with pytest.raises(Bm25InputError, match=r"the idf \(lucene\) is multiplied into these vectors already"):
        apply_idf(client, "c", WITHOUT, statistics, marked)


def test_unknown_vectors_and_collections(client):
    with pytest.raises(
        Bm25InputError, match=r"no sparse vector 'witout' \(did you mean 'without'\?\); it has 'with', 'wit"
    ):
        require_no_idf_modifier(client, "c", "witout")
    client.create_collection("d", models.VectorParams(size=2, distance=models.Distance.DOT))
    with pytest.raises(Bm25InputError, match="'d' has no sparse vector 'bm25'; it has none"):
        require_no_idf_modifier(client, "d", "bm25")
    with pytest.raises(ValueError, match="Collection nope not found"):
        require_no_idf_modifier(client, "nope", "bm25")


def test_the_idf_corpus_of_the_local_mode_is_that_of_explain(client, tmp_path):
    with StatisticsStore.create(tmp_path / "store") as store:
        encoder = store.encoder(threads=1)
        with store.write() as batch:
            batch.add(range(len(TEXTS)), encoder.count_documents(TEXTS), tenant=TENANTS)
        encoder = store.encoder(threads=1)
        vectors = encoder.encode_documents(TEXTS).to_qdrant()
        points = [
            models.PointStruct(id=i, vector={WITH: vector} if vector.indices else {}, payload={"tenant": t})
            for i, (vector, t) in enumerate(zip(vectors, TENANTS, strict=True))
        ]
        client.upsert("c", points)
        for tenant in ("a", "b", None):
            params = None
            if tenant is not None:
                match = models.MatchValue(value=tenant)
                corpus = models.Filter(must=[models.FieldCondition(key="tenant", match=match)])
                params = models.SearchParams(idf=models.IdfCorpusParams(corpus=corpus))
            found = scores(client, WITH, encoder.encode_query("apple fig"), search_params=params)
            assert found.keys() == {0, 1, 3, 6, 7}
            for number, score in found.items():
                explained = store.explain("apple fig", document_id=number, tenant=tenant)
                assert explained.score == pytest.approx(score, rel=1e-6)


# The embedded engine


@pytest.fixture
def collection(tmp_path):
    pytest.importorskip("qdrant_edge")
    from bm25.qdrant.edge import EdgeCollection

    encoder = Bm25Encoder()
    payloads = [{"tenant": tenant} if tenant else {} for tenant in TENANTS]
    with EdgeCollection.create(tmp_path / "c") as collection:
        collection.upsert(range(len(TEXTS)), encoder.encode_documents(TEXTS), payloads)
    with EdgeCollection.open(tmp_path / "c") as collection:
        yield collection


def of_tenant(name):
    import qdrant_edge

    condition = qdrant_edge.FieldCondition("tenant", match=qdrant_edge.MatchValue(name))
    return qdrant_edge.Filter(must=[condition])


def idfs(collection, word, **filters):
    """The idf in the score of every hit for a word, by the point's number."""
    encoder = Bm25Encoder()
    query = encoder.encode_query(word)
    vectors = encoder.encode_documents(TEXTS)
    weights = {i: dict(zip(*map(np.ndarray.tolist, vectors[i]), strict=True)) for i in range(len(TEXTS))}
    hits = collection.search(*query, **filters)
    return {hit.id: hit.score / weights[hit.id][int(query[0][0])] for hit in hits}


def idf(n, df):
    return pytest.approx(np.log(1 + (n - df + 0.5) / (df + 0.5)), rel=1e-6)


def test_the_embedded_engine_refuses_vectors_with_idf(collection):
    encoder = Bm25Encoder()
    statistics = CorpusStatistics.from_counts(encoder.count_documents(TEXTS))
    vectors = statistics.apply_idf(encoder.encode_documents(TEXTS))
    with pytest.raises(Bm25InputError, match=r"the idf \(qdrant\) is multiplied into these vectors, and"):
        collection.upsert(range(len(TEXTS)), vectors)
    assert len(collection) == len(TEXTS)


def test_the_corpus_has_the_points_with_a_vector(collection):
    # Tenant a has four points, one of them without a vector: N is 3. "apple" is in all three.
    assert idfs(collection, "apple") == {i: idf(6, 4) for i in (0, 1, 3, 6)}
    assert idfs(collection, "apple", idf_corpus=of_tenant("a")) == {i: idf(3, 3) for i in (0, 1, 3, 6)}
    assert idfs(collection, "fig", idf_corpus=of_tenant("a")) == {i: idf(3, 1) for i in (6, 7)}


def test_the_corpus_does_not_depend_on_what_may_be_found(collection):
    filtered = idfs(collection, "apple", filter=of_tenant("a"))
    assert filtered == {i: idf(6, 4) for i in (0, 1, 6)}
    other = idfs(collection, "apple", filter=of_tenant("b"), idf_corpus=of_tenant("a"))
    assert other == {3: idf(3, 3)}


def test_terms_and_points_that_the_corpus_lacks(collection):
    # ln(1 + 2.5 / 0.5) for a term that it lacks, ln(1 + 0.5 / 0.5) where it is empty.
    assert idfs(collection, "fig", idf_corpus=of_tenant("b")) == {i: idf(2, 0) for i in (6, 7)}
    assert idfs(collection, "fig", idf_corpus=of_tenant("nobody")) == {i: idf(0, 0) for i in (6, 7)}


def test_a_corpus_forgets_removed_points_at_once_the_whole_when_loaded_again(collection, tmp_path):
    import qdrant_edge

    from bm25.qdrant.edge import EdgeCollection

    collection._shard.update(qdrant_edge.UpdateOperation.delete_points([0]))
    assert idfs(collection, "apple", idf_corpus=of_tenant("a")) == {i: idf(2, 2) for i in (1, 3, 6)}
    assert idfs(collection, "apple", idf_corpus=qdrant_edge.Filter()) == {i: idf(5, 3) for i in (1, 3, 6)}
    assert idfs(collection, "apple") == {i: idf(6, 4) for i in (1, 3, 6)}
    collection.close()
    with EdgeCollection.open(tmp_path / "c") as loaded:
        assert idfs(loaded, "apple") == {i: idf(5, 3) for i in (1, 3, 6)}
