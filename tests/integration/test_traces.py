"""One trace crosses all stages: pushed, enriched, written; a real collector's protocol receives it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline import kafka_client, topics
from pipeline.settings import Settings
from tests.engines import free_ports
from tests.integration.parts import Part, wait_until

TOKEN = "a-token"
SAID = "“The bridge will open in May,” Ilse Brandt told reporters on Monday."


class Collector:
    """Receives traces as OTLP over HTTP: each span as (service, name, trace, span, parent, attributes)."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for group in request.resource_spans:
            service = next(one.value.string_value for one in group.resource.attributes if one.key == "service.name")
            for scope in group.scope_spans:
                for span in scope.spans:
                    attributes = {one.key: one.value.string_value for one in span.attributes}
                    self.spans.append(
                        {"service": service, "name": span.name, "trace": span.trace_id, "id": span.span_id}
                        | {"parent": span.parent_span_id, "attributes": attributes, "status": span.status.code}
                    )

    def of(self, service: str, name: str) -> list[dict[str, Any]]:
        return [one for one in self.spans if (one["service"], one["name"]) == (f"whosaid-{service}", name)]


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_one_trace_crosses_all_stages(settings: Settings, collector: Collector, tmp_path: Path) -> None:
    port = free_ports(1)[0]
    changes = {
        "tracing": {"endpoint": f"http://127.0.0.1:{collector.server.server_port}"},
        "connectors": {"push_port": port, "push_token": TOKEN},
        "enrichment": {"processes": 1, "max_characters": 1000},
        "log_format": "json",
    }
    traced = Settings.model_validate(settings.model_dump() | changes)
    kafka_client.ensure_topics(traced, topics.all_topics(traced))
    articles, enriched = topics.articles(traced).name, topics.enriched(traced).name
    parts = [Part(traced, name, tmp_path / f"{name}.log") for name in ("push", "enrich", "sink")]
    try:
        wait_until(lambda: "push endpoint listens" in parts[0].log.read_text(), 120, message="push never started")
        lines = [{"url": "https://news.test/1", "text": SAID}, {"url": "https://news.test/2", "text": SAID * 50}]
        for one in lines:
            sent = httpx.post(
                f"http://127.0.0.1:{port}/articles", json=one, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
            )
            assert sent.status_code == 202, sent.text
        wait_until(lambda: bool(collector.of("sink", f"process {enriched}")), 120, message="no trace of the sink")
        wait_until(lambda: len(collector.of("enrich", f"process {articles}")) == 2, 60, message="no dead letter")
        wait_until(lambda: len(collector.of("push", f"send {articles}")) == 2, 60, message="no trace of push")
    finally:
        codes = [part.terminate() for part in parts]
    assert codes == [0, 0, 0]
    (written,) = collector.of("sink", f"process {enriched}")
    (sent_on,) = collector.of("enrich", f"send {enriched}")
    processed = {one["id"]: one for one in collector.of("enrich", f"process {articles}")}
    published = {one["id"]: one for one in collector.of("push", f"send {articles}")}
    assert written["parent"] == sent_on["id"]
    enrichment = processed.pop(sent_on["parent"])
    assert {one["parent"] for one in collector.of("enrich", "analyse")} >= {enrichment["id"]}
    begin = published.pop(enrichment["parent"])
    assert not begin["parent"]
    assert len({one["trace"] for one in (begin, enrichment, sent_on, written)}) == 1, "one trace"
    assert begin["attributes"]["whosaid.article.id"] == written["attributes"]["whosaid.article.id"]
    (dead,), (other,) = processed.values(), published.values()
    assert dead["trace"] == other["trace"] != begin["trace"]
    assert (dead["attributes"]["error.type"], dead["status"]) == ("TooLong", 2)
    assert "news.test" not in str(collector.spans), "an article is named by its id alone"
    logged = [line for line in parts[1].log.read_text().splitlines() if "is a dead letter" in line]
    assert f'"article": "{dead["attributes"]["whosaid.article.id"]}"' in logged[0]
