"""Certificates: checked before they are used, and replaced while connections are open."""

from __future__ import annotations

import ssl

__all__ = ["check_pair", "server_context"]


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and later.

    A live context takes another pair by its `load_cert_chain`: new connections get that, open ones keep
    what they have. Check the pair first, for a bad one would leave the context without any.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Without a callback OpenSSL would ask for a passphrase on the terminal.
    context.load_cert_chain(certificate, key, password=lambda: "")
    return context


def check_pair(certificate: str, key: str) -> str | None:
    """Return what is wrong with a certificate and its key, None if nothing is."""
    try:
        server_context(certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"does not belong to the key {key}"
        if error.reason in ("BAD_DECRYPT", "BAD_PASSWORD_READ", "PROBLEMS_GETTING_PASSWORD"):
            return f"the key {key} has a passphrase; use one without"
        return f"with the key {key}: not a PEM certificate and its PEM key ({error.reason or error})"
    except OSError as error:
        return f"with the key {key}: {error.strerror or error}"
    return None
