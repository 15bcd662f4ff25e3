"""When a call is tried again: exponential backoff with jitter, and the Retry-After header."""

from __future__ import annotations

import math
import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = [
    "FIRST_DELAY", "LONGEST_DELAY", "LONGEST_WAIT", "STATUSES", "delay", "retry_after_header",
    "seconds_until",
]  # fmt: skip

STATUSES = frozenset({429, 500, 502, 503, 504})

FIRST_DELAY = 0.5
LONGEST_DELAY = 8.0

# Who asks for a longer wait is not waited for, however late the deadline: the client is told instead.
LONGEST_WAIT = 30.0


def delay(attempt: int, retry_after: str | None) -> float:
    """Return the seconds to wait before another attempt.

    Without Retry-After it is min(FIRST_DELAY * 2**(attempt - 1), LONGEST_DELAY), times a random number
    between a half and 1, so that clients that failed together do not come back together.

    Args:
        attempt: how many there were, from 1.
        retry_after: as `retry_after_header` gives it.
    """
    asked = seconds_until(retry_after)
    backoff = min(FIRST_DELAY * 2.0 ** (attempt - 1), LONGEST_DELAY) * random.uniform(0.5, 1.0)
    return backoff if asked is None else max(asked, backoff)


def retry_after_header(value: str | None) -> str | None:
    """Return a Retry-After header that can be passed on: as it is, or None where it is neither."""
    value = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return value
    if re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", value):  # not allowed, but sent
        return str(math.ceil(float(value)))
    return value if _date(value) else None


def seconds_until(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, not below 0; None where there is none."""
    if value is None:
        return None
    if value.isdecimal():
        return float(value)
    date = _date(value)
    return None if date is None else max(0.0, (date - datetime.now(UTC)).total_seconds())


def _date(value: str) -> datetime | None:
    if len(value) > 64:
        return None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
