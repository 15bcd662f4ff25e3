"""`/embed_sparse`, `/embed` and `/info`: the API of Hugging Face's text-embeddings-inference (TEI).

TEI serves one model and has no word for queries. Here `model` says which one, and a `prompt_name` of `query`
what TEI uses it for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bm25 import __version__
from bm25.inference.dimensions import cut
from bm25.inference.engine import Answer, InferenceEngine
from bm25.inference.errors import InferenceError, InvalidRequestError, UpstreamError
from bm25.inference.models import Kind
from bm25.server.doors import Role, decode_body, embed_texts
from bm25.server.responses import json_bytes

__all__ = ["DEFAULT_MODEL", "EmbedRequest", "SparseRequest", "routes"]

DEFAULT_MODEL = "bm25"
"""The model of `/embed_sparse`, and of `/info`."""

FEW = 2000
"""Entries of sparse vectors that are written faster than they would change threads."""

Direction = Literal["left", "right", "Left", "Right"]

# What TEI sends in place of 502 and its like, and for a model of another kind.
_FAILED_DEPENDENCY = 424


class SparseRequest(msgspec.Struct):
    """The body of `POST /embed_sparse`.

    Attributes:
        inputs: a text, or several.
        model: the name of a sparse model.
        prompt_name: `query` for queries; `document` and `passage` for documents, and so is null.
        truncate: taken, without effect: BM25 reads the whole text, and other models cut it themselves.
        truncation_direction: taken, without effect.
    """

    inputs: str | list[str]
    model: str | None = None
    prompt_name: Role | None = None
    truncate: bool | None = None
    truncation_direction: Direction | None = None


class EmbedRequest(msgspec.Struct):
    """The body of `POST /embed`.

    Attributes:
        inputs: a text, or several.
        model: the name of a dense model; null where the server has one only.
        prompt_name: `query` for queries; `document` and `passage` for documents, and so is null.
        normalize: whether vectors are divided by their length.
        dimensions: how many of a vector to keep, from the first; what is left is divided by its length.
        truncate: taken, without effect: models cut a text that is too long for them themselves.
        truncation_direction: taken, without effect.
    """

    inputs: str | list[str]
    model: str | None = None
    prompt_name: Role | None = None
    normalize: bool = True
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    truncate: bool | None = None
    truncation_direction: Direction | None = None


async def embed_sparse(request: Request) -> Response:
    """Answer with the entries of a sparse vector for each text."""
    try:
        body = decode_body(await request.body(), SparseRequest)
        answer = await _embeddings(request, body, body.model or DEFAULT_MODEL, "sparse")
    except InferenceError as error:
        raise _as_tei(error) from None
    vectors: Sequence[Any] = answer.embeddings
    if sum(len(one["indices"]) for one in vectors) <= FEW:
        return _json(_entries(vectors))
    # An object for each entry takes a while: not in the loop, which has others to answer.
    return await run_in_threadpool(lambda: _json(_entries(vectors)))


async def embed_dense(request: Request) -> Response:
    """Answer with a dense vector for each text."""
    try:
        body = decode_body(await request.body(), EmbedRequest)
        model = body.model or _only_dense_model(request.app.state.engine)
        answer = await _embeddings(request, body, model, "dense")
    except InferenceError as error:
        raise _as_tei(error) from None
    vectors = answer.embeddings
    return _json([cut(one, len(one)) for one in vectors] if body.normalize else vectors)


async def info(request: Request) -> Response:
    """Describe what clients of TEI ask for: the model of `/embed_sparse`, and the limits."""
    limits = request.app.state.settings.limits
    described = {
        "model_id": DEFAULT_MODEL,
        "model_sha": None,
        "model_dtype": "float32",
        # TEI's word for a model that `/embed_sparse` is for.
        "model_type": {"embedding": {"pooling": "splade"}},
        "max_concurrent_requests": limits.concurrency + limits.queue,
        # In tokens: none is shorter than a byte.
        "max_input_length": limits.max_text_bytes,
        "max_batch_tokens": limits.max_body_bytes,
        "max_batch_requests": None,
        "max_client_batch_size": limits.max_inputs,
        "auto_truncate": False,
        "tokenization_workers": os.cpu_count() or 1,
        "version": __version__,
        "sha": None,
        "docker_label": None,
    }
    return _json(described)


routes = [
    Route("/embed_sparse", embed_sparse, methods=["POST"]),
    Route("/embed", embed_dense, methods=["POST"]),
    Route("/info", info),
]


async def _embeddings(request: Request, body: SparseRequest | EmbedRequest, model: str, kind: Kind) -> Answer:
    if not body.inputs and body.inputs != "":
        # The one mistake for which TEI answers 400.
        raise InferenceError("inputs: must not be empty", status=400)
    found = request.app.state.engine.model(model)
    if found.kind != kind:
        where = {"sparse": "POST /embed_sparse", "dense": "POST /embed"}.get(found.kind, "POST /inference")
        raise InferenceError(
            f"model: {model!r} makes {found.kind} embeddings, not {kind} ones; use {where}",
            status=_FAILED_DEPENDENCY,
        )
    size = getattr(body, "dimensions", None)
    return await embed_texts(
        request, body.inputs, model=model, role=body.prompt_name, field="inputs",
        options=None if size is None else {"mrl": size},
    )  # fmt: skip


def _only_dense_model(engine: InferenceEngine) -> str:
    names = [
        one["name"] for one in engine.describe() if one["kind"] == "dense" and "text" in one["modalities"]
    ]
    if len(names) == 1 and not names[0].endswith("/"):
        return str(names[0])
    known = [f"{name}..." if name.endswith("/") else name for name in names]
    raise InvalidRequestError(
        f"model: which one? known dense models: {', '.join(known)}"
        if known
        else "model: this server has no dense model; POST /embed_sparse makes sparse embeddings"
    )


def _entries(vectors: Sequence[Any]) -> list[list[dict[str, Any]]]:
    return [
        [{"index": index, "value": value} for index, value in zip(one["indices"], one["values"], strict=True)]
        for one in vectors
    ]


def _as_tei(error: InferenceError) -> InferenceError:
    """Give an error the status that TEI has for it."""
    if isinstance(error, InvalidRequestError):
        error.status = 422
    elif isinstance(error, UpstreamError):
        error.status = _FAILED_DEPENDENCY
    return error


def _json(value: Any) -> Response:
    return Response(json_bytes(value), media_type="application/json")
