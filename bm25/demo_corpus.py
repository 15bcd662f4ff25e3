"""Real texts that every machine has: the documentation inside Python's own standard library.

The sources are parsed, not imported: importing a module may open windows, print poems or change
the process.
"""

from __future__ import annotations

import ast
import gc
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Passage", "docstrings", "language_reference", "standard_library"]

_LEFT_OUT = {
    "__pycache__", "_bundled", "distutils", "idlelib", "idle_test", "lib2to3", "pydoc_data", "site-packages",
    "dist-packages", "test", "tests", "turtledemo",
}  # fmt: skip

_PASSAGE_CHARACTERS = 1500
_LARGEST_SOURCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Passage:
    """A document: the name of what it describes, and its text."""

    title: str
    text: str


def standard_library() -> list[Passage]:
    """Return the docstrings of the standard library and the topics of the language reference."""
    root = Path(sysconfig.get_path("stdlib"))
    with _no_collection():
        return [*docstrings(root), *language_reference()]


def docstrings(root: Path) -> Iterator[Passage]:
    """Yield the docstring of every module, public class and public function under `root`."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if _LEFT_OUT & set(parts) or path.stat().st_size > _LARGEST_SOURCE:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError):  # templates and samples of broken code
            continue
        module = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        yield from _of(tree, module)


def language_reference() -> Iterator[Passage]:
    """Yield the topics that Python's `help()` knows, in passages of some paragraphs."""
    try:
        from pydoc_data.topics import topics
    except ImportError:  # small distributions leave it out
        return
    for name, text in topics.items():
        for passage in _passages(text):
            yield Passage(f"{name} (language reference)", passage)


def _of(node: ast.AST, name: str) -> Iterator[Passage]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        text = ast.get_docstring(node)
        if text:
            yield Passage(name, text)
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _is_public(child):
                yield from _of(child, f"{name}.{child.name}")


def _is_public(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return not node.name.startswith("_") or node.name.endswith("__")


def _passages(text: str) -> Iterator[str]:
    waiting: list[str] = []
    size = 0
    for paragraph in text.split("\n\n"):
        if waiting and size + len(paragraph) > _PASSAGE_CHARACTERS:
            yield "\n\n".join(waiting)
            waiting, size = [], 0
        waiting.append(paragraph)
        size += len(paragraph)
    if any(paragraph.strip() for paragraph in waiting):
        yield "\n\n".join(waiting)


@contextmanager
def _no_collection() -> Iterator[None]:
    # Syntax trees are many small objects without cycles that matter: collecting halves the speed.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
