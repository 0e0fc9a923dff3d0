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

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from elasticsearch import Elasticsearch
from kafka import ConsumerRebalanceListener, TopicPartition
from kafka.errors import KafkaError

from pipeline import elasticsearch_client, heartbeat, kafka_client, logs, metrics, topics
from pipeline.backoff import Backoff
from pipeline.errors import BackpressureError, BrokerUnavailable, IndicesUnfit
from pipeline.group_member import POLL, LagGauge
from pipeline.models import Stage
from pipeline.settings import Settings
from pipeline.sink import events, in_hand, indices, process_memory
from pipeline.sink.backlog_end import BacklogEnd
from pipeline.sink.batch_queue import BatchQueue
from pipeline.sink.batch_state import WriteOutcome
from pipeline.sink.in_hand import InHand
from pipeline.sink.intake import BATCHES, Intake, partition_of, size_of
from pipeline.sink.offsets import FATAL, Offsets
from pipeline.sink.refresher import SOONEST
from pipeline.sink.tally import Tally
from pipeline.sink.writer import Writer
from pipeline.stop_signals import run_until_stopped

logger = logging.getLogger(__name__)

_LEAD = 0.2  # seconds before a refresh at which a batch begins that it shall see
_PAUSE = 0.1  # seconds between two questions for more events, while Elasticsearch writes
_Result = TypeVar("_Result")


def run(settings: Settings) -> None:
    """Runs a sink until SIGTERM or SIGINT; then it finishes its batch, commits and leaves its group. Logs to stderr.

    Raises:
        BrokerUnavailable: Kafka does not answer at the start, or refuses this user.
        ClusterUnavailable: Elasticsearch does not answer at the start, or refuses its indices.
    """
    logs.to_stderr(settings)
    sink = Sink(settings)
    process_memory.collect_garbage_less_often()
    process_memory.give_memory_back()
    run_until_stopped(sink.run, sink.stop)


class _Abandoned(Exception):
    """The current batch cannot be finished: partitions were revoked, or the sink stops. Never leaves this module."""


class Sink:
    """One sink of the group. `run` blocks; any thread may call `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ready = threading.Event()
        """Set once the group has given this sink its partitions."""
        self._stopping = threading.Event()
        self._topic = topics.enriched(settings).name
        self._letters = events.DeadLetters(settings)
        self._backoff = Backoff(settings.sink.backoff_initial, settings.sink.backoff_maximum)
        self._intake = Intake(settings.sink, self._fill_time, self._wanted)
        self._in_hand: list[InHand] = []  # oldest first
        self._queue = BatchQueue()
        self._end_of_backlog = BacklogEnd()
        self._polled = 0.0
        self._resting = False
        self._tally = Tally()
        self._lag = LagGauge(Stage.SINK.value)

    @property
    def total(self) -> WriteOutcome:
        """What became of the events so far, without the letters."""
        return self._tally.total

    @property
    def refused(self) -> int:
        """How many events became dead letters so far."""
        return self._tally.refused

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
            self._writer = Writer(
                client, self.settings, prepared, keep_letters=self._letters.send, beat=heartbeat.PART.beat
            )
            while not self._stopping.is_set():
                try:
                    self._consume()
                except FATAL as error:
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
        logger.info("Sink stopped: %s", self._tally)

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
        self._consumer = kafka_client.consumer(
            self.settings,
            group_id=topics.sink_group(self.settings),
            # Kafka sends an event that is larger than these limits all the same, alone.
            fetch_max_bytes=max(2**20, self.settings.sink.batch_bytes),
            max_partition_fetch_bytes=2**20,
            # Heartbeats have a thread of their own, so such a long silence means that the sink is dead.
            session_timeout_ms=15_000,
        )
        self._offsets = Offsets(self._consumer)
        try:
            self._consumer.subscribe([self._topic], listener=_Listener(self))
            while not self._stopping.is_set():
                if not self._in_hand:
                    self._collect()
                if self._in_hand:
                    self._write()
                if self._offsets.waiting or not self._in_hand:
                    self._offsets.pass_transaction_markers(self._partitions_held())
                    self._offsets.commit()
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
        wanted = self._writer.refresher.next - _LEAD
        return min(wanted, self._end_of_backlog.at) if self._backlog_is_over() else wanted

    def _backlog_is_over(self) -> bool:
        """Whether what came last had waited for long, and nothing is behind it: nobody gains by waiting any more."""
        waited = self._writer.refresher.patience > SOONEST
        return waited and self._end_of_backlog.at < float("inf") and self._consumer.at_end()

    def _poll(self, seconds: float, at_most: int) -> list[Any]:
        """What Kafka has within so many seconds; sooner, where something written is due to be made searchable."""
        heartbeat.PART.beat()
        self._lag.look(self._consumer, self._held)
        self._writer.refresh_if_due()
        wait, self._polled = min(seconds, self._writer.refresher.wait), time.monotonic()
        polled = self._consumer.poll(timeout_ms=math.ceil(wait * 1000), max_records=at_most)
        if polled:
            self._writer.refresher.busy()
        records = [record for some in polled.values() for record in some]
        self._end_of_backlog.note(records)
        return records

    def _held(self) -> int:
        """How many records were read and are not done."""
        return len(self._intake.records) + sum(len(one.records) for one in self._in_hand)

    def _take(self) -> None:
        """Takes the records of the next batch in hand."""
        records = self._intake.take()
        size = sum(map(size_of, records))
        metrics.batch(Stage.SINK.value, len(records), size)
        steps = in_hand.steps(records, topics.sink_group(self.settings))
        self._in_hand.append(InHand(records, steps, size))

    def _read_one(self) -> bool:
        """Reads a record of the latest batch, which is queued when all are read; whether anything was left to do."""
        latest = self._in_hand[-1]
        if latest.batch is not None:
            return False
        if not latest.read_one(self.settings.sink.max_event_bytes):
            self._queue.add(latest.begin(self._writer))
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
                to_keep = [*first.letters, *batch.outcome.to_keep]
                self._insist(lambda letters=to_keep: self._letters.send(letters))  # type: ignore[misc]
                letters = [*first.letters, *batch.outcome.letters]
                self._offsets.done(first.records)
                metrics.took(Stage.SINK.value, "write", time.monotonic() - first.since)
                self._tally.add(batch.outcome, letters)
                first.end(letters)
                del self._in_hand[0]
            if not self._held() and self._backlog_is_over():
                self._writer.refresher.over()
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
            one.end()
        del self._in_hand[len(self._queue) :]
        while self._in_hand:
            self._write()
        self._offsets.commit()

    def _let_go(self) -> None:
        """Lets the batches in hand go, back to what waits: with those of their records that are still this sink's."""
        self._queue.drop()
        for one in self._in_hand:
            one.end()
        self._intake.put_back(record for one in self._in_hand for record in one.records)
        self._in_hand.clear()

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

    def _partitions_held(self) -> set[TopicPartition]:
        """The partitions of which events were read that are not done."""
        held = (record for one in self._in_hand for record in one.records)
        return {partition_of(record) for record in (*self._intake.records, *held)}

    def keep_only(self, partitions: set[TopicPartition]) -> None:
        """Drops the events and offsets of all other partitions; Kafka's client calls it within `poll`.

        Whoever gets those partitions reads them again, also this sink.
        """
        self._offsets.keep_only(partitions)
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


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Does nothing: a partition that comes back is read on from its position, not from the committed offset."""

    def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._sink.keep_only(self._sink._consumer.assignment() - lost)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._sink.assigned(assigned)
