"""The files of the page, and what it asks for its models."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx
import pytest

from bm25 import Bm25Config
from tests.server.browser import KEY

FILES = ("/", "/page.css", "/page.js")


class _Markup(HTMLParser):
    """What a page loads, and what a strict policy would not let it do."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.inline, self._script = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.loaded += [named[name] for name in ("src", "href") if name in named]
        self.inline += [name for name in named if name == "style" or name.startswith("on")]
        self._script = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._script = False

    def handle_data(self, data):
        if self._script and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("path", FILES)
def test_the_files_are_served_with_strict_headers(address, path):
    response = httpx.get(address + path)
    assert response.status_code == 200
    headers = response.headers
    kinds = {"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript"}
    assert headers["content-type"] == f"{kinds[path]}; charset=utf-8"
    policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";")}
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == ["'none'"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    head = httpx.head(address + path)
    assert head.status_code == 200
    assert head.content == b""


@pytest.mark.parametrize("path", FILES)
def test_what_has_not_changed_is_not_sent_again(address, path):
    first = httpx.get(address + path)
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for known in (tag, f'"another", W/{tag}', "*"):
        again = httpx.get(address + path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    other = httpx.get(address + path, headers={"if-none-match": '"another"'})
    assert (other.status_code, other.content) == (200, first.content)


def test_the_page_loads_nothing_but_its_own_files(address):
    markup = _Markup(httpx.get(address).text)
    assert markup.inline == []
    assert sorted(one for one in markup.loaded if not one.startswith(("data:", "#"))) == [
        "page.css",
        "page.js",
    ]
    for path in ("/page.css", "/page.js"):
        assert not re.search(
            r"https?:|//[a-z]|url\(|@import|innerHTML|eval\(", httpx.get(address + path).text
        )


def test_the_page_needs_no_key_but_its_models_do(locked):
    assert [httpx.get(locked + path).status_code for path in FILES] == [200, 200, 200]
    assert httpx.get(locked + "/page/models").status_code == 401
    assert httpx.get(locked + "/page/models", headers={"api-key": KEY}).status_code == 200


def test_models_are_those_of_bm25_with_all_their_options(address):
    response = httpx.get(address + "/page/models")
    assert response.headers["cache-control"] == "no-store"
    found = response.json()
    assert [model["name"] for model in found["models"]] == ["bm25", "qdrant/bm25", "fixed", "counted"]
    assert [model["statistics"] for model in found["models"]] == [False, False, False, True]
    first, _, fixed, _ = found["models"]
    assert (first["allowed_options"], first["options"]) == ("all", Bm25Config().to_dict())
    assert fixed["allowed_options"] == ["b"]
    assert fixed["options"] == Bm25Config(language="german", k=1.5).to_dict()
    assert {"english", "german"} < set(found["choices"]["language"])
    assert "turkish" in found["choices"]["stemmer"]
    assert "code" in found["choices"]["tokenizer"]
