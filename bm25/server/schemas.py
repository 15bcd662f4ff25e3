"""The schemas of `GET /openapi.json`: of requests and answers, from the types that read and make them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import msgspec

from bm25.analysis.trace import TextAnalysis
from bm25.explain import Explanation
from bm25.inference.engine import MODALITIES
from bm25.inference.request import InferenceRequest
from bm25.server.analysis import AnalyzeRequest, ExplainRequest
from bm25.server.openai import EmbeddingsRequest
from bm25.server.tei import EmbedRequest, SparseRequest

if TYPE_CHECKING:
    from bm25.server.settings import Limits

__all__ = ["REF", "schemas"]

REF = "#/components/schemas/{name}"

Schema = dict[str, Any]

REQUESTS = (InferenceRequest, SparseRequest, EmbedRequest, EmbeddingsRequest, AnalyzeRequest, ExplainRequest)
ANSWERS = (TextAnalysis, Explanation)


def schemas(limits: Limits) -> dict[str, Schema]:
    """Return the schemas by name.

    Args:
        limits: whose numbers are in them.
    """
    taken, made = _components(REQUESTS), _components(ANSWERS)
    _refine_requests(taken, limits)
    for schema in made.values():
        _close(schema)
    made["Explanation"]["properties"]["statistics"] = _STATISTICS
    made["Explanation"]["required"].append("statistics")
    return dict(sorted({**taken, **made, **_OTHERS}.items()))


def _components(types: tuple[type, ...]) -> dict[str, Schema]:
    _, components = msgspec.json.schema_components(types, ref_template=REF)
    for schema in components.values():
        text, attributes = _documentation(schema.get("description", ""))
        schema["description"] = text
        for name, described in schema["properties"].items():
            if name in attributes and "$ref" not in described:
                described["description"] = attributes[name]
    return components


def _documentation(docstring: str) -> tuple[str, dict[str, str]]:
    """Return the first paragraph of a docstring, and what it says of each attribute."""
    text, _, listed = inspect.cleandoc(docstring).replace("None", "null").partition("Attributes:\n")
    attributes: dict[str, str] = {}
    for names, about in re.findall(r"^ {4}(\w[\w, ]*): (.*(?:\n {5,}.*)*)", listed, re.MULTILINE):
        for name in names.split(", "):
            attributes[name] = " ".join(about.split())
    return " ".join(text.split("\n\n")[0].split()), attributes


def _refine_requests(components: dict[str, Schema], limits: Limits) -> None:
    """Say what the types leave to the code behind them."""
    one = components["Input"]
    del one["properties"][" position"]
    one["properties"]["data_type"]["enum"] = list(MODALITIES)
    inference = components["InferenceRequest"]["properties"]
    inference["inference"] = {**inference["inference"], "enum": ["update", "search", None]}
    inference["inputs"]["maxItems"] = limits.max_inputs
    components["ExplainRequest"]["properties"]["documents"]["anyOf"][0]["maxItems"] = limits.max_inputs
    for name, field in (
        ("SparseRequest", "inputs"),
        ("EmbedRequest", "inputs"),
        ("EmbeddingsRequest", "input"),
    ):
        _, several = components[name]["properties"][field]["anyOf"]
        several.update(minItems=1, maxItems=limits.max_inputs)


def _close(schema: Schema) -> None:
    """Say that an answer has all fields, and no others."""
    for described in schema["properties"].values():
        described.pop("default", None)
    schema["required"] = list(schema["properties"])
    schema["additionalProperties"] = False


def _object(description: str = "", required: bool = True, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(properties)
    return {"description": description, **schema} if description else schema


def _array(items: Schema, description: str = "") -> Schema:
    schema = {"type": "array", "items": items}
    return {"description": description, **schema} if description else schema


def _ref(name: str) -> Schema:
    return {"$ref": REF.format(name=name)}


_STRING = {"type": "string"}
_STRINGS = _array(_STRING)
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0}
_TERM_ID = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
_VECTOR = _array(_NUMBER)
_NULL = {"type": "null"}

_STATISTICS = _object(
    "What N and df were counted from: `documents` of the request, the `model`'s store, or the `document`.",
    source={"enum": ["documents", "model", "document"]},
    document_count=_COUNT,
    average_length=_NUMBER,
)

_OTHERS: dict[str, Schema] = {
    "SparseEmbedding": _object(
        "A sparse vector; empty where a text has no terms.",
        indices=_array(_TERM_ID, "Term ids, ascending."),
        values=_array(_NUMBER, "Weights: shortest decimals that read back to the float32."),
    ),
    "InferenceAnswer": _object(
        "An embedding for each input, in order.",
        embeddings=_array(
            {
                "description": "Sparse, dense, or one dense vector for each token.",
                "anyOf": [_ref("SparseEmbedding"), _VECTOR, _array(_VECTOR)],
            }
        ),
        usage={
            "description": "The tokens that each model has read; null where no model says.",
            "anyOf": [
                _object(models={"type": "object", "additionalProperties": _object(tokens=_COUNT)}),
                _NULL,
            ],
        },
    ),
    "SparseVectors": _array(
        _array(_object(index=_TERM_ID, value=_NUMBER)), "The entries of a vector for each text, in order."
    ),
    "DenseVectors": _array(_VECTOR, "A vector for each text, in order."),
    "Info": _object(
        "What text-embeddings-inference says of a model and its limits.",
        model_id=_STRING,
        model_sha=_NULL,
        model_dtype={"const": "float32"},
        model_type=_object(embedding=_object(pooling={"const": "splade"})),
        max_concurrent_requests=_COUNT,
        max_input_length=_COUNT,
        max_batch_tokens=_COUNT,
        max_batch_requests=_NULL,
        max_client_batch_size=_COUNT,
        auto_truncate={"const": False},
        tokenization_workers=_COUNT,
        version=_STRING,
        sha=_NULL,
        docker_label=_NULL,
    ),
    "EmbeddingList": _object(
        "OpenAI's list of embeddings.",
        object={"const": "list"},
        data=_array(
            _object(
                object={"const": "embedding"},
                index=_COUNT,
                embedding={"anyOf": [_VECTOR, {"type": "string", "contentEncoding": "base64"}]},
            )
        ),
        model=_STRING,
        usage=_object(prompt_tokens=_COUNT, total_tokens=_COUNT),
    ),
    "Model": _object(
        "OpenAI's description of a model; `kind` and `modalities` are not OpenAI's.",
        id=_STRING,
        object={"const": "model"},
        created={"const": 0},
        owned_by={"const": "bm25"},
        kind={"enum": ["sparse", "dense", "multivector"]},
        modalities=_array({"enum": list(MODALITIES)}),
    ),
    "ModelList": _object(object={"const": "list"}, data=_array(_ref("Model"))),
    "PageModels": _object(
        "What the page's fields offer.",
        models=_array({"type": "object"}, "BM25 models, with all their options."),
        choices={"type": "object", "additionalProperties": _STRINGS},
    ),
    "Health": _object(status={"const": "ok"}),
    "Error": _object(error=_STRING),
    "TeiError": _object(
        "An error as text-embeddings-inference says it.",
        error=_STRING,
        error_type={"enum": ["Empty", "Validation", "Unauthenticated", "Overloaded", "Backend"]},
    ),
    "OpenAIError": _object(
        "An error as OpenAI says it.",
        error=_object(
            message=_STRING,
            type={
                "enum": [
                    "invalid_request_error",
                    "authentication_error",
                    "permission_error",
                    "rate_limit_error",
                    "server_error",
                ]
            },
            param=_NULL,
            code={"enum": ["invalid_api_key", "model_not_found", "rate_limit_exceeded", None]},
        ),
    ),
}
