"""What an inference request can end with, and the HTTP status that says so."""

from __future__ import annotations

from bm25.errors import Bm25Error

__all__ = [
    "AuthenticationError", "InferenceError", "InvalidRequestError", "OverloadedError", "RequestTimeoutError",
    "TooLargeError", "UpstreamError",
]  # fmt: skip


class InferenceError(Bm25Error):
    """Base class; the message is for the client.

    Attributes:
        status: the HTTP status.
        retry_after: the value of a Retry-After header, seconds or an HTTP date, None for none.
        reason: what metrics count it as, for a request that a limit or a key has kept out.
    """

    status = 500

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: str | int | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        if status is not None:
            self.status = status
        self.reason = reason
        self.retry_after = None if retry_after is None else str(retry_after)


class InvalidRequestError(InferenceError, ValueError):
    """The request cannot be answered as it is; the message names the place, the value and what is allowed."""

    status = 400


class TooLargeError(InferenceError, ValueError):
    """A body, a text or the number of inputs is beyond a limit."""

    status = 413


class AuthenticationError(InferenceError):
    """A key is missing or not accepted, here (401) or by a provider (401, 403)."""

    status = 401


class OverloadedError(InferenceError):
    """Too many requests at once, here or at a provider; try again after `retry_after`."""

    status = 429


class UpstreamError(InferenceError):
    """A provider failed, or answered what cannot be understood."""

    status = 502


class RequestTimeoutError(InferenceError):
    """The time that the request may take is over."""

    status = 504
