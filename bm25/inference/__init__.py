"""Text into vectors behind one API: our BM25 models, external providers and local dense models.

`InferenceEngine` answers the requests that Qdrant sends to an inference service, `infer` does so with the
built-in models, and `replace_inference_objects` puts vectors in place of the inference objects of a request
to Qdrant. `bm25.server` is the same over HTTP.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bm25.inference.engine import InferenceEngine, infer
    from bm25.inference.errors import InferenceError
    from bm25.inference.rewriting import replace_inference_objects

__all__ = ["InferenceEngine", "InferenceError", "infer", "replace_inference_objects"]

_HOMES = {
    "InferenceEngine": "bm25.inference.engine",
    "InferenceError": "bm25.inference.errors",
    "infer": "bm25.inference.engine",
    "replace_inference_objects": "bm25.inference.rewriting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "msgspec":
            raise
        from bm25.errors import MissingExtraError

        raise MissingExtraError(
            'inference needs msgspec, which is not installed; pip install "bm25-engine[inference]"'
        ) from None
    globals()[name] = value
    return value
