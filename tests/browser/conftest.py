"""A real Chromium before the real search service before a real Elasticsearch."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from pipeline.settings import ElasticsearchSettings, SearchSettings, Settings, environment
from tests.engines import free_ports, remove_indices
from tests.left_out import LEFT_OUT
from tests.library import resolve, shelve
from tests.programs import CHROMIUM, may_do_without
from tests.unit.search.factory import library

FLAGS = (
    "--no-sandbox",  # root has none, and what it opens is our own service
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It must not ask for anything but our pages."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything that uses the page is a browser test; without Chromium these are left out, but never in CI."""
    ours = [item for item in items if "page" in getattr(item, "fixturenames", ())]
    for item in ours:
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.engines)
    if ours and may_do_without(CHROMIUM):
        config.stash[LEFT_OUT] = len(ours)
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


@pytest.fixture(scope="module")
def site(elasticsearch_server: str) -> Iterator[str]:
    """The address of `whosaid serve` with the factory's articles."""
    settings = Settings(
        elasticsearch=ElasticsearchSettings(url=elasticsearch_server, prefix=f"test-{uuid.uuid4().hex[:10]}"),
        search=SearchSettings(port=free_ports(1)[0], rate_limit=0),
    )
    shelve(settings, library())
    resolve(settings, library())
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli.main", "serve"],
        env={**os.environ, **environment(settings)},
        stdout=subprocess.DEVNULL,
    ) as service:
        try:
            address = f"http://127.0.0.1:{settings.search.port}"
            wait_for(f"{address}/readyz", service)
            yield address
        finally:
            service.terminate()
            remove_indices(settings)


def wait_for(url: str, service: "subprocess.Popen[bytes] | None" = None) -> None:
    """Waits until the service answers there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert service is None or service.poll() is None, "whosaid serve ended"
        try:
            if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"whosaid serve did not answer at {url}")


# Not for the session: while Playwright runs, no other test in this thread could run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = CHROMIUM.find()
    assert path, CHROMIUM.missing
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a page did that it should not."""

    host: str
    problems: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Watches the page from now on."""
        page.on("console", lambda message: self.problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))
        page.on("requestfailed", self._failed)
        page.on("request", self._request)

    def _failed(self, request: Request) -> None:
        if urlsplit(request.url).path != "/live/stream":  # it has no end: whoever leaves the page ends it
            self.problems.append(f"failed: {request.url}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self.host:
            self.problems.append(f"asked another host: {request.url}")


@pytest.fixture
def context(browser: Browser, site: str) -> Iterator[BrowserContext]:
    """A browser that has never been here; whatever it opens must keep quiet and stay on this site."""
    watch = Watch(urlsplit(site).netloc)
    context = browser.new_context(base_url=site, locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(20_000)
    context.on("page", watch.over)
    yield context
    context.close()
    assert watch.problems == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
