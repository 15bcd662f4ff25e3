"""`SkippedLines`: what was left out of an input, for the report at the end."""

from __future__ import annotations

__all__ = ["SkippedLines"]

_KEPT_MESSAGES = 5


class SkippedLines:
    """How many lines were dropped, and why the first few of them were.

    Attributes:
        count: number of lines dropped.
        messages: one message for each of the first five.
    """

    def __init__(self) -> None:
        self.count = 0
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        """Record one dropped line."""
        self.count += 1
        if len(self.messages) < _KEPT_MESSAGES:
            self.messages.append(message)
