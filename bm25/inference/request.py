"""The request: what Qdrant sends to an inference service. Strict, with errors that name the place."""

from __future__ import annotations

from typing import Any

import msgspec

from bm25.inference.errors import InvalidRequestError

__all__ = ["InferenceRequest", "Input", "decode_request", "invalid", "request_from_dict"]


class Input(msgspec.Struct, gc=False):
    """One thing to embed.

    Attributes:
        data: a string for `text`; an address or base64 for `image`; anything for `object`.
        model: the name of the model.
        data_type: `text`, `image` or `object`.
        options: of the model; None is the same as none given.
        position: its number in the request, for errors; not part of the format.
    """

    data: Any
    model: str
    data_type: str = "text"
    options: dict[str, Any] | None = None
    position: int = msgspec.field(default=-1, name=" position")


class InferenceRequest(msgspec.Struct):
    """Inputs, whether they are documents (`update`, also for null) or queries (`search`), and a token."""

    inputs: list[Input]
    inference: str | None = None
    token: str | None = None


_decoder = msgspec.json.Decoder(InferenceRequest)


def decode_request(body: bytes | bytearray | memoryview) -> InferenceRequest:
    """Return the request in a body of JSON.

    Raises:
        InvalidRequestError: it is not JSON, or not of that shape; the message has the path.
    """
    try:
        return _numbered(_decoder.decode(body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise invalid(error) from None


def request_from_dict(request: Any) -> InferenceRequest:
    """Return the request of a JSON object that is parsed already; errors as of `decode_request`."""
    try:
        return _numbered(msgspec.convert(request, InferenceRequest))
    except (msgspec.ValidationError, RecursionError) as error:
        raise invalid(error) from None


def invalid(error: Exception) -> InvalidRequestError:
    """Return what a client is told of a body that cannot be decoded."""
    if isinstance(error, RecursionError):
        return InvalidRequestError("the request is nested too deeply")
    what, _, path = str(error).partition(" - at `$")
    what = what.replace("`", "")
    place = path.removesuffix("`").removeprefix(".")
    if isinstance(error, msgspec.ValidationError):
        return InvalidRequestError(f"{place or 'the request'}: {what[:1].lower()}{what[1:]}")
    return InvalidRequestError(f"the request is not valid JSON: {what}")


def _numbered(request: InferenceRequest) -> InferenceRequest:
    if request.inference not in (None, "update", "search"):
        raise InvalidRequestError(
            f"inference: unknown purpose {request.inference!r:.80}; allowed: update (documents, also for "
            "null), search (queries)"
        )
    for position, one in enumerate(request.inputs):
        one.position = position
    return request
