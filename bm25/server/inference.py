"""POST /inference: Qdrant's protocol."""

from __future__ import annotations

from collections import Counter

from bm25.inference.batch import decode_batch
from bm25.inference.engine import Answer, purpose_of, usage_dict
from bm25.inference.errors import TooLargeError
from bm25.inference.models import Call, Purpose, SparseRows
from bm25.inference.request import InferenceRequest, Input, decode_request
from bm25.server.request import Request, unless_gone
from bm25.server.responses import Receive, Send, json_bytes, send_json
from bm25.server.state import State
from bm25.server.vectors import vectors_json

__all__ = ["Inference", "check_inputs", "embed", "embed_now"]

LARGE = 65_536
"""Bytes of a body from which on it pays to read it as a batch."""


class Inference:
    """The endpoint."""

    def __init__(self, state: State) -> None:
        self.state = state

    def now(self, request: Request) -> bytes | memoryview | None:
        """Return the body of the answer to a request that takes no time to speak of, else None."""
        asked = decode_request(request.body)
        answer = embed_now(self.state, request, asked)
        return None if answer is None else _json(answer)

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Answer a request."""
        answer = None
        if len(request.body) > LARGE:
            answer = await _embed_batch(self.state, request, receive)
        if answer is None:
            answer = await embed(self.state, request, receive, decode_request(request.body))
        await send_json(send, _json(answer))


async def _embed_batch(state: State, request: Request, receive: Receive) -> Answer | None:
    """Return the answer to a request for many texts; None for one that `embed` has to see."""
    limits = state.settings.limits
    batch = decode_batch(request.body, limits.max_inputs)
    if batch is None or batch.longest > limits.max_text_bytes:
        return None
    with state.engine_in_use() as engine:
        answer = await unless_gone(receive, engine.ainfer_batch(batch, _call(request, batch.purpose)))
    if answer is not None:
        request.details["inputs"] = len(batch.texts)
        state.metrics.embedded(batch.model, len(batch.texts), answer.usage.get(batch.model))
    return answer


def _call(request: Request, purpose: Purpose) -> Call:
    return Call(purpose, request.provider_keys(), request.deadline, request.id.decode("ascii"))


def _json(answer: Answer) -> bytes | memoryview:
    usage = usage_dict(answer.usage)
    if isinstance(answer.embeddings, SparseRows):
        after = b'],"usage":' + json_bytes(usage) + b"}"
        return vectors_json(answer.embeddings.vectors, b'{"embeddings":[', after)
    return json_bytes({"embeddings": answer.embeddings, "usage": usage})


def embed_now(state: State, request: Request, asked: InferenceRequest) -> Answer | None:
    """Return the answer of the engine in force, and count what was done, if that takes no time to speak of.

    Raises:
        InferenceError: it has none.
    """
    inputs = asked.inputs
    check_inputs(state, inputs)
    request.details["inputs"] = len(inputs)
    answer = state.engine.embed_now(asked)
    if answer is not None:
        name = inputs[0].model
        state.metrics.embedded(name, len(inputs), answer.usage.get(name))
    return answer


async def embed(state: State, request: Request, receive: Receive, asked: InferenceRequest) -> Answer:
    """Return the answer of the engine in force, and count what was done.

    Raises:
        InferenceError: it has none.
        ClientGone: the client went away before there was one.
    """
    answer = embed_now(state, request, asked)
    if answer is not None:
        return answer
    inputs = asked.inputs
    with state.engine_in_use() as engine:
        answer = await unless_gone(receive, engine.ainfer(asked, _call(request, purpose_of(asked))))
        for name, number in Counter(one.model for one in inputs).items():
            state.metrics.embedded(engine.label(name), number, answer.usage.get(name))
    return answer


def check_inputs(state: State, inputs: list[Input]) -> None:
    """Raise `TooLargeError` for more inputs, or a longer text, than the limits allow."""
    limits = state.settings.limits
    if len(inputs) > limits.max_inputs:
        raise TooLargeError(
            f"inputs: {len(inputs):,} inputs, and {limits.max_inputs:,} are allowed in one request "
            "(limits.max_inputs); send several requests",
            reason="inputs",
        )
    longest = limits.max_text_bytes
    # A character has at most 4 bytes: most texts need not be measured.
    if 4 * max([len(one.data) for one in inputs if type(one.data) is str], default=0) <= longest:
        return
    for one in inputs:
        if one.data_type != "text" or not isinstance(one.data, str):
            continue
        if len(one.data.encode("utf-8", "replace")) > longest:
            raise TooLargeError(
                f"inputs[{one.position}].data: a text of more than {longest:,} bytes "
                "(limits.max_text_bytes); split it",
                reason="text",
            )
