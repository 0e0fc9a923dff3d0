"""Holds the records that were read from Kafka and that no batch has yet, and cuts batches of a limited size."""

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from kafka import TopicPartition

from pipeline.settings import SinkSettings

_GATHER = 0.1  # seconds in which what comes together gets into one batch

BATCHES = 2
"""How many batches are in memory at a time: one is read while the one before it is written."""


class Intake:
    """Records that wait for their batch, in the order in which they came."""

    def __init__(
        self,
        limits: SinkSettings,
        fill_time: Callable[[], float],
        wanted: Callable[[], float] = lambda: float("inf"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """An intake without records.

        Args:
            limits: the most that a batch has, and how long it waits for another record.
            fill_time: how many seconds a batch may wait for more records, from the first one on.
            wanted: when, by the clock, a batch had better be written, though it is not full.
            clock: seconds.
        """
        self.records: list[Any] = []
        self._limits = limits
        self._fill_time = fill_time
        self._wanted = wanted
        self._clock = clock
        self._size = 0
        self._since = self._last = 0.0  # when the first of the records came, and the last one
        self._mean_bytes = 16 * 1024.0

    @property
    def room(self) -> int:
        """How many more records the next batch takes, about; 0 where it is full."""
        most, size = self._limits.batch_articles - len(self.records), self._limits.batch_bytes - self._size
        return int(min(most, size / self._mean_bytes)) + 1 if most > 0 and size > 0 else 0

    @property
    def wait(self) -> float:
        """Seconds until the next batch is due, though it is not full; infinite where nothing waits for it.

        It is due as soon as no more came for `batch_wait` seconds: at the end of a backlog nobody has to wait. It is
        due, too, when it is wanted.
        """
        if not self.records:
            return float("inf")
        wanted = max(self._since + _GATHER, self._wanted())
        until = min(self._since + self._fill_time(), self._last + self._limits.batch_wait, wanted)
        return max(0.0, until - self._clock())

    @property
    def due(self) -> bool:
        """Whether it is time for the next batch."""
        return self.room == 0 or self.wait == 0

    def add(self, records: Iterable[Any]) -> None:
        """Adds records that came now."""
        for record in records:
            self._last = self._clock()
            if not self.records:
                self._since = self._last
            self.records.append(record)
            self._size += size_of(record)
            self._mean_bytes += (size_of(record) - self._mean_bytes) / 64

    def take(self) -> list[Any]:
        """The records of the next batch: no more bytes than allowed, so that an event that is larger is alone in it."""
        count, _ = self._next()
        taken = self.records[:count]
        self._hold(self.records[count:])
        return taken

    def fits(self, beside: int) -> bool:
        """Whether the next batch may be in memory beside one of so many bytes."""
        return self._next()[1] + beside <= BATCHES * self._limits.batch_bytes

    def put_back(self, records: Iterable[Any]) -> None:
        """Puts records that were taken before all others."""
        self._hold([*records, *self.records])

    def keep_only(self, partitions: Collection[TopicPartition]) -> None:
        """Drops the records of all other partitions."""
        self._hold([record for record in self.records if partition_of(record) in partitions])

    def clear(self) -> None:
        """Drops all records."""
        self._hold([])

    def _next(self) -> tuple[int, int]:
        """How many records the next batch has, and their bytes."""
        count, total = 0, 0
        for size in map(size_of, self.records[: self._limits.batch_articles]):
            if count and total + size > self._limits.batch_bytes:
                break
            count, total = count + 1, total + size
        return count, total

    def _hold(self, records: list[Any]) -> None:
        self.records = records
        self._size = sum(map(size_of, records))
        self._since = self._last = self._clock()


def partition_of(record: Any) -> TopicPartition:
    """The partition that the record came from."""
    return TopicPartition(record.topic, record.partition)


def size_of(record: Any) -> int:
    """The record's bytes, without those of the format."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers or ())
    return len(record.value or b"") + len(record.key or b"") + headers
