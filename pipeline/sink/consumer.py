"""Reads `news.enriched`, writes its articles to Elasticsearch, and commits the offsets of what it has written.

The sink collects a batch, writes it, sends its dead letters and commits. While Elasticsearch writes a batch, it reads
the next one, which may begin before the first is done (pipeline.sink.writer); they end in order. It commits an offset
only when Elasticsearch or the dead-letter topic has acknowledged every earlier event. A sink that dies in between
repeats its batch, and repeats change nothing (pipeline.sink.writer). While the cluster takes no more, the partitions
are paused and the consumer goes on polling, so that it stays in its group. Only two batches and what Kafka's client
has fetched are in memory, both limited in bytes, however long the backlog is. Kafka's client is used by one thread:
between two answers of Elasticsearch, that thread also polls.

Through a rebalance, Kafka's client keeps the position of a partition that stays with this sink, so the batches in hand
keep the partition's events. Events of partitions that went to another sink are dropped where they are not being
written, and not committed where they are: that sink reads them.
"""

import contextlib
import ctypes
import gc
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
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
from pipeline.sink.batch import Batch
from pipeline.sink.batch_queue import BatchQueue
from pipeline.sink.batch_state import WriteOutcome
from pipeline.sink.intake import BATCHES, Intake, partition_of, size_of
from pipeline.sink.writer import Writer
from pipeline.stop_signals import run_until_stopped

logger = logging.getLogger(__name__)

_NEW_OBJECTS = 50_000  # between two runs of Python's collector
_LEAD = 0.2  # seconds before a refresh at which a batch begins that it shall see
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # the numbers of these parameters in glibc's malloc.h
_PAUSE = 0.1  # seconds between two questions for more events, while Elasticsearch writes
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


@dataclass
class _InHand:
    """The records of a batch that is read or written, and what came of them so far."""

    records: list[Any]
    steps: dict[tuple[str, int, int], tracing.Step]
    size: int
    """Bytes of the records."""
    read: list[events.Event | DeadLetter] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    batch: Batch | None = None
    """Once all is read."""
    since: float = 0.0
    """When all was read, on the monotonic clock."""
    lost: bool = False
    """Whether some of its records are no longer this sink's."""

    def keep_only(self, partitions: Collection[TopicPartition]) -> None:
        """Drops the records of all other partitions. What the batch has of them is written, but not committed.

        Nor is any of it taken back: the other sink may have written it.
        """
        if self.batch is None:
            kept = [partition_of(record) in partitions for record in self.records]
            self.read = [one for one, keep in zip(self.read, kept, strict=False) if keep]
        else:
            self.batch.keep_only(lambda event: partition_of(event.record) in partitions)
        records = [record for record in self.records if partition_of(record) in partitions]
        self.lost = self.lost or len(records) < len(self.records)
        self.records = records


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
        self._intake = Intake(settings.sink, self._fill_time, self._wanted)
        self._in_hand: list[_InHand] = []  # oldest first
        self._queue = BatchQueue()
        self._polled = 0.0
        self._resting = False
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
                if not self._in_hand:
                    self._collect()
                if self._in_hand:
                    self._write()
                if self._written or not self._in_hand:
                    self._pass_transaction_markers()
                    self._commit()
            self._end()
        finally:
            self._let_go()
            self._intake.clear()
            self._consumer.close(autocommit=False, timeout_ms=5000)

    def _collect(self) -> None:
        """Begins the next batch: of as many events or bytes as allowed, or of what comes soon."""
        until = time.monotonic() + POLL
        while not self._stopping.is_set() and not self._intake.due:
            wait = min(until - time.monotonic() if not self._intake.records else POLL, self._intake.wait)
            if wait <= 0:
                return
            self._intake.add(self._poll(wait, self._intake.room))
        if self._intake.records and not self._stopping.is_set():
            self._take()
            while self._read_one():
                pass

    def _fill_time(self) -> float:
        """Seconds to wait for a batch to fill: until the next refresh, as no search sees it before.

        Each batch costs Elasticsearch a look-up in all months, and a write of the log for each index.
        """
        return max(self.settings.sink.batch_wait, self._writer.refresher.patience)

    def _wanted(self) -> float:
        """When a batch had better be written, as the next refresh makes it searchable then."""
        return self._writer.refresher.next - _LEAD

    def _poll(self, seconds: float, at_most: int) -> list[Any]:
        """What Kafka has within so many seconds; sooner, where something written is due to be made searchable."""
        heartbeat.PART.beat()
        self._lag.look(self._consumer, self._held)
        self._writer.refresh_if_due()
        wait, self._polled = min(seconds, self._writer.refresher.wait), time.monotonic()
        polled = self._consumer.poll(timeout_ms=math.ceil(wait * 1000), max_records=at_most)
        if polled:
            self._writer.refresher.busy()
        return [record for some in polled.values() for record in some]

    def _held(self) -> int:
        """How many records were read and are not done."""
        return len(self._intake.records) + sum(len(one.records) for one in self._in_hand)

    def _take(self) -> None:
        """Takes the records of the next batch in hand."""
        records = self._intake.take()
        size = sum(map(size_of, records))
        metrics.batch(Stage.SINK.value, len(records), size)
        self._in_hand.append(_InHand(records, self._steps(records), size))

    def _read_one(self) -> bool:
        """Reads a record of the latest batch, which is queued when all are read; whether anything was left to do."""
        latest = self._in_hand[-1]
        if latest.batch is not None:
            return False
        if len(latest.read) < len(latest.records):
            record = latest.records[len(latest.read)]
            latest.read.append(events.read(record, self.settings.sink.max_event_bytes))
            return True
        latest.batch = self._writer.batch([event for event in latest.read if isinstance(event, events.Event)])
        latest.letters = [letter for letter in latest.read if isinstance(letter, DeadLetter)]
        latest.read, latest.since = [], time.monotonic()
        self._queue.add(latest.batch)
        return True

    def _meanwhile(self) -> bool:
        """Does a little for the next batch while Elasticsearch writes this one; whether there was anything to do."""
        if self._read_one():
            return True
        if len(self._in_hand) >= BATCHES or self._stopping.is_set():
            return False
        if self._intake.room == 0 or (self._intake.due and self._queue.idle):
            fits = self._intake.fits(sum(one.size for one in self._in_hand))
            if fits:
                self._take()
            return fits
        if time.monotonic() < self._polled + _PAUSE:
            return False
        polled = self._poll(0, self._intake.room)
        self._intake.add(polled)
        return bool(polled)

    def _write(self) -> None:
        """Writes on at the batches in hand. The offsets of those that are done then may be committed."""
        try:
            while not self._queue and self._read_one():
                pass
            self._insist(lambda: self._queue.step(self._meanwhile))
            for batch in self._queue.done():
                first = self._in_hand[0]
                assert first.batch is batch
                letters = [*first.letters, *batch.outcome.letters]
                self._insist(lambda letters=letters: self._letters.send(letters))  # type: ignore[misc]
                for record in first.records:
                    position = OffsetAndMetadata(record.offset + 1, "", record.leader_epoch)
                    self._written[partition_of(record)] = position
                metrics.took(Stage.SINK.value, "write", time.monotonic() - first.since)
                self._count(batch.outcome, letters)
                _end(first.steps, letters)
                del self._in_hand[0]
        except _Abandoned:
            self._let_go()
        paused = self._consumer.paused()
        if paused:
            logger.info("Continuing with %d partitions", len(paused))
            self._consumer.resume(*paused)

    def _end(self) -> None:
        """Finishes the batches that were begun, and commits them."""
        self._queue.drop(begun=False)
        for one in self._in_hand[len(self._queue) :]:
            _end(one.steps, ())
        del self._in_hand[len(self._queue) :]
        while self._in_hand:
            self._write()
        self._commit()

    def _let_go(self) -> None:
        """Lets the batches in hand go, back to what waits: with those of their records that are still this sink's."""
        self._queue.drop()
        for one in self._in_hand:
            _end(one.steps, ())
        self._intake.put_back(record for one in self._in_hand for record in one.records)
        self._in_hand.clear()

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
        before = self._consumer.assignment()
        metrics.BACKPRESSURE.inc()
        logger.warning("%s; trying again in %.1f s, %d partitions are paused", error, seconds, len(before))
        until = time.monotonic() + seconds
        self._resting = True
        try:
            self._consumer.pause(*before)
            while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
                polled = self._poll(min(left, POLL), 1)  # polls first, as `keep_only` may replace the list
                self._intake.add(polled)
        finally:
            self._resting = False
        if self._stopping.is_set() or any(one.lost for one in self._in_hand):
            raise _Abandoned

    def _pass_transaction_markers(self) -> None:
        """Marks all before the position of a partition as done where no event of it is held.

        So the sink also commits past the markers of transactions, which are no events.
        """
        in_hand = (record for one in self._in_hand for record in one.records)
        held = {partition_of(record) for record in (*self._intake.records, *in_hand)}
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
        self._intake.keep_only(partitions)
        for one in self._in_hand:
            one.keep_only(partitions)

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
