"""Counts and times what the parts do, for Prometheus.

Every metric of WhoSaid is defined here and nowhere else: what dashboards and alert rules may ask for. No metric has an
address, a name or an id as a label, so that their number stays small and nobody reads in them what is read.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The type of `exposition`."""

_STAGE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LATENCY_SECONDS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 6 * 3600, 86_400, 7 * 86_400)
_ARTICLES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_BYTES = tuple(4.0**power for power in range(5, 14))  # 1 KiB to 64 MiB

INFO = Gauge("whosaid_info", "1; its label is the version that runs.", ["version"])

# What connect and push do.
POLLS = Counter("whosaid_polls", "Polls of sources that ended, by kind of source and outcome (ok, failed).",
                ["kind", "outcome"])  # fmt: skip
POLL_SECONDS = Histogram("whosaid_poll_seconds", "How long polls take, with all pages and publishing.",
                         ["kind"], buckets=_STAGE_SECONDS)  # fmt: skip
REQUESTS = Counter("whosaid_requests", "Requests to the web, by the class of the answer's status (2xx …, none).",
                   ["status"])  # fmt: skip
RECEIVED_BYTES = Counter("whosaid_received_bytes", "Bytes of answers from the web, as they came.")
FETCHED = Counter("whosaid_fetched_articles", "Articles read from sources, by kind; `push` is what was pushed.",
                  ["kind"])  # fmt: skip
PUBLISHED = Counter("whosaid_published_articles", "Articles that Kafka has acknowledged.")
PUBLISHED_BYTES = Counter("whosaid_published_bytes", "Bytes of articles that were sent to Kafka, uncompressed.")
REFUSED = Counter("whosaid_refused_articles", "Articles that Kafka refused as too large.")
SOURCES = Gauge("whosaid_sources", "Sources by state: reading, failing, paused, silent (not read for days).",
                ["state"])  # fmt: skip
PUSHES = Counter("whosaid_pushes", "Requests to the push endpoint, by the class of the answer's status.",
                 ["status"])  # fmt: skip

# What enrich and sink do.
BATCH_ARTICLES = Histogram("whosaid_batch_articles", "Articles in a batch.", ["stage"], buckets=_ARTICLES)
BATCH_BYTES = Histogram("whosaid_batch_bytes", "Bytes of the events in a batch.", ["stage"], buckets=_BYTES)
STAGE_SECONDS = Histogram("whosaid_stage_seconds", "How long a step of a stage takes: enrich's wait, analyse (of a "
                          "batch) and publish; sink's write (of a batch) and commit; resolve's write; alert's match "
                          "(of a batch).",
                          ["stage", "step"], buckets=_STAGE_SECONDS)  # fmt: skip
ENRICHED = Counter("whosaid_enriched_articles", "Articles that were enriched and published.")
COPIED = Counter("whosaid_copied_analyses", "Articles of these whose text had been analysed before, so that it was not "
                 "analysed again.")  # fmt: skip
DEAD_LETTERS = Counter("whosaid_dead_letters", "Events that became dead letters.", ["stage"])
LAG = Gauge("whosaid_lag_events", "Events that wait on the partitions that this process reads, as of the last look.",
            ["stage"])  # fmt: skip
IN_HAND = Gauge("whosaid_in_hand_events", "Events that a worker has taken and not yet done.")
SPACY_PROCESSES = Gauge("whosaid_spacy_processes", "spaCy processes of this worker that live.")
SPACY_RESTARTS = Counter("whosaid_spacy_restarts", "spaCy processes that ended or were replaced.")
INDEXED = Counter("whosaid_indexed_articles", "Articles that the sink is done with: written, stale (a newer one is "
                  "there) or taken_down.", ["outcome"])  # fmt: skip
QUOTES = Counter("whosaid_indexed_quotes", "Quotes of the articles that were written, by type.", ["type"])
BACKPRESSURE = Counter("whosaid_backpressure", "Times that the sink paused as Elasticsearch or Kafka took no more.")
SINCE_PUBLICATION = Histogram(
    "whosaid_publication_to_searchable_seconds",
    "From an article's publication to when searches find it, at its first writing.", buckets=_LATENCY_SECONDS,
)  # fmt: skip
SINCE_FETCH = Histogram(
    "whosaid_fetch_to_searchable_seconds",
    "From the fetch of an article to when searches find it, at its first writing.", buckets=_LATENCY_SECONDS,
)  # fmt: skip

# What resolve does.
NAMES = Counter("whosaid_resolved_names", "Names in articles, by outcome: linked to an entity, or left open.",
                ["outcome"])  # fmt: skip
ENTITIES = Counter("whosaid_new_entities", "Entities that were made, as no known one had the name.")

# What alert does.
ALERT_QUOTES = Counter("whosaid_alert_quotes", "Quotes that saved searches found, by channel (webhook, email) and "
                       "outcome: sent, or gone (no longer there when they were to be sent).",
                       ["kind", "outcome"])  # fmt: skip
ALERT_MESSAGES = Counter("whosaid_alert_messages", "Tries to send a message, by channel and outcome (sent, failed).",
                         ["kind", "outcome"])  # fmt: skip
ALERT_SECONDS = Histogram("whosaid_alert_seconds", "From Kafka's receipt of an enriched article to the receiver's "
                          "acceptance of its quote, by channel.",
                          ["kind"], buckets=_STAGE_SECONDS)  # fmt: skip
ALERT_WAITING = Gauge("whosaid_alert_waiting_quotes", "Quotes that wait to be sent, as of the last look of the process "
                      "that sends.")  # fmt: skip
ALERT_AGE = Gauge("whosaid_alert_waiting_seconds", "How long the oldest quote has waited that may be sent now; what "
                  "waits for a receiver that fails or is paused is left out.")  # fmt: skip
ALERT_SEARCHES = Gauge("whosaid_alert_searches", "Saved searches by state (on, failing, paused, off), as of the last "
                       "look of the process that sends.", ["state"])  # fmt: skip

# What serve and up do.
SEARCHES = Counter("whosaid_http_requests", "Requests to the search service, by route and class of status.",
                   ["route", "status"])  # fmt: skip
SEARCH_SECONDS = Histogram("whosaid_http_request_seconds", "How long requests to the search service take, by route.",
                           ["route"], buckets=_HTTP_SECONDS)  # fmt: skip
RESTARTS = Counter("whosaid_restarts", "Parts and engines that died under `whosaid up`, by name.", ["name"])


@dataclass(frozen=True)
class Metric:
    """A metric as people look it up: the name as Prometheus has it, its type, its labels, what it tells."""

    name: str
    type: str
    labels: tuple[str, ...]
    description: str


def reference() -> list[Metric]:
    """Every metric of ours, in the order of this file."""
    defined = [value for value in globals().values() if isinstance(value, MetricWrapperBase)]
    return [
        Metric(
            name=metric._name + ("_total" if metric._type == "counter" else ""),
            type=str(metric._type),
            labels=tuple(metric._labelnames),
            description=metric._documentation,
        )
        for metric in defined
    ]


def exposition() -> bytes:
    """All metrics of this process, in Prometheus's text format."""
    INFO.labels(version=metadata.version("whosaid")).set(1)
    return generate_latest(REGISTRY)


@contextmanager
def timed(stage: str, step: str) -> Iterator[None]:
    """Observes how long the block takes as a step of the stage, also where it fails."""
    begin = time.perf_counter()
    try:
        yield
    finally:
        took(stage, step, time.perf_counter() - begin)


def took(stage: str, step: str, seconds: float) -> None:
    """Observes how long a step of the stage took."""
    STAGE_SECONDS.labels(stage=stage, step=step).observe(seconds)


def batch(stage: str, articles: int, size: int) -> None:
    """Notes a batch of so many articles, with `size` bytes."""
    BATCH_ARTICLES.labels(stage=stage).observe(articles)
    BATCH_BYTES.labels(stage=stage).observe(size)


def searchable(now: datetime, *, published: datetime | None, fetched: datetime) -> None:
    """Notes that searches find an article that was written for the first time.

    A time that is still to come, by a clock that runs ahead, counts as now.
    """
    for histogram, since in ((SINCE_PUBLICATION, published), (SINCE_FETCH, fetched)):
        if since is not None:
            histogram.observe(max(0.0, (now - since).total_seconds()))


def status_class(status: int) -> str:
    """The class of an HTTP status: `2xx` of 204."""
    return f"{status // 100}xx" if 100 <= status < 600 else "none"


def start_alerts_at_zero(kinds: Iterable[str], states: Iterable[str]) -> None:
    """Shows the counters of alerts from the start, as `start_at_zero` does."""
    LAG.labels(stage="alert").set(0)
    no_alerts(states)
    for kind in kinds:
        for outcome in ("sent", "gone"):
            ALERT_QUOTES.labels(kind=kind, outcome=outcome)
        for outcome in ("sent", "failed"):
            ALERT_MESSAGES.labels(kind=kind, outcome=outcome)
        ALERT_SECONDS.labels(kind=kind)


def no_alerts(states: Iterable[str]) -> None:
    """Nothing waits in this process, as another one sends."""
    ALERT_WAITING.set(0)
    ALERT_AGE.set(0)
    for state in states:
        ALERT_SEARCHES.labels(state=state).set(0)


def start_at_zero(stage: str) -> None:
    """Shows a stage's counters from the start: an alert on growth misses a first count that comes out of nowhere."""
    DEAD_LETTERS.labels(stage=stage)
    LAG.labels(stage=stage).set(0)
