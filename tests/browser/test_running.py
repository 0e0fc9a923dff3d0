"""A person who runs WhoSaid in front of its pages, with every part at work: sources, dead letters, statistics."""

import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from pipeline import kafka_client, topics
from pipeline.settings import ConnectorSettings, ElasticsearchSettings, KafkaSettings, SearchSettings, Settings
from tests.browser.conftest import wait_for
from tests.browser.test_page import AXE
from tests.engines import free_ports, remove_indices
from tests.integration.parts import Part

FRONT = '<html><head><link rel="alternate" type="application/rss+xml" href="/feed.xml"></head><body>News</body></html>'
TWO = FRONT.replace("</head>", '<link rel="alternate" type="application/rss+xml" href="/sport.xml"></head>')
FEED = """<rss version="2.0"><channel><title>{title}</title><link>{site}/</link>
<item><title>Ferry sails at dawn</title><link>{site}/ferry</link><pubDate>Tue, 10 Mar 2026 08:00:00 GMT</pubDate></item>
</channel></rss>"""
ARTICLE = """<html lang="en"><head><title>Ferry sails at dawn</title></head><body><article><h1>Ferry sails at dawn</h1>
<p>The island has waited two years for its ferry, and the new ship left the yard on Monday with a crew of nine.</p>
<p>“The ferry will sail at dawn and nobody will be left behind on the pier,” Mayor Ines Calloway told reporters.
</p><p>The old ship was sold in the autumn after its engine failed twice within a week of heavy storms.</p>
</article></body></html>"""


class Site(BaseHTTPRequestHandler):
    """A small news site: a front page that names its feed, another that names two, and an article."""

    def do_GET(self) -> None:
        """Answers."""
        site = f"http://{self.headers['Host']}"
        pages = {
            "/": FRONT, "/two": TWO, "/ferry": ARTICLE,
            "/feed.xml": FEED.format(title="Harbour Tidings", site=site),
            "/sport.xml": FEED.format(title="Harbour Sport", site=site),
        }  # fmt: skip
        body = pages.get(self.path, "").encode()
        kind = "application/rss+xml" if self.path.endswith(".xml") else "text/html; charset=utf-8"
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def assert_accessible(page: Page) -> None:
    """axe finds nothing, in light and in dark; and a phone shows the page without scrolling sideways."""
    page.evaluate(AXE)
    for dark in (False, True):
        page.emulate_media(color_scheme="dark" if dark else "light")
        found = page.evaluate("axe.run(document)")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.fixture(scope="module")
def news() -> Iterator[str]:
    """The address of the news site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def running(elasticsearch_server: str, kafka_server: str) -> Settings:
    """Settings with names of the test's own."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    return Settings(
        elasticsearch=ElasticsearchSettings(url=elasticsearch_server, prefix=name),
        kafka=KafkaSettings(bootstrap_servers=kafka_server, prefix=name),
        search=SearchSettings(port=free_ports(1)[0], rate_limit=0),
        connectors=ConnectorSettings(allow_private_addresses=True, host_interval=0),
    )


@pytest.fixture(scope="module")
def site(running: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the search service, beside which all parts run that bring a feed's items to it."""
    logs: Path = tmp_path_factory.mktemp("logs")
    kafka_client.ensure_topics(running, topics.all_topics(running))
    with ExitStack() as stack:
        for name in ("enrich", "sink", "connect", "serve"):
            stack.enter_context(Part(running, name, logs / f"{name}.log"))
        wait_for(f"{running.search_url}/healthz")
        yield running.search_url
    remove_indices(running)


def test_a_source_is_added_and_its_first_item_appears_live(page: Page, context: BrowserContext, news: str) -> None:
    live = context.new_page()
    live.goto("/live?q=ferry")
    expect(live.get_by_role("status")).to_have_text("New quotes appear here by themselves.")
    page.goto("/")
    expect(page.get_by_role("heading", name="No quotes yet")).to_be_visible()
    page.get_by_label("Address of a news site or of its feed").fill(news)
    page.get_by_role("button", name="Add").click()
    told = page.get_by_role("status", name="Added")
    expect(told).to_contain_text("Harbour Tidings")
    expect(told).to_contain_text("was read: 1 article so far.", timeout=60_000)  # the page looks again by itself
    row = page.get_by_role("row", name=re.compile("Harbour Tidings"))
    expect(row.locator(".state")).to_have_text("ok")
    card = live.locator("article.card")
    expect(card).to_have_count(1, timeout=90_000)  # without anybody loading the page again
    expect(live.get_by_role("status")).to_have_text("1 new since you came.")
    page.goto("/search?q=ferry")
    card = page.locator("article.card")
    expect(card.get_by_role("heading")).to_have_text("Ines Calloway")
    expect(card.locator("blockquote")).to_contain_text("will sail at dawn")

    page.goto("/sources")
    assert_accessible(page)
    page.get_by_role("button", name="Pause Harbour Tidings").click()
    expect(row.locator(".state")).to_have_text("paused")
    page.get_by_role("button", name="Resume Harbour Tidings").click()
    expect(row.locator(".state")).not_to_have_text("paused")

    page.get_by_label("Address of a news site or of its feed").fill(f"{news}/two")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("group")).to_contain_text("has 2 feeds. Which are to be read?")
    assert_accessible(page)
    page.get_by_role("checkbox", name=re.compile("Harbour Tidings")).uncheck()
    page.get_by_role("checkbox", name=re.compile("Harbour Sport")).check()
    page.get_by_role("button", name="Read those chosen").click()
    expect(page.get_by_role("row", name=re.compile("sport.xml"))).to_be_visible()
    page.goto("/")
    expect(page.locator(".health")).to_contain_text("2 sources are read")


def test_a_dead_letter_is_seen_and_replayed(page: Page, running: Settings) -> None:
    producer = kafka_client.producer(running)
    producer.send(topics.articles(running).name, key=b"broken", value=b'{"id": "<b>no article"}').get(timeout=20)
    producer.send(topics.deadletter(running).name, key=b"odd", value=b"no letter").get(timeout=20)
    producer.close()
    for _ in range(60):
        page.goto("/dead-letters")
        if page.get_by_role("checkbox").count():
            break
        page.wait_for_timeout(500)
    assert_accessible(page)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Replay those chosen").click()
    expect(page.get_by_role("status")).to_contain_text("1 event was sent again")
    page.goto("/dead-letters?handled=yes")
    expect(page.locator(".badge").first).to_contain_text("replayed")
    page.get_by_role("table").get_by_role("link").last.click()
    expect(page.locator("pre")).to_contain_text('{"id": "<b>no article"}')
    assert_accessible(page)

    page.goto("/statistics")
    expect(page.get_by_role("row", name=re.compile("^enrich"))).to_contain_text("0")
    expect(page.get_by_role("row", name=re.compile("^alert tells"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^From fetched to written"))).to_be_visible()
    expect(page.get_by_text("No search is saved")).to_be_visible()
    expect(page.get_by_text("1 record on the topic of dead letters cannot be read as such.")).to_be_visible()
