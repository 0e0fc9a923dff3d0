"""A person in front of the pages, in a real Chromium.

Each test also fails if a page logs anything, opens a dialog or asks another host (see `context`).
"""

import json
import re
from importlib import resources
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.unit.search.factory import bridge

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def cards(page: Page) -> Locator:
    return page.locator("article.card")


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_person_searches_for_words_and_sees_them_marked(page: Page) -> None:
    page.goto("/search")
    expect(page.get_by_role("status")).to_contain_text("6 quotes, newest first")
    page.get_by_role("searchbox", name="Words to search for").fill("two winters")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("status")).to_have_text("1 quote for two winters, best first")
    card = cards(page)
    expect(card.get_by_role("heading")).to_have_text("Ines Calloway")
    expect(card.locator("blockquote")).to_have_text(
        "We built it in two winters,” Calloway told reporters. “It will stand for a hundred years."
    )
    expect(card.locator("blockquote mark")).to_have_text(["two", "winters"])
    expect(card.locator(".between")).to_have_text("” Calloway told reporters. “")
    expect(card.locator(".how")).to_have_text("told to reporters 9 March 2026")
    expect(card.locator(".role")).to_have_text("Mayor")
    expect(card.locator(".badge")).to_have_text("direct")
    expect(card.locator(".sure")).to_have_text("95 % sure")
    expect(card.locator(".from")).to_contain_text("Harbour Tidings · 10 March 2026, 08:00 UTC")
    assert page.title() == "two winters – WhoSaid"


def test_a_person_filters_by_speaker_and_takes_the_filter_away(page: Page) -> None:
    page.goto("/search")
    page.get_by_role("combobox", name="Speaker").fill("lindqvist")
    page.get_by_role("button", name="Apply").click()
    expect(cards(page)).to_have_count(2)
    expect(cards(page).get_by_role("heading")).to_have_text(["Rosa Lindqvist"] * 2)
    expect(cards(page).nth(0).locator(".badge")).to_have_text(["reported", "was not said"])
    page.get_by_role("link", name="Remove: Speaker lindqvist").click()
    expect(cards(page)).to_have_count(6)


def test_facets_narrow_the_search_down_and_widen_it_again(page: Page) -> None:
    page.goto("/search?q=bridge")
    speakers = page.get_by_role("region", name="Speakers")
    speakers.get_by_role("link", name=re.compile("^Tomas Vey")).click()
    assert parameters(page) == {"q": ["bridge"], "speaker": ["Tomas Vey"]}
    chosen = page.get_by_role("region", name="Speakers").get_by_role("link", name=re.compile("^Tomas Vey"))
    expect(chosen).to_have_attribute("aria-current", "true")
    chosen.click()
    assert parameters(page) == {"q": ["bridge"]}
    page.get_by_role("region", name="Sources").get_by_role("link", name=re.compile("Coast Wire")).click()
    assert parameters(page) == {"q": ["bridge"], "source": ["Coast Wire"]}


def test_the_form_keeps_what_was_chosen(page: Page) -> None:
    page.goto("/search")
    page.get_by_role("searchbox").fill("bridge")
    page.get_by_label("From").fill("2026-03-11")
    page.get_by_label("Until").fill("2026-03-11")
    page.get_by_label("Type", exact=True).select_option("direct")
    page.get_by_label("Order").select_option("oldest")
    page.get_by_label("Sure at least").select_option("80 %")
    page.get_by_role("combobox", name="Stated as").select_option("was said")
    page.get_by_role("searchbox").press("Enter")
    expect(cards(page)).to_have_count(1)
    expect(cards(page).locator("blockquote")).to_have_text("The bridge takes our work,")
    expect(page.get_by_role("searchbox")).to_have_value("bridge")
    expect(page.get_by_label("From")).to_have_value("2026-03-11")
    expect(page.get_by_label("Type", exact=True)).to_have_value("direct")
    expect(page.get_by_label("Order")).to_have_value("oldest")
    expect(page.get_by_label("Sure at least")).to_have_value("0.8")
    expect(page.get_by_role("combobox", name="Stated as")).to_have_value("asserted")


def test_a_person_opens_the_article_and_sees_the_quote_marked(page: Page) -> None:
    page.goto("/search?q=winters")
    page.get_by_role("link", name="Harbour bridge opens").click()
    article, quotes = bridge().article, bridge().quotes
    assert urlsplit(page.url).path == "/articles/bridge"
    assert urlsplit(page.url).fragment == f"quote-{quotes[0].id}"
    expect(page.get_by_role("heading", level=1)).to_have_text("Harbour bridge opens")
    for quote in quotes:
        marks = page.locator(f'mark[data-quote="{quote.id}"]')
        expect(marks).to_have_text(quote.parts)
        name = quote.speaker.name if quote.speaker else "Speaker unknown"
        assert all(name in (mark.get_attribute("title") or "") for mark in marks.all())
    expect(page.locator(".text")).to_have_text(article.body.strip().split("\n"))
    labels = page.locator(".margin:visible .label .who")
    expect(labels).to_have_text(["Ines Calloway", "Tomas Vey", "Speaker unknown"])
    expect(page.locator(".margin:visible .label").first).to_contain_text("told to reporters")
    expect(page.locator(f"#quote-{quotes[0].id}")).to_be_attached()
    targeted = page.evaluate("document.querySelector(':target').id")
    assert targeted == f"quote-{quotes[0].id}"


def test_speakers_of_an_article_lead_to_their_first_quotes(page: Page) -> None:
    page.goto("/articles/ferries")
    cast = page.get_by_role("list", name="Who speaks in this article")
    expect(cast.get_by_role("link")).to_have_text(re.compile(r"Rosa Lindqvist\s*2"))
    cast.get_by_role("link").click()
    assert urlsplit(page.url).fragment.startswith("quote-ferries-")


def test_markup_in_an_article_is_shown_and_never_run(page: Page) -> None:
    page.goto("/search?q=sign")
    card = cards(page)
    expect(card.get_by_role("heading")).to_have_text("<b>Tomas</b> Vey")
    expect(card.locator(".headline")).to_have_text("<script>alert('headline')</script>")
    expect(card.locator("blockquote")).to_have_text("<script>alert('said')</script> is what the bridge sign read,")
    card.locator(".headline").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("<script>alert('headline')</script>")
    expect(page.locator(".text").first).to_have_text("<img src=x onerror=alert(1)> was the whole report.")
    expect(page.get_by_role("link", name="Original article")).to_have_count(0)
    assert page.evaluate("document.scripts.length") == 0


def test_pages_lead_on_and_back(page: Page) -> None:
    page.goto("/search?size=2")
    first = cards(page).locator("blockquote").all_text_contents()
    page.get_by_role("link", name="Next →").click()
    expect(page.get_by_label("Pages").locator("[aria-current=page]")).to_have_text("2")
    assert cards(page).locator("blockquote").all_text_contents() != first
    page.get_by_role("link", name="3", exact=True).click()
    expect(page.get_by_role("link", name="Next →")).to_have_count(0)
    page.get_by_role("link", name="1", exact=True).click()
    assert cards(page).locator("blockquote").all_text_contents() == first
    expect(page.get_by_role("link", name="← Previous")).to_have_count(0)


def test_no_hit_says_what_to_try(page: Page) -> None:
    page.goto("/search?q=zeppelin&speaker=vey")
    expect(page.get_by_role("heading", name="No quote fits")).to_be_visible()
    page.get_by_role("link", name="All quotes").click()
    expect(cards(page)).to_have_count(6)


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.goto("/search?q=winters")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the quotes")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(cards(page).first.get_by_role("link", name="Ines Calloway")).to_be_focused()
    page.get_by_role("searchbox").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("ferrymen")
    page.keyboard.press("Enter")
    expect(cards(page).get_by_role("heading")).to_have_text("Speaker unknown")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(page: Page, context: BrowserContext, scheme: Literal["light", "dark"]) -> None:
    hit = context.request.get("/api/v1/quotes?q=winters").json()["hits"][0]
    entity = context.request.get("/api/entities?name=Calloway").json()[0]
    page.emulate_media(color_scheme=scheme)
    for path in (
        "/", "/sources", "/compare", "/compare?value=Calloway&value=Vey&q=bridge", "/live?q=bridge", "/entities",
        "/entities?name=Calloway", f"/entities/{entity['id']}", "/statistics",
        "/search?q=bridge&type=direct", "/search?q=zeppelin", "/facets/speakers?q=bridge", "/articles/bridge",
        "/articles/ferries", f"/quotes/{hit['id']}", f"/speakers/{hit['speaker']['id']}", "/docs",
    ):  # fmt: skip
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path)
        dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(21, 23, 26)"
        assert dark == (scheme == "dark")
        page.evaluate(AXE)
        found = page.evaluate("axe.run(document)")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == [], path
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_a_reader_compares_two_speakers_on_a_subject(page: Page) -> None:
    page.goto("/compare")
    page.get_by_label("First").fill("Calloway")
    page.get_by_label("Second").fill("Vey")
    page.get_by_label("On", exact=True).fill("bridge")
    page.get_by_role("button", name="Compare").click()
    assert parameters(page) == {"of": ["speaker"], "value": ["Calloway", "Vey"], "q": ["bridge"]}
    expect(page.get_by_role("heading", level=1)).to_have_text("Ines Calloway, Vey on bridge")
    expect(page.locator("polyline")).to_have_count(2)
    table = page.get_by_role("region", name="How much each is quoted")
    row = table.get_by_role("row", name=re.compile("^Ines Calloway"))
    expect(row.get_by_role("cell").first).to_have_text("1")
    expect(row).to_contain_text("“Calloway” is found as Ines Calloway (1)")
    expect(page.locator('#frequent option[value="Ines Calloway"]')).to_have_count(1)
    columns = "[...document.querySelectorAll('.ranking col')].map(one => getComputedStyle(one).display)"
    assert set(page.evaluate(columns)) == {"table-column"}, "names have the room that the stylesheet gives them"
    page.get_by_text("As a table").click()
    page.get_by_role("region", name="Quotes published").get_by_role("link").first.click()
    assert parameters(page)["since"] == parameters(page)["until"]
    expect(cards(page)).to_have_count(1)


def test_a_quote_lights_up_with_its_cue_and_its_speaker(page: Page) -> None:
    page.goto("/articles/bridge")
    label = page.locator(".margin:visible .label").first
    lit = "element => getComputedStyle(element).outlineStyle"
    cue = page.locator(".cue-of").first
    expect(cue).to_have_text("told")
    assert cue.evaluate(lit) == "none"
    page.locator("mark.said").first.hover()
    assert {one.evaluate(lit) for one in (cue, label, page.locator(".mention-of").first)} == {"solid"}
    label.get_by_text("Why").click()
    expect(label.get_by_role("listitem")).to_contain_text(["quotation marks", "“told” reports speech", "names", "95 %"])
    expect(page.locator(".citation")).to_contain_text("“Harbour bridge opens”, Harbour Tidings, 10 March 2026")


def test_a_reader_walks_from_the_histogram_to_a_speaker(page: Page) -> None:
    page.goto("/search?q=bridge")
    page.locator(".chart summary").click()
    page.get_by_role("row", name=re.compile("^11 March 2026")).get_by_role("link").click()
    assert parameters(page) == {"q": ["bridge"], "since": ["2026-03-11"], "until": ["2026-03-11"]}
    expect(cards(page)).to_have_count(1)
    page.go_back()
    page.locator(".chart svg a").first.click()
    assert parameters(page)["since"] == ["2026-03-10"]
    page.get_by_role("link", name="any time").click()
    cues = page.get_by_role("region", name="Cues")
    cues.get_by_text("Cues").click()
    cues.get_by_role("link", name=re.compile("^said")).click()
    assert parameters(page)["cue"] == ["said"]
    speakers = page.get_by_role("region", name="Speakers")
    speakers.get_by_role("link", name=re.compile("^Tomas Vey")).click()
    page.get_by_role("region", name="Speakers").get_by_role("link", name=re.compile("^Rosa Lindqvist")).click()
    assert parameters(page)["speaker"] == ["Tomas Vey", "Rosa Lindqvist"]
    cards(page).first.get_by_role("heading").get_by_role("link").click()
    name = page.get_by_role("heading", level=1).inner_text()
    assert name in ("Tomas Vey", "Rosa Lindqvist")
    assert page.title() == f"{name} – WhoSaid"
    expect(
        page.get_by_role("table", name="How it was said").get_by_role("row", name=re.compile("^said"))
    ).to_be_visible()
    page.get_by_role("link", name="Search these quotes").click()
    expect(page.get_by_role("link", name=f"Remove: Speaker {name}")).to_be_visible()


def test_the_home_page_leads_everywhere(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    counts = page.get_by_role("list", name="How much there is").get_by_role("listitem")
    expect(counts).to_have_text(["9 quotes", "4 articles", "4 speakers", "4 sources"])
    expect(cards(page)).to_have_count(5)
    page.keyboard.type("winters")
    page.keyboard.press("Enter")
    expect(cards(page)).to_have_count(1)
    assert urlsplit(page.url).path == "/search"
    page.get_by_role("navigation", name="Site").get_by_role("link", name="Sources").click()
    page.get_by_role("row", name=re.compile("Coast Wire")).get_by_role("link").click()
    expect(cards(page)).to_have_count(2)
    page.goto("/?q=winters&utm_source=elsewhere")  # as the search's address was once
    assert urlsplit(page.url).path == "/search"
    expect(cards(page)).to_have_count(1)


def test_a_quote_has_a_page_of_its_own(page: Page, context: BrowserContext) -> None:
    page.goto("/search?q=winters")
    page.get_by_text("Cite").click()
    expect(page.locator(".cite p")).to_have_text(re.compile("^Ines Calloway: “We built it .* 10 March 2026, https://"))
    expect(page.get_by_role("link", name="Original")).to_have_attribute("href", "https://tidings.example/bridge")
    page.get_by_role("link", name="Permalink").click()
    made = json.loads(page.locator('script[type="application/ld+json"]').inner_text())
    assert made["@type"] == "Quotation"
    assert made["url"] == page.url
    assert made["creator"]["name"] == "Ines Calloway"
    assert page.locator("blockquote").inner_text().startswith("We built it")
    for name, start in (("CSV", "id,"), ("JSONL", "{"), ("Feed", "<?xml")):
        page.goto("/search?q=winters")
        address = page.get_by_label("Quotes found").get_by_role("link", name=name, exact=True).get_attribute("href")
        assert address
        assert context.request.get(address).text().lstrip("\ufeff").startswith(start)


def test_markup_cannot_leave_the_data_of_a_page(page: Page, context: BrowserContext) -> None:
    hit = context.request.get("/api/v1/quotes?q=sign").json()["hits"][0]
    page.goto(f"/quotes/{hit['id']}")
    assert page.evaluate("document.scripts.length") == 1
    assert json.loads(page.locator("script").inner_text())["text"] == hit["said"]


def test_a_telephone_unfolds_the_filters_when_asked(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/search")
    expect(page.get_by_role("combobox", name="Speaker")).to_be_hidden()
    page.get_by_text("Filters").click()
    page.get_by_role("combobox", name="Speaker").fill("vey")
    page.get_by_role("button", name="Apply").click()
    expect(cards(page)).to_have_count(2)


def test_it_all_works_without_javascript(browser: Browser, site: str, page: Page) -> None:
    with browser.new_context(base_url=site, java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto("/search")
        plain.get_by_role("searchbox").fill("winters")
        plain.get_by_role("button", name="Search").click()
        plain.get_by_role("link", name="Harbour bridge opens").click()
        expect(plain.locator("mark.said").first).to_have_text("We built it in two winters,")


def test_the_api_can_be_tried_from_its_page(page: Page, context: BrowserContext) -> None:
    page.goto("/docs")
    operation = page.locator("#api-quotes")
    operation.get_by_text("and a form to try it").click()
    operation.get_by_label("q", exact=True).fill("winters")
    operation.get_by_label("type", exact=True).select_option("direct")
    operation.get_by_role("button", name="Try it").click()
    assert urlsplit(page.url).path == "/api/quotes"
    answer = context.request.get(page.url).json()
    assert [hit["article_id"] for hit in answer["hits"]] == ["bridge"]
