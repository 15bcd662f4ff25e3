"""Chromium, and the page as it shows itself there."""

from __future__ import annotations

import os
import shutil
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

__all__ = ["KEY", "chromium", "driver", "focused", "fragment", "link", "shown_terms"]

KEY = "the-key-of-the-server"
"""Of the server that the fixture `locked` starts."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """Return the path of Chromium; the environment variable BM25_CHROMIUM names one that is not on PATH.

    Where it is not installed the test is skipped, or fails if BM25_TESTS_REQUIRE_CHROMIUM is 1.
    """
    given = os.environ.get("BM25_CHROMIUM")
    found = shutil.which(given) if given else next(filter(None, map(shutil.which, NAMES)), None)
    return found or _missing(f"{given or 'Chromium'} is not installed; BM25_CHROMIUM may name its path")


def driver() -> Any:
    """Return the module that drives it; without it, tests are skipped or fail as without Chromium."""
    try:
        from playwright import sync_api
    except ImportError:
        _missing("the package playwright is not installed")
    return sync_api


def _missing(reason: str) -> NoReturn:
    if os.environ.get("BM25_TESTS_REQUIRE_CHROMIUM") == "1":
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


def shown_terms(page):
    """Return the text of each token of the table, and its term or `dropped`."""
    rows = page.locator("#tokens tr").all()
    return [(row.locator("th").inner_text(), row.locator("td").last.inner_text()) for row in rows]


def focused(page):
    return page.evaluate("document.activeElement.id || document.activeElement.dataset.option || ''")


def fragment(page):
    return {name: one[0] for name, one in parse_qs(urlsplit(page.url).fragment).items()}


def link(address, **view):
    return f"{address}/#{urlencode(view)}"
