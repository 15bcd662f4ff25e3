"""Requests to Qdrant with inference objects: drawn at random, and taken from qdrant-client's own models."""

from __future__ import annotations

import enum
import hashlib
import inspect
import json
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel
from qdrant_client.http.models import models

TEXT = {"text": "a quick fox", "model": "bm25"}
OBJECTS = {
    models.Document: TEXT,
    models.Image: {"image": "https://example.com/fox.png", "model": "m", "options": None},
    models.InferenceObject: {"object": {"sides": [1, 2]}, "model": "m", "options": {"deep": True}},
}


class AnyModel:
    """Knows every model and every kind of input: vectors are a digest of them. Keeps what it was asked."""

    def __init__(self):
        self.requests = []

    def infer(self, request, **arguments):
        self.requests.append(request)
        return {"embeddings": [digest(one, request["inference"]) for one in request["inputs"]]}

    @property
    def inputs(self):
        return [one for request in self.requests for one in request["inputs"]]


def digest(one, purpose):
    """Return the vector that `AnyModel` makes of an input."""
    text = json.dumps(
        [one["data_type"], one["data"], one["model"], one.get("options"), purpose], sort_keys=True
    )
    return [float(byte) for byte in hashlib.sha256(text.encode()).digest()[:6]]


def vector_of(value, purpose):
    """Return the vector that `AnyModel` makes of an inference object."""
    (data_type,) = value.keys() - {"model", "options"}
    one = {"data": value[data_type], "data_type": data_type, "model": value["model"]}
    return digest({**one, "options": value.get("options") or None}, purpose)


# From the models of qdrant-client


CLASSES = {
    one
    for _, one in inspect.getmembers(models, inspect.isclass)
    if issubclass(one, BaseModel) and one is not BaseModel
}


def mentioned(annotation):
    """Return the models in a type."""
    if annotation in CLASSES:
        return {annotation}
    return {one for argument in get_args(annotation) for one in mentioned(argument)}


def holders():
    """Return the models in which there may be an inference object, at any depth; inference objects aside."""
    fields = {
        one: {inner for field in one.model_fields.values() for inner in mentioned(field.annotation)}
        for one in CLASSES
    }
    found = set(OBJECTS)
    while more := {one for one, inner in fields.items() if one not in found and inner & found}:
        found |= more
    return found - set(OBJECTS)


HOLDERS = holders()


def instances(annotation, inside=()):
    """Yield JSON of a type with one inference object in it, and the path to that: one for each place.

    A type that holds itself (a prefetch) is entered twice.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in OBJECTS:
        yield OBJECTS[annotation], ()
    elif origin in (Union, UnionType):
        for one in arguments:
            yield from instances(one, inside)
    elif origin is Annotated:
        yield from instances(arguments[0], inside)
    elif origin is list:
        for value, path in instances(arguments[0], inside):
            yield [value], (0, *path)
    elif origin is dict:
        for value, path in instances(arguments[1], inside):
            yield {"a name": value}, ("a name", *path)
    elif annotation in HOLDERS and inside.count(annotation) < 2:
        for name, field in annotation.model_fields.items():
            for value, path in instances(field.annotation, (*inside, annotation)):
                yield {**minimal(annotation), name: value}, (name, *path)


def minimal(annotation) -> Any:
    """Return the least JSON of a type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType, Annotated):
        return minimal(arguments[0])
    if origin is Literal:
        return arguments[0]
    if origin in (list, dict):
        return origin()
    if issubclass(annotation, BaseModel):
        required = {name: one for name, one in annotation.model_fields.items() if one.is_required()}
        return {name: minimal(one.annotation) for name, one in required.items()}
    if issubclass(annotation, enum.Enum):
        return next(iter(annotation)).value
    return annotation(1)


# At random: pairs of a request and what it is to become

NUMBERS = st.integers(-3, 3).map(float)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3) | st.just(TEXT),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["vector", "query", "x"]), inner)
    ),
    max_leaves=4,
)
OPTIONS = st.fixed_dictionaries({}, optional={"options": st.none() | st.dictionaries(st.just("k"), JSON)})
INFERENCE_OBJECTS = st.one_of(
    st.fixed_dictionaries({"text": st.text(max_size=2), "model": st.sampled_from("ab")}),
    st.fixed_dictionaries({"image": JSON, "model": st.sampled_from("ab")}),
    st.fixed_dictionaries({"object": JSON, "model": st.sampled_from("ab")}),
).flatmap(lambda one: OPTIONS.map(lambda options: {**one, **options}))
NAMES = st.sampled_from(["text", "model", "options", "vector", "a name", ""])


def same(strategy):
    return strategy.map(lambda one: (one, one))


def lists(pairs):
    return st.lists(pairs, max_size=3).map(lambda them: tuple(map(list, zip(*them, strict=True))) or ([], []))


def one_or_more(pairs):
    return pairs | lists(pairs)


def records(required, optional):
    return st.fixed_dictionaries(required, optional=optional).map(
        lambda them: (
            {key: one for key, (one, _) in them.items()},
            {key: two for key, (_, two) in them.items()},
        )
    )


def replaced(purpose):
    return INFERENCE_OBJECTS.map(lambda one: (one, vector_of(one, purpose)))


def vectors(purpose):
    dense = st.lists(NUMBERS, max_size=3)
    sparse = st.fixed_dictionaries({"indices": st.lists(st.integers(0, 9)), "values": dense})
    return replaced(purpose) | same(dense | sparse | st.lists(dense, max_size=2))


def named(pairs):
    return st.dictionaries(NAMES, pairs, max_size=3).map(
        lambda them: (
            {key: one for key, (one, _) in them.items()},
            {key: two for key, (_, two) in them.items()},
        )
    )


DOCUMENTS = vectors("update")
POINTS = lists(
    records(
        {"id": same(st.integers(0, 9)), "vector": DOCUMENTS | named(DOCUMENTS)},
        {"payload": same(JSON)},
    )
)
COLUMNS = records(
    {"ids": same(st.lists(st.integers(0, 9))), "vectors": lists(DOCUMENTS) | named(lists(DOCUMENTS))},
    {"payloads": same(st.none() | st.lists(JSON, max_size=2))},
)
UPSERTS = records({"points": POINTS}, {"update_filter": same(JSON), "shard_key": same(JSON)}) | records(
    {"batch": COLUMNS}, {"update_filter": same(JSON)}
)
OPERATIONS = st.one_of(
    records({"upsert": UPSERTS}, {}),
    records({"update_vectors": records({"points": POINTS}, {"shard_key": same(JSON)})}, {}),
    same(
        st.fixed_dictionaries(
            {"set_payload": st.fixed_dictionaries({"payload": JSON, "points": st.just([1])})}
        )
    ),
    same(st.just({"delete": {"points": [1, 2]}})),
)
UPDATES = UPSERTS | records({"operations": lists(OPERATIONS)}, {})

QUERY_VECTORS = vectors("search") | same(st.integers(0, 9) | st.uuids().map(str))
PAIRS = one_or_more(records({"positive": QUERY_VECTORS, "negative": QUERY_VECTORS}, {}))
EXAMPLES = same(st.none()) | lists(QUERY_VECTORS)
QUERIES = st.one_of(
    QUERY_VECTORS,
    same(st.none()),
    records({"nearest": QUERY_VECTORS}, {"mmr": same(st.none() | st.just({"diversity": 0.5}))}),
    records({"recommend": records({}, {"positive": EXAMPLES, "negative": EXAMPLES})}, {}),
    records({"discover": records({"target": QUERY_VECTORS, "context": PAIRS}, {})}, {}),
    records({"context": PAIRS}, {}),
    records(
        {
            "relevance_feedback": records(
                {
                    "target": QUERY_VECTORS,
                    "feedback": lists(records({"example": QUERY_VECTORS, "score": same(NUMBERS)}, {})),
                    "strategy": same(st.just({"naive": {"a": 1.0, "b": 1.0, "c": 1.0}})),
                },
                {},
            )
        },
        {},
    ),
    same(st.fixed_dictionaries({"formula": JSON, "defaults": st.dictionaries(st.just("query"), JSON)})),
    same(st.sampled_from([{"fusion": "rrf"}, {"rrf": {"k": 2}}, {"sample": "random"}, {"text": "words"}])),
    same(st.fixed_dictionaries({"order_by": JSON})),
)
OTHERS = {
    "filter": same(JSON), "params": same(JSON), "using": same(st.text(max_size=2)), "limit": same(st.just(3)),
    "lookup_from": same(st.just({"collection": "other", "vector": "name"})),
}  # fmt: skip
PREFETCHES = st.deferred(
    lambda: one_or_more(records({}, {"query": QUERIES, "prefetch": PREFETCHES, **OTHERS}))
)
SEARCH = records({"query": QUERIES}, {"prefetch": PREFETCHES | same(st.none()), **OTHERS})
SEARCHES = SEARCH | records({"searches": lists(SEARCH)}, {})
