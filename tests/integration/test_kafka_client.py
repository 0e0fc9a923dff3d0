"""Joins groups on a real Kafka by polls that end before it has answered."""

import time

import pytest

from pipeline import kafka_client, topics
from pipeline.settings import Settings

pytestmark = pytest.mark.engines


def test_a_group_is_joined_however_short_the_polls_are(settings: Settings) -> None:
    topic = topics.enriched(settings)
    kafka_client.ensure_topics(settings, [topic])
    for number in range(5):  # without what `Consumer` does about it, three of four consumers never get a partition
        consumer = kafka_client.consumer(settings, topic.name, group_id=f"{topic.name}.{number}")
        until = time.monotonic() + 30
        while not consumer.assignment():
            consumer.poll(timeout_ms=0)
            assert time.monotonic() < until, "it was given no partition"
            time.sleep(0.002)
        assert len(consumer.assignment()) == topic.partitions
        consumer.close(autocommit=False)
