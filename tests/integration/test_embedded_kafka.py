"""The embedded Kafka as it is run: real, alone, on data of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from pipeline import kafka_client, topics
from pipeline.embedded.engine import Extra
from pipeline.embedded.kafka import KafkaServer
from pipeline.errors import BrokerUnavailable, EngineError
from pipeline.settings import KafkaSettings, Settings

from .conftest import embedded_settings


@pytest.fixture
def odd_settings(data_dir: Path) -> Settings:
    """A data folder with everything in its name that has ever broken a path."""
    return embedded_settings(data_dir / "data, of Zoë's; (x)=1 #2")


@pytest.fixture
def kafka(odd_settings: Settings) -> Iterator[KafkaServer]:
    server = KafkaServer(odd_settings)
    server.start()
    yield server
    server.stop()


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


def test_what_was_published_is_there_after_a_stop_and_after_a_kill(odd_settings: Settings, kafka: KafkaServer) -> None:
    publish(odd_settings, b"first", b"x" * 5_000_000)
    assert [len(value) for value in everything(odd_settings, 2)] == [5, 5_000_000]
    kafka.stop()
    with pytest.raises(BrokerUnavailable):
        kafka_client.admin(odd_settings)
    kafka.start()
    publish(odd_settings, b"second")
    assert everything(odd_settings, 1) == [b"second"]  # the group's place was kept as well
    kafka.kill()
    lines: list[str] = []
    kafka.start(lines.append)
    publish(odd_settings, b"third")
    assert everything(odd_settings, 1) == [b"third"]
    assert kafka_client.size(odd_settings, topics.articles(odd_settings).name) == 4
    assert not [line for line in lines if "storage" in line]  # formatted once, at the first start


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


def test_a_configuration_that_kafka_refuses_is_told_in_its_own_words(engine_settings: Settings) -> None:
    server = KafkaServer(engine_settings, extra=Extra(settings={"log.segment.bytes": "many"}))
    with pytest.raises(EngineError, match=r"Kafka.* log.segment.bytes.*Its log: .*kafka\.log"):
        server.start()
    assert not server.is_running


JAAS = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="whosaid" password="right" user_whosaid="right";'
)


def test_it_can_be_started_with_a_login_for_tests_of_that(engine_settings: Settings) -> None:
    address = f"127.0.0.1:{engine_settings.embedded.kafka_port}"
    controller = f"127.0.0.1:{engine_settings.embedded.kafka_controller_port}"
    extra = Extra(
        settings={
            "listeners": f"SASL_PLAINTEXT://{address},CONTROLLER://{controller}",
            "advertised.listeners": f"SASL_PLAINTEXT://{address}",
            "listener.security.protocol.map": "SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "SASL_PLAINTEXT",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": JAAS,
        }
    )

    def client(password: str) -> Settings:
        kafka = KafkaSettings.model_validate(
            {
                "bootstrap_servers": address,
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "PLAIN",
                "username": "whosaid",
                "password": password,
            }
        )
        return engine_settings.model_copy(update={"kafka": kafka})

    with KafkaServer(client("right"), extra=extra):
        publish(client("right"), b"behind a login")
        assert everything(client("right"), 1) == [b"behind a login"]
        with pytest.raises(BrokerUnavailable):
            kafka_client.admin(client("wrong"))
