"""`/v1/embeddings` and `/v1/models`: the dense models behind OpenAI's API."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bm25.inference.engine import InferenceEngine
from bm25.inference.errors import InvalidRequestError
from bm25.inference.models import Model
from bm25.server.doors import Role, decode_body, embed_texts
from bm25.server.responses import json_bytes

__all__ = ["EmbeddingsRequest", "routes"]


class EmbeddingsRequest(msgspec.Struct):
    """The body of `POST /v1/embeddings`.

    Attributes:
        input: a text, or several.
        model: the name of a dense model.
        dimensions: how many of a vector to keep, from the first; what is left is divided by its length.
        encoding_format: `base64` for the bytes of little-endian float32; null is the same as `float`.
        input_type: `query` for queries; `document` and `passage` for documents, and so is null. OpenAI has no
            such field.
        user: taken, without effect.
    """

    input: str | list[str]
    model: str
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    input_type: Role | None = None
    user: str | None = None


async def embeddings(request: Request) -> Response:
    """Answer with a dense vector for each text."""
    body = decode_body(await request.body(), EmbeddingsRequest)
    if not body.input and body.input != "":
        raise InvalidRequestError("input: must not be empty")
    kind = _model(request.app.state.engine, body.model).kind
    if kind != "dense":
        other = ", or POST /embed_sparse" if kind == "sparse" else ""
        raise InvalidRequestError(
            f"model: {body.model!r} makes {kind} embeddings, for which OpenAI's API has no place; use "
            f"POST /inference{other}"
        )
    answer = await embed_texts(
        request, body.input, model=body.model, role=body.input_type, field="input",
        options=None if body.dimensions is None else {"mrl": body.dimensions},
    )  # fmt: skip
    written = _base64 if body.encoding_format == "base64" else _same
    data = [
        {"object": "embedding", "index": i, "embedding": written(embedding)}
        for i, embedding in enumerate(answer.embeddings)
    ]
    tokens = answer.usage.get(body.model, 0)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _json({"object": "list", "data": data, "model": body.model, "usage": usage})


async def list_models(request: Request) -> Response:
    """List the models; those of a provider are not known, so that it has no entry."""
    with request.app.state.engine_in_use() as engine:
        described = await run_in_threadpool(engine.describe)
    data = [
        _described(one["name"], one["kind"], one["modalities"])
        for one in described
        if not one["name"].endswith("/")
    ]
    return _json({"object": "list", "data": data})


async def show_model(request: Request) -> Response:
    """Describe one model."""
    name = request.path_params["id"]
    model = _model(request.app.state.engine, name)
    return _json(_described(name, model.kind, model.modalities))


routes = [
    Route("/v1/embeddings", embeddings, methods=["POST"]),
    Route("/v1/models", list_models),
    Route("/v1/models/{id:path}", show_model),
]


def _model(engine: InferenceEngine, name: str) -> Model:
    try:
        return engine.model(name)
    except InvalidRequestError as error:
        error.status = 404
        raise


def _described(name: str, kind: str, modalities: Any) -> dict[str, Any]:
    # OpenAI's four fields, of which the third has no meaning here, and two more.
    return {
        "id": name, "object": "model", "created": 0, "owned_by": "bm25",
        "kind": kind, "modalities": list(modalities),
    }  # fmt: skip


def _base64(vector: Any) -> str:
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode("ascii")


def _same(vector: Any) -> Any:
    return vector


def _json(value: Any) -> Response:
    return Response(json_bytes(value), media_type="application/json")
