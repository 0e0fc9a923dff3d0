"""Reads in a consumer group: does each batch until it is done, commits, and tells how much waits.

The sink, the resolver and alerts read `news.enriched` so, each in a group of its own.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from pipeline import heartbeat, metrics
from pipeline.backoff import Backoff
from pipeline.errors import BrokerUnavailable, ClusterUnavailable
from pipeline.kafka_client import Consumer

POLL = 0.5
"""Seconds that a poll waits; also how soon a stop is noticed."""

_LAG, _LAG_PATIENCE = 10.0, 2.0  # seconds between two looks at how much waits, and that such a look may take


class LagGauge:
    """Sets the metric of how many events wait for a stage."""

    def __init__(self, stage: str) -> None:
        self._gauge = metrics.LAG.labels(stage=stage)
        self._looked = 0.0

    def look(self, consumer: Consumer, held: Callable[[], int] = lambda: 0) -> None:
        """Asks Kafka now and then how much is ahead of the consumer; `held` counts what was read and is not done."""
        now = time.monotonic()
        if now - self._looked < _LAG:
            return
        self._looked = now
        ahead = consumer.events_ahead(_LAG_PATIENCE)
        if ahead is not None:
            self._gauge.set(ahead + held())


class GroupMember:
    """Does each batch until it is done, and stays in its group meanwhile; what is repeated changes nothing."""

    def __init__(self, stopping: threading.Event, backoff: Backoff, logger: logging.Logger) -> None:
        self._stopping = stopping
        self._backoff = backoff
        self._logger = logger

    def insist(self, consumer: Consumer, work: Callable[[], None]) -> bool:
        """Does the work, however long Kafka and Elasticsearch are away; False where it was stopped before.

        Raises:
            BrokerUnavailable: the group gave other partitions to this consumer while it waited.
        """
        before = consumer.assignment()
        while not self._stopping.is_set():
            try:
                heartbeat.PART.beat()
                work()
                self._backoff.reset()
                consumer.resume(*consumer.assignment())
                return True
            except (ClusterUnavailable, BrokerUnavailable) as error:
                seconds = self._backoff.next()
                self._logger.warning("%s Trying again in %.1f s", error, seconds)
                self._wait(consumer, seconds)
                if consumer.assignment() != before:
                    raise BrokerUnavailable("the partitions went to others") from error
        return False

    def _wait(self, consumer: Consumer, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping.is_set() and time.monotonic() < until:
            consumer.pause(*consumer.assignment())
            consumer.poll(timeout_ms=int(POLL * 1000))  # stays in its group; paused, it gets nothing
            heartbeat.PART.beat()

    def commit(self, consumer: Consumer, places: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commits what is done. Where that fails the events come again, which changes nothing."""
        try:
            consumer.commit(dict(places))
        except KafkaError as error:
            self._logger.warning("Offsets are not committed (%s)", type(error).__name__)

    def lost(self, error: Exception) -> None:
        """Waits before the next consumer is made, as this one lost Kafka."""
        seconds = self._backoff.next()
        self._logger.warning("Lost Kafka (%s); connecting again in %.1f s", error, seconds)
        self._stopping.wait(seconds)
