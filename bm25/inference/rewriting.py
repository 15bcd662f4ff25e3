"""Inference objects in requests to Qdrant, replaced by their vectors; for a Qdrant that cannot infer."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from bm25.errors import Bm25Error
from bm25.inference.engine import InferenceEngine, infer
from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Purpose
from bm25.inference.rewriting_places import (
    Path,
    data_types,
    inference_objects,
    is_model,
    path_text,
    purpose_of,
)

__all__ = ["replace_inference_objects"]

Request = TypeVar("Request")

_INPUT = re.compile(r"\binputs\[(\d+)\](\.data(?:_type)?\b)?")


def replace_inference_objects(
    request: Request,
    *,
    engine: InferenceEngine | None = None,
    keys: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Request:
    """Return a request to Qdrant in which every inference object is replaced by its vector.

    Vectors of points are encoded as documents, everything in a query or a prefetch as queries. Equal objects
    are encoded once. Payloads, filters and whatever else cannot hold an inference object are not looked at.

    Args:
        request: the parsed JSON of an upsert (points or columns), an update of vectors, a batch of updates, a
            query, a batch of queries or a query for groups. Or what methods of qdrant-client take: its models
            (`PointStruct`, `Batch`, `Prefetch`, `QueryRequest`, `NearestQuery` ...), a list of them, or
            arguments by name (`{"query": ..., "prefetch": ...}`). It is not changed; the result shares with
            it what has nothing to replace.
        engine: what encodes; None for one with Qdrant's BM25 alone.
        keys: of providers, by the name of their header.
        timeout: seconds that encoding may take.

    Returns:
        The same kind of thing. A sparse vector is `{"indices": [...], "values": [...]}` where a dict stood,
        and a `SparseVector` of qdrant-client's where a `Document` did.

    Raises:
        InvalidRequestError: it is no such request, or an inference object has a key too many or no model.
        InferenceError: of the engine, naming the place in this request.
    """
    if isinstance(request, list):
        parts: list[tuple[Path, Any]] = [((i,), part) for i, part in enumerate(request)]
    else:
        parts = [((), request)]
    found = {purpose: path for path, part in parts if (purpose := purpose_of(part, path)) is not None}
    if len(found) > 1:
        raise InvalidRequestError(
            f"{path_text(found['update'])} has documents and {path_text(found['search'])} queries, which are "
            "encoded differently; give them in two calls"
        )
    result: Request = _copy(request)
    for purpose in found:
        places = [place for path, part in parts for place in inference_objects(part, purpose, path)]
        if places:
            _put(result, places, _vectors(places, purpose, engine, keys, timeout))
    return result


def _vectors(
    places: Sequence[tuple[Path, Any]],
    purpose: Purpose,
    engine: InferenceEngine | None,
    keys: Mapping[str, str] | None,
    timeout: float | None,
) -> list[Any]:
    inputs, numbers = _inputs(places)
    encode = infer if engine is None else engine.infer
    try:
        answer = encode({"inputs": inputs, "inference": purpose}, keys=keys, timeout=timeout)
    except Bm25Error as error:
        error.args = (_in_the_request(str(error), places, numbers), *error.args[1:])
        raise
    return [answer["embeddings"][number] for number in numbers]


def _inputs(places: Sequence[tuple[Path, Any]]) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the inputs for the engine, equal ones once, and the number of each place's."""
    inputs: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    chosen: list[int] = []
    for path, value in places:
        one = _input(value, path)
        try:
            # Text, for 1, 1.0 and true are equal in Python, and different in JSON.
            identity = json.dumps(one, sort_keys=True)
        except (TypeError, ValueError) as error:
            raise _not_json(path, error) from None
        number = numbers.setdefault(identity, len(inputs))
        if number == len(inputs):
            inputs.append(one)
        chosen.append(number)
    return inputs, chosen


def _input(value: Any, path: Path) -> dict[str, Any]:
    data_type, *more = data_types(value)
    if is_model(value):
        try:
            # As qdrant-client would send it.
            value = value.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        except ValueError as error:
            raise _not_json(path, error) from None
    unknown = [*more, *(key for key in value if key not in (*more, data_type, "model", "options"))]
    if unknown:
        raise InvalidRequestError(
            f"{path_text(path)}: {', '.join(map(repr, unknown))} beside {data_type!r} and 'model'; an "
            "inference object has one of 'text', 'image' and 'object', a 'model' and 'options'"
        )
    one = {"data": value.get(data_type), "data_type": data_type, "model": value["model"]}
    if value.get("options") not in (None, {}):
        one["options"] = value["options"]
    return one


def _not_json(path: Path, error: Exception) -> InvalidRequestError:
    return InvalidRequestError(f"{path_text(path)}: cannot be written as JSON: {error}")


def _in_the_request(message: str, places: Sequence[tuple[Path, Any]], numbers: Sequence[int]) -> str:
    """Return an error of the engine's with the paths in the caller's request, the first of equal ones."""

    def place(match: re.Match[str]) -> str:
        number = int(match[1])
        if number not in numbers:
            return match[0]
        path, value = places[numbers.index(number)]
        return path_text((*path, data_types(value)[0]) if match[2] else path)

    return _INPUT.sub(place, message)


def _put(result: Any, places: Iterable[tuple[Path, Any]], vectors: Iterable[Any]) -> None:
    """Put vectors in their places in a copy of the request, copying what is on the way there once."""
    copied: set[int] = set()
    for (path, replaced), vector in zip(places, vectors, strict=True):
        parent = result
        for key in path[:-1]:
            child = getattr(parent, str(key)) if is_model(parent) else parent[key]
            if id(child) not in copied:
                child = _copy(child)
                copied.add(id(child))
                _set(parent, key, child)
            parent = child
        _set(parent, path[-1], _as_model(vector) if is_model(replaced) else vector)


def _copy(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else copy.copy(value)


def _set(parent: Any, key: str | int, value: Any) -> None:
    if is_model(parent):
        setattr(parent, str(key), value)
    else:
        parent[key] = value


def _as_model(vector: Any) -> Any:
    from qdrant_client.models import SparseVector

    return SparseVector(**vector) if isinstance(vector, dict) else vector
