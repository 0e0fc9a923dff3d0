"""Publishes articles that the topic still holds again, so that one taken down by mistake comes back."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from kafka.errors import KafkaError

from pipeline import kafka_client, topics
from pipeline.dead_letters import dead_letter
from pipeline.errors import BrokerUnavailable
from pipeline.settings import Settings
from pipeline.topic_reader import Progress, TopicReader


def publish_again(
    settings: Settings,
    articles: Collection[str],
    *,
    since: datetime | None = None,
    progress: Progress = lambda *_: None,
) -> set[str]:
    """Publishes the newest event of each article again, as it came; the ids of those that the topic still holds.

    `since` is a time before which no connector read any of them.

    Raises:
        BrokerUnavailable: Kafka does not answer. Publishing them once more changes nothing.
    """
    kafka_client.ensure_topics(settings, topics.all_topics(settings))
    topic = topics.articles(settings).name
    try:
        newest = _newest_records(settings, topic, set(articles), since, progress)
        producer = kafka_client.producer(settings, linger_ms=0, enable_idempotence=False)
        try:
            for record in newest.values():
                headers = dead_letter.plain_headers(record.headers or ())
                sent = producer.send(topic, key=record.key, value=record.value, headers=headers)
                sent.get(timeout=settings.kafka.request_timeout)
        finally:
            producer.close(timeout=10)
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka does not take the articles again: {error}") from error
    return set(newest)


def _newest_records(
    settings: Settings, topic: str, articles: set[str], since: datetime | None, progress: Progress
) -> dict[str, Any]:
    """The last record with a value of each article."""
    ids = {id.encode(): id for id in articles}
    with TopicReader(settings, topic) as reader:
        return {
            ids[record.key]: record
            for record in reader.records(since=since, progress=progress)
            if record.key in ids and record.value
        }
