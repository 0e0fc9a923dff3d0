"""Reads a Kafka topic without a consumer group: all that it holds now, or what comes from now on."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline import kafka_client
from pipeline.errors import BrokerUnavailable
from pipeline.settings import Settings

_POLL = 0.5  # seconds
_MAX_EMPTY_POLLS = 60  # in a row, while there are records: then the broker counts as gone
_CLOCK_SKEW = timedelta(days=1)

Progress = Callable[[int, int], None]
"""Is told how many records of how many are read."""


class TopicReader:
    """Reads all partitions of a topic. Use it in a `with`.

    Raises (on entering, and in every method):
        BrokerUnavailable: Kafka does not answer.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic

    def __enter__(self) -> Self:
        self._consumer = kafka_client.consumer(self._settings)
        try:
            with self._errors():
                numbers = sorted(self._consumer.partitions_for_topic(self._topic) or ())
                self._partitions = [TopicPartition(self._topic, number) for number in numbers]
                self._consumer.assign(self._partitions)
        except BaseException:
            self._consumer.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def skip_to_end(self) -> None:
        """Passes over the records that the topic holds now."""
        with self._errors():
            for partition, end in self._consumer.end_offsets(self._partitions).items():
                self._consumer.seek(partition, end)

    def poll(self, seconds: float) -> list[Any]:
        """The next records; waits for them at most so long."""
        with self._errors():
            polled = self._consumer.poll(timeout_ms=int(seconds * 1000))
        return [record for records in polled.values() for record in records]

    def records(
        self,
        *,
        since: datetime | None = None,
        places: Mapping[int, int] | None = None,
        progress: Progress = lambda *_: None,
    ) -> Iterator[Any]:
        """The records that the topic holds now; of one partition in their order.

        With `since`, reading begins a day before that time, as clocks may differ; with `places`, at these offsets of
        partitions.
        """
        with self._errors():
            ends = self._consumer.end_offsets(self._partitions)
            begins = self._begins(since, ends)
            for partition, offset in begins.items():
                begins[partition] = max(offset, min((places or {}).get(partition.partition, 0), ends[partition]))
            for partition, begin in begins.items():
                self._consumer.seek(partition, begin)
        total, read, empty_polls = sum(ends[partition] - begin for partition, begin in begins.items()), 0, 0
        while self._before(ends):
            records = self.poll(_POLL)
            empty_polls = 0 if records else empty_polls + 1
            if empty_polls > _MAX_EMPTY_POLLS:
                raise BrokerUnavailable(f"Kafka does not give what is on {self._topic}; try again.")
            for record in records:
                if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                    read += 1
                    progress(read, total)
                    yield record

    def _begins(self, since: datetime | None, ends: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
        begins: dict[TopicPartition, int] = self._consumer.beginning_offsets(self._partitions)
        if since is None or not self._partitions:
            return begins
        at = max(0, int((since - _CLOCK_SKEW).timestamp() * 1000))
        places = self._consumer.offsets_for_times(dict.fromkeys(self._partitions, at))
        return {partition: place.offset if place else ends[partition] for partition, place in places.items()}

    def _before(self, ends: dict[TopicPartition, int]) -> bool:
        with self._errors():
            return any(self._consumer.position(partition) < end for partition, end in ends.items())

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka does not give what is on {self._topic}: {error}") from error
