"""`keep_memory`: what one request is done with serves the next."""

from __future__ import annotations

import ctypes
import os

__all__ = ["keep_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
KEPT = 64 << 20  # bytes at the end of each arena
MAPPED = 32 << 20  # bytes from which on an array is mapped by itself; the most that glibc takes

_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_memory() -> bool:
    """Have the C library keep some memory that is freed, and tell whether it does: glibc's can.

    By itself it may, or may not, give the arrays of each batch back to the system and ask for them again, a
    thousand pages or so, for which the system takes half as long as the encoder. What the environment says of
    such things is left alone.
    """
    if any(name in os.environ for name in _VARIABLES):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, KEPT) and mallopt(M_MMAP_THRESHOLD, MAPPED))
