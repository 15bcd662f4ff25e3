"""A server with a page, and a browser to visit it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from bm25 import Bm25Encoder, StatisticsStore
from bm25.inference.settings import Bm25Model, CompatibleModel
from bm25.server.settings import Limits, ServerOptions, ServerSettings
from tests.server.browser import KEY, chromium, driver
from tests.server.serving import serving

TEXTS = ["A fox.", "Two dogs.", "A fox and a dog."]
MODELS = {
    "fixed": Bm25Model(options={"language": "german", "k": 1.5}, allowed_options=["b"]),
    "dense": CompatibleModel(base_url="http://127.0.0.1:9/v1", model="dense"),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "store"
    with StatisticsStore.create(path) as store, store.write() as batch:
        batch.add(["0", "1", "2"], Bm25Encoder(threads=1).count_documents(TEXTS))
    models = {**MODELS, "counted": Bm25Model(statistics=str(path), allowed_options=None)}
    with serving(ServerSettings(models=models, limits=Limits(max_text_bytes=30_000))) as address:
        yield address


@pytest.fixture(scope="module")
def locked():
    with serving(ServerSettings(server=ServerOptions(api_key=KEY))) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    path = chromium()
    with driver().sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Return a function that opens the page; at the end it is checked what all pages did."""
    contexts, complaints, requested, allowed = [], [], [], []

    def open_page(address, *, expected=(), width=1280, **options):
        allowed.extend(expected)
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requested.append((request.url, address)))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    for url, address in requested:
        assert urlsplit(url).scheme == "data" or urlsplit(url).netloc == urlsplit(address).netloc
    # Chromium itself reports requests that fail.
    assert [text for text in complaints if not any(one in text for one in allowed)] == []
