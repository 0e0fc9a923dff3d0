"""Keeps the records of a batch from Kafka until they are done: it reads them, and drops those of lost partitions."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition

from pipeline import tracing
from pipeline.models import DeadLetter
from pipeline.sink import events
from pipeline.sink.batch import Batch
from pipeline.sink.events import Event
from pipeline.sink.intake import partition_of
from pipeline.sink.writer import Writer


@dataclass
class InHand:
    """The records of a batch that is read or written, and what came of them so far."""

    records: list[Any]
    steps: dict[tuple[str, int, int], tracing.Step]
    """By a record's place, the step of its trace; see `steps`."""
    size: int
    """Bytes of the records."""
    read: list[Event | DeadLetter] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    """Of records that could not be read."""
    batch: Batch | None = None
    """Once all is read."""
    since: float = 0.0
    """When all was read, on the monotonic clock."""
    lost: bool = False
    """Whether some of its records are no longer this sink's."""

    def read_one(self, largest: int) -> bool:
        """Reads the next record, of at most so many bytes; False where all are read.

        Raises:
            MemoryError, OSError: as `events.read`.
        """
        if len(self.read) >= len(self.records):
            return False
        self.read.append(events.read(self.records[len(self.read)], largest))
        return True

    def begin(self, writer: Writer) -> Batch:
        """Makes the batch of what was read."""
        self.batch = writer.batch([one for one in self.read if isinstance(one, Event)])
        self.letters = [one for one in self.read if isinstance(one, DeadLetter)]
        self.read, self.since = [], time.monotonic()
        return self.batch

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

    def end(self, letters: Iterable[DeadLetter] = ()) -> None:
        """Ends the steps of the records' traces; those of dead letters with their errors."""
        for letter in letters:
            if step := self.steps.get((letter.topic, letter.partition, letter.offset)):
                step.end(letter.error)
        for step in self.steps.values():
            step.end()


def steps(records: Sequence[Any], group: str) -> dict[tuple[str, int, int], tracing.Step]:
    """Where articles are traced, a step for each record that this group has taken, by its place."""
    if not tracing.on():
        return {}
    return {(one.topic, one.partition, one.offset): tracing.taken(one, group) for one in records}
