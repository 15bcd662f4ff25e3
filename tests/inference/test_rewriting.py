import copy
import json
import math
from datetime import datetime

import pytest
from hypothesis import given
from qdrant_client.http.models import models

from bm25 import Bm25Config, Bm25Encoder
from bm25.inference.engine import InferenceEngine
from bm25.inference.errors import InferenceError, InvalidRequestError, OverloadedError
from bm25.inference.rewriting import replace_inference_objects
from tests.inference.requests import SEARCHES, TEXT, UPDATES, AnyModel


def point(vector, **more):
    return {"id": 1, "vector": vector, **more}


def sparse(text, purpose, **options):
    encoder = Bm25Encoder(Bm25Config(**options))
    encode = encoder.encode_document if purpose == "update" else encoder.encode_query
    indices, values = encode(text)
    return {"indices": indices.tolist(), "values": values.tolist()}


@given(UPDATES | SEARCHES)
def test_requests_of_any_shape(pair):
    request, expected = pair
    before = copy.deepcopy(request)
    engine = AnyModel()
    assert replace_inference_objects(request, engine=engine) == expected
    assert request == before
    assert len(engine.requests) <= 1
    asked = [json.dumps(one, sort_keys=True) for one in engine.inputs]
    assert len(set(asked)) == len(asked)


def test_vectors_are_the_encoders():
    texts = ["A quick fox, a fox", "Füchse und Hunde", ""]
    german = {"language": "german", "k": 1.5}
    given_ = [
        {"text": texts[0], "model": "Qdrant/BM25"},
        {"text": texts[1], "model": "bm25", "options": german},
    ]
    given_.append({"text": texts[2], "model": "bm25"})
    documents = replace_inference_objects({"points": [point({"bm25": one}) for one in given_]})
    assert [one["vector"]["bm25"] for one in documents["points"]] == [
        sparse(texts[0], "update"),
        sparse(texts[1], "update", **german),
        {"indices": [], "values": []},
    ]
    queries = replace_inference_objects({"searches": [{"query": one} for one in given_]})
    assert [one["query"] for one in queries["searches"]] == [
        sparse(texts[0], "search"),
        sparse(texts[1], "search", **german),
        {"indices": [], "values": []},
    ]


def test_what_only_looks_like_inference_objects_stays():
    condition = {"key": "x", "match": {"value": TEXT}, "vector": TEXT, "query": TEXT}
    search = {
        "query": {"formula": {"sum": [condition]}, "defaults": {"nearest": TEXT}},
        "filter": {"must": [condition]},
        "params": {"query": TEXT},
        "lookup_from": TEXT,
        "prefetch": {"query": {"text": {"query": "words", "model": TEXT}}, "filter": {"must": TEXT}},
    }
    update = {
        "operations": [
            {"upsert": {"points": [point([0.5], payload=TEXT)], "update_filter": {"vector": TEXT}}},
            {"upsert": {"batch": {"ids": [1], "vectors": [[0.5]], "payloads": [TEXT]}}},
            {"set_payload": {"payload": TEXT, "points": [1]}},
            {"overwrite_payload": {"payload": {"vector": TEXT}, "points": [1]}},
        ]
    }
    engine = AnyModel()
    for request in (search, update):
        assert replace_inference_objects(request, engine=engine) == request
    assert engine.requests == []


def test_what_has_nothing_to_replace_is_shared_and_the_rest_copied():
    payload, untouched = {"a": 1}, point([0.5])
    request = {"points": [point(TEXT, payload=payload), untouched]}
    result = replace_inference_objects(request)
    assert result["points"][0]["payload"] is payload
    assert result["points"][1] is untouched
    assert request["points"][0]["vector"] is TEXT
    empty = {"points": []}
    assert replace_inference_objects(empty) is not empty


def test_a_list_is_copied_once_for_all_that_is_in_it():
    class Counted(list):
        copies = 0

        def __copy__(self):
            Counted.copies += 1
            return Counted(self)

    replace_inference_objects({"points": Counted(point({"bm25": TEXT}) for _ in range(5))})
    assert Counted.copies == 1


def test_an_object_that_stands_in_two_places():
    prefetch = {"query": TEXT, "prefetch": [{"query": TEXT}]}
    result = replace_inference_objects({"query": TEXT, "prefetch": [prefetch, prefetch]})
    vector = sparse(TEXT["text"], "search")
    inner = {"query": vector, "prefetch": [{"query": vector}]}
    assert result == {"query": vector, "prefetch": [inner, inner]}
    assert prefetch["query"] is TEXT


def test_prefetches_of_any_depth():
    request = {"query": TEXT}
    for _ in range(3000):
        request = {"query": TEXT, "prefetch": request}
    engine = AnyModel()
    result = replace_inference_objects(request, engine=engine)
    depth = 0
    while result is not None:
        assert isinstance(result["query"], list)
        result, depth = result.get("prefetch"), depth + 1
    assert depth == 3001
    assert len(engine.inputs) == 1


@pytest.mark.parametrize(
    ("objects", "count"),
    [
        ([TEXT, dict(TEXT), {**TEXT, "options": None}, {**TEXT, "options": {}}], 1),
        ([{**TEXT, "options": {"k": 1, "b": 0}}, {"options": {"b": 0, "k": 1}, **TEXT}], 1),
        ([{**TEXT, "options": {"k": 1}}, {**TEXT, "options": {"k": 2}}, TEXT], 3),
        ([{"object": one, "model": "m"} for one in (1, 1.0, True, "1", "true", None, [], {}, math.nan)], 9),
        ([{"image": "a", "model": "m"}, {"object": "a", "model": "m"}, {"text": "a", "model": "m"}], 3),
        ([{"text": "a", "model": "m"}, {"text": "a", "model": "M"}], 2),
    ],
)
def test_equal_objects_are_encoded_once(objects, count):
    engine = AnyModel()
    replace_inference_objects({"batch": {"ids": [], "vectors": {"a": objects, "b": objects}}}, engine=engine)
    assert len(engine.requests) == 1
    assert len(engine.inputs) == count


def test_keys_and_time_reach_the_engine():
    class Asked(AnyModel):
        def infer(self, request, **arguments):
            self.arguments = arguments
            return super().infer(request)

    engine = Asked()
    replace_inference_objects({"query": TEXT}, engine=engine, keys={"openai-api-key": "k"}, timeout=2.5)
    assert engine.arguments == {"keys": {"openai-api-key": "k"}, "timeout": 2.5}


# Models of qdrant-client


def test_arguments_of_methods():
    document = models.Document(**TEXT)
    update = models.SparseVector(**sparse(TEXT["text"], "update"))
    search = models.SparseVector(**sparse(TEXT["text"], "search"))
    points = [models.PointStruct(id=1, vector={"bm25": document, "dense": [0.5]}, payload={"x": document})]
    assert replace_inference_objects(points) == [
        models.PointStruct(id=1, vector={"bm25": update, "dense": [0.5]}, payload={"x": document})
    ]
    arguments = {"query": document, "prefetch": [models.Prefetch(query=document)], "using": "bm25"}
    assert replace_inference_objects(arguments) == {
        "query": search, "prefetch": [models.Prefetch(query=search)], "using": "bm25",
    }  # fmt: skip
    fusion, delete = models.FusionQuery(fusion=models.Fusion.RRF), models.PointIdsList(points=[1])
    assert replace_inference_objects(fusion) == fusion
    assert replace_inference_objects([models.DeleteOperation(delete=delete), *points])[0].delete is delete


def test_lists_may_be_tuples_inside():
    request = {"points": ({"id": 1, "vector": TEXT},)}
    assert replace_inference_objects(request)["points"] == [point(sparse(TEXT["text"], "update"))]


def test_options_as_models():
    options = models.Bm25Config(language="german", stopwords=models.StopwordsSet(custom=["fuchs"]), k=1.5)
    document = models.Document(text="Ein Fuchs jagt", model="bm25", options=options)
    result = replace_inference_objects(models.NearestQuery(nearest=document))
    expected = sparse("Ein Fuchs jagt", "search", language="german", k=1.5, stopwords={"custom": ["fuchs"]})
    assert result.nearest == models.SparseVector(**expected)
    assert len(expected["indices"]) == 2


def test_models_are_written_as_the_client_sends_them():
    options = models.Bm25Config(k=1.5, language=None, tokenizer=models.TokenizerType.WORD)
    document = models.Document(text="a", model="m", options=options)
    data = {"at": datetime(2024, 2, 29), "of": models.SparseVector(indices=[1], values=[0.5]), "no": None}
    engine = AnyModel()
    replace_inference_objects(
        [
            models.Prefetch(query=document),
            models.Prefetch(query=models.InferenceObject(object=data, model="m")),
        ],
        engine=engine,
    )
    sent = {"at": "2024-02-29T00:00:00", "of": {"indices": [1], "values": [0.5]}, "no": None}
    assert engine.inputs == [
        {"data": "a", "data_type": "text", "model": "m", "options": {"k": 1.5, "tokenizer": "word"}},
        {"data": sent, "data_type": "object", "model": "m"},
    ]


# Errors


@pytest.mark.parametrize(
    ("one", "message"),
    [
        ({"text": "a", "model": "bm26"}, r".model: .*'bm26'"),
        ({"text": 5, "model": "bm25"}, r".text: "),
        ({"image": "a", "model": "bm25"}, r".image: model .bm25. takes text"),
        ({"text": "a", "model": "bm25", "options": {"k": -1}}, r".options"),
        ({"text": "a", "model": "bm25", "options": 5}, r".options"),
        ({"text": "a", "model": "bm25", "language": "german"}, r": 'language' beside 'text'"),
        ({"text": "a", "image": "b", "model": "bm25"}, r": 'image' beside 'text'"),
        ({"object": {1, 2}, "model": "bm25"}, r": cannot be written as JSON: .*set"),
    ],
)  # fmt: skip
def test_errors_name_the_place_in_the_request(one, message):
    points = [point({"text_bm25": TEXT}), point({"text_bm25": one}), point({"text_bm25": one})]
    with pytest.raises(InvalidRequestError, match=rf"^points\[1\]\.vector\.text_bm25{message}") as caught:
        replace_inference_objects({"points": points})
    assert caught.value.status == 400
    assert "inputs[" not in str(caught.value)


def test_errors_of_models_name_the_place_too():
    with pytest.raises(InvalidRequestError, match=r"^\[1\].prefetch\[0\].query.model: "):
        replace_inference_objects(
            [
                models.QueryRequest(query=models.Document(**TEXT)),
                models.QueryRequest(
                    prefetch=[models.Prefetch(query=models.Document(text="a", model="bm26"))],
                    query=models.FusionQuery(fusion=models.Fusion.RRF),
                ),
            ]
        )
    unwritable = models.Image(image=object(), model="m")
    with pytest.raises(InvalidRequestError, match=r"^vector: cannot be written as JSON: .*object"):
        replace_inference_objects(models.PointStruct(id=1, vector=unwritable))


def test_errors_keep_what_they_are():
    class Busy(AnyModel):
        def infer(self, request, **arguments):
            raise OverloadedError("inputs[1].data and inputs[0]: not now; inputs[7]", retry_after=7)

    request = {"query": TEXT, "prefetch": {"query": {"nearest": {"image": "a", "model": "m"}}}}
    with pytest.raises(OverloadedError) as caught:
        replace_inference_objects(request, engine=Busy())
    assert str(caught.value) == "prefetch.query.nearest.image and query: not now; inputs[7]"
    assert (caught.value.status, caught.value.retry_after) == (429, "7")
    assert isinstance(caught.value, InferenceError)


def test_an_engine_of_ones_own():
    engine = InferenceEngine()
    try:
        result = replace_inference_objects({"query": TEXT}, engine=engine)
    finally:
        engine.close()
    assert result == {"query": sparse(TEXT["text"], "search")}
