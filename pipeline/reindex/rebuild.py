"""Builds a version of the indices from another one, or from the topic, while articles go on being written; then swaps.

1. **Fill.** One writer alone, in one thread, so that its own writes never race: it takes pages of the old version's
   articles, and between them what comes new on the sink's topic, from where the sinks had committed when it began. It
   writes as the sink does (pipeline.sink.writer): newest revision first and alone decides, removed quotes go.
2. **Fence** the old version (pipeline.sink.index_versions). The sinks wait; searches go on.
3. **Drain.** What the sinks have written before the fence lies before the topic's end after the fence. The writer
   reads up to there, so that the new version has all that the old one has.
4. **Verify** (pipeline.reindex.verify); if anything is missing, the fence is lowered and the sinks go on as before.
   So they do after any other error, but not before Elasticsearch has said that the old version is the one searched.
5. **Swap** both aliases in one action. The sinks meet the block, see where the aliases lead, and write there what they
   have not committed. An event is either before the fence, and drained, or it is theirs to write.

The old version is kept, retired. Going back is the same with the roles exchanged, and without the copying where the
topic still has all since then.
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
_NEAR = 200  # events: so near the topic's end the sinks may be kept waiting for the rest
_KEEP_ALIVE = "10m"
_ASK_AGAIN = 0.5  # seconds
_UNREADABLE = frozenset({Fault.CLOSED, Fault.AWAY, Fault.FOREIGN, Fault.ALIAS_TAKEN})

Progress = Callable[[str, int, int], None]
"""Told the step ("copy", "catch up", "verify"), how much of it is done, and of how much."""


@dataclass
class RebuildReport:
    """What was done."""

    old: str
    new: str
    articles: int = 0
    quotes: int = 0
    copied: int = 0
    caught_up: int = 0
    """Events that came, or had to be made up, while it was filled."""
    fenced: float = 0
    """Seconds that the sinks were kept waiting."""
    sampled: int = 0


@dataclass(frozen=True)
class Origin:
    """Stands for the record of an article that is copied."""

    topic: str
    key: bytes
    value: None = None
    partition: int = -1
    offset: int = -1
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def reindex(settings: Settings, *, from_topic: bool = False, progress: Progress = lambda *_: None) -> RebuildReport:
    """Builds the next version from the one that is searched, or from all that the topic has, and swaps to it.

    Raises:
        InputError: the new version lacks something; the old one goes on as before. The message says what.
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch does not answer; the old one goes on as before.
    """
    with _Rebuild(settings, progress) as rebuild:
        old, there = rebuild.current, rebuild.versions()
        for version in there:
            if not version.searched and version.retired is None:  # an earlier attempt that was broken off
                index_versions.drop(rebuild.client, settings, version)
        new = index_versions.new_name(rebuild.client, settings)
        offsets = None if from_topic else rebuild.committed()
        return rebuild.run(old, new, offsets, copy=not from_topic)


def back(settings: Settings, *, progress: Progress = lambda *_: None) -> RebuildReport:
    """Brings the version that was retired last up to date, and swaps to it.

    Raises as `reindex`; InputError also where there is none.
    """
    with _Rebuild(settings, progress) as rebuild:
        retired = [version for version in rebuild.versions() if version.retired]
        if not retired:
            raise InputError("There is no earlier version to go back to.")
        target = max(retired, key=lambda version: version.retired or datetime.min.replace(tzinfo=UTC))
        offsets, copy = target.offsets or {}, False
        if not rebuild.still_there(offsets):  # the topic has dropped some of what came since
            offsets, copy = rebuild.committed(), True
        index_versions.lower_fence(rebuild.client, settings, target.name)
        return rebuild.run(rebuild.current, target.name, offsets, copy=copy)


def cancel(settings: Settings) -> list[str]:
    """After a rebuild that was killed: the sinks may write again, what was not finished is deleted; its names."""
    with _Rebuild(settings, lambda *_: None) as rebuild:
        unfinished = [one for one in rebuild.versions() if not one.searched and one.retired is None]
        for version in unfinished:
            index_versions.drop(rebuild.client, settings, version)
        return [version.name for version in unfinished]


def forget(settings: Settings) -> list[str]:
    """Deletes the retired versions: there is no way back then. The names of those deleted."""
    with _Rebuild(settings, lambda *_: None) as rebuild:
        retired = [version for version in rebuild.versions() if version.retired]
        for version in retired:
            index_versions.drop(rebuild.client, settings, version)
        return [version.name for version in retired]


class _Rebuild:
    """The clients of one rebuild; its errors are ours."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self._topic = topics.enriched(settings).name

    def __enter__(self) -> "_Rebuild":
        kafka_client.ensure_topics(self._settings, topics.all_topics(self._settings))
        self.client: Elasticsearch = elasticsearch_client.connect(self._settings, max_retries=3, retry_on_timeout=True)
        self._consumer = kafka_client.consumer(self._settings, group_id=topics.sink_group(self._settings))
        numbers = sorted(self._consumer.partitions_for_topic(self._topic) or ())
        self._partitions = [TopicPartition(self._topic, number) for number in numbers]
        try:
            # Not `prepare`: the indices may be of an older WhoSaid, whose mappings do not take our fields.
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
        """What the sinks have committed, by partition."""
        return {one.partition: self._consumer.committed(one) or 0 for one in self._partitions}

    def still_there(self, offsets: Mapping[int, int]) -> bool:
        first = self._consumer.beginning_offsets(self._partitions)
        return all(first[one] <= offsets.get(one.partition, 0) for one in self._partitions)

    def run(self, old: str, new: str, offsets: Mapping[int, int] | None, *, copy: bool) -> RebuildReport:
        """Fills `new` and swaps to it; `offsets` is where reading of the topic begins, None: at its beginning."""
        self._refuse_unfit()
        report = RebuildReport(old, new)
        target = indices.Indices(
            self.client, self._settings, elasticsearch_client.modules(self.client), new, searched=False
        )
        with contextlib.suppress(BadRequestError):  # it takes only what an older WhoSaid writes; verification will tell
            target.add_fields()
        target.ensure({f"{datetime.now(UTC):%Y.%m}"})
        self._writer = Writer(self.client, self._settings, target, also=[old])
        self._writer.lookup.invalidate()
        self._start(offsets or {})
        pages = self._pages(old, report) if copy else iter(())
        for page in pages:
            self._write(page)
            self._catch_up(report)
        # Each round reads what was waiting at its begin. When that shrinks no more, articles come as fast as they are
        # written here: the fence then holds the sinks up for one such round, but not for ever.
        waiting, before = self._behind(), math.inf
        while _NEAR < waiting < 0.7 * before:
            self._drain(report)
            waiting, before = self._behind(), waiting
        began = time.monotonic()
        try:
            index_versions.give_ticket(self.client, self._settings, new)
            index_versions.raise_fence(self.client, self._settings, old)
            written = self.committed()  # by the sinks, at the least: so far is the old version complete
            self._drain(report)
            self._clear_taken_down(new)
            found = verify.verify(self.client, self._settings, old, new, self._progress)
            if found.problems:
                raise InputError(
                    f"{new} is not what {old} is, so {old} stays: {found.problems[0]}"
                    + (f" ({len(found.problems) - 1:,} more)" if len(found.problems) > 1 else "")
                    + "."
                )
            index_versions.retire(self.client, self._settings, old, datetime.now(UTC), written)
            index_versions.swap(self.client, self._settings, old, new)
        except BaseException as error:
            # Also on Ctrl-C: the sinks must not wait for ever.
            swapped = self._let_go(old, new, error)
            if not (swapped and isinstance(error, elasticsearch_client.ERRORS)):
                raise
        report.fenced = time.monotonic() - began
        indices.prepare(self.client, self._settings)  # the new version's templates
        report.articles, report.quotes, report.sampled = found.articles, found.quotes, found.sampled
        return report

    def _refuse_unfit(self) -> None:
        """Nothing is built from indices that cannot be read whole.

        Raises:
            InputError: an index is closed, lacks shards, or is somebody else's; the message says what mends it.
        """
        state = index_health.Examiner(self.client, self._settings).look(deep=True)
        wrong = [one for one in state.problems if one.fault in _UNREADABLE]
        if wrong:
            raise InputError(
                f"{self.current} cannot be read whole, so nothing is built of it. {index_health.hint(wrong)}"
            )

    def _clear_taken_down(self, new: str) -> None:
        """Removes what was taken down since the version was last searched, or while it was filled."""
        taken = (one.id for one in Tombstones(self.client, self._settings).all() if one.kind == "article")
        for ids in elasticsearch_client.chunks(taken, _BATCH):
            removal.remove(self.client, self._settings, new, ids)

    def _let_go(self, old: str, new: str, error: BaseException) -> bool:
        """Frees the sinks after an error: whether the aliases name the new version all the same.

        The error may be that the answer to the swap was lost, so the cluster is asked. Where the new version is
        searched the old one stays blocked: what would be written there nobody would find.

        Raises:
            ClusterUnavailable: Elasticsearch does not say which is searched. The sinks wait.
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
        for one in self._partitions:
            self._consumer.seek(one, max(offsets.get(one.partition, 0), first[one]))

    def _pages(self, version: str, report: RebuildReport) -> Iterator[list[Event]]:
        """All articles of a version, as they are now."""
        pattern = indices.pattern(self._settings, "articles", version)
        self.client.indices.refresh(index=pattern, **indices.STRICT)
        total = int(self.client.count(index=pattern, **indices.STRICT)["count"])
        with elasticsearch_client.point_in_time(self.client, pattern, keep_alive=_KEEP_ALIVE, **indices.STRICT) as pit:
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
                f"The article {document.get('id')} in the index is not what this WhoSaid writes: {error}"
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
        return sum(max(0, end - self._consumer.position(one)) for one, end in ends.items())

    def _catch_up(self, report: RebuildReport) -> None:
        """Writes some of what has come on the topic, if anything has."""
        polled = self._consumer.poll(timeout_ms=50, max_records=_BATCH)
        records = [record for some in polled.values() for record in some]
        if records:
            # What is no event is the sinks' to make a dead letter of.
            read = [events.read(record, self._settings.sink.max_event_bytes) for record in records]
            self._write([one for one in read if not isinstance(one, DeadLetter)])
            report.caught_up += len(records)
            self._progress("catch up", report.caught_up, report.caught_up + self._behind())

    def _drain(self, report: RebuildReport) -> None:
        """Writes what the topic has now."""
        ends = self._consumer.end_offsets(self._partitions)
        while any(self._consumer.position(one) < end for one, end in ends.items()):
            self._catch_up(report)
