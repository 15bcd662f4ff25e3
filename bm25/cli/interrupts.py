"""SIGINT and SIGTERM as exceptions, so that what is half written is removed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Terminated", "interruptible"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(BaseException):
    """The process was asked to end."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `KeyboardInterrupt` on SIGINT and `Terminated` on SIGTERM, once.

    A second signal would interrupt the cleaning up that the first one set off.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        # What the parent process chose to ignore (nohup, a background job) stays ignored.
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, _raise_once)
    try:
        yield
    finally:
        for number in _SIGNALS:
            signal.signal(number, before[number])


def _raise_once(number: int, frame: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated
