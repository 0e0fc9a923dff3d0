"""A person in front of the pages, in a real Chromium.

Each test also fails if a page logs anything, opens a dialog or asks another host (see `context`).
"""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.unit.search.factory import bridge

CONTRAST = """
() => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const poor = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest('[aria-hidden]')) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${element.tagName}.${element.className}: ${ratio.toFixed(2)}`);
  }
  return poor;
}
"""
"""Lists the texts that are too faint to read by the web's accessibility guidelines (AA: 4.5 to 1)."""

UNNAMED = """
() => [...document.querySelectorAll('input:not([type=hidden]), select, button, a, img')]
  .filter(e => !e.labels?.length && !e.textContent.trim() && !e.hasAttribute('aria-label') && !e.hasAttribute('alt'))
  .map(e => e.outerHTML)
"""
"""Lists what a screen reader would have no name for."""


def cards(page: Page) -> Locator:
    return page.locator("article.card")


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_person_searches_for_words_and_sees_them_marked(page: Page) -> None:
    page.goto("/")
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
    expect(card.locator(".from")).to_contain_text("Harbour Tidings · 10 March 2026, 08:00 UTC")
    assert page.title() == "two winters – WhoSaid"


def test_a_person_filters_by_speaker_and_takes_the_filter_away(page: Page) -> None:
    page.goto("/")
    page.get_by_role("combobox", name="Speaker").fill("lindqvist")
    page.get_by_role("button", name="Apply").click()
    expect(cards(page)).to_have_count(2)
    expect(cards(page).get_by_role("heading")).to_have_text(["Rosa Lindqvist"] * 2)
    expect(cards(page).nth(0).locator(".badge")).to_have_text(["reported", "was not said"])
    page.get_by_role("link", name="Remove: Speaker lindqvist").click()
    expect(cards(page)).to_have_count(6)


def test_facets_narrow_the_search_down_and_widen_it_again(page: Page) -> None:
    page.goto("/?q=bridge")
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
    page.goto("/")
    page.get_by_role("searchbox").fill("bridge")
    page.get_by_label("From").fill("2026-03-11")
    page.get_by_label("Until").fill("2026-03-11")
    page.get_by_label("Type").select_option("direct")
    page.get_by_label("Order").select_option("oldest")
    page.get_by_label("Sure at least").select_option("80 %")
    page.get_by_label("Stated as").select_option("was said")
    page.get_by_role("searchbox").press("Enter")
    expect(cards(page)).to_have_count(1)
    expect(cards(page).locator("blockquote")).to_have_text("The bridge takes our work,")
    expect(page.get_by_role("searchbox")).to_have_value("bridge")
    expect(page.get_by_label("From")).to_have_value("2026-03-11")
    expect(page.get_by_label("Type")).to_have_value("direct")
    expect(page.get_by_label("Order")).to_have_value("oldest")
    expect(page.get_by_label("Sure at least")).to_have_value("0.8")
    expect(page.get_by_label("Stated as")).to_have_value("asserted")


def test_a_person_opens_the_article_and_sees_the_quote_marked(page: Page) -> None:
    page.goto("/?q=winters")
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
    page.goto("/?q=sign")
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
    page.goto("/?size=2")
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
    page.goto("/?q=zeppelin&speaker=vey")
    expect(page.get_by_role("heading", name="No quote fits")).to_be_visible()
    page.get_by_role("link", name="All quotes").click()
    expect(cards(page)).to_have_count(6)


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.goto("/?q=winters")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("ferrymen")
    page.keyboard.press("Enter")
    expect(cards(page).get_by_role("heading")).to_have_text("Speaker unknown")


@pytest.mark.parametrize("path", ["/?q=bridge", "/articles/bridge", "/docs", "/?q=zeppelin"])
def test_everything_has_a_name_and_no_id_is_there_twice(page: Page, path: str) -> None:
    page.goto(path)
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate("document.documentElement.lang") == "en"
    doubled = page.evaluate(
        "() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
        " return ids.filter((id, at) => ids.indexOf(id) !== at) }"
    )
    assert doubled == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/?q=bridge", "/articles/bridge", "/articles/ferries", "/docs"])
def test_all_text_is_readable_by_day_and_by_night(page: Page, path: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(path)
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(21, 23, 26)"
    assert dark == (scheme == "dark")
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("path", ["/?q=bridge", "/articles/bridge", "/docs"])
def test_a_telephone_shows_everything_without_scrolling_sideways(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_telephone_unfolds_the_filters_when_asked(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/")
    expect(page.get_by_role("combobox", name="Speaker")).to_be_hidden()
    page.get_by_text("Filters").click()
    page.get_by_role("combobox", name="Speaker").fill("vey")
    page.get_by_role("button", name="Apply").click()
    expect(cards(page)).to_have_count(2)


def test_it_all_works_without_javascript(browser: Browser, site: str, page: Page) -> None:
    with browser.new_context(base_url=site, java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto("/")
        plain.get_by_role("searchbox").fill("winters")
        plain.get_by_role("button", name="Search").click()
        plain.get_by_role("link", name="Harbour bridge opens").click()
        expect(plain.locator("mark.said").first).to_have_text("We built it in two winters,")


def test_the_api_can_be_tried_from_its_page(page: Page, context: BrowserContext) -> None:
    page.goto("/docs")
    operation = page.locator("#api-quotes")
    operation.get_by_label("q", exact=True).fill("winters")
    operation.get_by_label("type", exact=True).select_option("direct")
    operation.get_by_role("button", name="Try it").click()
    assert urlsplit(page.url).path == "/api/quotes"
    answer = context.request.get(page.url).json()
    assert [hit["article_id"] for hit in answer["hits"]] == ["bridge"]
