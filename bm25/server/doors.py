"""What the doors for clients of other protocols share: their bodies, their texts, errors in their words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import msgspec
from starlette.requests import Request

from bm25.errors import Bm25ConfigError, Bm25InputError
from bm25.inference.engine import Answer
from bm25.inference.errors import InferenceError, InvalidRequestError
from bm25.inference.request import InferenceRequest, Input, invalid
from bm25.server.inference import embed

__all__ = ["Role", "decode_body", "embed_texts"]

Role = Literal["query", "document", "passage"]
"""What a text is; `passage` is another word for `document`."""

LONGEST_MESSAGE = 500

_Body = TypeVar("_Body", bound=msgspec.Struct)

_ENUM = re.compile(r"(\w+): invalid enum value")
_TOKENS = re.compile(r"inputs?(\[\d+\])?: expected str, got (int|array)\Z")
# What the engine calls a place of its own request.
_PLACE = re.compile(r"inputs(?:\[(\d+)\](?:\.(\w+(?:\.\w+)*))?)?: ")


def decode_body(body: bytes, kind: type[_Body]) -> _Body:
    """Return the request in a body of JSON.

    Raises:
        InvalidRequestError: it is not JSON, or not of that shape; the message has the place, and what is
            allowed there.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        message = str(invalid(error))
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}..."
    if field := _ENUM.match(message):
        message += f"; allowed: {', '.join(_choices(get_type_hints(kind)[field[1]]))}"
    elif _TOKENS.match(message):
        message += "; tokens are not taken, send the text itself"
    raise InvalidRequestError(message)


async def embed_texts(
    request: Request,
    texts: str | list[str],
    *,
    model: str,
    role: Role | None,
    field: str,
    options: Mapping[str, Any] | None = None,
) -> Answer:
    """Return the engine's answer for one text or several, all for one model.

    Args:
        request: whose body has been read.
        texts: at least one.
        model: the name of the model.
        role: of the texts; None is the same as `document`.
        field: what the protocol calls the texts, for errors.
        options: of the model.

    Raises:
        InferenceError: as `bm25.server.inference.embed`, with places as the protocol calls them.
    """
    given = None if options is None else dict(options)
    listed = [texts] if isinstance(texts, str) else texts
    inputs = [Input(text, model, "text", given) for text in listed]
    asked = InferenceRequest(inputs, "search" if role == "query" else "update")
    try:
        return await embed(request.app.state, request.scope["bm25.request"], request.receive, asked)
    except (Bm25InputError, Bm25ConfigError) as error:
        raise InvalidRequestError(str(error)) from error
    except InferenceError as error:
        error.args = (_in_words_of(str(error), field, single=isinstance(texts, str)),)
        raise


def _in_words_of(message: str, field: str, *, single: bool) -> str:
    place = _PLACE.match(message)
    if place is None:
        return message
    number, what = place[1], place[2]
    if what == "model":
        name = "model"
    elif what == "options.mrl":
        name = "dimensions"
    else:
        name = field if single or number is None else f"{field}[{number}]"
    return f"{name}: {message[place.end() :]}"


def _choices(annotation: Any) -> list[str]:
    """Return the strings of a type such as `Literal["a", "b"] | None`."""
    found: list[str] = []
    for one in get_args(annotation):
        found += [one] if isinstance(one, str) else _choices(one)
    return found
