"""Reads another system's Kafka topic: JSON of any shape, by a mapping of field names.

The location is the topic's name.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Generator
from datetime import datetime
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from connectors import options
from connectors.base import Context, Cursor, PollHints, SourceConfig, Step, unexpected_problem
from connectors.kinds.file import named_source
from connectors.parsing import dates, json_record
from connectors.parsing.json_record import BadRecord
from pipeline import kafka_client, topics
from pipeline.errors import BrokerUnavailable, InputError, SourceError
from pipeline.kafka_batches import Unreadable

OPTIONS = {
    "bootstrap_servers": "host:port of another Kafka, comma-separated, logged into as into ours; default: ours",
    "mapping": "where their JSON has our fields; default: the usual names",
    "source": "who published the articles; default: what the records say, or the source's name",
    "limit": "records of one poll; default: 10000",
    "every": "seconds between two polls, once all is read; default: 2",
    "since": "where to begin, by the records' own time; default: the beginning",
    "once": "true: the source is paused when all is read; default: false",
}
_LIMIT, _EVERY = 10_000, 2.0
_WAIT = 1000  # milliseconds that a poll waits for records
_FIRST_STAMP = 10**11  # 1973; what is less is no time in milliseconds, as -1, which says that there is none
_MOST_EMPTY = 10  # empty polls in a row after which the poll of the source fails


class KafkaConnector:
    """Reads a topic. Its cursor holds the next offset of each partition, so that no consumer group is needed."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        options.check(config, OPTIONS)
        self._config = config
        self._context = context
        self._mapping = options.mapping(config)
        self._source = named_source(config.options.get("source") or config.name)
        self._limit = int(options.number(config, "limit", _LIMIT, least=1))
        self._every = options.number(config, "every", _EVERY)
        self._since = options.moment(config, "since")
        self._once = options.flag(config, "once")
        self._servers = config.options.get("bootstrap_servers")
        if "@" in str(self._servers or ""):
            raise InputError(
                f"Source {config.id}: bootstrap_servers has a login in it; it is host:port, and the login is that of "
                "WHOSAID_KAFKA__USERNAME and …__PASSWORD."
            )
        ours = set(context.settings.bootstrap_servers)
        if self._named_as_ours() and (not self._servers or ours & set(_split(self._servers))):
            raise self._refused()

    def _named_as_ours(self) -> bool:
        """Whether one of our own topics has that name: what is written there must not come back as articles."""
        return self._config.location in {topic.name for topic in topics.every_topic(self._context.settings)}

    def _refused(self) -> InputError:
        return InputError(f"Source {self._config.id} reads {self._config.location}, which WhoSaid itself writes.")

    def _check_cluster(self, chosen: dict[str, Any]) -> None:
        """Refuses our own topic under another address of our Kafka; another Kafka may have a topic of that name."""
        if not self._named_as_ours():
            return
        settings = self._context.settings
        if kafka_client.cluster_id(settings) == kafka_client.cluster_id(settings, **chosen):
            raise self._refused()

    async def articles(self, cursor: Cursor) -> AsyncIterator[Step]:
        """Yields the records after the cursor's offsets, partition by partition."""
        steps = self._read({int(key): int(value) for key, value in dict(cursor.get("offsets") or {}).items()})
        try:
            while (item := await asyncio.to_thread(next, steps, None)) is not None:
                yield item
        finally:
            await asyncio.to_thread(steps.close)

    def _read(self, offsets: dict[int, int]) -> Generator[Step, None, None]:
        settings = self._context.settings
        chosen: dict[str, Any] = {"bootstrap_servers": _split(self._servers)} if self._servers else {}
        try:
            self._check_cluster(chosen)
            consumer = kafka_client.consumer(settings, group_id=None, **chosen)
        except BrokerUnavailable as error:
            raise SourceError(str(error)) from error
        try:
            topic = self._config.location
            numbers = sorted(consumer.partitions_for_topic(topic) or ())
            partitions = [TopicPartition(topic, number) for number in numbers]
            if not partitions:
                raise SourceError(f"There is no topic {topic!r}.")
            consumer.assign(partitions)
            first, last = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
            start = self._beginnings(
                consumer, [partition for partition in partitions if partition.partition not in offsets], last
            )
            for partition in partitions:
                # Where retention has dropped unread records, the remaining ones are read.
                wanted = offsets.get(partition.partition, start.get(partition, 0))
                consumer.seek(partition, min(max(wanted, first[partition]), last[partition]))
            began = places = {partition: consumer.position(partition) for partition in partitions}
            left, silent = self._limit, 0
            while left > 0 and any(places[partition] < last[partition] for partition in partitions):
                if silent >= _MOST_EMPTY:
                    raise SourceError(f"The topic {topic} gives no more records before its end; it is tried again.")
                batch = consumer.poll(timeout_ms=_WAIT, max_records=left)
                for partition, records in batch.items():
                    for record in records:
                        left -= 1
                        offsets[partition.partition] = record.offset + 1
                        yield self._step(record, f"{topic}[{partition.partition}]@{record.offset}", offsets)
                # Markers of transactions move positions without giving records.
                before, places = places, {partition: consumer.position(partition) for partition in partitions}
                silent = silent + 1 if places == before else 0
            offsets |= {partition.partition: place for partition, place in places.items() if place > began[partition]}
            more = any(places[partition] < last[partition] for partition in partitions)
            hints = PollHints(next_poll_in=0.0 if more else self._every, finished=self._once and not more)
            yield Step(None, _cursor(offsets), progress=1.0, hints=hints)
        except KafkaError as error:
            raise SourceError(f"The topic {self._config.location} cannot be read ({type(error).__name__}).") from error
        finally:
            consumer.close()

    def _beginnings(self, consumer: Any, partitions: list[TopicPartition], last: dict[TopicPartition, int]) -> Any:
        """The first offset to read in each partition that was never read."""
        if self._since is None or not partitions:
            return {}
        stamp = int(self._since.timestamp() * 1000)
        starts = consumer.offsets_for_times(dict.fromkeys(partitions, stamp))
        return {
            partition: starts[partition].offset if starts.get(partition) else last[partition]
            for partition in partitions
        }

    def _step(self, record: Any, where: str, offsets: dict[int, int]) -> Step:
        cursor = _cursor(offsets)
        if isinstance(record.value, Unreadable):
            return Step(None, cursor, f"{where}: {record.value.sentence}.")
        try:
            value = json.loads(record.value or b"null")
        except (ValueError, RecursionError):
            return Step(None, cursor, f"{where}: is not JSON.")
        try:
            article = json_record.to_article(
                value,
                source=self._source,
                fetched=self._context.now(),
                mapping=self._mapping,
                origin=where,
                fallback_time=_time(record.timestamp, self._context.now()),
            )
        except BadRecord as error:
            return Step(None, cursor, f"{where}: {error}.")
        except Exception as error:  # the fault of one record: the topic goes on
            return Step(None, cursor, unexpected_problem(where, error))
        return Step(article, cursor)


def _split(servers: object) -> list[str]:
    return [server.strip() for server in str(servers).split(",") if server.strip()]


def _time(stamp: int | None, now: datetime) -> datetime | None:
    """The time of a record's timestamp in milliseconds; None where it has none, or one that cannot be right."""
    if stamp is None or stamp < _FIRST_STAMP:
        return None
    moment, ahead = dates.clamp(dates.parse(stamp), now)
    return None if ahead else moment


def _cursor(offsets: dict[int, int]) -> dict[str, Any]:
    return {"offsets": {str(key): offset for key, offset in offsets.items()}}
