"""Exceptions. What this package says of bad options and bad data derives from `Bm25Error`.

The two kinds of bad input also derive from `ValueError`, so that code which knows nothing
of this package still treats them as what they are.
"""

from __future__ import annotations

__all__ = [
    "Bm25ConfigError", "Bm25ConfigWarning", "Bm25Error", "Bm25InputError", "EncoderInUseError",
    "MissingExtraError", "PluginError", "StoreDamagedError", "StoreError", "StoreInUseError",
    "StoreMismatchError",
]  # fmt: skip


class Bm25Error(Exception):
    """Base class of all errors raised by this package."""


class Bm25ConfigError(Bm25Error, ValueError):
    """An option has an unknown name, a wrong type, a value out of range, or contradicts another."""


class Bm25ConfigWarning(UserWarning):
    """Options that are allowed together, but hardly meant: the stemmer and the stopwords disagree."""


class Bm25InputError(Bm25Error, ValueError):
    """Data to encode cannot be used: a wrong type, invalid Unicode, a missing column, a broken line."""


class MissingExtraError(Bm25Error, ImportError):
    """A feature needs an optional dependency that is not installed; the message names the extra."""


class PluginError(Bm25Error):
    """A plug-in raised, or returned what is no term; the message names it and the surface form."""


class EncoderInUseError(Bm25Error):
    """A plug-in encodes with the encoder that it is part of, which would wait for itself."""


class StoreError(Bm25Error):
    """A store of corpus statistics cannot do what was asked for."""


class StoreInUseError(StoreError):
    """Another writer holds the store; the message says which."""


class StoreDamagedError(StoreError):
    """A file of a store is missing, truncated or altered; the message names it and what can be recovered."""


class StoreMismatchError(StoreError, ValueError):
    """A store was made with other options than those asked for; the message shows the difference."""
