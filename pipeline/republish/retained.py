"""Articles that the topic still has, published again: how one that was taken down by mistake comes back."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline import dead_letter, kafka_client, topics
from pipeline.errors import BrokerUnavailable
from pipeline.settings import Settings

_POLL = 500  # milliseconds
_PATIENCE = 60  # polls in a row without a record, while there are some
_CLOCK_SKEW = timedelta(days=1)

Progress = Callable[[int, int], None]
"""Told how many of how many records are read."""


def publish_again(
    settings: Settings,
    articles: Collection[str],
    *,
    since: datetime | None = None,
    progress: Progress = lambda *_: None,
) -> set[str]:
    """Publishes the newest event of each article again, as it came; the ids of those that the topic still has.

    `since` is a time before which none of them was read by a connector.

    Raises:
        BrokerUnavailable: Kafka does not answer. Doing it again changes nothing.
    """
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    try:
        found = _newest(settings, set(articles), since, progress)
        producer = kafka_client.producer(settings, linger_ms=0, enable_idempotence=False)
        try:
            for record in found.values():
                headers = dead_letter.plain_headers(record.headers or ())
                sent = producer.send(
                    topics.articles(settings).name, key=record.key, value=record.value, headers=headers
                )
                sent.get(timeout=settings.kafka.request_timeout)
        finally:
            producer.close(timeout=10)
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka does not give the articles out again: {error}") from error
    return set(found)


def _newest(settings: Settings, articles: set[str], since: datetime | None, progress: Progress) -> dict[str, Any]:
    """By article the last record of it that has a value."""
    topic = topics.articles(settings).name
    keys = {id.encode(): id for id in articles}
    found: dict[str, Any] = {}
    consumer = kafka_client.consumer(settings)
    try:
        partitions = [TopicPartition(topic, one) for one in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        first, last = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        if since is not None and partitions:
            at = int((since - _CLOCK_SKEW).timestamp() * 1000)
            for one, place in consumer.offsets_for_times(dict.fromkeys(partitions, max(0, at))).items():
                first[one] = place.offset if place is not None else last[one]
        for one in partitions:
            consumer.seek(one, first[one])
        total, read, silent = sum(last[one] - first[one] for one in partitions), 0, 0
        while any(consumer.position(one) < last[one] for one in partitions):
            polled = consumer.poll(timeout_ms=_POLL)
            silent = 0 if polled else silent + 1
            if silent > _PATIENCE:
                raise BrokerUnavailable(f"Kafka does not give what is on {topic}; try again.")
            for records in polled.values():
                for record in records:
                    read += 1
                    if record.key in keys and record.value:
                        found[keys[record.key]] = record
            progress(read, total)
        return found
    finally:
        consumer.close()
