"""Makes the sizes at which a store changes its ways so small that a test reaches them."""

from __future__ import annotations

import sys
from typing import Any

import pytest


def set_sizes(patch: pytest.MonkeyPatch, **sizes: Any) -> None:
    """Set constants in every module of the store that has them."""
    modules = [module for name, module in sys.modules.items() if name.startswith("bm25.store.")]
    for name, value in sizes.items():
        having = [module for module in modules if hasattr(module, name)]
        assert having, f"no module of the store has {name}"
        for module in having:
            patch.setattr(module, name, value)
