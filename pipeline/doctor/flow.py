"""Examines what flows: the parts that run, what waits for them, dead letters, sources, alerts, older engines' work."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.scheduling.elasticsearch_store import glance
from connectors.scheduling.overview import Overview, overview, states_of
from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.alerts.book import Account, Alerts
from pipeline.dead_letters import log
from pipeline.doctor.findings import Finding, fault, fine, warning
from pipeline.settings import Settings
from pipeline.text import ENGINE_VERSION

_SHOWN = 3  # failing sources, and failing receivers, that are named


@dataclass(frozen=True)
class Streams:
    """What Kafka knows of the flow: processes in the groups, events that wait for them, dead letters that wait."""

    workers: int
    sinks: int
    waiting_enrichment: int
    waiting_sink: int
    dead_letters: int
    strange_letters: int = 0
    """Records on the topic of dead letters that are none."""


def ask_kafka(settings: Settings) -> Streams:
    """Asks Kafka.

    Raises:
        BrokerUnavailable: it does not answer.
    """
    there = kafka_client.topic_names(settings)

    def waiting(group: str, topic: str) -> int:
        return kafka_client.lag(settings, group, topic).waiting if topic in there else 0

    letters = log.waiting(settings) if topics.deadletter(settings).name in there else log.Waiting(0, 0)
    return Streams(
        workers=len(kafka_client.members(settings, topics.enrichment_group(settings))),
        sinks=len(kafka_client.members(settings, topics.sink_group(settings))),
        waiting_enrichment=waiting(topics.enrichment_group(settings), topics.articles(settings).name),
        waiting_sink=waiting(topics.sink_group(settings), topics.enriched(settings).name),
        dead_letters=letters.letters,
        strange_letters=letters.strange,
    )


def judge_kafka(streams: Streams) -> Iterator[Finding]:
    """What is wrong with the flow."""
    for part, number, waiting in (
        ("enrich", streams.workers, streams.waiting_enrichment),
        ("sink", streams.sinks, streams.waiting_sink),
    ):
        if number:
            yield fine("parts", f"{number} of `whosaid {part}` run; {waiting:,} events wait for them.")
        elif waiting:
            yield fault(
                "parts", f"{waiting:,} events wait and no `whosaid {part}` runs.", f"Start it: `whosaid {part}`."
            )
        else:
            yield warning("parts", f"No `whosaid {part}` runs.", f"Start it: `whosaid {part}`.")
    if streams.dead_letters:
        yield warning(
            "dead letters",
            f"{streams.dead_letters:,} dead letters wait.",
            "`whosaid dlq stats` says why they failed; replay them once that is mended, or discard them.",
        )
    if streams.strange_letters:
        yield fine(
            "dead letters",
            f"{streams.strange_letters:,} records on their topic cannot be read as dead letters, and are passed over.",
        )


def ask_sources(settings: Settings) -> Iterator[Finding]:
    """What is wrong with the sources.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    states = asyncio.run(glance(settings))
    if states is None:
        yield warning("sources", "This user may not see the sources.", "Ask again as a user who may.")
        return
    now = datetime.now(UTC)
    longest = timedelta(seconds=settings.connectors.maximum_interval)
    lease = timedelta(seconds=2 * settings.connectors.lease)
    yield from judge_sources(overview(states, now), states_of(states, now, longest)["silent"], now, lease)


def judge_sources(there: Overview, silent: int, now: datetime, patience: timedelta) -> Iterator[Finding]:
    """What is wrong with these sources, of which `silent` were not read for days."""
    if not there.sources:
        yield fine("sources", "There are no sources; `whosaid source add` adds one.")
        return
    if there.abandoned(now, patience):
        yield fault("sources", f"No connector reads the {there.sources} sources.", "Start one: `whosaid connect`.")
    if silent:
        yield fault(
            "sources",
            f"{silent} of {there.sources} sources could not be read for days.",
            "`whosaid source list` shows them; correct their address, or pause them.",
        )
    if there.failing:
        named = "; ".join(f"{one.id}: {one.error.rstrip('.')}" for one in there.failing[:_SHOWN])
        more = f"; and {len(there.failing) - _SHOWN} more" if len(there.failing) > _SHOWN else ""
        yield warning(
            "sources",
            f"{len(there.failing)} of {there.sources} sources fail ({named}{more}).",
            "They are tried again, ever more rarely; `whosaid source test ID` tries one now.",
        )
    else:
        yield fine("sources", f"{there.sources} sources, none fails.")


def ask_alerts(settings: Settings) -> Iterator[Finding]:
    """What is wrong with alerts.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with elasticsearch_client.connect(settings, request_timeout=8) as client:
        account = Alerts(client, settings).account(datetime.now(UTC))
    if account is None:
        yield warning("alerts", "This user may not see the saved searches.", "Ask again as a user who may.")
        return
    yield from judge_alerts(account, len(kafka_client.members(settings, topics.alerts_group(settings))))


def judge_alerts(account: Account, processes: int) -> Iterator[Finding]:
    """What is wrong with saved searches and those who are told, while so many processes match them."""
    number = sum(account.searches.values())
    if not number:
        yield fine("alerts", "No search is saved.")
        return
    if not processes:
        yield fault(
            "alerts",
            f"{number} searches are saved, and nothing tells what they find.",
            "Start it: `whosaid alert run`.",
        )
    if account.failures:
        states = [(search.id, search.state(channel)) for search, channel in account.failures]
        states.sort(key=lambda one: one[1].paused is None)
        named = "; ".join(f"{id}: {str(state.paused or state.error).rstrip('.')}" for id, state in states[:_SHOWN])
        more = f"; and {len(states) - _SHOWN} more" if len(states) > _SHOWN else ""
        yield warning(
            "alerts",
            f"{len(states)} receivers of saved searches are not told ({named}{more}); {account.waiting:,} quotes wait.",
            "What fails is tried again; `whosaid alert resume ID` tries what is paused once the receiver is mended.",
        )
    elif processes:
        yield fine("alerts", f"{number} searches are saved, and told by {processes} of `whosaid alert run`.")


def ask_engines(settings: Settings) -> Iterator[Finding]:
    """How many articles an older quote engine has done.

    Raises:
        ClusterUnavailable: Elasticsearch does not answer.
    """
    with elasticsearch_client.connection(settings, request_timeout=8) as client:
        query = {"bool": {"must_not": {"term": {"model.engine": ENGINE_VERSION}}}}
        older = elasticsearch_client.count(client, settings.articles_alias, query, ignore_unavailable=True)
    if older:
        yield warning(
            "engines",
            f"{older:,} articles were enriched by another quote engine than {ENGINE_VERSION}, which this WhoSaid has.",
            f"`whosaid reenrich --where 'engine<{ENGINE_VERSION}'` finds in them what the newer one finds.",
        )
