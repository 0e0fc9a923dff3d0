"""Matches saved searches with what the sink has written, and sends what they find.

It reads `news.enriched` in a consumer group of its own, and takes of each event only the article's id. It waits until
the sinks have committed the event: then Elasticsearch or the dead letters have answered for it. The saved searches are
run over the quotes of these articles, what they find goes into the outbox, and only then the event is committed. So no
event is left out, and what is done twice finds the same deliveries, which are there already.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch
from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from pipeline import elasticsearch_client, heartbeat, kafka_client, logs, metrics, topics
from pipeline.alerts.channels import Channels
from pipeline.alerts.matching import Hit, Matching
from pipeline.alerts.models import Channel, ChannelState, Condition, Delivery, SavedSearch, lane
from pipeline.alerts.outbox import Outbox
from pipeline.alerts.sender import Sender
from pipeline.alerts.store import SavedSearches, Watched
from pipeline.backoff import Backoff
from pipeline.errors import BrokerUnavailable
from pipeline.group_member import POLL, GroupMember, LagGauge
from pipeline.settings import Settings
from pipeline.stop_signals import run_until_stopped

logger = logging.getLogger(__name__)

SKEW = timedelta(minutes=1)
"""How far the clocks of those who read sources and of those who save searches may differ."""

_STAGE = "alert"
_LOOK_AT_SINK = 0.2  # seconds
_BATCH = 200  # articles that are matched together
_MOST_PENDING = 2000  # events that are held until the sinks have them
_COUNT = 10.0  # seconds between two counts of what waits
_OLDER = timedelta(days=1)  # events this much older than every saved search are not matched
_PRUNE = 3600.0  # seconds between two times that old deliveries are forgotten
_LONGEST_ID = 512

CONNECTIONS = 32
"""To Elasticsearch, at the most: matching needs one, sending several."""


class Pending(NamedTuple):
    """An event that waits for the sinks."""

    offset: int
    epoch: int | None
    article: str
    at: datetime | None
    """When Kafka got it."""


def run(settings: Settings, matching: Matching) -> None:
    """Runs until SIGTERM or SIGINT; then messages on their way are finished. Logs to stderr.

    Raises:
        BrokerUnavailable: Kafka does not answer at the start, or refuses this user.
        ClusterUnavailable: Elasticsearch does not answer at the start, or refuses its indices.
    """
    logs.to_stderr(settings)
    part = AlertPart(settings, matching)
    run_until_stopped(part.run, part.stop)


class AlertPart:
    """One process that matches, and sends while it has the lease. `run` blocks; any thread may call `stop`."""

    def __init__(self, settings: Settings, matching: Matching) -> None:
        self.settings = settings
        self.ready = threading.Event()
        """Set once it reads."""
        self.matched = 0
        """Articles that were matched."""
        self.found = 0
        """Deliveries that were new."""
        self.sender: Sender | None = None
        self._matching = matching
        self._stopping = threading.Event()
        self._topic = topics.enriched(settings).name
        self._pending: dict[TopicPartition, list[Pending]] = {}
        self._member = GroupMember(self._stopping, Backoff(0.5, 30), logger)
        self._lag = LagGauge(_STAGE)
        self._counted = self._pruned = 0.0
        self._full: frozenset[str] = frozenset()  # lanes for which too much waits
        self._refused: set[str] = set()  # searches that Elasticsearch does not take
        self._failed: list[BaseException] = []

    def stop(self) -> None:
        """Makes `run` finish and return."""
        self._stopping.set()

    def run(self) -> None:
        """Matches and sends until `stop`. Raises as the module's `run`."""
        metrics.start_alerts_at_zero(Channel, Condition)
        client = elasticsearch_client.connect(self.settings, connections_per_node=CONNECTIONS)
        sending = threading.Thread(target=self._send, args=(client,), name="whosaid-alerts", daemon=True)
        try:
            kafka_client.ensure_topics(self.settings, topics.all_topics(self.settings))
            self._searches, self._outbox = SavedSearches(client, self.settings), Outbox(client, self.settings)
            self._watched = Watched(self._searches)
            with elasticsearch_client.translate_errors(client):
                self._searches.prepare()
                self._outbox.prepare()
            sending.start()
            while not self._stopping.is_set() and not self._failed:
                try:
                    self._consume(client)
                except (KafkaError, BrokerUnavailable) as error:
                    if not self.ready.is_set():
                        raise BrokerUnavailable(
                            f"Kafka does not let alerts be matched from {self._topic}: {error}"
                        ) from error
                    self._member.lost(error)
        finally:
            self._stopping.set()
            if sending.ident is not None:
                sending.join(self.settings.alerts.timeout + 10)
            heartbeat.PART.rest()
            client.close()
        if self._failed:
            raise self._failed[0]
        logger.info("Alerts stopped: %d articles matched, %d quotes found", self.matched, self.found)

    def _send(self, client: Elasticsearch) -> None:
        async def send() -> None:
            async with Channels(self.settings) as channels:
                self.sender = Sender(client, self.settings, self._matching.look, channels)
                await self.sender.run(self._stopping)

        try:
            asyncio.run(send())
        except BaseException as error:
            logger.exception("Sending broke off by an unexpected error")
            self._failed.append(error)
            self._stopping.set()

    # Reading

    def _consume(self, client: Elasticsearch) -> None:
        consumer = kafka_client.consumer(
            self.settings, self._topic, group_id=topics.alerts_group(self.settings), session_timeout_ms=15_000,
            max_partition_fetch_bytes=2**20,
        )  # fmt: skip
        sinks = kafka_client.consumer(self.settings, group_id=topics.sink_group(self.settings))  # never joins it
        self._pending = {}
        try:
            while not self._stopping.is_set():
                heartbeat.PART.beat()
                self._lag.look(consumer, lambda: sum(map(len, self._pending.values())))
                self._take(consumer)
                if not self.ready.is_set() and consumer.assignment():
                    logger.info("Ready: matches saved searches on %d partitions", len(consumer.assignment()))
                    self.ready.set()
                    heartbeat.PART.take_up()
                while (chosen := self._written(sinks)) and not self._stopping.is_set():
                    events = [one for some in chosen.values() for one in some]
                    if not self._member.insist(consumer, partial(self._match, client, events)):
                        return
                    self._member.commit(consumer, {partition: _place(some) for partition, some in chosen.items()})
        finally:
            consumer.close(autocommit=False, timeout_ms=5000)
            sinks.close(autocommit=False, timeout_ms=5000)

    def _take(self, consumer: kafka_client.Consumer) -> None:
        """Reads on, unless much waits for the sinks already."""
        waiting = sum(map(len, self._pending.values()))
        if waiting >= _MOST_PENDING:
            consumer.pause(*consumer.assignment())
        else:
            consumer.resume(*consumer.assignment())
        polled = consumer.poll(timeout_ms=int((_LOOK_AT_SINK if waiting else POLL) * 1000), max_records=_BATCH)
        for partition in self._pending.keys() - consumer.assignment():
            del self._pending[partition]  # others have it now, from what was committed on
        for partition, records in polled.items():
            self._pending.setdefault(partition, []).extend(map(_pending, records))
        self._pending = {partition: events for partition, events in self._pending.items() if events}

    def _written(self, sinks: kafka_client.Consumer) -> dict[TopicPartition, list[Pending]]:
        """Takes those events that the sinks have committed: at most a batch, of each partition in order."""
        chosen: dict[TopicPartition, list[Pending]] = {}
        room = _BATCH
        for partition, events in self._pending.items():
            done = sinks.committed(partition) or 0
            some = [event for event in events[:room] if event.offset < done]
            if some:
                chosen[partition] = some
                room -= len(some)
        for partition, some in chosen.items():
            self._pending[partition] = self._pending[partition][len(some) :]
        self._pending = {partition: events for partition, events in self._pending.items() if events}
        return chosen

    # Matching

    def _match(self, client: Elasticsearch, events: Sequence[Pending]) -> None:
        """Runs the saved searches over these articles, and puts what they find into the outbox.

        Raises:
            ClusterUnavailable: Elasticsearch does not answer, or with an error.
        """
        with elasticsearch_client.translate_errors(client), metrics.timed(_STAGE, "match"):
            self._find(events)

    def _find(self, events: Sequence[Pending]) -> None:
        known = self._watched.current()
        if self._watched.fresh:
            self._refused.clear()
        searches = [search for search in known if search.enabled and search.wanted and search.id not in self._refused]
        self._housekeeping(searches)
        if not searches:
            return
        oldest = min(search.created for search in searches) - _OLDER
        since = {event.article: event.at for event in events if event.article and not _is_older(event.at, oldest)}
        if not since:
            return
        found = self._matching.find(searches, list(since))
        by_id = {search.id: search for search in searches}
        for id, why in found.refused.items():
            self._refuse(by_id[id], why)
        now = datetime.now(UTC)
        deliveries = [
            Delivery(
                search=hit.search, channel=channel, article=hit.article, said=hit.said, found=now,
                since=since.get(hit.article),
            )
            for hit in found.hits
            for channel in by_id[hit.search].wanted
            if _is_new(hit, by_id[hit.search]) and lane(hit.search, channel) not in self._full
        ]  # fmt: skip
        new = self._outbox.add(deliveries) if deliveries else 0
        self.matched += len(since)
        self.found += new
        metrics.BATCH_ARTICLES.labels(stage=_STAGE).observe(len(since))
        if new and self.sender is not None:
            self.sender.wake()

    def _refuse(self, search: SavedSearch, why: str) -> None:
        """Pauses a search that Elasticsearch does not take, until somebody changes or resumes it."""
        self._refused.add(search.id)
        self._searches.note(
            [
                (search.id, channel, ChannelState(sent=search.state(channel).sent, paused=why))
                for channel in search.wanted
            ]
        )
        logger.warning("The saved search %s is paused: %s", search.id, why)

    def _housekeeping(self, searches: Sequence[SavedSearch]) -> None:
        """Looks now and then for whom too much waits, and forgets what was sent long ago."""
        now = time.monotonic()
        if now - self._counted > _COUNT and searches:
            self._counted = now
            most = self.settings.alerts.max_waiting
            self._full = frozenset(name for name, count in self._outbox.counts().items() if count > most)
        if now - self._pruned > _PRUNE:
            self._pruned = now
            if forgotten := self._outbox.prune():
                logger.info("Forgot %d deliveries of long ago", forgotten)


def _is_new(hit: Hit, search: SavedSearch) -> bool:
    """Whether the article was read after the search was saved; an archive that is enriched anew is not new."""
    return hit.read is None or hit.read >= search.created - SKEW


def _is_older(at: datetime | None, moment: datetime) -> bool:
    return at is not None and at < moment


def _place(events: Sequence[Pending]) -> OffsetAndMetadata:
    """Where reading goes on behind these events of a partition."""
    return OffsetAndMetadata(events[-1].offset + 1, "", events[-1].epoch)


def _pending(record: Any) -> Pending:
    key = record.key if isinstance(record.key, bytes) else b""
    article = key.decode("utf-8", "ignore") if len(key) <= _LONGEST_ID else ""
    return Pending(record.offset, record.leader_epoch, article, _moment(record.timestamp))


def _moment(milliseconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds and milliseconds > 0 else None
    except (OverflowError, OSError, ValueError, TypeError):
        return None
