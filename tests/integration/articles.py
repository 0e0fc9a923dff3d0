"""Articles for tests, and what a topic holds of them."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from kafka import TopicPartition

from pipeline import identity, kafka_client, topics
from pipeline.dead_letters import dead_letter
from pipeline.models import Article, DeadLetter, Enriched, Source
from pipeline.settings import Settings

SPEAKERS = ("Ada Lovelace", "Ilse Brandt", "Tomas Reil", "Marie Curie", "Niels Bohr", "Rosa Parks", "Joan Clarke")
TIME = datetime(2025, 3, 12, 9, tzinfo=UTC)


def article(number: int, body: str | None = None, **changes: Any) -> Article:
    """A short article of its own: one quote, one speaker."""
    speaker = SPEAKERS[number % len(SPEAKERS)]
    text = (
        f"“The bridge number {number} will open in May,” {speaker} said in London on Tuesday.\n\nNobody was surprised."
    )
    url = f"https://news.example/{number}"
    body = text if body is None else body
    fields = {
        "id": identity.article_id(url),
        "url": url,
        "canonical_url": url,
        "source": Source(id="news.example", name="News"),
        "headline": f"Bridge {number}",
        "body": body,
        "published": TIME,
        "fetched": TIME,
        "language": "en",
        "revision": identity.revision(None, TIME),
        "content_hash": identity.content_hash(f"Bridge {number}", body),
    }
    return Article.model_validate(fields | changes)


def publish(settings: Settings, articles: Iterable[Article], **options: Any) -> None:
    """Sends articles as a connector does; returns when the broker has them."""
    send(settings, [(one.id.encode(), one.model_dump_json().encode(), []) for one in articles], **options)


def send(
    settings: Settings,
    events: Iterable[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]],
    partition: int | None = None,
    **options: Any,
) -> None:
    """Sends raw events (key, value, headers) to the articles' topic."""
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    producer = kafka_client.producer(settings, **options)
    name = topics.articles(settings).name
    try:
        sent = [
            producer.send(name, key=key, value=value, headers=headers, partition=partition)
            for key, value, headers in events
        ]
        producer.flush(60)
        for one in sent:
            one.get(60)
    finally:
        producer.close()


def records(settings: Settings, topic: str) -> Iterator[Any]:
    """All that a topic holds now, by partition and offset."""
    client = kafka_client.consumer(settings)
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(client.partitions_for_topic(topic) or ())]
        client.assign(partitions)
        client.seek_to_beginning(*partitions)
        ends = client.end_offsets(partitions)
        found = []
        deadline = time.monotonic() + 60
        while any(client.position(one) < ends[one] for one in partitions):
            assert time.monotonic() < deadline, "the topic could not be read to its end"
            for batch in client.poll(timeout_ms=200).values():
                found.extend(batch)
    finally:
        client.close()
    yield from sorted(found, key=lambda record: (record.partition, record.offset))


def enriched(settings: Settings) -> list[Enriched]:
    """What the enriched topic holds."""
    return [Enriched.model_validate_json(record.value) for record in records(settings, topics.enriched(settings).name)]


def dead(settings: Settings) -> list[DeadLetter]:
    """What the dead-letter topic holds."""
    return [
        dead_letter.from_record(record.key, record.value, record.headers)
        for record in records(settings, topics.deadletter(settings).name)
    ]


def waiting(settings: Settings) -> int:
    """Articles that the enrichment has not committed yet."""
    return kafka_client.lag(settings, topics.enrichment_group(settings), topics.articles(settings).name).waiting
