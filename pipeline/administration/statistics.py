"""Serves the page of statistics: what waits, how fast it goes, how long articles and alerts take, how many copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pipeline import kafka_client, topics
from pipeline.alerts.book import Account, Alerts
from pipeline.dead_letters import log
from pipeline.errors import BrokerUnavailable
from pipeline.search import analyses, charts, permissions, rendering
from pipeline.search.kept import kept
from pipeline.search.reader import Reader
from pipeline.search.results import Writing
from pipeline.settings import Settings

PATH = "/statistics"

_FRESH = 5.0  # seconds that what Kafka said is kept for the next reader
_REQUEST = 5.0  # seconds for each request to Kafka
_HOURS = 24


@dataclass(frozen=True)
class Part:
    """A part that reads a topic: the events that wait for it, and how many processes of it run."""

    name: str
    does: str
    waiting: int
    processes: int


@dataclass(frozen=True)
class Flow:
    """What Kafka knows: of each part, and how many dead letters wait; None where Kafka does not answer."""

    parts: Sequence[Part]
    dead_letters: log.Waiting


@dataclass(frozen=True)
class Delay:
    """Seconds that a step took, of the articles written last: of half of them less than `median`, and so on."""

    step: str
    median: float
    p95: float
    longest: float


@dataclass(frozen=True)
class Telling:
    """How alerts fare; `failure` says what is wrong with one of the channels that fail."""

    account: Account
    delays: Sequence[Delay]
    failing: int
    failure: str | None


def router(reader: Reader, settings: Settings) -> APIRouter:
    """The route of the page."""
    routes = APIRouter(include_in_schema=False)
    flow = kept(_FRESH, lambda: _ask(settings))
    alerts = Alerts(reader.client, settings)
    account = kept(_FRESH, lambda: alerts.account(datetime.now(UTC) - timedelta(hours=_HOURS)))

    @routes.get(PATH)
    def statistics(request: Request) -> Response:
        writing = reader.writing(datetime.now(UTC) - timedelta(hours=_HOURS))
        context = {
            "flow": flow(),
            "stats": analyses.statistics(reader),
            "writing": writing,
            "chart": charts.hours(writing.hours),
            "delays": delays(writing),
            "telling": telling(account(), admin=permissions.is_admin(request)),
            "hours": _HOURS,
        }
        return rendering.page("statistics.html", context)

    return routes


def delays(writing: Writing) -> list[Delay]:
    """How long the steps of the articles written last took."""
    steps: list[tuple[str, Sequence[float]]] = [
        ("From fetched to analysed", [one.enriched - one.fetched for one in writing.latest]),
        ("From analysed to written", [one.indexed - one.enriched for one in writing.latest]),
        ("From fetched to written", [one.indexed - one.fetched for one in writing.latest]),
    ]
    return [_delay(name, seconds) for name, seconds in steps if seconds]


def telling(account: Account | None, *, admin: bool) -> Telling | None:
    """How alerts fare; None where nobody may know. What a receiver answered is for administrators alone."""
    if account is None:
        return None
    delays = [_delay("From Kafka to the receiver", account.seconds)] if account.seconds else []
    return Telling(account, delays, len(account.failures), _failure(account) if admin else None)


def _failure(account: Account) -> str | None:
    """What is wrong with a channel, in words; one that is paused comes first."""
    for search, channel in sorted(account.failures, key=lambda one: one[0].state(one[1]).paused is None):
        state = search.state(channel)
        return f"{search.name}: {state.paused or state.error}"
    return None


def _delay(name: str, seconds: Sequence[float]) -> Delay:
    return Delay(name, _share(seconds, 0.5), _share(seconds, 0.95), max(0.0, max(seconds)))


def _share(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed; clocks of two machines may differ, so at least 0."""
    return max(0.0, sorted(values)[min(len(values) - 1, int(len(values) * share))])


def _ask(settings: Settings) -> Flow | None:
    kafka = settings.kafka.model_copy(update={"request_timeout": min(_REQUEST, settings.kafka.request_timeout)})
    settings = settings.model_copy(update={"kafka": kafka})
    enriched = topics.enriched(settings).name
    asked = [
        ("enrich", "finds entities and quotes", topics.enrichment_group(settings), topics.articles(settings).name),
        ("sink", "writes to Elasticsearch", topics.sink_group(settings), enriched),
        ("resolve", "decides who is who", topics.resolution_group(settings), enriched),
        ("alert", "tells what saved searches find", topics.alerts_group(settings), enriched),
    ]
    try:
        parts = [
            Part(
                name, does, kafka_client.lag(settings, group, topic).waiting, len(kafka_client.members(settings, group))
            )
            for name, does, group, topic in asked
        ]
        return Flow(parts, log.waiting(settings))
    except BrokerUnavailable:
        return None
