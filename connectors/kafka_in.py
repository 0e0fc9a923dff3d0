"""Articles from somebody else's Kafka topic: JSON of any shape, by a mapping of field names.

The location is the topic's name. Options of the source: `bootstrap_servers` (where it is another Kafka than ours),
`mapping`, `source`, `limit` (records a poll, 1,000 by default).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Generator
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from connectors import records
from connectors.base import Context, Cursor, Item, SourceConfig
from connectors.files import named_source
from connectors.records import BadRecord
from pipeline import broker
from pipeline.errors import BrokerUnavailable, InputError, SourceError

_WAIT = 1000  # milliseconds that a poll waits for records


class KafkaConnector:
    """Reads a topic. Its cursor: the next offset of each partition, so that no consumer group is needed."""

    def __init__(self, config: SourceConfig, context: Context) -> None:
        self._config = config
        self._context = context
        options = config.options
        mapping = options.get("mapping")
        if mapping is not None and not isinstance(mapping, dict):
            raise InputError(f"The mapping of source {config.id} is not an object of field names.")
        self._mapping = {str(key): str(value) for key, value in mapping.items()} if mapping else None
        self._source = named_source(options.get("source") or config.name)
        try:
            self._limit = int(options.get("limit") or 1000)
        except (ValueError, TypeError):
            raise InputError(f"The limit of source {config.id} is not a number: {options.get('limit')!r}.") from None
        if config.location == f"{context.settings.kafka.prefix}articles":
            raise InputError(f"Source {config.id} reads the topic that it writes to.")

    async def articles(self, cursor: Cursor) -> AsyncIterator[Item]:
        """The records after the cursor's offsets, partition by partition."""
        steps = self._read({int(key): int(value) for key, value in dict(cursor.get("offsets") or {}).items()})
        try:
            while (item := await asyncio.to_thread(next, steps, None)) is not None:
                yield item
        finally:
            await asyncio.to_thread(steps.close)

    def _read(self, offsets: dict[int, int]) -> Generator[Item, None, None]:
        settings = self._context.settings
        servers = self._config.options.get("bootstrap_servers")
        options: dict[str, Any] = {"bootstrap_servers": servers} if servers else {}
        try:
            consumer = broker.consumer(settings, group_id=None, **options)
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
            for one in partitions:
                # Where retention has dropped what we had not read, what is left is read.
                consumer.seek(one, min(max(offsets.get(one.partition, 0), first[one]), last[one]))
            left = min(self._limit, sum(last[one] - consumer.position(one) for one in partitions))
            while left > 0:
                batch = consumer.poll(timeout_ms=_WAIT, max_records=left)
                if not batch:
                    return
                for one, found in batch.items():
                    for record in found:
                        left -= 1
                        offsets[one.partition] = record.offset + 1
                        yield self._item(record.value, f"{topic}[{one.partition}]@{record.offset}", offsets)
        except KafkaError as error:
            raise SourceError(f"The topic {self._config.location} cannot be read ({type(error).__name__}).") from error
        finally:
            consumer.close()

    def _item(self, value: bytes | None, where: str, offsets: dict[int, int]) -> Item:
        cursor = {"offsets": {str(key): offset for key, offset in offsets.items()}}
        try:
            record = json.loads(value or b"null")
            article = records.to_article(
                record, source=self._source, fetched=self._context.now(), mapping=self._mapping, origin=where
            )
        except BadRecord as error:
            return Item(None, cursor, f"{where}: {error}.")
        except (ValueError, RecursionError):
            return Item(None, cursor, f"{where}: is not JSON.")
        return Item(article, cursor)
