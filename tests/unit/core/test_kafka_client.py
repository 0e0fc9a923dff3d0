"""Clients of Kafka, where no Kafka is."""

import gc
import logging
import os
import socket
import threading
from collections.abc import Callable

import pytest

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
