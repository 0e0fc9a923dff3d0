"""Traces an article's way through the stages by OpenTelemetry, where WHOSAID_TRACING__ENDPOINT names a collector.

The trace travels in the event's Kafka headers, as `traceparent` of the W3C's Trace Context: publishing an article
begins a trace, enrichment and sink go on with it. Without a collector nothing is imported, begun or sent.

Names and attributes follow OpenTelemetry's semantic conventions 1.44 for messaging and Kafka, which are still in
development and may change. An article is named by its id alone, never by its address.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import SettingsError
from pipeline.settings import Settings

_log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, bytes | None]]
"""As a Kafka client hands them out."""

FIELDS = ("traceparent", "tracestate")
"""The headers that carry a trace."""

_STOP = 3.0  # seconds to send what is left when a part stops, and what was collected before
_PATH = "/v1/traces"  # of a collector that is named without a path

_provider: Any = None


class Step:
    """A span, or nothing where nothing is traced. To end it twice does no harm."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def headers(self, headers: Headers) -> list[tuple[str, bytes | None]]:
        """The headers with this step as what the next stage goes on from."""
        if self._span is None:
            return list(headers)
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, trace.set_span_in_context(self._span))
        kept = [(name, value) for name, value in headers if name not in FIELDS]
        return kept + [(name, value.encode()) for name, value in carrier.items()]

    def send(self, topic: str) -> "Step":
        """A step within this one: an event is sent to the topic."""
        return self._within(f"send {topic}", _sending(topic), "PRODUCER")

    def work(self, name: str) -> "Step":
        """A step within this one, which touches no topic."""
        return self._within(name, {}, "INTERNAL")

    def end(self, error: str = "", **attributes: str | int) -> None:
        """Ends the step; `error` is the class of what went wrong."""
        if self._span is None:
            return
        from opentelemetry.trace import Status, StatusCode

        for name, value in attributes.items():
            self._span.set_attribute(f"whosaid.{name}", value)
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        if self._span.is_recording():
            self._span.end()

    def _within(self, name: str, attributes: dict[str, Any], kind: str) -> "Step":
        if self._span is None:
            return self
        from opentelemetry import trace

        return Step(_begin(name, attributes, kind, trace.set_span_in_context(self._span)))


_NOTHING = Step()


def start(settings: Settings, part: str) -> None:
    """Traces from now on in this process, where the settings name a collector.

    Raises:
        SettingsError: OpenTelemetry is not installed.
    """
    global _provider
    given = settings.tracing
    if not given.endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as error:
        raise SettingsError(
            "WHOSAID_TRACING__ENDPOINT is set, but OpenTelemetry is not installed; install `whosaid[tracing]`, or "
            "unset it."
        ) from error
    about = {"service.name": f"whosaid-{part}", "service.version": metadata.version("whosaid")}
    _provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(given.ratio)), resource=Resource.create(about))
    # The flush at the end does not look at its limit, but waits for the exporter; so the exporter has that limit.
    exporter = OTLPSpanExporter(endpoint=address(given.endpoint), timeout=_STOP)
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    _log.info("Traces go to the collector.")


def stop() -> None:
    """Sends what is left, for a few seconds at the most, and traces nothing more."""
    global _provider
    if _provider is None:
        return
    provider, _provider = _provider, None
    with suppress(Exception):  # the collector's trouble is not ours
        provider.force_flush()
    with suppress(Exception):
        provider.shutdown()


def on() -> bool:
    """Whether this process traces."""
    return _provider is not None


def published(topic: str, article: str) -> Step:
    """Begins a trace: an article is sent to its topic."""
    if _provider is None:
        return _NOTHING
    return Step(_begin(f"send {topic}", _sending(topic) | {"whosaid.article.id": article}, "PRODUCER", None))


def taken(record: Any, group: str) -> Step:
    """Goes on with the trace in a record's headers, or begins one: a part processes the record."""
    if _provider is None:
        return _NOTHING
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {
        name: (value or b"").decode("ascii", "replace") for name, value in record.headers or () if name in FIELDS
    }
    attributes = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": record.topic,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
        "messaging.consumer.group.name": group,
        "whosaid.article.id": (record.key or b"").decode("utf-8", "replace")[:200],
    }
    context = TraceContextTextMapPropagator().extract(carrier)
    return Step(_begin(f"process {record.topic}", attributes, "CONSUMER", context))


def address(endpoint: str) -> str:
    """The whole address of a collector; one without a path gets the usual one."""
    return endpoint if urlsplit(endpoint).path not in ("", "/") else endpoint.rstrip("/") + _PATH


def _sending(topic: str) -> dict[str, Any]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
    }


def _begin(name: str, attributes: dict[str, Any], kind: str, context: Any) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind

    tracer = _provider.get_tracer("whosaid", metadata.version("whosaid")) if _provider is not None else None
    if tracer is None:
        return None
    return tracer.start_span(
        name, context=Context() if context is None else context, kind=SpanKind[kind], attributes=attributes
    )
