"""Plug-ins: tokenizers, filters and stemmers of the user's own, known by name and version.

A plug-in is a function from a string to a string or to several. It runs once for each distinct surface
form, never in the loop over texts. A configuration refers to it by name and version, both of which are
part of the analysis fingerprint, so that an index is not searched with other rules than it was built by.

A name is found among the functions registered in this process, then among the entry points of installed
packages in the group `bm25.plugins`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, NamedTuple

from bm25.analysis.languages import nearest
from bm25.analysis.unicode import whitespace_characters
from bm25.errors import Bm25ConfigError, EncoderInUseError, PluginError

__all__ = ["ENTRY_POINTS", "Plugin", "find", "import_modules", "register", "registered", "unregister"]

ENTRY_POINTS = "bm25.plugins"

Function = Callable[[str], str | Iterable[str]]


class Plugin(NamedTuple):
    """A named function and the version of its rules."""

    name: str
    version: str
    function: Function

    def __call__(self, token: str) -> list[str]:
        """Return the terms of a token, empty ones left out.

        Raises:
            PluginError: the function raised, or returned something that is no term.
            EncoderInUseError: it encodes with the encoder that it is part of.
        """
        try:
            result = self.function(token)
            if result is None:
                raise TypeError("returned None; return a string, several, or [] to drop the token")
            terms = [result] if isinstance(result, str) else list(result)
        except EncoderInUseError:
            raise
        except Exception as error:
            raise PluginError(
                f"plug-in {self.name!r} failed on {token!r}: {type(error).__name__}: {error}"
            ) from error
        white_space = whitespace_characters()
        return [self._checked(term, token, white_space) for term in terms if term != ""]

    def _checked(self, term: Any, token: str, white_space: frozenset[str]) -> str:
        if not isinstance(term, str):
            problem = f"{type(term).__name__} {term!r:.80}, not a string"
        elif not white_space.isdisjoint(term):
            problem = f"{term!r:.80}, which has white space in it; return several strings for several terms"
        elif any("\ud800" <= char <= "\udfff" for char in term):
            problem = f"{term!a:.80}, which is not valid Unicode"
        else:
            return term
        raise PluginError(f"plug-in {self.name!r} returned, for {token!r}, {problem}")


_registered: dict[str, Plugin] = {}


def register(name: str, function: Function, *, version: str, replace: bool = False) -> None:
    """Make a function known under a name.

    Args:
        name: what configurations call it.
        function: from a string to a string, or to an iterable of strings; none or "" drops the token.
            It must return the same for the same string, always, may be called from any thread, and must
            not encode with an encoder that it is part of.
        version: of its rules. Raise it whenever some string would give other terms than before.
        replace: whether the name may stand for another function already, as when a notebook's cell is run
            again; encoders that exist keep that one.

    Raises:
        Bm25ConfigError: the name stands for another function already, or something is of a wrong type.
    """
    for what, value in (("name", name), ("version", version)):
        if not isinstance(value, str) or not value:
            raise Bm25ConfigError(f"plug-in {what} must be a string that is not empty, got {value!r}")
    if not callable(function):
        raise Bm25ConfigError(f"plug-in {name!r} must be a function, got {type(function).__name__}")
    known = _registered.get(name)
    if known is not None and not replace and (known.function is not function or known.version != version):
        raise Bm25ConfigError(
            f"plug-in {name!r} is registered already, as version {known.version!r} of {known.function!r}; "
            "choose another name, or say replace=True"
        )
    _registered[name] = Plugin(name, version, function)


def import_modules(modules: Iterable[str], place: Callable[[str], str]) -> None:
    """Import modules that register plug-ins.

    Args:
        modules: their names; the current folder is looked into as well.
        place: from a name to what an error calls it.

    Raises:
        Bm25ConfigError: one cannot be imported.
    """
    names = list(modules)
    # A command is a script of its own, so Python does not look into the current folder by itself.
    if names and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for name in names:
        try:
            import_module(name)
        except (Exception, SystemExit) as error:
            raise Bm25ConfigError(
                f"{place(name)} cannot be imported: {type(error).__name__}: {error}"
            ) from error


def unregister(name: str) -> None:
    """Forget a registered plug-in; encoders that exist keep it."""
    if _registered.pop(name, None) is None:
        raise Bm25ConfigError(f"no plug-in {name!r} is registered{nearest(name, registered())}")


def registered() -> tuple[str, ...]:
    """Return the names known in this process, those of entry points included, sorted."""
    return tuple(sorted({*_registered, *(point.name for point in _entry_points())}))


def find(name: str, version: str | None = None) -> Plugin:
    """Return a plug-in by name.

    Raises:
        Bm25ConfigError: nobody knows the name, or the plug-in is of another version than asked for.
    """
    plugin = _registered.get(name) or _load(name)
    if plugin is None:
        known = registered()
        raise Bm25ConfigError(
            f"unknown plug-in {name!r}{nearest(name, known)}; known: {', '.join(known) or 'none'}. "
            "Register it with bm25.plugins.register before the configuration is built "
            "(on the command line, --plugins MODULE imports a module that does)"
        )
    if version is not None and version != plugin.version:
        raise Bm25ConfigError(
            f"plug-in {name!r} is version {plugin.version!r} here, and version {version!r} is asked for: "
            "their terms may differ"
        )
    return plugin


def _load(name: str) -> Plugin | None:
    for point in _entry_points():
        if point.name == name:
            try:
                function = point.load()
            except Exception as error:
                raise Bm25ConfigError(
                    f"plug-in {name!r}: the entry point {point.value} cannot be loaded: "
                    f"{type(error).__name__}: {error}"
                ) from error
            # The rules of a package are as new as the package, unless the function says otherwise.
            version = getattr(function, "version", None) or (point.dist.version if point.dist else "0")
            register(name, function, version=str(version))
            return _registered[name]
    return None


def _entry_points() -> Iterable[Any]:
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINTS)
