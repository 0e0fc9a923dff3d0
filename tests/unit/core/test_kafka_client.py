"""Clients of Kafka, where no Kafka is."""

import gc
import logging
import os
import socket
import threading
from collections.abc import Callable

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from pipeline import kafka_client
from pipeline.errors import BrokerUnavailable
from pipeline.settings import KafkaSettings, Settings


@pytest.mark.parametrize("make", [kafka_client.admin, kafka_client.consumer, kafka_client.producer])
def test_a_client_that_finds_no_kafka_leaves_nothing(
    make: Callable[[Settings], object], caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waits for Kafka tries again and again: no try may cost a thread or a socket."""

    caplog.set_level(logging.CRITICAL, "kafka")  # a record that is kept holds its error, and that holds the socket

    def left() -> tuple[int, int]:
        gc.collect()
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody listens, and nobody else takes the port
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(kafka=KafkaSettings(bootstrap_servers=address, request_timeout=0.2))
        before = left()
        for _ in range(2):
            with pytest.raises(BrokerUnavailable, match=address):
                make(settings)
        assert left() == before


class Broker:
    """Answers a look at a topic, at times as kafka-python does of a broker that goes away."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.closed = list(answers), 0

    def partitions_for_topic(self, _: str) -> list[int]:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [0]

    def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 2)

    def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 5)

    def close(self) -> None:
        self.closed += 1


def test_another_broker_is_asked_where_one_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(KafkaConnectionError("gone"), "there")
    monkeypatch.setattr(kafka_client, "consumer", lambda *_, **__: broker)
    assert kafka_client.size(Settings(), "news.articles") == 3
    assert broker.closed == 2


@pytest.mark.parametrize(
    ("error", "patience"), [(KafkaConnectionError("gone"), -1.0), (TopicAuthorizationFailedError("no"), 30.0)]
)
def test_what_does_not_pass_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, error: Exception, patience: float
) -> None:
    broker = Broker(error, "there")
    monkeypatch.setattr(kafka_client, "consumer", lambda *_, **__: broker)
    monkeypatch.setattr(kafka_client, "_patience", lambda _: patience)
    with pytest.raises(BrokerUnavailable):
        kafka_client.size(Settings(), "news.articles")
    assert broker.closed == 1
