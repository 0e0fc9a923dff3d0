"""Somebody who wants to be told: a search is saved on its page, tried out, and what is said arrives."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from pipeline import kafka_client, topics
from pipeline.settings import ElasticsearchSettings, KafkaSettings, SearchSettings, Settings
from tests.browser.conftest import wait_for
from tests.browser.test_page import AXE
from tests.engines import free_ports, remove_indices
from tests.integration import sinks
from tests.integration.parts import Part
from tests.integration.receivers import Receiver, telling, webhook
from tests.unit.sink.factory import enriched


@pytest.fixture(scope="module")
def running(elasticsearch_server: str, kafka_server: str) -> Settings:
    """Settings with names of the test's own."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    made = Settings(
        elasticsearch=ElasticsearchSettings(url=elasticsearch_server, prefix=name),
        kafka=KafkaSettings(bootstrap_servers=kafka_server, prefix=name),
        search=SearchSettings(port=free_ports(1)[0], rate_limit=0),
    )
    return telling(sinks.impatient(made), smtp_host="")


@pytest.fixture(scope="module")
def site(running: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the search service, with what writes quotes and what tells them beside it."""
    logs: Path = tmp_path_factory.mktemp("logs")
    kafka_client.ensure_topics(running, topics.all_topics(running))
    with ExitStack() as stack:
        for name, more in (("sink", []), ("alert", ["run"]), ("serve", [])):
            stack.enter_context(Part(running, name, logs / f"{name}.log", more=more))
        wait_for(f"{running.search_url}/healthz")
        yield running.search_url
    remove_indices(running)


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    with webhook() as made:
        yield made


def test_a_search_is_saved_on_its_page_and_tells(
    page: Page, context: BrowserContext, running: Settings, receiver: tuple[Receiver, str]
) -> None:
    hook, address = receiver
    sinks.publish(running, [enriched("a1", ("The bridge will open.",), fetched=datetime.now(UTC))])
    for _ in range(120):  # until it can be searched
        page.goto("/search?q=bridge&in=quote")
        if page.locator("article.card").count():
            break
        page.wait_for_timeout(500)
    page.get_by_role("link", name="Save this search").click()
    expect(page.get_by_role("heading", name="Save this search")).to_be_visible()
    check(page)
    expect(page.get_by_label("Name")).to_have_value("“bridge”")
    page.get_by_label("Name").fill("Bridges <b>")
    page.get_by_label("Webhook").fill(f"{address}?key=geheim")
    page.get_by_role("button", name="Save").click()
    hook.secret = page.get_by_role("status", name="Saved").locator("code").inner_text()
    check(page)

    page.get_by_role("link", name="Alerts").click()
    assert hook.secret not in page.content()
    assert "geheim" not in page.content()
    row = page.get_by_role("row", name="Bridges <b>")
    expect(row.locator(".state")).to_have_text("on")
    page.get_by_role("button", name="Test Bridges <b>").click()
    expect(page.get_by_role("status", name="Tried out")).to_contain_text("Webhook: accepted.")
    sinks.publish(running, [enriched("a2", ("The new bridge is late.",), fetched=datetime.now(UTC))])
    sinks.wait_until(lambda: "The new bridge is late." in hook.said(), "it is told")
    assert hook.forged == 0
    page.goto("/alerts")
    expect(row).to_contain_text("last sent")

    page.get_by_role("button", name="Turn off Bridges <b>").click()
    expect(row.locator(".state")).to_have_text("off")
    page.get_by_role("button", name="Resume Bridges <b>").click()
    expect(row.locator(".state")).to_have_text("on")
    page.locator("summary").click()
    row.get_by_label("Name").fill("All bridges")
    row.get_by_label("E-mail").fill("desk@news.example; night@news.example")
    row.get_by_label("No webhook any more").check()
    row.get_by_role("button", name="Change", exact=True).click()
    changed = page.get_by_role("row", name="All bridges")
    expect(changed).to_contain_text("desk@news.example, night@news.example")
    expect(changed).not_to_contain_text("Webhook")
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.locator("summary").click()
        check(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator("summary").click()
    page.locator("summary").click()
    page.get_by_role("button", name="Remove All bridges").click()
    expect(page.get_by_text("Nothing is saved yet.")).to_be_visible()


def check(page: Page) -> None:
    """No violation of accessibility that axe knows of."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document)")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
