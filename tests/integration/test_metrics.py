"""All parts run, articles go through them, and every metric of the dashboard and the alerts is there, by a scrape."""

import json
import subprocess
import threading
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from pipeline import kafka_client, metrics, topics
from pipeline.settings import MetricsSettings, Settings
from tests import programs
from tests.engines import free_ports
from tests.integration.parts import Part, wait_until
from tests.unit.core.test_metrics import ALERTS, ASKED, FOREIGN, names

PARTS = ("connect", "push", "enrich", "sink", "resolve", "alert", "serve")
TOKEN = "a-token-for-pushes"
SAID = "“The bridge will open in May,” Ilse Brandt told reporters on Monday. She said that the old one would close."
FEED = (
    "<rss version='2.0'><channel><title>News</title><item><title>Bridge</title><link>https://news.test/1</link>"
    f"<pubDate>Wed, 12 Mar 2025 12:00:00 GMT</pubDate><description>{SAID}</description></item></channel></rss>"
)
ONLY_UNDER_UP = {"whosaid_restarts_total"}
"""Shown by tests/integration/test_up.py: it takes engines of its own."""


class Feed(BaseHTTPRequestHandler):
    """Answers every address with a feed of one article."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/rss+xml")
        self.end_headers()
        self.wfile.write(FEED.encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def feed() -> Iterator[str]:
    """The address of a feed."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Feed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/feed"
        server.shutdown()


@pytest.fixture
def ready(settings: Settings) -> Settings:
    """Settings with ports of the test's own, that read feeds on this machine and take few characters."""
    serve, push = free_ports(2)
    connectors = {"allow_private_addresses": True, "obey_robots": False, "push_port": push, "push_token": TOKEN}
    enrichment = {"processes": 1, "max_characters": 1000}
    changes = {"connectors": connectors, "search": {"port": serve}, "enrichment": enrichment}
    return Settings.model_validate(settings.model_dump() | changes)


def scrape(port: int) -> dict[str, float]:
    """The samples of a part, summed over their labels, by name; 0 of one that is not there yet."""
    samples: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(httpx.get(f"http://127.0.0.1:{port}/metrics").text):
        for sample in family.samples:
            samples[sample.name] += sample.value
    return samples


def push(settings: Settings, url: str, text: str) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{settings.connectors.push_port}/articles",
        json={"url": url, "text": text},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert answer.status_code == 202, answer.text


def test_a_scrape_of_every_part_has_every_metric_in_use(ready: Settings, tmp_path: Path) -> None:
    ports = dict(zip(PARTS, free_ports(len(PARTS)), strict=True))
    sources = tmp_path / "sources.yaml"
    with feed() as address, ExitStack() as parts:
        source = {"id": "f", "kind": "feed", "location": address, "options": {"pages": "never"}}
        sources.write_text(yaml.safe_dump({"sources": [source]}), encoding="utf-8")
        kafka_client.ensure_topics(ready, topics.all_topics(ready))
        started = {}
        for name, port in ports.items():
            own = ready.model_copy(update={"metrics": MetricsSettings(port=port)})
            more = {"connect": ["--sources", str(sources)], "alert": ["run"]}.get(name, [])
            started[name] = parts.enter_context(Part(own, name, tmp_path / f"{name}.log", more=more))
        for name, port in ports.items():
            wait_until(lambda port=port: answers(port, "/readyz"), 120, message=f"{name} never took up its work")  # type: ignore[misc]
        push(ready, "https://news.test/2", SAID)
        push(ready, "https://news.test/3", SAID * 100)  # longer than what is enriched
        with kafka_client.producer(ready) as producer:
            producer.send(topics.enriched(ready).name, key=b"x", value=b"no event").get(30)
        wait_until(lambda: scrape(ports["sink"])["whosaid_indexed_articles_total"] == 2, 120, message="never indexed")
        wait_until(lambda: scrape(ports["enrich"])["whosaid_dead_letters_total"] == 1, 60, message="no dead letter")
        wait_until(lambda: scrape(ports["sink"])["whosaid_dead_letters_total"] == 1, 60, message="no dead letter")
        wait_until(lambda: scrape(ports["resolve"])["whosaid_resolved_names_total"] > 0, 60, message="no name resolved")
        quotes = scrape(ports["sink"])["whosaid_indexed_quotes_total"]  # found after the next refresh
        wait_until(lambda: searchable(ready) == quotes, 30, message="not all quotes are found")
        told = {name: scrape(port) for name, port in ports.items()}
        check_numbers(told)
        asked = set().union(*map(names, [*ASKED, *(rule["expr"] for rule in ALERTS)])) - ONLY_UNDER_UP
        shown = set().union(*told.values())
        assert asked - shown == set()
        without = [one.name for one in metrics.reference() if not any(name.startswith(one.name) for name in shown)]
        assert set(without) == ONLY_UNDER_UP
        assert all(set(part) >= FOREIGN for part in told.values())
        everything = "".join(httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in ports.values())
        assert "news.test" not in everything
        assert "127.0.0.1" not in everything
        assert httpx.get(f"{ready.search_url}/metrics").status_code == 200
        by_prometheus(ports, tmp_path)
        assert [part.terminate() for part in started.values()] == [0] * len(PARTS)


def searchable(settings: Settings) -> int:
    return int(httpx.get(f"{settings.search_url}/api/quotes").json()["total"])


def check_numbers(told: dict[str, dict[str, float]]) -> None:
    """The numbers are those of what went through: a feed's article, one pushed, one too long, one that is none."""
    assert told["connect"]["whosaid_fetched_articles_total"] == 1
    assert told["connect"]["whosaid_published_articles_total"] == 1
    assert told["connect"]["whosaid_received_bytes_total"] == len(FEED.encode())
    assert told["push"]["whosaid_published_articles_total"] == 2
    assert told["enrich"]["whosaid_enriched_articles_total"] == 2
    assert told["enrich"]["whosaid_spacy_processes"] == 1
    assert told["resolve"]["whosaid_resolved_names_total"] > 0
    assert told["sink"]["whosaid_indexed_quotes_total"] > 0
    assert told["sink"]["whosaid_fetch_to_searchable_seconds_count"] == 2
    assert 2 < told["sink"]["whosaid_fetch_to_searchable_seconds_sum"] < 300
    assert told["sink"]["whosaid_publication_to_searchable_seconds_sum"] > 86_400, "the feed's article is old"


def answers(port: int, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200
    except httpx.HTTPError:
        return False


def by_prometheus(ports: dict[str, int], folder: Path) -> None:
    """A real Prometheus reaches every part, and plays every query of the dashboard and the alerts."""
    if programs.may_do_without(programs.PROMETHEUS):
        warnings.warn(programs.PROMETHEUS.missing, stacklevel=1)
        return
    command = programs.PROMETHEUS.find()
    assert command, programs.PROMETHEUS.missing
    targets = [{"targets": [f"127.0.0.1:{port}"], "labels": {"part": name}} for name, port in ports.items()]
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "whosaid", "static_configs": targets}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    here = f"http://127.0.0.1:{(port := free_ports(1)[0])}"

    def query(expression: str) -> list[Any]:
        answer = httpx.post(f"{here}/api/v1/query", data={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        rows: list[Any] = answer["data"]["result"]
        return rows

    arguments = [
        command, f"--config.file={folder / 'prometheus.yaml'}", f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={folder / 'tsdb'}", "--log.level=error",
    ]  # fmt: skip
    with subprocess.Popen(arguments, cwd=folder) as prometheus:
        try:
            wait_until(lambda: answers(port, "/-/ready"), 60, message="Prometheus never started")
            wait_until(lambda: len(query('up{job="whosaid"} == 1')) == len(ports), 60, message="a part is not scraped")
            wait_until(lambda: len(query("rate(process_cpu_seconds_total[1m])")) == len(ports), 60)
            for expression in [*ASKED, *(rule["expr"] for rule in ALERTS)]:
                query(expression.replace("$__rate_interval", "1m"))
            assert query('sum(whosaid_lag_events{stage="sink"})')
            assert json.dumps(query('sum(up{job="whosaid"})')).count(f'"{len(PARTS)}"') == 1
        finally:
            prometheus.terminate()
