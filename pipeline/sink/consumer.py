"""Reads `news.enriched`, writes its articles to Elasticsearch, and commits the offsets of what it has written.

The sink handles one batch at a time: it collects, writes, sends the dead letters and commits. It commits an offset only
when Elasticsearch or the dead-letter topic has acknowledged every earlier event. A sink that dies in between repeats
its batch, and repeats change nothing (pipeline.sink.writer). While the cluster takes no more, the partitions are paused
and the consumer goes on polling, so that it stays in its group. Only one batch and what Kafka's client has fetched are
in memory, both limited in bytes, however long the backlog is.

Through a rebalance, Kafka's client keeps the position of a partition that stays with this sink, so the current batch
keeps the partition's events. Events of partitions that went to another sink are dropped: that sink reads them.
"""

import contextlib
import ctypes
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable
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

from pipeline import elasticsearch_client, heartbeat, kafka_client, logs, metrics, topics, tracing
from pipeline.backoff import Backoff
from pipeline.errors import BackpressureError, BrokerUnavailable, IndicesUnfit
from pipeline.group_member import POLL, LagGauge
from pipeline.models import DeadLetter, Stage
from pipeline.settings import Settings
from pipeline.sink import events, indices
from pipeline.sink.refresher import SOONEST
from pipeline.sink.writer import WriteOutcome, Writer
from pipeline.stop_signals import run_until_stopped

logger = logging.getLogger(__name__)

_NEW_OBJECTS = 50_000  # between two runs of Python's collector
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # the numbers of these parameters in glibc's malloc.h
_SUMMARY = 30.0  # seconds between two lines in the log while there is work
_FATAL = (AuthorizationError, KafkaConfigurationError, SaslAuthenticationFailedError, UnsupportedVersionError)
_Result = TypeVar("_Result")


def run(settings: Settings) -> None:
    """Runs a sink until SIGTERM or SIGINT; then it finishes its batch, commits and leaves its group. Logs to stderr.

    Raises:
        BrokerUnavailable: Kafka does not answer at the start, or refuses this user.
        ClusterUnavailable: Elasticsearch does not answer at the start, or refuses its indices.
    """
    logs.to_stderr(settings)
    sink = Sink(settings)
    _collect_garbage_less_often()
    _give_memory_back()
    run_until_stopped(sink.run, sink.stop)


def _collect_garbage_less_often() -> None:
    """Tunes Python's collector of cycles for this process.

    A batch is a hundred thousand objects and hardly a cycle. With Python's own threshold of 700 new objects, the
    collector walks them again and again, for a third of the sink's time.
    """
    gc.collect()
    gc.freeze()  # what is loaded stays for good
    gc.set_threshold(_NEW_OBJECTS, 20, 20)


def _give_memory_back() -> None:
    """Makes glibc return the memory of whole requests, and keep one heap for all threads; elsewhere does nothing."""
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, 256 * 1024)


class _Abandoned(Exception):
    """The current batch cannot be finished: partitions were revoked, or the sink stops. Never leaves this module."""


class Sink:
    """One sink of the group. `run` blocks; any thread may call `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ready = threading.Event()
        """Set once the group has given this sink its partitions."""
        self.total = WriteOutcome()
        """What became of the events so far, without the letters."""
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
        self._lag = LagGauge(Stage.SINK.value)

    def stop(self) -> None:
        """Makes `run` finish its batch, commit and return."""
        self._stopping.set()

    def run(self) -> None:
        """Reads and writes until `stop`. Raises as the module's `run`."""
        client = elasticsearch_client.connect(self.settings)
        metrics.start_at_zero(Stage.SINK.value)
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
            self._writer.refresher.refresh()
        finally:
            heartbeat.PART.rest()
            self._letters.close()
            client.close()
        logger.info("Sink stopped: %s", self._summary())

    def _prepared(self, client: Elasticsearch) -> indices.Indices | None:
        """The indices, once it is clear which are meant; None where the sink is stopped before."""
        while not self._stopping.is_set():
            try:
                return indices.prepare(client, self.settings)
            except IndicesUnfit as error:
                delay = self._backoff.next()
                logger.warning("%s; looking again in %.1f s", str(error).rstrip("."), delay)
                self._stopping.wait(delay)
        return None

    def _consume(self) -> None:
        """Reads with one consumer, until that fails or the sink stops."""
        self._written.clear()
        self._committed.clear()
        self._held.clear()
        self._batch.clear()
        self._consumer = kafka_client.consumer(
            self.settings,
            group_id=topics.sink_group(self.settings),
            # Kafka sends an event that is larger than these limits all the same, alone.
            fetch_max_bytes=max(2**20, self.settings.sink.batch_bytes),
            max_partition_fetch_bytes=2**20,
            # Heartbeats have a thread of their own, so such a long silence means that the sink is dead.
            session_timeout_ms=15_000,
        )
        try:
            self._consumer.subscribe([self._topic], listener=_Listener(self))
            while not self._stopping.is_set():
                self._batch = self._collect()
                if self._batch:
                    self._take()
                self._pass_transaction_markers()
                self._commit()
        finally:
            self._consumer.close(autocommit=False, timeout_ms=5000)

    def _collect(self) -> list[Any]:
        """The next batch: as many events or bytes as allowed, or what comes soon after the first event."""
        limits = self.settings.sink
        size = sum(_bytes(record) for record in self._held)
        until = time.monotonic() + (self._fill_time() if self._held else POLL)
        while not self._stopping.is_set() and len(self._held) < limits.batch_articles and size < limits.batch_bytes:
            wait = until - time.monotonic()
            if wait <= 0:
                break
            room = min(limits.batch_articles - len(self._held), (limits.batch_bytes - size) / self._mean_bytes)
            polled = self._poll(wait, int(room) + 1)
            if polled and not self._held:
                until = time.monotonic() + self._fill_time()
            for record in polled:
                size += _bytes(record)
                self._mean_bytes += (_bytes(record) - self._mean_bytes) / 64
            self._held += polled
        # No more bytes than allowed, so that an event that is larger is alone in its batch.
        batch, size = 0, 0
        for record in self._held:
            size += _bytes(record)
            if batch and size > limits.batch_bytes:
                break
            batch += 1
        records, self._held = self._held[:batch], self._held[batch:]
        return records

    def _fill_time(self) -> float:
        """Seconds to wait for a batch to fill: longer while much waits, as the refreshes are rarer then, too.

        Each batch costs Elasticsearch a look-up in all months, and a write of the log for each index.
        """
        return self.settings.sink.batch_wait * self._writer.refresher.patience / SOONEST

    def _poll(self, seconds: float, at_most: int) -> list[Any]:
        """What Kafka has within so many seconds; sooner, where something written is due to be made searchable."""
        heartbeat.PART.beat()
        self._lag.look(self._consumer, lambda: len(self._held) + len(self._batch))
        self._writer.refresh_if_due()
        wait = min(seconds, self._writer.refresher.wait)
        polled = self._consumer.poll(timeout_ms=max(1, int(wait * 1000)), max_records=at_most)
        if polled:
            self._writer.refresher.busy()
        return [record for some in polled.values() for record in some]

    def _take(self) -> None:
        """Writes the batch. Then its offsets may be committed, unless it was abandoned."""
        while self._batch and not self._stopping.is_set():
            records = self._batch
            metrics.batch(Stage.SINK.value, len(records), sum(map(_bytes, records)))
            steps = self._steps(records)
            largest = self.settings.sink.max_event_bytes
            read = [events.read(record, largest) for record in records]
            batch = self._writer.batch([event for event in read if isinstance(event, events.Event)])
            letters = [letter for letter in read if isinstance(letter, DeadLetter)]
            try:
                with metrics.timed(Stage.SINK.value, "write"):
                    outcome = self._insist(batch.write)
                letters += outcome.letters
                self._insist(lambda letters=letters: self._letters.send(letters))  # type: ignore[misc]
            except _Abandoned:
                _end(steps, ())
                continue  # with what is left of it
            for record in records:
                position = OffsetAndMetadata(record.offset + 1, "", record.leader_epoch)
                self._written[_partition(record)] = position
            self._count(outcome, letters)
            _end(steps, letters)
            self._batch = []
        paused = self._consumer.paused()
        if paused:
            logger.info("Continuing with %d partitions", len(paused))
            self._consumer.resume(*paused)

    def _steps(self, records: list[Any]) -> dict[tuple[str, int, int], tracing.Step]:
        """Where articles are traced, a step for each record, by its place."""
        if not tracing.on():
            return {}
        group = topics.sink_group(self.settings)
        return {(one.topic, one.partition, one.offset): tracing.taken(one, group) for one in records}

    def _insist(self, step: Callable[[], _Result]) -> _Result:
        """Tries the step until it succeeds, however long the cluster or the broker takes; its result."""
        while True:
            try:
                result = step()
                self._backoff.reset()
                return result
            except BackpressureError as error:
                self._rest(error)

    def _rest(self, error: BackpressureError) -> None:
        """Pauses the partitions and waits; goes on polling, so that the group does not expel this sink."""
        seconds = error.retry_after or self._backoff.next()
        before, batch = self._consumer.assignment(), self._batch
        metrics.BACKPRESSURE.inc()
        logger.warning("%s; trying again in %.1f s, %d partitions are paused", error, seconds, len(before))
        until = time.monotonic() + seconds
        self._resting = True
        try:
            self._consumer.pause(*before)
            while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
                polled = self._poll(min(left, POLL), 1)  # polls first, as `keep_only` may replace the list
                self._held += polled
        finally:
            self._resting = False
        if self._stopping.is_set() or batch is not self._batch:
            raise _Abandoned

    def _pass_transaction_markers(self) -> None:
        """Marks all before the position of a partition as done where no event of it is held.

        So the sink also commits past the markers of transactions, which are no events.
        """
        held = {_partition(record) for record in (*self._held, *self._batch)}
        for partition, place in self._consumer.places().items():
            done = self._written.get(partition)
            if partition not in held and place.offset > (done.offset if done else self._committed.get(partition, 0)):
                self._written[partition] = place

    def _commit(self) -> None:
        """Commits what was written. Where that fails, the next call tries again: polling ends a rebalance."""
        if self._written:
            try:
                with metrics.timed(Stage.SINK.value, "commit"):
                    self._consumer.commit(dict(self._written))
            except _FATAL:
                raise
            except KafkaError as error:
                logger.warning("Offsets are not committed yet (%s)", type(error).__name__)
                return
        self._committed |= {partition: place.offset for partition, place in self._written.items()}
        self._written.clear()

    def _count(self, outcome: WriteOutcome, letters: list[DeadLetter]) -> None:
        for letter in letters:
            logger.warning(
                "Dead letter: %s, partition %d, offset %d: %s: %s",
                letter.topic, letter.partition, letter.offset, letter.error, letter.reason,
                extra=logs.about(letter.key),
            )  # fmt: skip
        self.total.written += outcome.written
        self.total.stale += outcome.stale
        self.total.taken_down += outcome.taken_down
        self.total.quotes += outcome.quotes
        self.refused += len(letters)
        for name in ("written", "stale", "taken_down"):
            metrics.INDEXED.labels(outcome=name).inc(getattr(outcome, name))
        metrics.DEAD_LETTERS.labels(stage=Stage.SINK.value).inc(len(letters))
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
        """Drops the events and offsets of all other partitions; Kafka's client calls it within `poll`.

        Whoever gets those partitions reads them again, also this sink: another one may have had them in between and be
        far ahead, and committing an older offset would make the group go back.
        """
        self._written = {partition: offset for partition, offset in self._written.items() if partition in partitions}
        self._committed = {
            partition: offset for partition, offset in self._committed.items() if partition in partitions
        }
        self._held = [record for record in self._held if _partition(record) in partitions]
        if not all(_partition(record) in partitions for record in self._batch):
            self._batch = [record for record in self._batch if _partition(record) in partitions]

    def assigned(self, partitions: set[TopicPartition]) -> None:
        """The group gave this sink partitions; Kafka's client calls it within `poll`."""
        self.keep_only(self._consumer.assignment())
        # Another sink may have written a moment ago what a search does not see yet.
        self._writer.refresher.invalidate()
        if self._resting:
            self._consumer.pause(*partitions)
        heartbeat.PART.take_up()
        logger.info("Sink ready: reads %d partitions of %s", len(self._consumer.assignment()), self._topic)
        self.ready.set()


def _end(steps: dict[tuple[str, int, int], tracing.Step], letters: Iterable[DeadLetter]) -> None:
    for letter in letters:
        if step := steps.get((letter.topic, letter.partition, letter.offset)):
            step.end(letter.error)
    for step in steps.values():
        step.end()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Does nothing: a partition that comes back is read on from its position, not from the committed offset."""

    def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._sink.keep_only(self._sink._consumer.assignment() - lost)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._sink.assigned(assigned)


def _partition(record: Any) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _bytes(record: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers or ())
    return len(record.value or b"") + len(record.key or b"") + headers
