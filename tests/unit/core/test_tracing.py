"""Traces: off by default, carried in headers, one span for what each stage does, nothing lost where they break."""

import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pipeline import tracing
from pipeline.errors import SettingsError
from pipeline.settings import Settings

ON = Settings.model_validate({"tracing": {"endpoint": "http://127.0.0.1:9"}})


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What is traced in the test."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_provider", provider)
    yield exporter
    provider.shutdown()


def record(headers: Any, key: bytes | None = b"a1") -> SimpleNamespace:
    return SimpleNamespace(topic="news.articles", partition=2, offset=7, key=key, headers=headers)


def test_off_it_does_nothing_and_changes_no_header() -> None:
    tracing.start(Settings(), "sink")
    assert not tracing.on()
    headers = [("traceparent", b"of somebody"), ("x", None)]
    step = tracing.taken(record(headers), "g")
    assert step.headers(headers) == headers
    assert tracing.published("t", "a").headers(()) == []
    for one in (step, step.send("t"), step.work("w")):
        one.end("Error")


def test_without_the_package_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"install `whosaid\[tracing\]`"):
        tracing.start(ON, "sink")


def test_the_trace_goes_on_from_the_headers(spans: InMemorySpanExporter) -> None:
    first = tracing.published("news.articles", "a1")
    carried = first.headers([("mine", b"x"), ("traceparent", b"an old one")])
    assert [name for name, _ in carried] == ["mine", "traceparent"]
    first.end()
    step = tracing.taken(record(carried), "news.enrichment")
    send = step.send("news.enriched")
    assert send.headers(carried) != carried
    send.end()
    step.end()
    step.end()  # twice does no harm
    done = {span.name: span for span in spans.get_finished_spans()}
    assert list(done) == ["send news.articles", "send news.enriched", "process news.articles"]
    assert len({span.context.trace_id for span in done.values()}) == 1
    process, begin = done["process news.articles"], done["send news.articles"]
    assert begin.parent is None
    assert process.parent is not None
    assert process.parent.span_id == begin.context.span_id
    onward = done["send news.enriched"].parent
    assert onward is not None
    assert onward.span_id == process.context.span_id
    assert dict(process.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "news.articles",
        "messaging.destination.partition.id": "2",
        "messaging.kafka.offset": 7,
        "messaging.consumer.group.name": "news.enrichment",
        "whosaid.article.id": "a1",
    }


@pytest.mark.parametrize(
    "headers", [None, [("traceparent", None)], [("traceparent", b"\xff\x00")], [("traceparent", b"00-0-0-01")]]
)
def test_headers_that_are_none_begin_a_trace(spans: InMemorySpanExporter, headers: Any) -> None:
    tracing.taken(record(headers, key=None), "g").end("TooLong")
    (span,) = spans.get_finished_spans()
    assert span.parent is None
    assert (span.attributes or {})["error.type"] == "TooLong"
    assert not span.status.is_ok


def test_an_address_without_a_path_gets_one() -> None:
    assert tracing.address("http://c:4318") == tracing.address("http://c:4318/") == "http://c:4318/v1/traces"
    assert tracing.address("https://c/otlp/v1/traces") == "https://c/otlp/v1/traces"


def test_a_collector_that_is_away_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_STOP", 0.1)
    tracing.start(ON, "sink")
    assert tracing.on()
    tracing.published("t", "a").end()
    began = time.monotonic()
    tracing.stop()
    assert time.monotonic() - began < 3
    assert not tracing.on()
    tracing.stop()
