"""Certificates: checked before they are used, and replaced while connections are open."""

from __future__ import annotations

import ssl
from typing import Any

from bm25.errors import Bm25ConfigError

__all__ = ["Certificates", "server_context"]


class Certificates:
    """What a server shows to those that connect.

    Args:
        first: a context with a certificate.

    Attributes:
        context: for the server; new connections get the certificate of `latest`.
        latest: a context, which may be replaced. The files of a certificate are read for that, and checked,
            before anything changes: to load them into the context of the server could fail, and leave that
            without any.
    """

    def __init__(self, first: ssl.SSLContext) -> None:
        self.context = self.latest = first
        self.context.sni_callback = self._choose

    def _choose(self, connection: Any, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self.latest


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and later.

    Raises:
        Bm25ConfigError: a file cannot be read, or the two are no pair.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a callback OpenSSL would ask for a passphrase on the terminal.
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except OSError as error:
        raise Bm25ConfigError(f"{certificate}: {_problem(error, key)}") from error
    return context


def _problem(error: OSError, key: str) -> str:
    if not isinstance(error, ssl.SSLError):
        return f"with the key {key}: {error.strerror or error}"
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"does not belong to the key {key}"
    if error.reason in ("BAD_DECRYPT", "BAD_PASSWORD_READ", "PROBLEMS_GETTING_PASSWORD"):
        return f"the key {key} has a passphrase; use one without"
    return f"with the key {key}: not a PEM certificate and its PEM key ({error.reason or error})"
