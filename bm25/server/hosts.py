"""Names under which a machine reaches itself, and no web page can be reached."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

__all__ = ["is_local"]

# What containers call the machine that they run on.
_NAMES = frozenset({"localhost", "host.docker.internal", "host.containers.internal"})

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::[0-9]*)?")


@lru_cache(maxsize=64)
def is_local(host: bytes) -> bool:
    """Tell whether a Host header names this machine in a way that nobody else can have lead here.

    A page of `http://example.org` whose name is made to lead to 127.0.0.1 afterwards may read what a server
    there answers (DNS rebinding). What it cannot do is leave its name out of the header. Addresses are no
    names, and browsers know without asking where localhost is.
    """
    match = _HOST.fullmatch(host.decode("latin-1").lower())
    if match is None:
        return False
    name = match[1] or match[2]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        name = name.removesuffix(".")
        return name in _NAMES or name.endswith(".localhost")
    return True
