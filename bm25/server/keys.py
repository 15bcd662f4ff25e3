"""`ApiKeys`: which keys open the server."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

__all__ = ["ApiKeys"]


class ApiKeys:
    """A set of keys that is compared with in constant time; an empty one lets everybody in."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def __bool__(self) -> bool:
        return bool(self._keys)

    def __repr__(self) -> str:
        return f"ApiKeys({len(self._keys)} keys)"

    def accepts(self, key: bytes | None) -> bool:
        """Tell whether a key is one of them. How long that takes depends on its length alone."""
        if not self._keys:
            return True
        if key is None:
            return False
        # Without stopping at the first match, which would tell its place.
        found = False
        for known in self._keys:
            found |= hmac.compare_digest(key, known)
        return found
