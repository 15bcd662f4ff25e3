"""Inference objects through qdrant-client's local mode and the embedded engine: as with our own vectors."""

import email
import itertools
import json
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models

from bm25 import Bm25Config, Bm25Encoder
from bm25.demo_corpus import docstrings
from bm25.inference.rewriting import replace_inference_objects
from bm25.qdrant.edge import EdgeCollection

OPTIONS = {"language": "english", "k": 1.4, "avg_len": 60.0}
PASSAGES = list(itertools.islice(docstrings(Path(email.__file__).parent), 60))
TEXTS = [passage.text for passage in PASSAGES]
QUERIES = [
    "encode the header of a message", "parse an address", "payload of a part", "return a string",
    "generator of messages", "charset conversions", "attachment", "policy defaults", "zebras", "",
]  # fmt: skip
ENCODER = Bm25Encoder(Bm25Config(**OPTIONS))


def document(text):
    return models.Document(text=text, model="bm25", options=OPTIONS)


def json_document(text):
    return {"text": text, "model": "Qdrant/bm25", "options": OPTIONS}


def encoded(text, encode=ENCODER.encode_document):
    indices, values = encode(text)
    return models.SparseVector(indices=indices.tolist(), values=values.tolist())


def encoded_query(text):
    return encoded(text, ENCODER.encode_query)


def dense(text):
    return [float(len(text) % 7 + 1), float(text.count("e") + 1), float(text.count("a") + 1)]


def found(points):
    return [(point.id, point.score) for point in points]


@pytest.fixture(scope="module")
def client():
    client = QdrantClient(":memory:")
    yield client
    client.close()


@pytest.fixture
def collections(client):
    """Two empty collections: for vectors of inference objects, and for those of the encoder."""
    for name in ("replaced", "encoded"):
        client.create_collection(
            name,
            vectors_config={"dense": models.VectorParams(size=3, distance=models.Distance.COSINE)},
            sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )
    yield "replaced", "encoded"
    for name in ("replaced", "encoded"):
        client.delete_collection(name)


def points(vector):
    return [
        models.PointStruct(
            id=i, vector={"bm25": vector(text), "dense": dense(text)}, payload={"third": i % 3}
        )
        for i, text in enumerate(TEXTS)
    ]


@pytest.fixture
def filled(client, collections):
    replaced, other = collections
    client.upsert(replaced, replace_inference_objects(points(document)))
    client.upsert(other, points(encoded))
    return collections


def assert_equal(client, collections):
    """Both collections have the same points and find the same for the same."""
    replaced, other = ([*client.scroll(name, limit=100, with_vectors=True)[0]] for name in collections)
    assert replaced == other
    assert len(replaced) == len(TEXTS)
    for text in QUERIES:
        arguments = {"using": "bm25", "limit": 20}
        query = replace_inference_objects({"query": document(text), **arguments})
        hits = found(client.query_points(collections[0], **query).points)
        assert hits == found(client.query_points(collections[1], encoded_query(text), **arguments).points)
        assert bool(hits) == (text not in QUERIES[-2:])


def test_there_are_texts_to_rank():
    assert len(set(TEXTS)) >= 40


def test_points_and_queries(client, filled):
    assert_equal(client, filled)


def test_columns(client, collections):
    batch = models.Batch(
        ids=list(range(len(TEXTS))),
        vectors={"bm25": [document(text) for text in TEXTS], "dense": [dense(text) for text in TEXTS]},
        payloads=[{"third": i % 3} for i in range(len(TEXTS))],
    )
    client.upsert(collections[0], replace_inference_objects(batch))
    client.upsert(collections[1], points(encoded))
    assert_equal(client, collections)


def test_updates_of_vectors_and_batches_of_updates(client, collections):
    client.upsert(collections[0], points(lambda text: encoded("something else")))
    client.upsert(collections[1], points(encoded))
    half = len(TEXTS) // 2
    vectors = [models.PointVectors(id=i, vector={"bm25": document(text)}) for i, text in enumerate(TEXTS)]
    client.update_vectors(collections[0], replace_inference_objects(vectors[:half]))
    operations = [
        models.UpdateVectorsOperation(update_vectors=models.UpdateVectors(points=vectors[half:-1])),
        models.DeleteOperation(delete=models.PointIdsList(points=[len(TEXTS) - 1])),
        models.UpsertOperation(upsert=models.PointsList(points=points(document)[-1:])),
    ]
    client.batch_update_points(collections[0], replace_inference_objects(operations))
    assert_equal(client, collections)


def test_json(client, collections):
    request = {
        "points": [
            {
                "id": i,
                "vector": {"bm25": json_document(text), "dense": dense(text)},
                "payload": {"third": i % 3},
            }
            for i, text in enumerate(TEXTS)
        ]
    }
    sent = json.loads(json.dumps(replace_inference_objects(request)))
    client.upsert(collections[0], models.PointsList.model_validate(sent).points)
    client.upsert(collections[1], points(encoded))
    assert_equal(client, collections)


@pytest.mark.parametrize("fusion", [models.Fusion.RRF, models.Fusion.DBSF])
def test_hybrid_search(client, filled, fusion):
    for text in QUERIES[:-1]:

        def prefetch(vector, text=text):
            return [
                models.Prefetch(query=vector(text), using="bm25", limit=15),
                models.Prefetch(query=dense(text), using="dense", limit=15),
            ]

        query = models.FusionQuery(fusion=fusion)
        arguments = replace_inference_objects({"query": query, "prefetch": prefetch(document), "limit": 20})
        hits = found(client.query_points(filled[0], **arguments).points)
        other = client.query_points(filled[1], query, prefetch=prefetch(encoded_query), limit=20)
        assert hits == found(other.points)
        assert len(hits) > 10


def test_dense_candidates_in_the_order_of_bm25(client, filled):
    for text in QUERIES[:-2]:
        prefetch = models.Prefetch(query=dense(text), using="dense", limit=30)
        query = {"query": document(text), "using": "bm25", "prefetch": prefetch}
        hits = found(client.query_points(filled[0], **replace_inference_objects(query)).points)
        other = client.query_points(filled[1], encoded_query(text), using="bm25", prefetch=prefetch)
        assert hits == found(other.points)


def test_batches_and_groups_of_queries(client, filled):
    def requests(vector):
        return [models.QueryRequest(query=vector(text), using="bm25", limit=5) for text in QUERIES[:-1]]

    hits = client.query_batch_points(filled[0], replace_inference_objects(requests(document)))
    other = client.query_batch_points(filled[1], requests(encoded_query))
    assert [found(one.points) for one in hits] == [found(one.points) for one in other]
    assert len(hits[0].points) == 5

    arguments = {"group_by": "third", "using": "bm25", "group_size": 2}
    query = replace_inference_objects({"query": document(QUERIES[0]), **arguments})
    groups = client.query_points_groups(filled[0], **query).groups
    other = client.query_points_groups(filled[1], query=encoded_query(QUERIES[0]), **arguments).groups
    assert [(group.id, found(group.hits)) for group in groups] == [
        (group.id, found(group.hits)) for group in other
    ]
    assert len(groups) == 3


# Relevance feedback is not among them: the local mode has it for dense vectors alone.
QUERY_KINDS = {
    "nearest": lambda one, two: models.NearestQuery(nearest=one),
    "mmr": lambda one, two: models.NearestQuery(
        nearest=one, mmr=models.Mmr(diversity=0.4, candidates_limit=20)
    ),
    "recommend": lambda one, two: models.RecommendQuery(
        recommend=models.RecommendInput(
            positive=[one, 3], negative=[two], strategy=models.RecommendStrategy.BEST_SCORE
        )
    ),
    "discover": lambda one, two: models.DiscoverQuery(
        discover=models.DiscoverInput(target=one, context=[models.ContextPair(positive=one, negative=two)])
    ),
    "context": lambda one, two: models.ContextQuery(context=[models.ContextPair(positive=one, negative=two)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", QUERY_KINDS)
def test_kinds_of_queries(client, filled, kind):
    make = QUERY_KINDS[kind]
    query = replace_inference_objects(make(document(QUERIES[0]), document(QUERIES[1])))
    hits = found(client.query_points(filled[0], query, using="bm25", limit=15).points)
    other = make(encoded_query(QUERIES[0]), encoded_query(QUERIES[1]))
    assert hits == found(client.query_points(filled[1], other, using="bm25", limit=15).points)
    assert hits


def test_the_embedded_engine(tmp_path):
    edge = pytest.importorskip("qdrant_edge")
    request = {"points": [{"id": i, "vector": {"bm25": json_document(text)}} for i, text in enumerate(TEXTS)]}
    searches = {"searches": [{"query": json_document(text), "using": "bm25"} for text in QUERIES[:-1]]}
    upsert = replace_inference_objects(request)["points"]
    queries = [one["query"] for one in replace_inference_objects(searches)["searches"]]

    def sparse(vector):
        return edge.SparseVector(vector["indices"], vector["values"])

    params = edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)
    (tmp_path / "replaced").mkdir()
    shard = edge.EdgeShard.create(
        str(tmp_path / "replaced"), edge.EdgeConfig(sparse_vectors={"bm25": params})
    )
    try:
        stored = [edge.Point(one["id"], {"bm25": sparse(one["vector"]["bm25"])}, None) for one in upsert]
        shard.update(edge.UpdateOperation.upsert_points(stored))
        with EdgeCollection.create(tmp_path / "encoded") as collection:
            collection.upsert(range(len(TEXTS)), ENCODER.encode_documents(TEXTS))
            for text, query in zip(QUERIES, queries, strict=False):
                nearest = edge.Query.Nearest(sparse(query), using="bm25")
                hits = dict(found(shard.query(edge.QueryRequest(limit=100, query=nearest))))
                other = dict(found(collection.search(*ENCODER.encode_query(text), limit=100)))
                # The engine adds a document's terms in an order that differs from shard to shard.
                assert hits == pytest.approx(other, rel=1e-6)
                assert bool(hits) == (text != QUERIES[-2])
    finally:
        shard.close()
