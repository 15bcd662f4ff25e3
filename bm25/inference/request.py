"""The request: what Qdrant sends to an inference service. Strict, with errors that name the place."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from bm25.inference.errors import InvalidRequestError, TooLargeError

__all__ = [
    "InferenceRequest", "Input", "decode_request", "decode_token", "has_many_values", "invalid",
    "request_from_dict",
]  # fmt: skip


class Input(msgspec.Struct, gc=False):
    """One thing to embed.

    Attributes:
        data: a string for `text`; an address or base64 for `image`; anything for `object`.
        model: the name of the model.
        data_type: `text`, `image` or `object`.
        options: of the model; None is the same as none given.
        position: its number in the request, for errors; not part of the format. A request sets it.
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

    def __post_init__(self) -> None:
        """Number the inputs."""
        for position, one in enumerate(self.inputs):
            one.position = position


MANY_VALUES = 200_000
"""Objects and lists of a body that are made without a second thought; each takes some 100 bytes."""

LARGEST_OPTIONS = 262_144  # bytes of one input's


class _Token(msgspec.Struct):
    token: str | None = None


class _TextInput(msgspec.Struct, gc=False):
    """An input as it is read from a body with very many brackets: source code, or an attack."""

    data: str
    model: str
    data_type: str = "text"
    options: msgspec.Raw = msgspec.Raw(b"null")


class _TextRequest(msgspec.Struct):
    inputs: list[_TextInput]
    inference: str | None = None
    token: str | None = None


_decoder = msgspec.json.Decoder(InferenceRequest)
_text_decoder = msgspec.json.Decoder(_TextRequest)
_token_decoder = msgspec.json.Decoder(_Token)
_options_decoder = msgspec.json.Decoder(dict[str, Any] | None)


def decode_token(body: bytes) -> str | None:
    """Return the token in a body, and make nothing else of it; errors as of `decode_request`."""
    try:
        return _token_decoder.decode(body).token
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise invalid(error) from None


def decode_request(body: bytes) -> InferenceRequest:
    """Return the request in a body of JSON.

    Raises:
        InvalidRequestError: it is not JSON, or not of that shape; the message has the path.
        TooLargeError: it has very many objects and lists, which texts do not need.
    """
    try:
        if has_many_values(body):
            return _checked(_carefully_decoded(body))
        return _checked(_decoder.decode(body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise invalid(error) from None


def has_many_values(body: bytes | memoryview) -> bool:
    """Tell whether a body has so many objects and lists that they need a second thought."""
    if len(body) <= MANY_VALUES:
        return False
    # "[" and "{" differ in one bit.
    brackets = np.count_nonzero((np.frombuffer(body, np.uint8) | 0x20) == ord("{"))
    return bool(brackets > MANY_VALUES)


def _carefully_decoded(body: bytes) -> InferenceRequest:
    """Decode a body of which only texts, and not what is in brackets, may be large."""
    try:
        sent = _text_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise TooLargeError(
            f"{invalid(error)}; a body with more than {MANY_VALUES:,} brackets may have texts only"
        ) from None
    inputs = []
    for i, one in enumerate(sent.inputs):
        given = memoryview(one.options)
        if len(given) > LARGEST_OPTIONS:
            raise TooLargeError(f"inputs[{i}].options: {len(given):,} bytes, {LARGEST_OPTIONS:,} are allowed")
        try:
            options = _options_decoder.decode(given)
        except msgspec.ValidationError as error:
            raise InvalidRequestError(f"inputs[{i}].options: {invalid(error)}") from None
        inputs.append(Input(one.data, one.model, one.data_type, options))
    return InferenceRequest(inputs, sent.inference, sent.token)


def request_from_dict(request: Any) -> InferenceRequest:
    """Return the request of a JSON object that is parsed already; errors as of `decode_request`."""
    try:
        return _checked(msgspec.convert(request, InferenceRequest))
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


def _checked(request: InferenceRequest) -> InferenceRequest:
    if request.inference not in (None, "update", "search"):
        raise InvalidRequestError(
            f"inference: unknown purpose {request.inference!r:.80}; allowed: update (documents, also for "
            "null), search (queries)"
        )
    return request
