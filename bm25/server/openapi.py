"""`GET /openapi.json`: an OpenAPI 3.1 document of all endpoints."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bm25 import __version__
from bm25.inference.providers.services import SERVICES
from bm25.server.responses import json_bytes
from bm25.server.schemas import REF, schemas

if TYPE_CHECKING:
    from bm25.server.settings import Limits

__all__ = ["document", "routes"]

Door = Literal["Error", "TeiError", "OpenAIError"]

_STATUSES = {
    "304": "The client has it already.",
    "400": "The request cannot be answered as it is; the message names the place and what is allowed.",
    "401": "The API key is wrong or missing; or a provider does not accept its own.",
    "403": "A provider refuses.",
    "404": "There is no such model.",
    "408": "The body did not come in time.",
    "413": "A body, a text or the number of inputs is beyond a limit.",
    "422": "The request cannot be answered as it is; the message names the place and what is allowed.",
    "424": "The model is of another kind, or a provider failed.",
    "429": "Too many requests at once, here or at a provider.",
    "500": "An unexpected error; the log has it under the request id.",
    "501": "The model needs a package that is not installed.",
    "504": "The request took longer than it may.",
    "5XX": "A provider failed.",
}

_OPEN = ("429", "500")
_READ = ("401", *_OPEN, "504")
_WORK = ("400", "408", "413", *_READ)
_EMBED = (*_WORK, "403", "5XX")
_EMBED_TEI = (*_WORK, "403", "422", "424")

_INFERENCE = {
    "inputs": [{"data": "a quick fox", "data_type": "text", "model": "bm25"}], "inference": "update"
}  # fmt: skip
_EXPLAIN = {
    "query": "quick fox",
    "document": "a quick fox",
    "documents": ["a quick fox", "a dog"],
}


def document(limits: Limits, *, locked: bool) -> dict[str, Any]:
    """Return the document.

    Args:
        limits: those in force, whose numbers are in it.
        locked: whether the server wants a key.
    """
    keys: list[dict[str, list[str]]] = [{"api-key": []}, {"bearer": []}]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "bm25",
            "version": __version__,
            "description": _about(limits),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "security": keys if locked else [{}, *keys],
        "paths": _paths(),
        "components": {
            "schemas": schemas(limits),
            "headers": _HEADERS,
            "parameters": _PROVIDER_KEYS,
            "securitySchemes": {
                "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


@lru_cache(maxsize=1)
def _written(limits: Limits, locked: bool) -> bytes:
    return json_bytes(document(limits, locked=locked))


async def _show(request: Request) -> Response:
    settings = request.app.state.settings
    body = await run_in_threadpool(_written, settings.limits, bool(settings.api_keys))
    return Response(body, media_type="application/json", headers={"cache-control": "no-cache"})


routes = [Route("/openapi.json", _show)]


def _about(limits: Limits) -> str:
    return (
        "Text into vectors: BM25 models, dense models of this server, and models of external providers. "
        f"A body may have {limits.max_body_bytes:,} bytes, a request {limits.max_inputs:,} inputs, a text "
        f"{limits.max_text_bytes:,} bytes; a request may take {limits.request_timeout:g} seconds. "
        "Every answer has the header x-request-id: the client's, or a new one."
    )


def _paths() -> dict[str, Any]:
    return {
        "/": {"get": _file("page", "The page: try models out", "text/html")},
        "/page.css": {"get": _file("pageStyle", "The page's style sheet", "text/css")},
        "/page.js": {"get": _file("pageScript", "The page's script", "text/javascript")},
        "/page/models": {
            "get": _operation("pageModels", "What the page's fields offer", "PageModels", _READ, tag="page")
        },
        "/health": {
            "get": _operation("health", "Is the server there", "Health", _OPEN, tag="server", key=False)
        },
        "/metrics": {"get": _metrics()},
        "/openapi.json": {"get": _this()},
        "/inference": {
            "post": _operation(
                "inference", "Embed inputs: Qdrant's protocol", "InferenceAnswer", _EMBED, tag="Qdrant",
                body="InferenceRequest", example=_INFERENCE, providers=True,
                description="The key may also be `token` in the body, which is how Qdrant sends it.",
            )
        },
        "/embed_sparse": {
            "post": _operation(
                "embedSparse", "Sparse embeddings of texts", "SparseVectors", _EMBED_TEI, tag="TEI",
                body="SparseRequest", example={"inputs": ["a quick fox"]}, door="TeiError",
            )
        },
        "/embed": {
            "post": _operation(
                "embed", "Dense embeddings of texts", "DenseVectors", _EMBED_TEI, tag="TEI",
                body="EmbedRequest", example={"inputs": ["a quick fox"], "model": "dense"}, door="TeiError",
                providers=True,
            )
        },
        "/info": {"get": _operation("info", "Model and limits", "Info", _READ, tag="TEI", door="TeiError")},
        "/v1/embeddings": {
            "post": _operation(
                "embeddings", "Dense embeddings of texts", "EmbeddingList", (*_EMBED, "404"), tag="OpenAI",
                body="EmbeddingsRequest", example={"input": ["a quick fox"], "model": "dense"},
                door="OpenAIError", providers=True,
            )
        },
        "/v1/models": {
            "get": _operation("models", "All models", "ModelList", _READ, tag="OpenAI", door="OpenAIError")
        },
        "/v1/models/{id}": {
            "get": {
                **_operation(
                    "model", "One model", "Model", (*_READ, "404"), tag="OpenAI", door="OpenAIError",
                    description="A name with slashes stands in the address as it is, or encoded.",
                ),
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            }
        },
        "/analyze": {
            "post": _operation(
                "analyze", "How a text becomes a vector", "TextAnalysis", (*_WORK, "501"), tag="BM25",
                body="AnalyzeRequest", example={"text": "Quick foxes"},
            )
        },
        "/explain": {
            "post": _operation(
                "explain", "What a score is made of", "Explanation", (*_WORK, "501"), tag="BM25",
                body="ExplainRequest", example=_EXPLAIN,
            )
        },
    }  # fmt: skip


def _operation(
    name: str,
    summary: str,
    answer: str,
    statuses: Iterable[str],
    *,
    tag: str,
    door: Door = "Error",
    key: bool = True,
    body: str | None = None,
    example: Any = None,
    description: str | None = None,
    providers: bool = False,
) -> dict[str, Any]:
    """Return an operation.

    Args:
        name: of the operation.
        summary: of it.
        answer: the name of the schema of what it answers.
        statuses: of errors.
        tag: the group that it belongs to.
        door: the name of the schema of errors.
        key: whether it needs a key, on a server that wants one.
        body: the name of the schema of its body.
        example: of the body.
        description: what else there is to say.
        providers: whether it may need keys of external providers.
    """
    operation = _bare(name, summary, tag, _json({"$ref": REF.format(name=answer)}), statuses, door, key)
    if description is not None:
        operation["description"] = description
    if body is not None:
        content = _json({"$ref": REF.format(name=body)})
        content["application/json"]["example"] = example
        operation["requestBody"] = {"required": True, "content": content}
    if providers:
        operation["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in _PROVIDER_KEYS]
    return operation


def _bare(
    name: str, summary: str, tag: str, content: Any, statuses: Iterable[str], door: Door, key: bool
) -> dict[str, Any]:
    responses: dict[str, Any] = {
        "200": {"description": "The answer.", "headers": _headers("200"), "content": content}
    }
    for status in sorted(statuses):
        responses[status] = {"description": _STATUSES[status], "headers": _headers(status)}
        if not status.startswith("3"):
            responses[status]["content"] = _json({"$ref": REF.format(name=door)})
    operation = {"operationId": name, "summary": summary, "tags": [tag], "responses": responses}
    return operation if key else {**operation, "security": []}


def _file(name: str, summary: str, media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "string"}}}
    return _bare(name, summary, "page", content, ("304", *_OPEN), "Error", False)


def _metrics() -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return _bare("metrics", "What Prometheus reads", "server", content, ("401", *_OPEN), "Error", True)


def _this() -> dict[str, Any]:
    return _bare(
        "openapi", "This document", "server", _json({"type": "object"}), _OPEN, "Error", False
    )  # fmt: skip


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _headers(status: str) -> dict[str, Any]:
    names = ["x-request-id"]
    if status in ("429", "5XX", "424"):
        names.append("retry-after")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


_HEADERS: dict[str, Any] = {
    "x-request-id": {
        "description": "The request's name in logs.", "required": True, "schema": {"type": "string"}
    },
    "retry-after": {
        "description": "When to try again, where that is known: seconds, or an HTTP date.",
        "schema": {"type": "string"},
    },
}  # fmt: skip

_PROVIDER_KEYS: dict[str, Any] = {
    service.header: {
        "name": service.header,
        "in": "header",
        "description": f"The key for models whose names begin with {service.prefix!r}.",
        "schema": {"type": "string"},
    }
    for service in SERVICES.values()
}
