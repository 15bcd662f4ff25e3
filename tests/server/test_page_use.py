"""The page in Chromium: what is typed and chosen, and what it leads to."""

from __future__ import annotations

import json
import re

import pytest

from bm25.server.settings import ServerSettings
from tests.server.browser import KEY, driver, focused, fragment, link, shown_terms
from tests.server.serving import serving

expect = driver().expect


def test_what_is_typed_is_analyzed(visit, address):
    page = visit(address)
    expect(page.locator("#tokens tr")).not_to_have_count(0)
    page.fill("#text", "")
    expect(page.locator("#analysis-status")).to_have_text(
        re.compile("^0 tokens, 0 dropped; length 0; 0 terms")
    )
    expect(page.locator("#analysis")).to_be_hidden()
    page.locator("#text").press_sequentially("The foxes and a fox")
    expect(page.locator("#analysis-status")).to_have_text(
        "5 tokens, 3 dropped; length 2; 1 term in the vector."
    )
    assert shown_terms(page) == [
        ("The", "dropped"), ("foxes", "fox"), ("and", "dropped"), ("a", "dropped"), ("fox", "fox")
    ]  # fmt: skip
    steps = page.locator("#tokens tr").first.locator("li").all_inner_texts()
    assert steps == ["lowercase The → the", "stopwords dropped the · stopword (english)"]
    struck = page.locator("#tokens tr th s bdi").first
    assert struck.evaluate("one => getComputedStyle(one).textDecorationLine") == "line-through"
    assert [one.inner_text() for one in page.locator("#marked s").all()] == ["The", "and", "a"]
    assert [one.inner_text() for one in page.locator("#marked mark").all()] == ["foxes", "fox"]
    term, number, frequency, weight, _ = page.locator("#vector tr > *").all_inner_texts()
    assert (term, number, frequency) == ("fox", "1621867415", "2")
    assert float(weight) > 1
    # As a query, each term has weight 1.
    page.get_by_label("query", exact=True).check()
    expect(page.locator("#vector tr > *").nth(3)).to_have_text("1")


def test_options_change_the_terms(visit, address):
    page = visit(link(address, text="Running dogs, Größe"))
    expect(page.locator("#marked mark")).to_have_count(3)
    assert shown_terms(page) == [("Running", "run"), ("dogs", "dog"), ("Größe", "größe")]
    page.select_option("#stemmer", "none")
    expect(page.locator("#tokens td").last).to_have_text("größe")
    expect(page.locator("#tokens tr").first.locator("td").last).to_have_text("running")
    page.select_option("#stemmer", "")
    page.select_option("#language", "german")
    expect(page.locator("#tokens td").last).to_have_text("gross")
    page.get_by_label("Fold accents to ASCII").check()
    expect(page.locator("#tokens tr").last.locator(".steps")).to_contain_text("ascii folding")
    page.fill("#more", '{"stopwords": {"custom": ["dogs"]}}')
    expect(page.locator("#tokens tr").nth(1)).to_contain_text("dropped")
    assert json.loads(fragment(page)["options"]) == {
        "language": "german", "ascii_folding": True, "stopwords": {"custom": ["dogs"]}
    }  # fmt: skip
    page.get_by_role("button", name="Reset options").click()
    expect(page.locator("#tokens tr").first.locator("td").last).to_have_text("run")
    assert page.input_value("#more") == ""
    assert "options" not in fragment(page)


def test_a_model_has_options_of_its_own(visit, address):
    page = visit(address)
    page.select_option("#model", "fixed")
    expect(page.locator("#language")).to_be_disabled()
    expect(page.locator("#language option").first).to_have_text("german (default)")
    expect(page.locator("#k")).to_be_disabled()
    assert page.get_attribute("#k", "placeholder") == "1.5"
    expect(page.locator("#b")).to_be_enabled()
    page.fill("#b", "0")
    expect(page.locator("#facts")).to_contain_text("k1.5b0k3none")
    assert page.locator("#model option").all_inner_texts() == ["bm25", "qdrant/bm25", "fixed", "counted"]


def test_a_query_is_explained_against_a_document(visit, address):
    page = visit(link(address, query="fox dog", document="Two foxes", documents=""))
    expect(page.locator("#scores tr")).to_have_count(2)
    expect(page.locator("#explanation-status")).to_have_text(
        re.compile("^1 of 2 query terms in the document; ")
    )
    expect(page.locator("#facts")).to_contain_text("the document alone")
    page.fill("#documents", "A dog\n\nA fox and a dog\n")
    expect(page.locator("#facts")).to_contain_text("the texts given here")
    cells = [row.locator("th, td").all_inner_texts() for row in page.locator("#scores tr").all()]
    # N is 3, df of fox 2 and of dog 2: ln(1 + 1.5 / 2.5) = 0.47000363
    assert cells[0][:7] == ["fox", "1621867415", "1", "1", "2", "0.47000363", "1"]
    assert float(cells[0][8]) == pytest.approx(0.47000363 * 1.6832, abs=1e-4)
    assert cells[0][9] == "100.0%"
    assert cells[1][0] == "dog"
    assert cells[1][4:10] == ["2", "0.47000363", "1", "0", "0", "0.0%"]
    expect(page.locator(".score dd")).to_have_text(cells[0][8])


def test_the_statistics_of_a_model_are_used_unless_texts_are_given(visit, address):
    page = visit(address)
    expect(page.locator("#facts")).to_contain_text("N4N and df are fromthe texts given here")
    page.select_option("#model", "counted")
    expect(page.locator("#facts")).to_contain_text("N3N and df are fromthe model's statistics")
    expect(page.get_by_label("if empty, those of the model's statistics")).to_have_value("")
    other = visit(page.url)
    expect(other.locator("#facts")).to_contain_text("the model's statistics")
    page.fill("#documents", "Another fox")
    expect(page.locator("#facts")).to_contain_text("N2N and df are fromthe texts given here")


def test_a_view_is_shared_by_its_address(visit, address):
    page = visit(address)
    page.fill("#text", "Ein größerer & schönerer Text #1")
    page.get_by_label("query", exact=True).check()
    page.select_option("#language", "german")
    page.select_option("#stopwords", "none")
    page.fill("#k", "0.5")
    page.fill("#query", "größerer Text")
    page.fill("#more", '{"synonyms": {"tv": ["television"]}}')
    page.wait_for_url(re.compile("television"))
    expect(page.locator("#facts")).to_contain_text("k0.5b0.75")
    other = visit(page.url)
    for field in ("#text", "#language", "#stopwords", "#k", "#query", "#document", "#stemmer"):
        expect(other.locator(field)).to_have_value(page.input_value(field))
    assert json.loads(other.input_value("#more")) == {"synonyms": {"tv": ["television"]}}
    expect(other.get_by_label("query", exact=True)).to_be_checked()
    expect(other.locator("#facts")).to_have_text(page.locator("#facts").inner_text().replace("\n", ""))
    assert shown_terms(other) == shown_terms(page)
    assert fragment(other) == fragment(page)
    expect(page.locator("#not-shared")).to_be_hidden()
    page.fill("#document", "ä" * 10_000)
    expect(page.locator("#not-shared")).to_be_visible()
    assert fragment(page) == {}


@pytest.mark.parametrize(
    "view", ["options={", "options=5", "model=none", "role=x&text=%FF", "options=%7B%22stemmer%22%3Anull%7D"]
)
def test_an_address_that_is_damaged_does_no_harm(visit, address, view):
    page = visit(f"{address}/#{view}")
    expect(page.locator("#scores tr")).not_to_have_count(0)
    expect(page.locator("#model")).to_have_value("bm25")


def test_texts_are_never_markup(visit, address):
    evil = '<img src="https://example.org/x" onerror="document.title=1"> <script>document.title=2</script>'
    synonyms = {"synonyms": {"img": ["<b>bold</b>"]}}
    page = visit(link(address, text=evil, query=evil, document=evil, options=json.dumps(synonyms)))
    expect(page.locator("#marked")).to_have_text(evil)
    expect(page.locator("#tokens")).to_contain_text("<b>bold</b>")
    expect(page.locator("#scores")).to_contain_text("<b>bold</b>")
    page.fill("#more", '{"<img src=x onerror=alert(1)>": 1')
    expect(page.locator("#more-error")).to_contain_text("Options: ")
    assert page.locator("img, main b:not(.steps b), main script").count() == 0
    assert page.title().startswith("BM25")


def test_what_is_wrong_is_said_where_it_is(visit, address):
    page = visit(address, expected=["status of 400", "status of 413"])
    expect(page.locator("#scores tr")).not_to_have_count(0)
    page.fill("#b", "2")
    status = page.locator("#analysis-status")
    expect(status).to_have_text("options: b must be in [0.0, 1.0], got 2")
    expect(page.locator("#explanation-status")).to_have_text("options: b must be in [0.0, 1.0], got 2")
    expect(page.locator("#analysis")).to_have_class(re.compile("stale"))
    page.fill("#b", "")
    expect(status).not_to_have_class(re.compile("error"))
    expect(page.locator("#analysis")).not_to_have_class(re.compile("stale"))
    page.fill("#more", "[]")
    expect(page.locator("#more")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#more-error")).to_have_text("Options: must be a JSON object, {...}")
    page.fill("#more", "")
    expect(page.locator("#more-error")).to_be_hidden()
    page.fill("#text", "a" * 30_001)
    expect(status).to_have_text(re.compile("^text: the text has 30,001 bytes"))
    page.fill("#text", "a word " * 4000)
    expect(page.locator("#tokens-rest")).to_have_text("Each table ends after 500 rows.")
    expect(page.locator("#tokens tr")).to_have_count(500)


def test_a_server_that_is_gone_is_said(visit):
    with serving(ServerSettings()) as address:
        page = visit(address, expected=["net::ERR_CONNECTION_REFUSED"])
        expect(page.locator("#scores tr")).not_to_have_count(0)
    page.fill("#text", "more")
    expect(page.locator("#analysis-status")).to_have_text("The server cannot be reached.")


def test_an_answer_that_is_overtaken_is_dropped(visit, address):
    page = visit(address)
    expect(page.locator("#scores tr")).not_to_have_count(0)
    held, failed = [], []

    def hold(route):
        if "slow" in route.request.post_data:
            held.append(route)
        else:
            route.continue_()

    page.route("**/analyze", hold)
    page.on("requestfailed", lambda request: failed.append(request.post_data))
    with page.expect_request("**/analyze"):
        page.fill("#text", "slow")
    page.fill("#text", "quick")
    expect(page.locator("#marked")).to_have_text("quick")
    assert len(held) == len(failed) == 1
    assert "slow" in failed[0]


# Keys


def test_a_key_is_asked_for_when_the_server_wants_one(visit, locked):
    page = visit(locked, expected=["status of 401"])
    expect(page.locator("#key-form")).to_be_visible()
    expect(page.locator("#key-message")).to_have_text("This server asks for a key.")
    assert focused(page) == "key"
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#key-message")).to_have_text("The server did not accept that key.")
    page.keyboard.type("schlüssel")
    page.keyboard.press("Enter")
    expect(page.locator("#key-message")).to_have_text("A key has only ASCII letters, digits and signs.")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#key-form")).to_be_hidden()
    expect(page.locator("#scores tr")).not_to_have_count(0)
    assert focused(page) == "text"
    assert page.input_value("#key") == ""
    stored = page.evaluate("[Object.values(sessionStorage), Object.values(localStorage), document.cookie]")
    assert stored == [[KEY], [], ""]
    page.fill("#text", "with the key")
    page.wait_for_url(re.compile("with"))
    assert KEY not in page.url
    page.reload()
    expect(page.locator("#marked")).to_have_text("with the key")
    expect(page.locator("#key-form")).to_be_hidden()
    page.get_by_role("button", name="Forget the API key").click()
    assert page.evaluate("sessionStorage.length") == 0
    page.fill("#text", "without it")
    expect(page.locator("#key-form")).to_be_visible()
    assert focused(page) == "text"


def test_no_key_is_asked_for_where_none_is_needed(visit, address):
    page = visit(address)
    expect(page.locator("#scores tr")).not_to_have_count(0)
    expect(page.locator("#key-form")).to_be_hidden()
    expect(page.get_by_role("button", name="Forget the API key")).to_be_hidden()
