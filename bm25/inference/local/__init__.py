"""Models that FastEmbed runs: of texts dense, sparse and multivector ones, of images dense ones."""

from __future__ import annotations

from bm25.inference.local.model import LocalModel, build

__all__ = ["LocalModel", "build"]
