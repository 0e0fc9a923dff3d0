"""Builds a new version of the indices while the sinks go on writing, and swaps the aliases to it.

It is built from the old version, or from the topic.

1. **Fill.** A single writer in one thread, so that its own writes never race, copies the old version's articles page by
   page. Between the pages it reads what is new on the sink's topic, from the offsets that the sinks had committed at
   the start. It writes as the sink does (pipeline.sink.writer): the newest revision wins, obsolete quotes are removed.
2. **Fence** the old version (pipeline.sink.index_versions). The sinks wait; searches go on.
3. **Drain.** All that the sinks wrote before the fence is on the topic before its end after the fence. The writer reads
   up to there, so that the new version has all that the old one has.
4. **Verify** (pipeline.reindex.verify). If anything is missing, the fence is lowered and the sinks go on as before. The
   same happens after any other error, once Elasticsearch has said that the old version is the one searched.
5. **Swap** both aliases in one action. The sinks meet the block, ask which version the aliases name, and write there
   what they have not committed. So each event is either before the fence, and drained, or the sinks write it.

The old version is kept, retired. Going back does the same with the roles exchanged, and without copying where the topic
still has everything since the version was retired.
"""

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from elasticsearch import ApiError, BadRequestError, Elasticsearch, TransportError
from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline import elasticsearch_client, index_health, kafka_client, topics
from pipeline.errors import BackpressureError, BrokerUnavailable, ClusterUnavailable, InputError
from pipeline.index_health import Fault
from pipeline.models import DeadLetter
from pipeline.reindex import verify
from pipeline.settings import Settings
from pipeline.sink import documents, events, index_versions, indices, removal
from pipeline.sink.events import Event
from pipeline.sink.writer import Writer
from pipeline.tombstones import Tombstones

logger = logging.getLogger(__name__)

_PAGE = 100  # articles copied at once
_BATCH = 500  # events written at once
_NEAR = 200  # events: when no more are left, the sinks may be stopped while they are written
_KEEP_ALIVE = "10m"
_ASK_AGAIN = 0.5  # seconds
_UNREADABLE = frozenset({Fault.CLOSED, Fault.AWAY, Fault.OPENING, Fault.FOREIGN, Fault.ALIAS_TAKEN})

Progress = Callable[[str, int, int], None]
"""Is told the step ("copy", "catch up", "verify"), how much of it is done, and of how much."""


@dataclass
class RebuildReport:
    """What a rebuild did."""

    old: str
    new: str
    articles: int = 0
    quotes: int = 0
    copied: int = 0
    caught_up: int = 0
    """Events read from the topic while the version was filled."""
    fenced: float = 0
    """Seconds that the sinks had to wait."""
    sampled: int = 0


@dataclass(frozen=True)
class Origin:
    """Takes the place of the record of an article that is copied from an index."""

    topic: str
    key: bytes
    value: None = None
    partition: int = -1
    offset: int = -1
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def reindex(settings: Settings, *, from_topic: bool = False, progress: Progress = lambda *_: None) -> RebuildReport:
    """Builds the next version from the one that is searched, or from all that the topic has, and swaps to it.

    Raises:
        InputError: the new version lacks something; the message says what. The old version stays in use.
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch does not answer. The old version stays in use.
    """
    with _Rebuild(settings, progress) as rebuild:
        old, there = rebuild.current, rebuild.versions()
        for version in there:
            if not version.searched and version.retired is None:  # an earlier rebuild that was cut off
                index_versions.drop(rebuild.client, settings, version)
        new = index_versions.new_name(rebuild.client, settings)
        offsets = None if from_topic else rebuild.committed()
        return rebuild.run(old, new, offsets, copy=not from_topic)


def back(settings: Settings, *, progress: Progress = lambda *_: None) -> RebuildReport:
    """Brings the version that was retired last up to date, and swaps to it.

    Raises as `reindex` does; InputError also where no version is retired.
    """
    with _Rebuild(settings, progress) as rebuild:
        retired = [version for version in rebuild.versions() if version.retired]
        if not retired:
            raise InputError("There is no earlier version to go back to.")
        target = max(retired, key=lambda version: version.retired or datetime.min.replace(tzinfo=UTC))
        offsets, copy = target.offsets or {}, False
        if not rebuild.still_there(offsets):  # the topic no longer has all events since then
            offsets, copy = rebuild.committed(), True
        index_versions.lower_fence(rebuild.client, settings, target.name)
        return rebuild.run(rebuild.current, target.name, offsets, copy=copy)


def cancel(settings: Settings) -> list[str]:
    """Cleans up after a rebuild that was killed: lets the sinks write again, and deletes the unfinished versions.

    Returns the names of the deleted versions.
    """
    with _Rebuild(settings, lambda *_: None) as rebuild:
        unfinished = [version for version in rebuild.versions() if not version.searched and version.retired is None]
        for version in unfinished:
            index_versions.drop(rebuild.client, settings, version)
        return [version.name for version in unfinished]


def forget(settings: Settings) -> list[str]:
    """Deletes the retired versions, so that nobody can go back to them; their names."""
    with _Rebuild(settings, lambda *_: None) as rebuild:
        retired = [version for version in rebuild.versions() if version.retired]
        for version in retired:
            index_versions.drop(rebuild.client, settings, version)
        return [version.name for version in retired]


class _Rebuild:
    """The clients of one rebuild. Their errors become ours."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self._topic = topics.enriched(settings).name

    def __enter__(self) -> "_Rebuild":
        kafka_client.ensure_topics(self._settings, topics.all_topics(self._settings))
        self.client: Elasticsearch = elasticsearch_client.connect(self._settings, **elasticsearch_client.STUBBORN)
        self._consumer = kafka_client.consumer(self._settings, group_id=topics.sink_group(self._settings))
        numbers = sorted(self._consumer.partitions_for_topic(self._topic) or ())
        self._partitions = [TopicPartition(self._topic, number) for number in numbers]
        try:
            # Indices that are there are not prepared: mappings of an older release may refuse our fields.
            if not self.versions():
                indices.prepare(self.client, self._settings)
            index_versions.take_tickets(self.client, self._settings)  # of a rebuild that was killed
            self.current = indices.current(self.client, self._settings)
            if indices.fenced(self.client, self._settings, self.current):  # a rebuild was killed behind its fence
                index_versions.lower_fence(self.client, self._settings, self.current)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._consumer.close(autocommit=False)
        if isinstance(error, ApiError):
            raise ClusterUnavailable(
                f"Elasticsearch refused the rebuild: {elasticsearch_client.reason(error)}."
            ) from error
        if isinstance(error, TransportError):
            raise elasticsearch_client.unavailable(self.client, error) from error
        self.client.close()
        if isinstance(error, KafkaError):
            raise BrokerUnavailable(f"Kafka does not answer as the rebuild needs it to: {error}") from error

    def versions(self) -> list[index_versions.Version]:
        return index_versions.all_versions(self.client, self._settings)

    def committed(self) -> dict[int, int]:
        """The offsets that the sinks have committed, by partition."""
        return {partition.partition: self._consumer.committed(partition) or 0 for partition in self._partitions}

    def still_there(self, offsets: Mapping[int, int]) -> bool:
        """Whether the topic still has all events from these offsets on."""
        first = self._consumer.beginning_offsets(self._partitions)
        return all(first[partition] <= offsets.get(partition.partition, 0) for partition in self._partitions)

    def run(self, old: str, new: str, offsets: Mapping[int, int] | None, *, copy: bool) -> RebuildReport:
        """Fills `new` and swaps to it. Reading the topic begins at `offsets`; where they are None, at its beginning."""
        self._refuse_unfit()
        report = RebuildReport(old, new)
        target = indices.Indices(
            self.client, self._settings, elasticsearch_client.modules(self.client), new, searched=False
        )
        with contextlib.suppress(
            BadRequestError
        ):  # an older release made it, and it refuses our fields: verification says whether that matters
            target.add_fields()
        target.ensure({f"{datetime.now(UTC):%Y.%m}"})
        self._writer = Writer(
            self.client, self._settings, target, also=[old],
            keep_letters=lambda _: None,  # the sinks keep those of the topic; for another one the rebuild is given up
        )  # fmt: skip
        self._writer.refresher.invalidate()
        self._start(offsets or {})
        pages = self._pages(old, report) if copy else iter(())
        for page in pages:
            self._write(page)
            self._catch_up(report)
        # Each round reads what is waiting at its beginning. When that no longer shrinks, articles come as fast as they
        # are written here. Then the fence stops the sinks for one such round.
        waiting, before = self._behind(), math.inf
        while _NEAR < waiting < 0.7 * before:
            self._drain(report)
            waiting, before = self._behind(), waiting
        began = time.monotonic()
        try:
            index_versions.give_ticket(self.client, self._settings, new)
            index_versions.raise_fence(self.client, self._settings, old)
            written = self.committed()  # the old version is complete at least up to there
            self._drain(report)
            self._clear_taken_down(new)
            verified = verify.verify(self.client, self._settings, old, new, self._progress)
            if verified.problems:
                raise InputError(
                    f"{new} does not have all that {old} has, so {old} stays in use: {verified.problems[0]}"
                    + (f" ({len(verified.problems) - 1:,} more)" if len(verified.problems) > 1 else "")
                    + "."
                )
            index_versions.retire(self.client, self._settings, old, datetime.now(UTC), written)
            index_versions.swap(self.client, self._settings, old, new)
        except BaseException as error:
            # Also on Ctrl-C: the sinks must not wait for ever.
            swapped = self._release_sinks(old, new, error)
            if not (swapped and isinstance(error, elasticsearch_client.ERRORS)):
                raise
        report.fenced = time.monotonic() - began
        indices.prepare(self.client, self._settings)  # the new version's templates
        report.articles, report.quotes, report.sampled = verified.articles, verified.quotes, verified.sampled
        return report

    def _refuse_unfit(self) -> None:
        """Refuses to build from indices that cannot be read completely.

        Raises:
            InputError: an index is closed, lacks shards, or is somebody else's; the message says how to mend it.
        """
        state = index_health.Examiner(self.client, self._settings).look(deep=True)
        unreadable = [problem for problem in state.problems if problem.fault in _UNREADABLE]
        if unreadable:
            raise InputError(
                f"{self.current} cannot be read completely, so nothing is built. {index_health.hint(unreadable)}"
            )

    def _clear_taken_down(self, new: str) -> None:
        """Removes the articles that were taken down while the version was filled, or since it was last searched."""
        tombstones = Tombstones(self.client, self._settings).all()
        taken_down = (tombstone.id for tombstone in tombstones if tombstone.kind == "article")
        for ids in elasticsearch_client.chunks(taken_down, _BATCH):
            removal.remove(self.client, self._settings, new, ids)

    def _release_sinks(self, old: str, new: str, error: BaseException) -> bool:
        """Lets the sinks go on after an error; whether the aliases name the new version all the same.

        The answer to the swap may have been lost, so this asks the cluster. Where the new version is searched, the old
        one stays blocked: nobody would find what is written there.

        Raises:
            ClusterUnavailable: Elasticsearch does not say which version is searched. The sinks wait.
        """
        until = time.monotonic() + self._settings.elasticsearch.request_timeout
        while True:
            try:
                index_versions.take_tickets(self.client, self._settings)
                swapped = index_versions.searched(self.client, self._settings, new)
                if not swapped:
                    index_versions.lower_fence(self.client, self._settings, old)
                break
            except elasticsearch_client.ERRORS as trouble:
                if time.monotonic() > until:
                    raise ClusterUnavailable(
                        f"Elasticsearch does not say whether {new} is searched now ({trouble}), so {old} stays blocked "
                        "and the sinks wait. Once it answers, `whosaid reindex --cancel` frees them."
                    ) from error
                time.sleep(_ASK_AGAIN)
        if swapped:
            error.add_note(f"{new} is searched now, in place of {old}.")
        return swapped

    def _start(self, offsets: Mapping[int, int]) -> None:
        self._consumer.assign(self._partitions)
        first = self._consumer.beginning_offsets(self._partitions)
        for partition in self._partitions:
            self._consumer.seek(partition, max(offsets.get(partition.partition, 0), first[partition]))

    def _pages(self, version: str, report: RebuildReport) -> Iterator[list[Event]]:
        """All articles that a version has now, page by page."""
        pattern = indices.pattern(self._settings, "articles", version)
        elasticsearch_client.refresh(self.client, [pattern])
        total = elasticsearch_client.count(self.client, pattern, **elasticsearch_client.STRICT)
        with elasticsearch_client.point_in_time(
            self.client, pattern, keep_alive=_KEEP_ALIVE, **elasticsearch_client.STRICT
        ) as pit:
            for page in elasticsearch_client.pages(self.client, pit=pit, size=_PAGE, sort=["_shard_doc"]):
                yield [self._copy(hit["_source"]) for hit in page]
                report.copied += len(page)
                self._progress("copy", report.copied, total)

    def _copy(self, document: dict[str, Any]) -> Event:
        origin = Origin(self._topic, str(document.get("id", "")).encode())
        try:
            enriched = documents.restore(document)
            return Event(origin, enriched, datetime.fromisoformat(document["indexed"]))
        except (ValueError, KeyError) as error:
            raise InputError(
                f"The article {document.get('id')} in the index is not what this release of WhoSaid writes: {error}"
            ) from error

    def _write(self, batch: list[Event]) -> None:
        work = self._writer.batch(batch)
        while True:
            try:
                outcome = work.write()
                break
            except BackpressureError as error:
                logger.warning("%s; trying again in %.1f s", error, error.retry_after)
                time.sleep(error.retry_after)
        copies = [letter for letter in outcome.letters if letter.offset < 0]
        if copies:
            article = (copies[0].key or b"").decode()
            raise InputError(f"The new indices do not take the article {article}: {copies[0].reason}.")

    def _behind(self) -> int:
        ends = self._consumer.end_offsets(self._partitions)
        return sum(max(0, end - self._consumer.position(partition)) for partition, end in ends.items())

    def _catch_up(self, report: RebuildReport) -> None:
        """Writes some of the events that are waiting on the topic."""
        polled = self._consumer.poll(timeout_ms=50, max_records=_BATCH)
        records = [record for some in polled.values() for record in some]
        if records:
            # The sinks make dead letters of invalid events.
            read = [events.read(record, self._settings.sink.max_event_bytes) for record in records]
            self._write([event for event in read if not isinstance(event, DeadLetter)])
            report.caught_up += len(records)
            self._progress("catch up", report.caught_up, report.caught_up + self._behind())

    def _drain(self, report: RebuildReport) -> None:
        """Writes all events that are on the topic now."""
        ends = self._consumer.end_offsets(self._partitions)
        while any(self._consumer.position(partition) < end for partition, end in ends.items()):
            self._catch_up(report)
