"""Where inference objects may stand in requests to Qdrant, and where they do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Purpose

__all__ = ["Path", "data_types", "inference_objects", "is_model", "path_text", "purpose_of"]

Path = tuple[str | int, ...]


@dataclass(slots=True, eq=False)
class _Shape:
    """What may stand at a place of a request; whatever is not named here is not looked at.

    Attributes:
        inference: whether an inference object may.
        fields: of an object, those in which there may be one.
        names: what stands in every field of an object whose keys are the names of vectors.
        items: what stands in a list; None where lists are vectors.
    """

    inference: bool = False
    fields: dict[str, _Shape] = field(default_factory=dict)
    names: _Shape | None = None
    items: _Shape | None = None


def _list_of(shape: _Shape) -> _Shape:
    return _Shape(items=shape)


_VECTOR = _Shape(inference=True)
_POINT = _Shape(fields={"vector": _Shape(inference=True, names=_VECTOR)})
_COLUMNS = _Shape(fields={"vectors": _Shape(items=_VECTOR, names=_list_of(_VECTOR))})
# In the REST API `points` is a list; an argument of qdrant-client's of that name may also be columns.
_POINTS = _Shape(fields={"points": replace(_COLUMNS, items=_POINT), "batch": _COLUMNS})
_OPERATION = _Shape(fields={"upsert": _POINTS, "update_vectors": _POINTS})
_UPDATE = _Shape(
    fields={
        **_POINTS.fields, **_POINT.fields, **_COLUMNS.fields, **_OPERATION.fields,
        "operations": _list_of(_OPERATION),
    }
)  # fmt: skip

_PAIR = _Shape(fields={"positive": _VECTOR, "negative": _VECTOR})
_PAIRS = replace(_PAIR, items=_PAIR)
_EXAMPLES = _Shape(fields={"positive": _list_of(_VECTOR), "negative": _list_of(_VECTOR)})
_FEEDBACK = _list_of(_Shape(fields={"example": _VECTOR}))
_QUERY = _Shape(
    inference=True,
    fields={
        "nearest": _VECTOR,
        "recommend": _EXAMPLES,
        "discover": _Shape(fields={"target": _VECTOR, "context": _PAIRS}),
        "context": _PAIRS,
        "relevance_feedback": _Shape(fields={"target": _VECTOR, "feedback": _FEEDBACK}),
    },
)
_PREFETCH = _Shape(fields={"query": _QUERY})
_PREFETCH.fields["prefetch"] = _PREFETCH.items = _PREFETCH
_SEARCH = _Shape(fields={**_PREFETCH.fields, **_QUERY.fields, "searches": _list_of(_PREFETCH)})

_SHAPES: dict[Purpose, _Shape] = {"update": _UPDATE, "search": _SEARCH}

# A query of these alone asks for points in the order of their ids.
_OTHER_FIELDS = frozenset({
    "filter", "group_by", "group_size", "limit", "lookup_from", "offset", "params", "score_threshold",
    "shard_key", "using", "with_lookup", "with_payload", "with_vector", "with_vectors",
})  # fmt: skip

_DATA_TYPES = ("text", "image", "object")
_SHOWN_KEYS = 10


def purpose_of(request: Any, path: Path) -> Purpose | None:
    """Return what the vectors of a request are for, None where it cannot have any.

    Args:
        request: an object of JSON or a model of qdrant-client's.
        path: where it is in what the caller gave, for errors.

    Raises:
        InvalidRequestError: it is none that may have vectors, or may be both.
    """
    place = f"{path_text(path)}: " if path else ""
    if _is_inference_object(request):
        raise InvalidRequestError(
            f"{place}an inference object alone may be a document or a query; give the request that it is "
            'part of, such as {"query": ...}'
        )
    if isinstance(request, dict):
        found = [purpose for purpose, shape in _SHAPES.items() if not shape.fields.keys().isdisjoint(request)]
        if len(found) == 1:
            return found[0]
        if not found and request.keys() <= _OTHER_FIELDS:
            return None
        keys = [repr(key) for key in list(request)[:_SHOWN_KEYS]]
        what = f"an object with {', '.join(keys)}{', ...' if len(request) > len(keys) else ''}"
    elif is_model(request):
        fields = type(request).model_fields
        return next((purpose for purpose, shape in _SHAPES.items() if shape.fields.keys() & fields), None)
    else:
        what = type(request).__name__
    raise InvalidRequestError(
        f"{place}{what} is not one request that may have inference objects; expected an object with points "
        "or batch (upsert, update vectors), operations (batch of updates), query or prefetch (query, query "
        "groups) or searches (batch of queries), a model of qdrant-client's, or a list of these"
    )


def inference_objects(request: Any, purpose: Purpose, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the path of each inference object, beginning with `path`, and the object; in order.

    Raises:
        InvalidRequestError: in the place of a vector stands what is an inference object but for its model.
    """
    waiting: list[tuple[Path, Any, _Shape]] = [(path, request, _SHAPES[purpose])]
    while waiting:
        path, value, shape = waiting.pop()
        inner: list[tuple[str | int, Any, _Shape]] = []
        if shape.inference and _is_inference_object(value):
            yield path, value
        elif isinstance(value, list | tuple):
            if (items := shape.items) is not None:
                inner = [(i, item, items) for i, item in enumerate(value)]
        elif isinstance(value, dict) and (names := shape.names) is not None:
            inner = [(name, one, names) for name, one in value.items()]
        elif isinstance(value, dict) or is_model(value):
            if shape is _VECTOR:
                _require_no_data(value, path)
            inner = [(key, _get(value, key), one) for key, one in shape.fields.items()]
        waiting.extend(((*path, key), one, its) for key, one, its in reversed(inner))


def is_model(value: Any) -> bool:
    """Tell a model of qdrant-client's, which is one of pydantic's; imports neither."""
    return not isinstance(value, dict | list) and hasattr(type(value), "model_fields")


def data_types(value: Any) -> list[str]:
    """Return which of text, image and object an inference object has."""
    fields = type(value).model_fields if is_model(value) else value
    return [data_type for data_type in _DATA_TYPES if data_type in fields]


def path_text(path: Path) -> str:
    """Return a path as errors name it: `points[3].vector.text`, `points[3].vector["a name"]`."""
    parts = [
        f".{key}" if isinstance(key, str) and re.fullmatch(r"[\w-]+", key) else f"[{json.dumps(key)}]"
        for key in path
    ]
    return "".join(parts).removeprefix(".")


def _get(record: Any, key: str) -> Any:
    return record.get(key) if isinstance(record, dict) else getattr(record, key, None)


def _is_inference_object(value: Any) -> bool:
    """Tell inference objects from named vectors as Qdrant does: no vector is the name of a model."""
    if not isinstance(value, dict) and not is_model(value):
        return False
    return isinstance(_get(value, "model"), str) and bool(data_types(value))


def _require_no_data(vector: Any, path: Path) -> None:
    for data_type in data_types(vector):
        raise InvalidRequestError(
            f"{path_text(path)}: neither a vector nor an inference object, which has {data_type!r} and the "
            "name of a model, a string, in 'model'"
        )
