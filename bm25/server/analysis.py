"""`POST /analyze` and `POST /explain`: how a text becomes a vector, and what a score is made of."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bm25.analysis.analyzer import Role
from bm25.encoder import Bm25Encoder
from bm25.errors import Bm25ConfigError, Bm25InputError, MissingExtraError
from bm25.explain import explain
from bm25.inference.bm25_model import Bm25Model
from bm25.inference.errors import InferenceError, InvalidRequestError, RequestTimeoutError, TooLargeError
from bm25.inference.extent import extent, has_growth
from bm25.server.doors import decode_body
from bm25.server.request import unless_gone
from bm25.statistics import CorpusStatistics

if TYPE_CHECKING:
    from bm25.inference.engine import InferenceEngine
    from bm25.server.settings import Limits
    from bm25.server.state import State

__all__ = ["AnalyzeRequest", "ExplainRequest", "routes"]

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

LONGEST_TEXT = 65_536  # bytes
LARGEST_CORPUS = 4_194_304  # bytes of `documents`

# Each row has some hundred bytes of JSON besides its characters, which stand there a few times.
MOST_ROWS = 10_000
MOST_CHARACTERS = 1_000_000

# Of all texts of which terms are counted. It takes compiled code milliseconds, and memory.
MOST_COUNTED = 1_000_000  # tokens
MOST_MADE = 16_000_000  # characters of terms

# Most of the work is in Python, where one thread runs at a time: more would only slow the event loop down.
_threads = ThreadPoolExecutor(2, thread_name_prefix="bm25-analysis")


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
    _check_single(request.app.state.settings.limits, "text", body.text)
    return await _answer(request, _analysis, body)


async def _explain(request: Request) -> Response:
    body = decode_body(await request.body(), ExplainRequest)
    limits = request.app.state.settings.limits
    documents = body.documents or []
    if len(documents) > limits.max_inputs:
        raise TooLargeError(
            f"documents: there are {len(documents):,} of them, and {limits.max_inputs:,} are allowed "
            "(limits.max_inputs)",
            reason="inputs",
        )
    _check_single(limits, "query", body.query)
    _check_single(limits, "document", body.document)
    size = sum(_check_length(limits, f"documents[{i}]", text) for i, text in enumerate(documents))
    if size > LARGEST_CORPUS:
        raise TooLargeError(
            f"documents: they have {size:,} bytes, and {LARGEST_CORPUS:,} are allowed; for more, give the "
            "model a statistics store",
            reason="text",
        )
    return await _answer(request, _explanation, body)


routes = [
    Route("/analyze", _analyze, methods=["POST"]),
    Route("/explain", _explain, methods=["POST"]),
]


async def _answer(request: Request, work: Callable[[InferenceEngine, _Body], Any], body: _Body) -> Response:
    deadline = request.scope["bm25.request"].deadline
    answer = await unless_gone(request.receive, _in_time(deadline, request.app.state, work, body))
    return Response(answer, media_type="application/json", headers=_HEADERS)


async def _in_time(
    deadline: float, state: State, work: Callable[[InferenceEngine, _Body], Any], body: _Body
) -> bytes:
    """Return the answer, or give up at the deadline: a thread that is at work ends by itself, later."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            using = contextlib.ExitStack()
            engine = using.enter_context(state.engine_in_use())
            future = _threads.submit(_encoded, work, engine, body)

            def end(_: Any) -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended, and the engine with it
                    loop.call_soon_threadsafe(using.close)

            # Not when nobody waits any more: the thread may still be at work with the engine.
            future.add_done_callback(end)
            return await asyncio.wrap_future(future)
    except TimeoutError:
        raise RequestTimeoutError(
            "the analysis took longer than a request may (limits.request_timeout); send shorter texts",
            reason="time",
        ) from None


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
    role: Role = "query" if body.inference == "search" else "document"
    _check_analysis(encoder, role, body.text)
    return encoder.analyze(body.text, role=role).to_dict()


def _explanation(engine: InferenceEngine, body: ExplainRequest) -> dict[str, Any]:
    model = _model(engine, body.model)
    encoder = model.encoder(body.options)
    _check_counting(encoder, body)
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


def _check_single(limits: Limits, path: str, text: str) -> None:
    size = _check_length(limits, path, text)
    if size > LONGEST_TEXT:
        raise TooLargeError(
            f"{path}: the text has {size:,} bytes, and {LONGEST_TEXT:,} are allowed here: this is for "
            "looking at single texts; POST /inference takes longer ones",
            reason="text",
        )


def _check_length(limits: Limits, path: str, text: str) -> int:
    size = len(text.encode())
    if size > limits.max_text_bytes:
        raise TooLargeError(
            f"{path}: the text has {size:,} bytes, and {limits.max_text_bytes:,} are allowed "
            "(limits.max_text_bytes)",
            reason="text",
        )
    return size


def _check_analysis(encoder: Bm25Encoder, role: Role, text: str) -> None:
    rows, characters, _ = extent(encoder.config, role, [text])
    if rows <= MOST_ROWS and characters <= MOST_CHARACTERS:
        characters += _shared(encoder, role, text)
    if rows > MOST_ROWS or characters > MOST_CHARACTERS:
        raise TooLargeError(
            f"text: its analysis would have up to {rows:,} rows and {characters:,} characters, and "
            f"{MOST_ROWS:,} and {MOST_CHARACTERS:,} are allowed: this is for looking at single texts; "
            f"{_advice(encoder)}",
            reason="text",
        )


def _shared(encoder: Bm25Encoder, role: Role, text: str) -> int:
    """Return the characters of terms that share an id: each row of one of them names all others."""
    counts = encoder.count_queries([text]) if role == "query" else encoder.count_documents([text])
    collisions = counts.terms.collisions if counts.terms is not None else {}
    ids, frequencies = counts[0]
    found = 0
    for number, terms in collisions.items():
        found += int(frequencies[np.searchsorted(ids, number)]) * sum(map(len, terms))
    return found


def _check_counting(encoder: Bm25Encoder, body: ExplainRequest) -> None:
    if has_growth(encoder.config) and encoder.config.has_terms:
        parts = (
            extent(encoder.config, "query", [body.query]),
            extent(encoder.config, "document", [body.document, *(body.documents or ())]),
        )
        tokens, made = sum(part.tokens for part in parts), sum(part.made for part in parts)
        if tokens > MOST_COUNTED or made > MOST_MADE:
            raise TooLargeError(
                f"query, document and documents have up to {tokens:,} tokens, and terms of {made:,} "
                f"characters; {MOST_COUNTED:,} and {MOST_MADE:,} are allowed; {_advice(encoder)}",
                reason="text",
            )
    rows = len(encoder.count_queries([body.query]).term_ids)
    if rows > MOST_ROWS:
        raise TooLargeError(
            f"query: it has {rows:,} different terms, and {MOST_ROWS:,} are allowed; send a shorter one",
            reason="text",
        )


def _advice(encoder: Bm25Encoder) -> str:
    if encoder.config.tokenizer == "prefix":
        return "send less text, or set max_token_len, the length of the longest prefix"
    return "send less text"
