"""How things look on the pages."""

import re
from datetime import UTC, date, datetime

import pytest

from pipeline.search import links, rendering, views
from pipeline.search.parameters import QuoteQuery


@pytest.mark.parametrize("url", ["https://tidings.example/a", "http://tidings.example"])
def test_a_web_address_is_a_link(url: str) -> None:
    assert rendering.weblink(url) == url


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///etc/passwd", "https:", "//[", ""]
)
def test_anything_else_is_none(url: str) -> None:
    assert rendering.weblink(url) is None


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Marco Rubio", "MR"),
        ("Ursula von der Leyen", "UL"),
        ("Peskov", "P"),
        ("“Ace” Day", "D"),
        ("", ""),
        ("é ü", "ÉÜ"),
    ],
)
def test_initials_stand_for_a_name(name: str, letters: str) -> None:
    assert rendering.initials(name) == letters


def test_dates_and_numbers_are_written_for_people() -> None:
    assert rendering.day(date(2026, 3, 9)) == "9 March 2026"
    assert rendering.moment(datetime(2026, 3, 9, 8, 5, tzinfo=UTC)) == "9 March 2026, 08:05 UTC"
    assert rendering.day(None) == rendering.moment(None) == ""
    assert rendering.number(1234567) == "1,234,567"
    assert rendering.percent(0.834) == "83 %"


def test_a_speaker_has_the_same_colour_everywhere() -> None:
    css = (rendering.STATIC / "whosaid.css").read_text(encoding="utf-8")
    assert {rendering.hue(str(n)) for n in range(100)} == set(range(rendering.HUES))
    assert all(f".hue-{n} " in css for n in range(rendering.HUES))
    assert rendering.hue("a") == rendering.hue("a")


def test_a_template_escapes_and_refuses_what_it_was_not_given() -> None:
    page = rendering.page("error.html", {"status": 404, "sentence": "<script>"}, status=404)
    assert b"<script>" not in bytes(page.body)
    with pytest.raises(Exception, match="undefined"):
        rendering.page("error.html", {"status": 404})


def test_no_template_passes_over_gaps_in_a_quote() -> None:
    for file in rendering.FOLDER.rglob("*.html"):
        assert not re.search(r"\.said\b", file.read_text(encoding="utf-8")), (
            f"{file.name}: `spoken` has “…” in the gaps"
        )


def test_no_template_has_a_script_or_style_or_foreign_parts() -> None:
    for file in rendering.FOLDER.rglob("*"):
        if file.is_file():
            text = file.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
            text = re.sub("https://news.example/(an-article)?", "", text)
            # JSON is data: no browser runs it, and `tojson` escapes what would end the element.
            text = text.replace('<script type="application/ld+json">{{ quotation | tojson }}</script>', "")
            # The live page's script is a file of ours.
            text = text.replace('<script src="{{ script }}" defer></script>', "")
            for unwanted in (
                "<script",
                "<style",
                "style=",
                "http://",
                "https://",
                "onclick",
                "|safe",
                "| safe",
                "@import",
            ):
                assert unwanted not in text, f"{unwanted} in {file.name}"


def test_a_link_keeps_the_search_and_begins_at_its_first_page() -> None:
    query = QuoteQuery(words="two winters", type=["direct", "mixed"], since="2026-03-01", page=4)
    assert links.link(query) == "/search?q=two+winters&type=direct&type=mixed&since=2026-03-01"
    assert links.link(query, page=5).endswith("&page=5")
    assert "two+winters" not in links.link(query, q=None)
    assert links.link(QuoteQuery()) == "/search"


@pytest.mark.parametrize(
    ("page", "total", "labels"),
    [
        (1, 20, []),
        (1, 21, ["1", "2"]),
        (5, 200, ["1", "…", "3", "4", "5", "6", "7", "…", "10"]),
        (1, 10**9, ["1", "2", "3", "…", "500"]),
    ],
)
def test_page_numbers_show_the_neighbours_and_the_ends(page: int, total: int, labels: list[str]) -> None:
    steps = views._steps(QuoteQuery(page=page), total, 20)
    assert [step.label for step in steps] == labels
    assert [step.label for step in steps if step.url is None and step.label != "…"] == ([str(page)] if labels else [])
