"""The page at `/`: what becomes of a text, and why a document scores what it scores; static files."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bm25.analysis.languages import STOPWORD_LANGUAGES
from bm25.inference.bm25_model import Bm25Model
from bm25.options import STEMMERS, TOKENIZERS

if TYPE_CHECKING:
    from bm25.inference.engine import InferenceEngine

__all__ = ["routes"]

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}

_CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


class _File(NamedTuple):
    body: bytes
    headers: dict[str, str]


@cache
def _file(path: str) -> _File:
    name, content_type = _FILES[path]
    body = (files("bm25.server") / "page" / name).read_bytes()
    headers = {
        "content-type": content_type,
        # Kept, and asked after each time: no browser mixes the files of two releases.
        "cache-control": "no-cache",
        "etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        "content-security-policy": _CONTENT_SECURITY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
    }
    return _File(body, headers)


def _unchanged(request: Request, etag: str) -> bool:
    known = request.headers.get("if-none-match", "").split(",")
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in known)


def _serve(path: str) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        body, headers = _file(path)
        if _unchanged(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers)

    return serve


def _described(engine: InferenceEngine) -> dict[str, Any]:
    models = []
    for described in engine.describe():
        if described.get("type") != "bm25":
            continue
        model = engine.model(described["name"])
        assert isinstance(model, Bm25Model)
        options = model.encoder().config.to_dict()  # also those that have their default
        counted = model.settings.statistics is not None
        models.append({**described, "options": options, "statistics": counted})
    choices = {
        "language": STOPWORD_LANGUAGES,
        "tokenizer": TOKENIZERS,
        "stopwords": STOPWORD_LANGUAGES,
        "stemmer": STEMMERS,
    }
    return {"models": models, "choices": choices}


async def _models(request: Request) -> Response:
    """Answer with the BM25 models, all their options, which of them a request may set, and to what."""
    with request.app.state.engine_in_use() as engine:
        described = await run_in_threadpool(_described, engine)
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(msgspec.json.encode(described), media_type="application/json", headers=headers)


routes = [Route(path, _serve(path)) for path in _FILES] + [Route("/page/models", _models)]
