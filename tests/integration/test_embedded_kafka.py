"""The embedded Kafka as it is run: real, alone, on data of its own."""

import pytest
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from pipeline import kafka_client, topics
from pipeline.embedded.engine import Extra
from pipeline.embedded.kafka import KafkaServer
from pipeline.errors import BrokerUnavailable, EngineError
from pipeline.settings import Settings
from tests.engines import Engines


def publish(settings: Settings, *values: bytes) -> None:
    kafka_client.ensure_topics(settings, [topics.articles(settings)])
    producer = kafka_client.producer(settings)
    try:
        for value in values:
            producer.send(topics.articles(settings).name, key=b"id", value=value).get(timeout=30)
    finally:
        producer.close()


def everything(settings: Settings, expected: int) -> list[bytes]:
    consumer = kafka_client.consumer(settings, topics.articles(settings).name, group_id="readers")
    found: list[bytes] = []
    try:
        for _ in range(60):
            for records in consumer.poll(timeout_ms=500).values():
                found.extend(record.value for record in records)
            if len(found) >= expected:
                break
        consumer.commit()
    finally:
        consumer.close()
    return found


def test_what_was_published_outlives_a_stop_and_a_kill(killable: Engines) -> None:
    kafka, settings = killable.kafka, killable.settings
    publish(settings, b"first", b"x" * 5_000_000)
    assert [len(value) for value in everything(settings, 2)] == [5, 5_000_000]
    kafka.stop()
    with pytest.raises(BrokerUnavailable):
        kafka_client.admin(settings)
    kafka.start()
    publish(settings, b"second")
    assert everything(settings, 1) == [b"second"]  # the group's place was kept as well
    kafka.kill()
    lines: list[str] = []
    kafka.start(lines.append)
    publish(settings, b"third")
    assert everything(settings, 1) == [b"third"]
    assert kafka_client.size(settings, topics.articles(settings).name) == 4
    assert not [line for line in lines if "storage" in line]  # formatted once, at the first start


def test_storage_has_the_form_of_the_first_release(settings: Settings) -> None:
    client = kafka_client.admin(settings)
    try:
        features = client.describe_features()
    finally:
        client.close()
    assert features["metadata.version"]["finalized"] == (27, 27), "that of Kafka 4.1, to which one can go back"


def test_a_topic_is_not_made_by_naming_it(settings: Settings) -> None:
    name = f"{settings.kafka.prefix}never-made"
    producer = kafka_client.producer(settings, max_block_ms=3000)
    try:
        with pytest.raises((KafkaError, UnknownTopicOrPartitionError)):
            producer.send(name, value=b"x").get(timeout=10)
    finally:
        producer.close()
    admin = kafka_client.admin(settings)
    try:
        assert name not in admin.list_topics()
    finally:
        admin.close()


def test_a_configuration_that_it_refuses_is_told_in_its_words(engine_settings: Settings) -> None:
    server = KafkaServer(engine_settings, extra=Extra(settings={"log.segment.bytes": "many"}))
    with pytest.raises(EngineError, match=r"Kafka.* log.segment.bytes.*Its log: .*kafka\.log"):
        server.start()
    assert not server.is_running
