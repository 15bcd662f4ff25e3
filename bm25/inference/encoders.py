"""`Encoders`: of a BM25 model, with the avg_len of an epoch, and those for the options of requests."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import msgspec

from bm25.analysis.languages import nearest
from bm25.config import TUNED, Bm25Config
from bm25.encoder import Bm25Encoder
from bm25.errors import Bm25ConfigError, Bm25ConfigWarning, Bm25Error
from bm25.inference.errors import InvalidRequestError
from bm25.inference.settings import Bm25Model as Bm25ModelSettings
from bm25.store.layout import MANIFEST

if TYPE_CHECKING:
    from bm25.statistics import CorpusStatistics
    from bm25.store import StatisticsStore

__all__ = ["Encoders", "observe", "options_key"]

logger = logging.getLogger(__name__)

KEPT = 32  # encoders for the options of requests
LARGE = 4096  # bytes of options whose encoder is not kept
LARGEST_OPTIONS = 262_144  # bytes of options that a request may send
LOOK = 1.0  # seconds between looks for a new commit of the store
LONGEST_MESSAGE = 500
MANY_SYNONYMS = 1000  # words of all rules
LARGEST = 3.4e38  # just below what a float32 can hold
SHORTEST = 1e-290

OnLookUp = Callable[[str, str], None]


class Encoders:
    """Encoders of one model. Safe to share between threads.

    Args:
        name: of the model.
        settings: its options and store.

    Attributes:
        allowed: the options that a request may set.

    Raises:
        Bm25ConfigError: an option is wrong, or `allowed_options` has something that is none.
        StoreError: the store cannot be opened; or it was made with other options.
    """

    def __init__(self, name: str, settings: Bm25ModelSettings) -> None:
        self._name = name
        self._settings = settings
        self.allowed = _allowed_options(settings)
        self._lock = threading.Lock()
        self._for_options: OrderedDict[bytes, Bm25Encoder] = OrderedDict()
        self._store: StatisticsStore | None = None
        self._statistics: tuple[int, CorpusStatistics] | None = None
        self._seen: tuple[int, ...] = ()  # the state of the manifest that was read last
        self._next_look = math.inf
        if settings.statistics is None:
            self._encoder = Bm25Encoder(Bm25Config.from_dict(self._overrides()))
        else:
            from bm25.store import StatisticsStore

            self._store = StatisticsStore.open(settings.statistics)
            self._encoder = self._store.encoder(**self._overrides())
            self._next_look = time.monotonic() + LOOK
        _check_weights(self._encoder.config)

    @property
    def config(self) -> Bm25Config:
        """That of the model's own encoder."""
        return self._encoder.config

    @property
    def epoch(self) -> int | None:
        """The number of the store's current epoch; None without a store, or before its first document."""
        return None if self._store is None or self._store.epoch is None else self._store.epoch.number

    def get(self, options: Mapping[str, Any] | None = None, position: int = -1) -> Bm25Encoder:
        """Return the encoder for the options of a request.

        Args:
            options: what the request changes; None and {} change nothing, and neither does a value None.
            position: the number of the input that has them, for errors.

        Raises:
            InvalidRequestError: the model does not allow an option, or its value is wrong.
        """
        if time.monotonic() >= self._next_look:
            self._look()
        base = self._encoder
        if not options:
            return base
        place = "options" if position < 0 else f"inputs[{position}].options"
        key = options_key(options, place)
        with self._lock:
            found = self._for_options.get(key)
            if found is not None:
                self._for_options.move_to_end(key)
        if _on_look_up is not None:
            _on_look_up(self._name, "miss" if found is None else "hit")
        if found is None:
            if len(key) > LARGEST_OPTIONS:
                raise InvalidRequestError(
                    f"{place}: {len(key):,} bytes, and a request may send {LARGEST_OPTIONS:,}; configure a "
                    "model with such options"
                )
            found = self._make(base, options, place)
            # One made from the encoder of an epoch that is over by now is for this request only.
            with self._lock:
                if base is self._encoder and len(key) <= LARGE:
                    self._for_options[key] = found
                    if len(self._for_options) > KEPT:
                        self._for_options.popitem(last=False)
        return found

    def has(self, options: Mapping[str, Any] | None) -> bool:
        """Tell whether the encoder for some options is there, or would have to be made."""
        return not options or options_key(options, "options") in self._for_options

    def statistics(self) -> CorpusStatistics | None:
        """Return the statistics of the model's store as of its last commit; None without a store."""
        store = self._store
        if store is None:
            return None
        if time.monotonic() >= self._next_look:
            self._look()
        with self._lock:
            if self._statistics is None or self._statistics[0] != store.sequence:
                self._statistics = store.sequence, store.statistics(terms=False)
            return self._statistics[1]

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()

    def _overrides(self) -> dict[str, Any]:
        preset = TUNED if self._settings.preset == "tuned" else {}
        return {**preset, **self._settings.options}

    def _make(self, base: Bm25Encoder, options: Mapping[str, Any], place: str) -> Bm25Encoder:
        given = {name: value for name, value in options.items() if value is not None}
        for name in given:
            if name not in self.allowed:
                close = nearest(name, list(self.allowed)) if len(name) < 80 else ""
                raise InvalidRequestError(
                    f"{place}.{name:.80}: model {self._name!r} has no option {name!r:.80} that a request may "
                    f"set{close}; allowed: {', '.join(self.allowed) or 'none'}"
                )
        if not given:
            return base
        rules = given.get("synonyms")
        # Following rules to their ends is quadratic.
        if isinstance(rules, Mapping) and sum(map(_size, rules.values())) > MANY_SYNONYMS:
            raise InvalidRequestError(
                f"{place}.synonyms: a request may have {MANY_SYNONYMS:,} words; configure a model with more"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Bm25ConfigWarning)  # the client does not see it
                encoder = base.with_options(**given)
            _check_weights(encoder.config)
            return encoder
        except (Bm25Error, RecursionError) as error:
            raise InvalidRequestError(f"{place}: {str(error)[:LONGEST_MESSAGE]}") from None

    def _look(self) -> None:
        """Move on to the last commit of the store, and to the avg_len of a new epoch."""
        with self._lock:
            store = self._store
            if store is None or time.monotonic() < self._next_look:
                return
            self._next_look = time.monotonic() + LOOK
            try:
                # The manifest is replaced by rename at each commit.
                state = os.stat(store.path / MANIFEST)
                seen = state.st_ino, state.st_mtime_ns, state.st_size
                if seen == self._seen:
                    return
                store.refresh()
                fitted = store.encoder(**self._overrides()).config.avg_len
            except (Bm25Error, OSError) as error:
                # What was read before is still right as of then.
                logger.warning("model %s keeps its statistics: %s", self._name, error)
                return
            self._seen = seen
            if fitted != self._encoder.config.avg_len:
                self._encoder = self._encoder.with_options(avg_len=fitted)
                self._for_options.clear()
                logger.info("model %s: epoch %s, avg_len %g", self._name, self.epoch, fitted)


_on_look_up: OnLookUp | None = None


def observe(on_look_up: OnLookUp | None) -> None:
    """Have a function called with (model, `hit` or `miss`) for each look for the encoder of some options."""
    global _on_look_up
    _on_look_up = on_look_up


def options_key(options: Mapping[str, Any] | None, place: str) -> bytes:
    """Return the same bytes for equal options, whatever the order of their names.

    Raises:
        InvalidRequestError: they are no JSON values; the message begins with `place`.
    """
    try:
        return msgspec.msgpack.encode(options or None, order="deterministic")
    except (TypeError, ValueError, OverflowError, RecursionError):
        # What Python says may show the value, which may hold a key.
        raise InvalidRequestError(
            f"{place}: not values of JSON, a number beyond 64 bits, or nested too deeply"
        ) from None


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1


def _check_weights(config: Bm25Config) -> None:
    """Raise `Bm25ConfigError` for parameters with which a weight may be infinite, which JSON has no word for.

    A document's weight is at most k + 1, a query's k3 + 1; and a length divided by avg_len must be finite.
    """
    for name in ("k", "k3"):
        value = getattr(config, name)
        if value is not None and value > LARGEST:
            raise Bm25ConfigError(
                f"{name} must be at most {LARGEST:g} for weights to be finite, got {value:g}"
            )
    if config.avg_len < SHORTEST:
        raise Bm25ConfigError(
            f"avg_len must be at least {SHORTEST:g} for weights to be finite, got {config.avg_len:g}"
        )


def _allowed_options(settings: Bm25ModelSettings) -> tuple[str, ...]:
    names = [field.name for field in fields(Bm25Config)]
    if settings.allowed_options is None:
        return tuple(names)
    for name in settings.allowed_options:
        if name not in names:
            raise Bm25ConfigError(
                f"allowed_options: unknown option {name!r}{nearest(name, names)}; allowed: {', '.join(names)}"
            )
    return tuple(settings.allowed_options)
