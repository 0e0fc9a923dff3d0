"""Commits the offsets of events that are done, and those of marks of transactions between them."""

import logging
from collections.abc import Collection, Iterable
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import (
    AuthorizationError,
    KafkaConfigurationError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedVersionError,
)

from pipeline import metrics
from pipeline.kafka_client import Consumer
from pipeline.models import Stage
from pipeline.sink.intake import partition_of

logger = logging.getLogger(__name__)

FATAL = (AuthorizationError, KafkaConfigurationError, SaslAuthenticationFailedError, UnsupportedVersionError)
"""Errors with which Kafka refuses a sink for good: trying again does not help."""


class Offsets:
    """How far the partitions of one consumer are done, and how far that is committed."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._done: dict[TopicPartition, OffsetAndMetadata] = {}  # and not committed
        self._committed: dict[TopicPartition, int] = {}

    @property
    def waiting(self) -> bool:
        """Whether anything is done that is not committed."""
        return bool(self._done)

    def done(self, records: Iterable[Any]) -> None:
        """Notes that these records are done, in the order of their offsets, and all before them."""
        for record in records:
            self._done[partition_of(record)] = OffsetAndMetadata(record.offset + 1, "", record.leader_epoch)

    def pass_transaction_markers(self, held: Collection[TopicPartition]) -> None:
        """Notes that all before the position of a partition is done where it is not `held`: no event of it waits.

        So the sink also commits past the markers of transactions, which are no events.
        """
        for partition, place in self._consumer.places().items():
            done = self._done.get(partition)
            if partition not in held and place.offset > (done.offset if done else self._committed.get(partition, 0)):
                self._done[partition] = place

    def commit(self) -> None:
        """Commits what is done. Where that fails, the next call tries again: polling ends a rebalance.

        Raises:
            AuthorizationError, SaslAuthenticationFailedError: one of `FATAL`.
        """
        if self._done:
            try:
                with metrics.timed(Stage.SINK.value, "commit"):
                    self._consumer.commit(dict(self._done))
            except FATAL:
                raise
            except KafkaError as error:
                logger.warning("Offsets are not committed yet (%s)", type(error).__name__)
                return
        self._committed |= {partition: place.offset for partition, place in self._done.items()}
        self._done.clear()

    def keep_only(self, partitions: Collection[TopicPartition]) -> None:
        """Forgets the offsets of all other partitions.

        Another sink may have had them in between and be far ahead: committing an older offset would make the group go
        back.
        """
        self._done = {partition: place for partition, place in self._done.items() if partition in partitions}
        self._committed = {
            partition: offset for partition, offset in self._committed.items() if partition in partitions
        }
