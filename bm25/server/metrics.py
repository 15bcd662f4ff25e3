"""`Metrics`: what Prometheus sees."""

from __future__ import annotations

import os
from collections import Counter as Tally

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MANY = 256  # requests counted at a time: more would hold others up
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counters of one server; with several workers, of all of them together.

    Prometheus' client adds processes up through files in the folder that the environment variable
    `PROMETHEUS_MULTIPROC_DIR` names, which has to be set before this module is imported.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "bm25_requests", "Requests answered.", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "bm25_request_seconds", "Time from the headers of a request to the end of the answer.", ["route"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._inputs = Counter("bm25_inputs", "Inputs embedded.", ["model"], registry=registry)
        self._tokens = Counter("bm25_tokens", "Tokens that models have read.", ["model"], registry=registry)
        self._open = Gauge(
            "bm25_requests_open", "Requests that are read, wait or are worked on.", registry=registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._waiting = Gauge(
            "bm25_requests_waiting", "Requests that wait for others to be done.", registry=registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self._refused = Counter(
            "bm25_requests_refused", "Requests refused, by reason.", ["reason"], registry=registry
        )
        self._encoders = Counter(
            "bm25_encoders_looked_up",
            "Looks for the encoder of a request's options: hit, or miss where it had to be made.",
            ["model", "result"],
            registry=registry,
        )
        self._calls = Counter(
            "bm25_upstream_calls", "Calls of external providers.", ["provider", "outcome"], registry=registry
        )
        self._call_seconds = Histogram(
            "bm25_upstream_seconds", "Time of a call of an external provider.", ["provider"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        # What each request adds is gathered, and counted once a second: to count it at once, with locks and
        # look-ups, would cost a request several microseconds.
        self._answered: list[tuple[str, int, float]] = []
        self._embedded: dict[str, list[int]] = {}

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that has been answered."""
        self._answered.append((route, status, seconds))
        if len(self._answered) >= MANY:
            self._count()

    def embedded(self, model: str, inputs: int, tokens: int | None) -> None:
        """Count what a model did for a request."""
        sums = self._embedded.get(model)
        if sums is None:
            sums = self._embedded[model] = [0, 0]
        sums[0] += inputs
        sums[1] += tokens or 0

    def refused(self, reason: str) -> None:
        """Count a request that was turned away."""
        self._refused.labels(reason).inc()

    def encoder(self, model: str, result: str) -> None:
        """Count a look into the cache of encoders."""
        self._encoders.labels(model, result).inc()

    def upstream(self, provider: str, outcome: str, seconds: float) -> None:
        """Count a call of an external provider."""
        self._calls.labels(provider, outcome).inc()
        self._call_seconds.labels(provider).observe(seconds)

    def now(self, open_requests: int, waiting: int) -> None:
        """Note how many requests there are at the moment."""
        self._open.set(open_requests)
        self._waiting.set(waiting)
        self._count()

    def render(self) -> bytes:
        """Return the text that Prometheus reads, of all workers; of others, as of a second ago at most."""
        self._count()
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _count(self) -> None:
        answered, self._answered = self._answered, []
        for (route, status), number in Tally((route, status) for route, status, _ in answered).items():
            self._requests.labels(route, str(status)).inc(number)
        observe = {route: self._seconds.labels(route).observe for route, *_ in answered}
        for route, _, seconds in answered:
            observe[route](seconds)
        embedded, self._embedded = self._embedded, {}
        for model, (inputs, tokens) in embedded.items():
            self._inputs.labels(model).inc(inputs)
            self._tokens.labels(model).inc(tokens)
