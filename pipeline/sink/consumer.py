"""The sink: reads `news.enriched`, writes what is in it to Elasticsearch, and commits exactly what was written.

One batch at a time: collect, write, send the dead letters, commit. An offset is committed only when Elasticsearch or
the dead-letter topic has answered for every event before it; a sink that dies in between repeats, and repeats change
nothing (pipeline.sink.writer). While the cluster does not take more, the partitions are paused and the consumer goes
on polling, so that it stays in its group. What waits in memory is one batch and what Kafka's client has fetched, both
bounded in bytes, however long the backlog.

Kafka's client keeps the position of a partition that stays with this sink through a rebalance, so the batch in hand
keeps its events of it too; those of partitions that went to another sink are dropped unwritten, and read there.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from elasticsearch import Elasticsearch
from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kafka.errors import (
    AuthorizationError,
    KafkaConfigurationError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedVersionError,
)

from pipeline import elasticsearch_client, kafka_client, logs, topics
from pipeline.errors import BackpressureError, BrokerUnavailable, IndicesUnfit
from pipeline.models import DeadLetter
from pipeline.settings import Settings
from pipeline.sink import events, indices
from pipeline.sink.responses import Backoff
from pipeline.sink.writer import WriteOutcome, Writer

logger = logging.getLogger(__name__)

_POLL = 0.5  # seconds; also how soon a stop is noticed
_SUMMARY = 30.0  # seconds between two lines in the log while there is work
_FATAL = (AuthorizationError, KafkaConfigurationError, SaslAuthenticationFailedError, UnsupportedVersionError)
_Result = TypeVar("_Result")


def run(settings: Settings) -> None:
    """Runs a sink until SIGTERM or SIGINT; then finishes its batch, commits, leaves its group. Logs to stderr.

    Raises:
        BrokerUnavailable: Kafka does not answer at the start, or refuses this user.
        ClusterUnavailable: Elasticsearch does not answer at the start, or refuses its indices.
    """
    logs.to_stderr(settings)
    sink = Sink(settings)
    if threading.current_thread() is not threading.main_thread():
        sink.run()
        return
    before = {one: signal.signal(one, lambda *_: sink.stop()) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        sink.run()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class _Abandoned(Exception):
    """The batch in hand cannot be finished: partitions went elsewhere, or the sink stops. Never leaves this module."""


class Sink:
    """One sink of the group; `run` blocks, `stop` may be called from anywhere."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ready = threading.Event()
        """Set once the group has given this sink its partitions."""
        self.total = WriteOutcome()
        """What became of the events so far (without the letters themselves)."""
        self.refused = 0
        self._stopping = threading.Event()
        self._topic = topics.enriched(settings).name
        self._letters = events.DeadLetters(settings)
        self._backoff = Backoff(settings.sink.backoff_initial, settings.sink.backoff_maximum)
        self._written: dict[TopicPartition, OffsetAndMetadata] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._held: list[Any] = []  # read and waiting for the next batch
        self._batch: list[Any] = []  # being written
        self._resting = False
        self._mean_bytes = 16 * 1024.0
        self._said = time.monotonic()

    def stop(self) -> None:
        """Finish the batch in hand, commit, and return from `run`."""
        self._stopping.set()

    def run(self) -> None:
        """Reads and writes until `stop`. Raises as the module's `run`."""
        client = elasticsearch_client.connect(self.settings)
        try:
            kafka_client.ensure_topics(self.settings, topics.all_topics(self.settings))
            prepared = self._prepared(client)
            if prepared is None:
                return
            self._writer = Writer(client, self.settings, prepared)
            while not self._stopping.is_set():
                try:
                    self._consume()
                except _FATAL as error:
                    raise BrokerUnavailable(f"Kafka refused the sink: {error}") from error
                except (KafkaError, BrokerUnavailable) as error:
                    if not self.ready.is_set():
                        raise BrokerUnavailable(f"Kafka does not let the sink read {self._topic}: {error}") from error
                    delay = self._backoff.next()
                    logger.warning("Lost Kafka (%s); connecting again in %.1f s", error, delay)
                    self._stopping.wait(delay)
        finally:
            self._letters.close()
            client.close()
        logger.info("Sink stopped: %s", self._summary())

    def _prepared(self, client: Elasticsearch) -> indices.Indices | None:
        """The indices, as soon as it can be told which are meant; none where the sink is stopped before."""
        while not self._stopping.is_set():
            try:
                return indices.prepare(client, self.settings)
            except IndicesUnfit as error:
                delay = self._backoff.next()
                logger.warning("%s; looking again in %.1f s", str(error).rstrip("."), delay)
                self._stopping.wait(delay)
        return None

    def _consume(self) -> None:
        """Reads with one consumer, until it fails or the sink stops."""
        self._written.clear()
        self._committed.clear()
        self._held.clear()
        self._batch.clear()
        self._consumer = kafka_client.consumer(
            self.settings,
            group_id=topics.sink_group(self.settings),
            # Limits, not needs: Kafka sends an event that is larger all the same, alone.
            fetch_max_bytes=max(2**20, self.settings.sink.batch_bytes),
            max_partition_fetch_bytes=2**20,
            # Heartbeats have a thread of their own, so silence this long means a dead sink; its partitions go on then.
            session_timeout_ms=15_000,
        )
        try:
            self._consumer.subscribe([self._topic], listener=_Listener(self))
            while not self._stopping.is_set():
                self._batch = self._collect()
                if self._batch:
                    self._take()
                self._pass_marks()
                self._commit()
        finally:
            self._consumer.close(autocommit=False, timeout_ms=5000)

    def _collect(self) -> list[Any]:
        """The next batch: full by number or bytes, or what came within `batch_wait` of its first event."""
        limits = self.settings.sink
        size = sum(_bytes(record) for record in self._held)
        until = time.monotonic() + (limits.batch_wait if self._held else _POLL)
        while not self._stopping.is_set() and len(self._held) < limits.batch_articles and size < limits.batch_bytes:
            wait = until - time.monotonic()
            if wait <= 0:
                break
            room = min(limits.batch_articles - len(self._held), (limits.batch_bytes - size) / self._mean_bytes)
            polled = self._poll(wait, int(room) + 1)
            if polled and not self._held:
                until = time.monotonic() + limits.batch_wait
            for record in polled:
                size += _bytes(record)
                self._mean_bytes += (_bytes(record) - self._mean_bytes) / 64
            self._held += polled
        # Whole events only, and no more bytes than that, so that an event of any size is alone in its batch.
        batch, size = 0, 0
        for record in self._held:
            size += _bytes(record)
            if batch and size > limits.batch_bytes:
                break
            batch += 1
        records, self._held = self._held[:batch], self._held[batch:]
        return records

    def _poll(self, seconds: float, at_most: int) -> list[Any]:
        polled = self._consumer.poll(timeout_ms=max(1, int(seconds * 1000)), max_records=at_most)
        return [record for some in polled.values() for record in some]

    def _take(self) -> None:
        """Writes the batch; afterwards its offsets may be committed, unless it had to be abandoned."""
        while self._batch and not self._stopping.is_set():
            records = self._batch
            largest = self.settings.sink.max_event_bytes
            read = [events.read(record, largest) for record in records]
            batch = self._writer.batch([one for one in read if isinstance(one, events.Event)])
            letters = [one for one in read if isinstance(one, DeadLetter)]
            try:
                outcome = self._insist(batch.write)
                letters += outcome.letters
                self._insist(lambda letters=letters: self._letters.send(letters))  # type: ignore[misc]
            except _Abandoned:
                continue  # with what is left of it
            for record in records:
                position = OffsetAndMetadata(record.offset + 1, "", record.leader_epoch)
                self._written[_partition(record)] = position
            self._count(outcome, letters)
            self._batch = []
        paused = self._consumer.paused()
        if paused:
            logger.info("Going on with %d partitions", len(paused))
            self._consumer.resume(*paused)

    def _insist(self, step: Callable[[], _Result]) -> _Result:
        """The step's result, however long the cluster or the broker makes it wait."""
        while True:
            try:
                result = step()
                self._backoff.reset()
                return result
            except BackpressureError as error:
                self._rest(error)

    def _rest(self, error: BackpressureError) -> None:
        """Waits with the partitions paused, polling on so that the group does not expel this sink."""
        seconds = error.retry_after or self._backoff.next()
        before, batch = self._consumer.assignment(), self._batch
        logger.warning("%s; trying again in %.1f s, %d partitions are paused", error, seconds, len(before))
        until = time.monotonic() + seconds
        self._resting = True
        try:
            self._consumer.pause(*before)
            while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
                polled = self._poll(min(left, _POLL), 1)  # first, as `keep_only` may make another list of those held
                self._held += polled
        finally:
            self._resting = False
        if self._stopping.is_set() or batch is not self._batch:
            raise _Abandoned

    def _pass_marks(self) -> None:
        """Where nothing is held of a partition, all before its position is done: events, and marks of transactions."""
        held = {_partition(record) for record in (*self._held, *self._batch)}
        for partition, place in self._consumer.places().items():
            done = self._written.get(partition)
            if partition not in held and place.offset > (done.offset if done else self._committed.get(partition, 0)):
                self._written[partition] = place

    def _commit(self) -> None:
        """Commits what was written. Where that fails, the next call tries again: a rebalance ends while polling."""
        if self._written:
            try:
                self._consumer.commit(dict(self._written))
            except _FATAL:
                raise
            except KafkaError as error:
                logger.warning("Offsets are not committed yet (%s)", type(error).__name__)
                return
        self._committed |= {partition: place.offset for partition, place in self._written.items()}
        self._written.clear()

    def _count(self, outcome: WriteOutcome, letters: list[DeadLetter]) -> None:
        for one in letters:
            logger.warning(
                "Dead letter: %s, partition %d, offset %d: %s: %s",
                one.topic, one.partition, one.offset, one.error, one.reason,
            )  # fmt: skip
        self.total.written += outcome.written
        self.total.stale += outcome.stale
        self.total.taken_down += outcome.taken_down
        self.total.quotes += outcome.quotes
        self.refused += len(letters)
        if time.monotonic() - self._said > _SUMMARY:
            self._said = time.monotonic()
            logger.info("So far: %s", self._summary())

    def _summary(self) -> str:
        total = self.total
        return (
            f"{total.written} articles and {total.quotes} quotes written, {total.stale} older ones passed over, "
            f"{total.taken_down} that are taken down, {self.refused} dead letters"
        )

    def keep_only(self, partitions: set[TopicPartition]) -> None:
        """Forgets what is held of all other partitions: it is read again, by whoever has them (called within `poll`).

        Also if it is this sink again: somebody else may have had them in between and be far ahead, and an offset from
        before must never be committed, or the group would go back to it.
        """
        self._written = {partition: offset for partition, offset in self._written.items() if partition in partitions}
        self._committed = {one: offset for one, offset in self._committed.items() if one in partitions}
        self._held = [record for record in self._held if _partition(record) in partitions]
        if not all(_partition(record) in partitions for record in self._batch):
            self._batch = [record for record in self._batch if _partition(record) in partitions]

    def assigned(self, partitions: set[TopicPartition]) -> None:
        """The group gave this sink partitions (called within `poll`)."""
        self.keep_only(self._consumer.assignment())
        # Whoever had them may have written a moment ago what a search does not see yet.
        self._writer.lookup.invalidate()
        if self._resting:
            self._consumer.pause(*partitions)
        logger.info("Sink ready: reads %d partitions of %s", len(self._consumer.assignment()), self._topic)
        self.ready.set()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing to do yet: those that come back to this sink are read on from where they are, not from the offset."""

    def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._sink.keep_only(self._sink._consumer.assignment() - lost)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._sink.assigned(assigned)


def _partition(record: Any) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _bytes(record: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers or ())
    return len(record.value or b"") + len(record.key or b"") + headers
