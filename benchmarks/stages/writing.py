"""Writes enriched events to Elasticsearch in stages: with our sink, and by raw bulk requests of the same documents."""

import json
import random
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from elasticsearch.helpers import streaming_bulk
from kafka import TopicPartition

from benchmarks.measure import Turn, family
from benchmarks.stages.processes import Engines, start_part, stop_part, wait
from benchmarks.stages.stage import EventStage
from pipeline import elasticsearch_client, identity, kafka_client, topics
from pipeline.models import Enriched
from pipeline.settings import Settings
from pipeline.sink import documents, indices
from pipeline.text.fingerprint import fingerprint


class Sink(EventStage):
    """(d) Our sink: enriched events from their topic into Elasticsearch, until their offsets are committed."""

    title = "our sink"

    def __init__(self, engines: Engines, folder: Path, name: str = "sink") -> None:
        super().__init__()
        self.settings = engines.named(name)
        self._engines = engines
        kafka_client.ensure_topics(self.settings, topics.all_topics(self.settings))
        self._part = start_part(self.settings, "sink", folder)
        wait(lambda: bool(kafka_client.members(self.settings, topics.sink_group(self.settings))), 0.5)
        self._producer = kafka_client.producer(self.settings, linger_ms=50)
        self._watcher = kafka_client.consumer(self.settings, group_id=topics.sink_group(self.settings))
        self.written = 0

    def processes(self) -> dict[str, list[psutil.Process]]:
        """As `Stage.processes`."""
        return {"client": family([self._part.pid]), "elasticsearch": self._engines.processes()["elasticsearch"]}

    def write(self, events: Sequence[Enriched], until: Callable[[], object] = lambda: None) -> Turn:
        """Lets the sink write the events; the turn ends with `until`, which waits for what they leave behind.

        The events are on their topic before the turn begins, as raw bulk's documents are made before: the sink stands
        still while they are sent.
        """
        values = [(event.article.id.encode(), event.model_dump_json().encode()) for event in events]
        topic = topics.enriched(self.settings)
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]

        def work() -> None:
            self._part.send_signal(signal.SIGCONT)
            wait(lambda: sum(self._watcher.committed(place) or 0 for place in places) >= self.written + len(values))
            until()

        self._part.send_signal(signal.SIGSTOP)
        for key, value in values:
            self._producer.send(topic.name, key=key, value=value)
        self._producer.flush()
        turn = self.timed(len(events), work)
        self.written += len(events)
        return turn

    def close(self) -> None:
        """As `Stage.close`."""
        self._producer.close()
        self._watcher.close()
        stop_part(self._part)


class RawBulk(EventStage):
    """(d) The client library's `streaming_bulk` of the same documents, made before, into indices of the same kind."""

    title = "raw streaming_bulk"

    def __init__(self, engines: Engines) -> None:
        super().__init__()
        self.settings = engines.named("raw")
        self._engines = engines
        self._client = elasticsearch_client.connect(self.settings)
        self._indices = indices.prepare(self._client, self.settings)

    def processes(self) -> dict[str, list[psutil.Process]]:
        """As `Stage.processes`."""
        return {"elasticsearch": self._engines.processes()["elasticsearch"]}

    def write(self, events: Sequence[Enriched]) -> Turn:
        """Writes the events' documents."""
        now = datetime.now(UTC)
        actions = list(_actions(self.settings, events, now))
        self._indices.ensure({_month(self.settings, event, now) for event in events})

        def work() -> None:
            for ok, answer in streaming_bulk(self._client, actions):
                assert ok, answer

        return self.timed(len(events), work, own="client")

    def close(self) -> None:
        """As `Stage.close`."""
        self._client.close()


def clones(events: Sequence[Enriched], count: int, name: str) -> list[Enriched]:
    """So many events with ids of their own, each of another text as far as a fingerprint tells."""
    rng, made = random.Random(name), []
    for number in range(count):
        event = events[number % len(events)]
        id = identity.digest(name, str(number))
        words = event.article.body.split()
        rng.shuffle(words)
        url = f"https://bench.example/{name}/{number}"
        quotes = [
            quote.model_copy(update={"id": identity.quote_id(id, quote.text, quote.segments)}) for quote in event.quotes
        ]
        article = event.article.model_copy(update={"id": id, "url": url, "canonical_url": url})
        changes = {"article": article, "quotes": quotes, "fingerprint": fingerprint(" ".join(words))}
        made.append(event.model_copy(update=changes))
    return made


def _month(settings: Settings, event: Enriched, now: datetime) -> str:
    return indices.month(event.article, now=now, months=settings.sink.months)


def _actions(settings: Settings, events: Iterable[Enriched], now: datetime) -> Iterator[dict[str, Any]]:
    for event in events:
        month = _month(settings, event, now)
        made = (("articles", [documents.article(event, indexed=now)]), ("quotes", documents.quotes(event, indexed=now)))
        for kind, some in made:
            index = indices.name(settings, kind, month)
            yield from ({"_index": index, "_id": one.id, "_source": json.loads(one.json)} for one in some)
