"""Every place where qdrant-client's models allow an inference object is known, and no other."""

import copy

import pytest
from qdrant_client.http.models import models

from bm25.inference.errors import InvalidRequestError
from bm25.inference.rewriting import replace_inference_objects
from bm25.inference.rewriting_places import _OTHER_FIELDS, inference_objects, path_text, purpose_of
from tests.inference.requests import HOLDERS, OBJECTS, TEXT, AnyModel, instances, vector_of

# What no request and no argument of a method is, but a part of one.
PARTS = {"ContextPair", "DiscoverInput", "FeedbackItem", "RecommendInput", "RelevanceFeedbackInput"}
UPDATES = {
    "Batch", "PointStruct", "PointVectors", "PointsBatch", "PointsList", "UpdateOperations", "UpdateVectors",
    "UpdateVectorsOperation", "UpsertOperation",
}  # fmt: skip
SEARCHES = {
    "ContextQuery", "DiscoverQuery", "NearestQuery", "Prefetch", "QueryGroupsRequest", "QueryRequest",
    "QueryRequestBatch", "RecommendQuery", "RelevanceFeedbackQuery",
}  # fmt: skip

MODELS = sorted((model for model in HOLDERS if model.__name__ not in PARTS), key=lambda model: model.__name__)
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def at(value, path):
    for key in path:
        value = value[key]
    return value


def with_vector(value, path, purpose):
    value = copy.deepcopy(value)
    at(value, path[:-1])[path[-1]] = vector_of(at(value, path), purpose)
    return value


def test_the_client_has_the_each_modelthat_are_known():
    # A model that is new here is a new kind of request, to be added to the shapes, or a part of one.
    assert {model.__name__ for model in HOLDERS} == PARTS | UPDATES | SEARCHES


@each_model
def test_every_place_of_the_json_is_found(model):
    purpose = "update" if model.__name__ in UPDATES else "search"
    for value, path in instances(model):
        assert purpose_of(value, ()) == purpose
        assert list(inference_objects(value, purpose, ())) == [(path, at(value, path))], path_text(path)
        assert replace_inference_objects(value, engine=AnyModel()) == with_vector(value, path, purpose)


@each_model
def test_every_place_of_the_each_modelis_found(model):
    purpose = "update" if model.__name__ in UPDATES else "search"
    for value, path in instances(model):
        request = model.model_validate(value)
        expected = model.model_validate(with_vector(value, path, purpose))
        assert replace_inference_objects(request, engine=AnyModel()) == expected, path_text(path)
        assert request == model.model_validate(value)


def test_the_walk_over_the_models_sees_what_it_looks_for():
    found = {model.__name__: [path for _, path in instances(model)] for model in MODELS}
    # Three kinds of inference object, each alone and under a name.
    assert len(found["PointStruct"]) == len(found["PointVectors"]) == len(found["Batch"]) == 6
    # The query itself, nearest, recommend (2), discover (1, and 4: both of a pair, alone or in a list),
    # context (4) and relevance feedback (2) are 15. A prefetch alone and one in a list have them too, and
    # each of these has two more.
    assert len(found["QueryRequest"]) == 15 * 3 * (1 + 2 + 4)
    deep = ("prefetch", 0, "prefetch", "query", "discover", "context", 0, "negative")
    assert deep in found["QueryRequest"]


def test_fields_that_cannot_have_inference_objects_are_those_of_the_client():
    fields = {*models.QueryRequest.model_fields, *models.QueryGroupsRequest.model_fields}
    assert fields - {"query", "prefetch"} == _OTHER_FIELDS - {"with_vectors"}


@pytest.mark.parametrize("one", OBJECTS.values(), ids=["text", "image", "object"])
def test_inference_objects_and_vectors_named_like_their_keys(one):
    (data_type,) = one.keys() - {"model", "options"}
    named = {data_type: TEXT, "model": [0.5], "options": TEXT}
    request = {"points": [{"id": 1, "vector": one}, {"id": 2, "vector": named}]}
    assert [path_text(path) for path, _ in inference_objects(request, "update", ())] == [
        "points[0].vector", f"points[1].vector.{data_type}", "points[1].vector.options",
    ]  # fmt: skip


def test_an_object_of_any_json_may_be_null():
    null = {"object": None, "model": "m"}
    assert [one for _, one in inference_objects({"query": null}, "search", ())] == [null]


def test_columns_under_the_name_of_a_methods_argument():
    request = {"points": {"ids": [1], "vectors": {"a": [TEXT]}}}
    assert [path_text(path) for path, _ in inference_objects(request, "update", ())] == [
        "points.vectors.a[0]"
    ]


def test_paths_are_written_as_the_places_in_json():
    assert path_text(("points", 3, "vector", "text_bm25")) == "points[3].vector.text_bm25"
    assert path_text((2, "vector", "a.b", "ü-1", "")) == '[2].vector["a.b"].ü-1[""]'


@pytest.mark.parametrize(
    "request_",
    [{}, {"limit": 3, "filter": {"must": []}}, {"group_by": "x"}, {"with_vectors": True}, {"query": None}],
)
def test_queries_without_a_vector(request_):
    assert replace_inference_objects(request_, engine=AnyModel()) == request_


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (None, "NoneType is not one request"),
        ("text", "str is not one request"),
        ({"pionts": []}, "an object with 'pionts' is not one request .* expected an object with points or b"),
        ({"points": [], "query": TEXT}, "an object with 'points', 'query' is not one request"),
        ({str(i): i for i in range(12)}, "an object with '0', .*, '9', ... is not one request"),
        ([{"query": 1}, 5], r"^\[1\]: int is not one request"),
        (TEXT, "^an inference object alone may be a document or a query; .* such as {\"query\": ...}$"),
        ([TEXT], r"^\[0\]: an inference object alone"),
        (models.Document(**TEXT), "^an inference object alone"),
        ([{"points": []}, {"query": 1}], r"^\[0\] has documents and \[1\] queries, .* in two calls$"),
        ({"query": {"nearest": {"text": "a"}}}, "^query.nearest: neither a vector nor an .* 'text'"),
        ({"query": {"nearest": {"image": "a", "model": 5}}}, "^query.nearest: neither a vector nor"),
    ],
)  # fmt: skip
def test_what_is_no_such_request(request_, message):
    with pytest.raises(InvalidRequestError, match=message) as caught:
        replace_inference_objects(request_, engine=AnyModel())
    assert caught.value.status == 400
