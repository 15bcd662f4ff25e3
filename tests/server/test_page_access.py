"""The page for everybody: by keyboard, by ear, on a narrow screen, in the dark, in any script."""

from __future__ import annotations

import re

import pytest

from tests.server.browser import driver, focused, link

expect = driver().expect


def test_everything_is_reached_by_keyboard(visit, address):
    page = visit(address)
    expect(page.locator("#scores tr")).not_to_have_count(0)
    order = []
    while True:
        page.keyboard.press("Tab")
        place = page.evaluate("""() => {
          const one = document.activeElement, style = getComputedStyle(one);
          return [one.tagName, one.id || one.dataset.option || one.name || one.textContent.trim(),
            style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
        }""")
        if place[0] == "BODY" or len(order) > 60:
            break
        order.append(place)
    assert [where for *where, visible in order if not visible] == []
    assert [name for _, name, _ in order] == [
        "Skip to the text", "Model and options", "model", "language", "tokenizer", "stemmer", "stopwords",
        "lowercase", "ascii_folding", "min_token_len", "max_token_len", "k", "b", "avg_len", "k3", "more",
        "reset", "text", "role", "query", "document", "documents",
    ]  # fmt: skip


def test_it_works_by_keyboard_alone(visit, address):
    page = visit(address)
    expect(page.locator("#scores tr")).not_to_have_count(0)
    press = page.keyboard.press
    press("Tab")
    press("Enter")  # the link that skips the options
    assert focused(page) == "text"
    press("Control+A")
    page.keyboard.type("running foxes")
    expect(page.locator("#marked")).to_have_text("running foxes")
    press("Tab")
    press("ArrowRight")
    expect(page.get_by_label("query", exact=True)).to_be_checked()
    expect(page.locator("#vector tr > *").nth(3)).to_have_text("1")
    press("Tab")
    page.keyboard.type("fox")
    press("Enter")
    expect(page.locator("#scores tr")).to_have_count(1)
    page.focus("#stemmer")
    page.keyboard.type("none")
    expect(page.locator("#tokens td").last).to_have_text("foxes")
    page.focus("summary")
    press("Enter")
    expect(page.locator("#stemmer")).to_be_hidden()


def test_every_control_has_a_name(visit, locked, address):
    for page in (visit(address, width=400), visit(locked, expected=["status of 401"])):
        page.locator("#settings").evaluate("one => { one.open = true; }")
        page.wait_for_load_state("networkidle")
        nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
        roles = {
            "button",
            "checkbox",
            "combobox",
            "link",
            "radio",
            "region",
            "spinbutton",
            "textbox",
            "DisclosureTriangle",
        }
        controls = [node for node in nodes if node.get("role", {}).get("value") in roles]
        assert len(controls) > 20
        assert [node for node in controls if not node["name"]["value"].strip()] == []


def test_results_are_announced(visit, address):
    page = visit(address)
    for status in (
        "#analysis-status",
        "#explanation-status",
        "#key-message",
        "#more-error",
        "#models-message",
    ):
        assert page.get_attribute(status, "role") == "status"


@pytest.mark.parametrize("text", ["The foxes ran", "x" * 300 + " " + "<" * 300])
def test_it_fits_a_narrow_screen(visit, address, text):
    page = visit(link(address, text=text, query=text, document=text, documents=""), width=400)
    expect(page.locator("#scores tr")).not_to_have_count(0)
    expect(page.locator("#language")).to_be_hidden()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    page.click("summary")
    expect(page.locator("#language")).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    # What is cut off is reached without a pointer too.
    wide = page.get_by_role("region", name="The score, term by term")
    assert wide.evaluate("one => one.scrollWidth > one.clientWidth")
    expect(wide).to_have_attribute("tabindex", "0")
    wide.focus()
    page.keyboard.press("ArrowRight")
    expect(wide).not_to_have_js_property("scrollLeft", 0)


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colors) => {
    canvas.globalCompositeOperation = "source-over";
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255)
      .map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!(own || one.value) || !one.checkVisibility() || one.matches("option, :disabled, script")) continue;
    const grounds = [];
    for (let up = one; up; up = up.parentElement) grounds.unshift(getComputedStyle(up).backgroundColor);
    const ground = paint(grounds), text = paint([...grounds, getComputedStyle(one).color]);
    const [dark, light] = [luminance(ground), luminance(text)].sort((a, b) => a - b);
    found.push([(light + .05) / (dark + .05), one.tagName, one.textContent.slice(0, 40)]);
  }
  return { found, ground: luminance(paint([getComputedStyle(document.body).backgroundColor])) };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(visit, address, scheme):
    page = visit(address, color_scheme=scheme, expected=["status of 400"])
    expect(page.locator("#scores tr")).not_to_have_count(0)
    measured = page.evaluate(CONTRASTS)
    assert (measured["ground"] > 0.5) == (scheme == "light")
    page.fill("#avg_len", "-1")
    expect(page.locator("#analysis-status")).to_have_class(re.compile("error"))
    found = [*measured["found"], *page.evaluate(CONTRASTS)["found"]]
    assert len(found) > 200
    assert [one for one in found if one[0] < 4.5] == []


def test_nothing_moves_for_who_wants_no_motion(visit, address):
    durations = "[...document.querySelectorAll('*')].map(one => getComputedStyle(one).transitionDuration)"
    for motion, moves in (("no-preference", True), ("reduce", False)):
        page = visit(address, reduced_motion=motion)
        expect(page.locator("#scores tr")).not_to_have_count(0)
        assert any(one != "0s" for one in page.evaluate(durations)) == moves


def test_scripts_of_the_world(visit, address):
    text = "😀 الكتاب 東京 naïve"
    page = visit(link(address, text=text))
    expect(page.locator("#marked")).to_have_text(text)
    assert page.locator("#marked mark").all_inner_texts() == ["الكتاب", "東京", "naïve"]
    page.fill("#text", "الكتاب الجديد")
    expect(page.locator("#marked mark")).to_have_count(2)
    for place in ("#text", "#marked"):
        assert page.locator(place).evaluate("one => getComputedStyle(one).direction") == "rtl"
