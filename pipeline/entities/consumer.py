"""Reads `news.enriched`, decides who is who, and commits the offsets of what it has decided.

It has a consumer group of its own, so that it never holds up the sink. It passes over what the sink cannot read, and
makes a dead letter of. A failure of Elasticsearch or Kafka is waited for: the batch is tried again until it is written,
and its repeats change nothing (pipeline.entities.writer). Where Elasticsearch refuses what a batch asks, its articles
are tried one by one, and those that are refused alone become dead letters: no article stops the others.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from elasticsearch import ApiError, Elasticsearch
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from pipeline import elasticsearch_client, heartbeat, kafka_client, logs, metrics, topics
from pipeline.backoff import Backoff
from pipeline.dead_letters import dead_letter
from pipeline.entities.log import EntityLog
from pipeline.entities.writer import EntityWriter, Outcome
from pipeline.errors import BackpressureError, BrokerUnavailable, ClusterUnavailable, WhoSaidError
from pipeline.events import EventError, decode
from pipeline.group_member import POLL, GroupMember, LagGauge
from pipeline.kafka_batches import Unreadable
from pipeline.models import DeadLetter, Enriched, Stage
from pipeline.settings import Settings
from pipeline.stop_signals import run_until_stopped

logger = logging.getLogger(__name__)

_BATCH = 100  # articles
_PORTION = 2 * 2**20  # bytes of the events that are read at once; what is in them takes many times as much
_STAGE = "resolve"
_SUMMARY = 30.0  # seconds between two lines in the log while there is work
_REASON = 500  # characters of a reason: Elasticsearch repeats what it was asked


class Letters(Protocol):
    """Takes dead letters (pipeline.sink.events.DeadLetters)."""

    def send(self, letters: Iterable[DeadLetter]) -> None:
        """Sends them; raises BackpressureError where the broker does not take them."""

    def close(self) -> None:
        """Closes the connections."""


class _Event(NamedTuple):
    record: Any  # kafka's ConsumerRecord
    enriched: Enriched


def run(settings: Settings, letters: Letters) -> None:
    """Resolves until SIGTERM or SIGINT; then it finishes its batch, commits and leaves its group. Logs to stderr.

    Args:
        settings: whose articles.
        letters: takes what cannot be resolved.

    Raises:
        BrokerUnavailable: Kafka does not answer at the start, or refuses this user.
        ClusterUnavailable: Elasticsearch does not answer at the start, or refuses its indices.
    """
    logs.to_stderr(settings)
    part = ResolvingPart(settings, letters)
    run_until_stopped(part.run, part.stop)


class ResolvingPart:
    """One resolver of the group. `run` blocks; any thread may call `stop`."""

    def __init__(self, settings: Settings, letters: Letters) -> None:
        self.settings = settings
        self.ready = threading.Event()
        """Set once it reads."""
        self.total = Outcome()
        self.unreadable = 0
        self._stopping = threading.Event()
        self._topic = topics.enriched(settings).name
        self._log = EntityLog(settings)
        self._letters = letters
        backoff = Backoff(settings.sink.backoff_initial, settings.sink.backoff_maximum)
        self._member = GroupMember(self._stopping, backoff, logger)
        self._lag = LagGauge(_STAGE)
        self._said = time.monotonic()

    def stop(self) -> None:
        """Makes `run` finish its batch, commit and return."""
        self._stopping.set()

    def run(self) -> None:
        """Reads and resolves until `stop`. Raises as the module's `run`."""
        client = elasticsearch_client.connect(self.settings)
        try:
            kafka_client.ensure_topics(
                self.settings, [*topics.all_topics(self.settings), topics.entities(self.settings)]
            )
            writer = EntityWriter(client, self.settings, self._log.send)
            with elasticsearch_client.translate_errors(client):
                writer.store.prepare()
                writer.tombstones.prepare()
            while not self._stopping.is_set():
                try:
                    self._consume(client, writer)
                except (KafkaError, BrokerUnavailable) as error:
                    if not self.ready.is_set():
                        raise BrokerUnavailable(
                            f"Kafka does not let names be read from {self._topic}: {error}"
                        ) from error
                    self._member.lost(error)
        finally:
            heartbeat.PART.rest()
            self._log.close()
            self._letters.close()
            client.close()
        logger.info("Resolving stopped: %s", self._summary())

    def _consume(self, client: Elasticsearch, writer: EntityWriter) -> None:
        consumer = kafka_client.consumer(
            self.settings, self._topic, group_id=topics.resolution_group(self.settings), session_timeout_ms=15_000,
            fetch_max_bytes=_PORTION, max_partition_fetch_bytes=2**20,
        )  # fmt: skip
        try:
            while not self._stopping.is_set():
                heartbeat.PART.beat()
                self._lag.look(consumer)
                polled = consumer.poll(timeout_ms=int(POLL * 1000), max_records=_BATCH)
                if not self.ready.is_set() and consumer.assignment():
                    logger.info("Ready: resolves the names of %d partitions", len(consumer.assignment()))
                    self.ready.set()
                    heartbeat.PART.take_up()
                records = [record for some in polled.values() for record in some]
                for portion in _portions(records):
                    if self._member.insist(consumer, partial(self._write, client, writer, self._readable(portion))):
                        self._member.commit(consumer, _places(portion))
                        self._tell()
        finally:
            consumer.close(autocommit=False, timeout_ms=5000)

    def _readable(self, records: list[Any]) -> list[_Event]:
        events = []
        for record in records:
            try:
                if isinstance(record.value, Unreadable):
                    raise EventError(record.value.error, record.value.sentence)  # type: ignore[arg-type]
                enriched = decode(Enriched, record.value, largest=self.settings.sink.max_event_bytes)
                events.append(_Event(record, enriched))
            except EventError:
                self.unreadable += 1  # the sink makes a dead letter of it
        return events

    def _write(self, client: Elasticsearch, writer: EntityWriter, events: Sequence[_Event]) -> None:
        try:
            self._resolve(client, writer, events)
        except Exception as error:
            if not _is_refusal(error):
                raise
            for event in events:
                self._write_alone(client, writer, event)

    def _write_alone(self, client: Elasticsearch, writer: EntityWriter, event: _Event) -> None:
        """Resolves an article of a batch that was refused; where it is refused, too, it becomes a dead letter."""
        try:
            self._resolve(client, writer, [event])
        except Exception as error:
            if not _is_refusal(error):
                raise
            record = event.record
            fault = error.__cause__ if isinstance(error, ClusterUnavailable) and error.__cause__ else error
            reason = f"Its names cannot be resolved: {str(error)[:_REASON] or repr(error)}"
            logger.error(
                "%s, partition %d, offset %d is a dead letter: %s", record.topic, record.partition, record.offset,
                reason, exc_info=error if fault is error else None,
            )  # fmt: skip
            letter = dead_letter.from_record_failure(record, reason, kind=type(fault).__name__, stage=Stage.SINK)
            try:
                self._letters.send([letter])
            except BackpressureError as full:
                raise BrokerUnavailable(str(full)) from full
            self.unreadable += 1

    def _resolve(self, client: Elasticsearch, writer: EntityWriter, events: Sequence[_Event]) -> None:
        with elasticsearch_client.translate_errors(client), metrics.timed(_STAGE, "write"):
            outcome = writer.write([event.enriched for event in events])
        self._count(outcome, len(events))

    def _count(self, outcome: Outcome, articles: int) -> None:
        self.total.add(outcome)
        metrics.BATCH_ARTICLES.labels(stage=_STAGE).observe(articles)
        metrics.NAMES.labels(outcome="linked").inc(outcome.links)
        metrics.NAMES.labels(outcome="open").inc(outcome.open)
        metrics.ENTITIES.inc(outcome.made)

    def _tell(self) -> None:
        if time.monotonic() - self._said > _SUMMARY:
            self._said = time.monotonic()
            logger.info("So far: %s", self._summary())

    def _summary(self) -> str:
        total = self.total
        return (
            f"{total.decided} articles resolved, {total.links} names to entities, {total.open} left open, "
            f"{total.made} entities made, {total.repeated} articles were decided before, {self.unreadable} unreadable"
        )


def _is_refusal(error: Exception) -> bool:
    """Whether an article is at fault: Elasticsearch takes no such request, or our own code breaks over it."""
    if isinstance(error, ClusterUnavailable):
        return isinstance(error.__cause__, ApiError) and elasticsearch_client.is_refusal(error.__cause__)
    return not isinstance(error, (WhoSaidError, KafkaError, OSError, MemoryError))


def _portions(records: Iterable[Any]) -> Iterator[list[Any]]:
    """The records, so many at once that what is in them fits into memory: many small ones, or one large one."""
    portion: list[Any] = []
    size = 0
    for record in records:
        size += len(record.value or b"")
        if portion and size > _PORTION:
            yield portion
            portion, size = [], len(record.value or b"")
        portion.append(record)
    if portion:
        yield portion


def _places(records: list[Any]) -> dict[TopicPartition, OffsetAndMetadata]:
    """Where reading goes on behind these records."""
    return {
        TopicPartition(record.topic, record.partition): OffsetAndMetadata(record.offset + 1, "", record.leader_epoch)
        for record in records
    }
