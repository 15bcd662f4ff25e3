"""HTTP to one provider: pooled connections, time-outs, retries within the deadline, bounded answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple, TypeVar

import httpx

from bm25.inference.errors import RequestTimeoutError, UpstreamError
from bm25.inference.models import Call
from bm25.inference.providers import retry
from bm25.inference.providers.failures import Failure, refusal, shown
from bm25.inference.providers.keys import Key

__all__ = ["Client", "Endpoint", "OnCall", "observe"]

CONNECT_TIMEOUT = 10.0
KEEPALIVE = 30.0
LONGEST_ERROR = 64 * 1024

OnCall = Callable[[str, str, float], None]
"""Called after each attempt with the provider's name, the outcome and the seconds that it took.

Outcomes: `ok`, `401`, `403`, `429`, `4xx`, `5xx`, `timeout`, `connection`, `invalid` (an answer that is not
understood, too large, or a redirect), `cancelled`.
"""

Result = TypeVar("Result")

_observers: list[OnCall] = []


def observe(callback: OnCall | None) -> None:
    """Have a function called after each attempt at a call of any provider; None for no function."""
    _observers[:] = [] if callback is None else [callback]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where calls go to, and within what bounds.

    Attributes:
        provider: its name in messages and metrics.
        url: the whole address.
        timeout: seconds for one attempt.
        max_connections: at once.
        retries: attempts after the first.
    """

    provider: str
    url: str
    timeout: float
    max_connections: int
    retries: int


class Client:
    """Calls one endpoint.

    Connections belong to the event loop that they were opened in. Each loop gets its own, and closes them
    when it shuts down its asynchronous generators, as `asyncio.run` does at its end.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._sessions: dict[asyncio.AbstractEventLoop, _Session] = {}

    async def post(
        self, body: bytes, *, key: Key | None, call: Call, limit: int, read: Callable[[bytes], Result]
    ) -> Result:
        """Return what the endpoint answers.

        Args:
            body: JSON.
            key: for the Authorization header.
            call: whose deadline bounds all attempts together.
            limit: bytes of the answer.
            read: turns the answer's body into the result; raises UpstreamError where it cannot.

        Raises:
            AuthenticationError: the endpoint answered 401 or 403.
            OverloadedError: it answered 429.
            InvalidRequestError: it answered another 4xx.
            UpstreamError: it answered 5xx, or nothing that can be read, or cannot be reached.
            RequestTimeoutError: it took too long.
        """
        attempt = 1
        while True:
            result = await self._observed(body, key, call, limit, read)
            if not isinstance(result, Failure):
                return result
            if not result.passing or attempt > self.endpoint.retries:
                raise result.error
            wait = retry.delay(attempt, result.error.retry_after)
            if wait >= min(call.remaining, retry.LONGEST_WAIT):
                raise result.error
            await asyncio.sleep(wait)
            attempt += 1

    async def close(self) -> None:
        """Close the connections of the running event loop; those of other loops are closed by these."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.life.aclose()

    async def _observed(
        self, body: bytes, key: Key | None, call: Call, limit: int, read: Callable[[bytes], Result]
    ) -> Result | Failure:
        start, outcome = time.perf_counter(), "cancelled"
        try:
            result = await self._attempt(body, key, call, limit, read)
            outcome = result.outcome if isinstance(result, Failure) else "ok"
            return result
        finally:
            for observer in _observers:
                observer(self.endpoint.provider, outcome, time.perf_counter() - start)

    async def _attempt(
        self, body: bytes, key: Key | None, call: Call, limit: int, read: Callable[[bytes], Result]
    ) -> Result | Failure:
        provider = self.endpoint.provider
        seconds = min(self.endpoint.timeout, call.remaining)
        if seconds <= 0:
            return Failure(
                "timeout", RequestTimeoutError(f"the request's deadline came before {provider} was called")
            )
        try:
            # Also around the body: httpx bounds the time between two pieces of it, not that of all.
            async with asyncio.timeout(seconds):
                answer = await self._exchange(body, key, seconds, limit)
        except httpx.ConnectTimeout:
            return _unreachable(provider, "no connection in time")
        except (TimeoutError, httpx.TimeoutException):
            return Failure(
                "timeout", RequestTimeoutError(_too_slow(provider, seconds, self.endpoint.timeout))
            )
        except httpx.DecodingError:
            return Failure("invalid", UpstreamError(f"{provider} sent an answer that cannot be decompressed"))
        except httpx.RequestError as error:
            return _unreachable(provider, f"{type(error).__name__}: {shown(str(error), key)}")
        if answer.status != 200:
            return refusal(provider, answer.status, answer.headers, answer.content, key)
        if len(answer.content) > limit:
            return Failure(
                "invalid",
                UpstreamError(f"{provider} sent an answer of more than {limit:,} bytes; not read on"),
            )
        try:
            return read(answer.content)
        except UpstreamError as error:
            return Failure("invalid", error)

    async def _exchange(self, body: bytes, key: Key | None, seconds: float, limit: int) -> _Answer:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key.value}"
        client = await self._client()
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT))
        async with client.stream(
            "POST", self.endpoint.url, content=body, headers=headers, timeout=timeout
        ) as response:
            most = limit if response.status_code == 200 else LONGEST_ERROR
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > most:
                    break
            return _Answer(response.status_code, response.headers, bytes(content))

    async def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            # A loop that was closed without an end to its generators cannot close connections any more.
            for other in [other for other in self._sessions if other.is_closed()]:
                del self._sessions[other]
            life = self._life(loop)
            # Nothing is awaited before its yield, so that no other task opens a second one meanwhile.
            session = self._sessions[loop] = _Session(await anext(life), life)
        return session.client

    async def _life(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[httpx.AsyncClient, None]:
        bound = self.endpoint.max_connections
        client = httpx.AsyncClient(
            # Certificates take a while to load, and nothing else than this address is ever called.
            verify=self.endpoint.url.startswith("https:"),
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(
                max_connections=bound, max_keepalive_connections=bound, keepalive_expiry=KEEPALIVE
            ),
            # Cookies would tie the calls of one key to those of another.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "bm25-engine"},
        )
        try:
            yield client
        finally:
            self._sessions.pop(loop, None)
            await client.aclose()


class _Session(NamedTuple):
    client: httpx.AsyncClient
    life: AsyncGenerator[httpx.AsyncClient, None]


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes


def _unreachable(provider: str, problem: str) -> Failure:
    return Failure("connection", UpstreamError(f"{provider} cannot be reached: {problem}"), passing=True)


def _too_slow(provider: str, seconds: float, timeout: float) -> str:
    if seconds < timeout:
        return f"{provider} did not answer before the request's deadline"
    return f"{provider} did not answer within its timeout of {timeout:g} s"
