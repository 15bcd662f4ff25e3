"""`POST /analyze` and `POST /explain`: how a text becomes a vector, and what a score is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bm25.encoder import Bm25Encoder
from bm25.errors import Bm25ConfigError, Bm25InputError, MissingExtraError
from bm25.explain import explain
from bm25.inference.bm25_model import Bm25Model
from bm25.inference.errors import InferenceError, InvalidRequestError, TooLargeError
from bm25.server.doors import decode_body
from bm25.statistics import CorpusStatistics

if TYPE_CHECKING:
    from bm25.inference.engine import InferenceEngine
    from bm25.server.settings import Limits
    from bm25.server.state import State

__all__ = ["AnalyzeRequest", "ExplainRequest", "routes"]

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class AnalyzeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /analyze`.

    Attributes:
        text: what to analyze.
        model: the name of a BM25 model.
        options: laid over the model's, as far as it allows that.
        inference: `update` for a document, also for null; `search` for a query.
    """

    text: str
    model: str = "bm25"
    options: dict[str, Any] | None = None
    inference: Literal["update", "search"] | None = None


class ExplainRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /explain`.

    Attributes:
        query: the query.
        document: the document that is scored.
        documents: the corpus that N and df are counted from; `document` counts if it is among them. For null
            they are those of the model's statistics store; or of `document` alone, if the model has none or
            the options change which terms a text has.
        model: the name of a BM25 model.
        options: laid over the model's, as far as it allows that.
    """

    query: str
    document: str
    documents: list[str] | None = None
    model: str = "bm25"
    options: dict[str, Any] | None = None


_Body = TypeVar("_Body", AnalyzeRequest, ExplainRequest)


async def _analyze(request: Request) -> Response:
    body = decode_body(await request.body(), AnalyzeRequest)
    _check_length(request.app.state.settings.limits, "text", body.text)
    return await _answer(_analysis, request.app.state, body)


async def _explain(request: Request) -> Response:
    body = decode_body(await request.body(), ExplainRequest)
    limits = request.app.state.settings.limits
    documents = body.documents or []
    if len(documents) > limits.max_inputs:
        raise TooLargeError(
            f"documents: there are {len(documents):,} of them, and {limits.max_inputs:,} are allowed "
            "(limits.max_inputs)"
        )
    _check_length(limits, "query", body.query)
    _check_length(limits, "document", body.document)
    for position, text in enumerate(documents):
        _check_length(limits, f"documents[{position}]", text)
    return await _answer(_explanation, request.app.state, body)


routes = [
    Route("/analyze", _analyze, methods=["POST"]),
    Route("/explain", _explain, methods=["POST"]),
]


async def _answer(work: Callable[[InferenceEngine, _Body], Any], state: State, body: _Body) -> Response:
    with state.engine_in_use() as engine:
        # In a thread even for a short text: the first one may have to load or compile kernels.
        answer = await run_in_threadpool(_encoded, work, engine, body)
    return Response(answer, media_type="application/json", headers=_HEADERS)


def _encoded(work: Callable[[InferenceEngine, _Body], Any], engine: InferenceEngine, body: _Body) -> bytes:
    try:
        return msgspec.json.encode(work(engine, body))
    except (Bm25ConfigError, Bm25InputError) as error:
        raise InvalidRequestError(str(error)) from error
    except MissingExtraError as error:
        raise InferenceError(str(error), status=501) from error


def _analysis(engine: InferenceEngine, body: AnalyzeRequest) -> dict[str, Any]:
    encoder = _model(engine, body.model).encoder(body.options)
    if not encoder.config.has_terms:
        raise InvalidRequestError(
            f"model {body.model!r} with tokenizer {encoder.config.tokenizer!r} has no steps to show: it "
            "works on whole texts, which yields ids without terms; POST /explain shows their weights"
        )
    role: Literal["query", "document"] = "query" if body.inference == "search" else "document"
    return encoder.analyze(body.text, role=role).to_dict()


def _explanation(engine: InferenceEngine, body: ExplainRequest) -> dict[str, Any]:
    model = _model(engine, body.model)
    encoder = model.encoder(body.options)
    source, statistics = _statistics(model, encoder, body)
    explanation = explain(encoder, statistics, body.query, body.document).to_dict()
    about = {
        "source": source,
        "document_count": statistics.document_count,
        "average_length": statistics.average_length,
    }
    return {**explanation, "statistics": about}


def _statistics(
    model: Bm25Model, encoder: Bm25Encoder, body: ExplainRequest
) -> tuple[Literal["documents", "model", "document"], CorpusStatistics]:
    if body.documents is not None:
        return "documents", CorpusStatistics.from_counts(encoder.count_documents(body.documents))
    # The store counts terms of the model's own analysis: under another one they are not those of the query.
    if encoder.config.analysis_fingerprint == model.encoder().config.analysis_fingerprint:
        statistics = model.statistics()
        if statistics is not None:
            return "model", statistics
    return "document", CorpusStatistics.from_counts(encoder.count_documents([body.document]))


def _model(engine: InferenceEngine, name: str) -> Bm25Model:
    model = engine.model(name)
    if isinstance(model, Bm25Model):
        return model
    known = [described["name"] for described in engine.describe() if described.get("type") == "bm25"]
    raise InvalidRequestError(
        f"model: {name!r} is no BM25 model, and has no terms to show; those here: {', '.join(known)}"
    )


def _check_length(limits: Limits, path: str, text: str) -> None:
    size = len(text.encode())
    if size > limits.max_text_bytes:
        raise TooLargeError(
            f"{path}: the text has {size:,} bytes, and {limits.max_text_bytes:,} are allowed "
            "(limits.max_text_bytes)"
        )
