"""Sinks to test with: started in a thread or as a process, fed through Kafka, looked at through Elasticsearch."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from elasticsearch import Elasticsearch
from kafka import TopicPartition

from pipeline import elasticsearch_client, kafka_client, topics
from pipeline.dead_letters import dead_letter
from pipeline.models import DeadLetter, Enriched
from pipeline.settings import Settings, environment
from pipeline.sink import indices
from pipeline.sink.consumer import Sink


def impatient(settings: Settings, **sink: Any) -> Settings:
    """Small batches and short waits, so that a test sees many of both."""
    fast = {"batch_articles": 10, "batch_wait": 0.05, "backoff_initial": 0.1, "backoff_maximum": 1.0}
    return settings.model_copy(update={"sink": settings.sink.model_copy(update=fast | sink)})


def wait_until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Returns as soon as it is true; fails after so many seconds."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"after {seconds} s still not: {what}"
        time.sleep(0.1)


def publish(settings: Settings, values: Iterable[Enriched | tuple[bytes | None, bytes | None]]) -> int:
    """Puts events on the enriched topic, acknowledged; the number of them. Keys as the pipeline sets them."""
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    producer = kafka_client.producer(settings)
    sent = []
    for value in values:
        key, data = (
            (value.article.id.encode(), value.model_dump_json().encode()) if isinstance(value, Enriched) else value
        )
        sent.append(producer.send(topics.enriched(settings).name, key=key, value=data))
    producer.flush(timeout=60)
    for future in sent:
        future.get(timeout=60)
    producer.close()
    return len(sent)


def drop_month(client: Elasticsearch, settings: Settings, month: str) -> None:
    """Deletes the two indices of a month, as somebody may who keeps news for some months only."""
    for kind in indices.KINDS:
        client.indices.delete(index=indices.name(settings, kind, month))


@contextmanager
def running(settings: Settings) -> Iterator[Sink]:
    """A sink in a thread that has its partitions; stopped at the end, and what it raised is raised."""
    with in_thread(Sink(settings)) as sink:
        yield sink


class InThread(Protocol):
    """A part that runs in a thread."""

    ready: threading.Event

    def run(self) -> None: ...

    def stop(self) -> None: ...


P = TypeVar("P", bound=InThread)


@contextmanager
def in_thread(part: P) -> Iterator[P]:
    """The part, running in a thread, once it is ready; stopped at the end, and what it raised is raised."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            part.run()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(lambda: part.ready.is_set() or bool(failed), f"the {type(part).__name__} is ready")
        yield part
    finally:
        part.stop()
        thread.join(60)
        assert not thread.is_alive(), f"the {type(part).__name__} did not stop"
        if failed:
            raise failed[0]


@contextmanager
def process(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A sink in a process of its own, killed at the end if it still runs."""
    code = "from pipeline.settings import load; from pipeline.sink import consumer; consumer.run(load())"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WHOSAID_")}
    with log.open("ab") as output:
        started = subprocess.Popen(
            [sys.executable, "-c", code], env=environ | environment(settings), stdout=output, stderr=output
        )
    try:
        yield started
    finally:
        started.kill()
        started.wait(10)


def caught_up(settings: Settings) -> bool:
    """Whether every event on the enriched topic is committed."""
    lag = kafka_client.lag(settings, topics.sink_group(settings), topics.enriched(settings).name)
    return lag.waiting == 0


def drained(settings: Settings, seconds: float = 60) -> None:
    """Waits until the sink has committed everything."""
    wait_until(lambda: caught_up(settings), "all events are committed", seconds)


def documents(settings: Settings, alias: str) -> list[dict[str, Any]]:
    """Sources of all documents behind the alias, in no order, however often each is there."""
    found: list[dict[str, Any]] = []
    with elasticsearch_client.connect(settings) as client:
        client.indices.refresh(index=alias)
        after = None
        while True:
            hits = client.search(index=alias, size=2000, sort=[{"id": "asc"}, {"_index": "asc"}], search_after=after)
            page = hits["hits"]["hits"]
            found += [hit["_source"] for hit in page]
            if len(page) < 2000:
                return found
            after = page[-1]["sort"]


def articles(settings: Settings) -> list[str]:
    """Ids of all articles in the index, sorted."""
    return sorted(one["id"] for one in documents(settings, settings.articles_alias))


def said(settings: Settings) -> list[str]:
    """Words of all quotes in the index, sorted."""
    return sorted(one["said"] for one in documents(settings, settings.quotes_alias))


def letters(settings: Settings) -> list[DeadLetter]:
    """All dead letters, in the order of the partitions."""
    topic = topics.deadletter(settings).name
    consumer = kafka_client.consumer(settings)
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[DeadLetter] = []
        while any(consumer.position(one) < ends[one] for one in partitions):
            for records in consumer.poll(timeout_ms=500).values():
                found += [dead_letter.from_record(one.key, one.value, one.headers) for one in records]
        return found
    finally:
        consumer.close()
