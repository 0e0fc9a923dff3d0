"""Which offsets are committed, on a consumer that only notes them."""

from dataclasses import dataclass, field
from typing import Any

from kafka.errors import CommitFailedError
from kafka.structs import OffsetAndMetadata, TopicPartition

from pipeline.sink.offsets import Offsets
from tests.unit.sink.test_consumer import HERE, THERE, record


@dataclass
class Consumer:
    """Notes what is committed; refuses it while the group has no place for this member."""

    expelled: bool = False
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    reads_on_at: dict[TopicPartition, int] = field(default_factory=dict)

    def places(self) -> dict[TopicPartition, OffsetAndMetadata]:
        return {partition: OffsetAndMetadata(offset, "", 0) for partition, offset in self.reads_on_at.items()}

    def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        if self.expelled:
            raise CommitFailedError("no such member")
        self.committed |= {partition: offset.offset for partition, offset in offsets.items()}


def offsets(consumer: Consumer) -> Offsets:
    standing_in: Any = consumer
    return Offsets(standing_in)


def test_an_offset_from_before_a_rebalance_is_not_committed() -> None:
    consumer = Consumer(expelled=True)
    frozen = offsets(consumer)
    frozen.done([record(HERE, 6), record(THERE, 8)])
    frozen.commit()  # it froze, and another sink has its partitions
    consumer.expelled = False
    frozen.keep_only({THERE})  # and gives one back, far ahead
    frozen.commit()
    assert consumer.committed == {THERE: 9}


def test_what_could_not_be_committed_is_committed_next_time() -> None:
    consumer = Consumer(expelled=True)
    waiting = offsets(consumer)
    waiting.done([record(HERE, 5), record(HERE, 6)])
    waiting.commit()
    assert waiting.waiting
    consumer.expelled = False
    waiting.commit()
    assert consumer.committed == {HERE: 7}
    assert not waiting.waiting


def test_a_marker_is_passed_where_no_event_waits() -> None:
    consumer = Consumer(reads_on_at={HERE: 8, THERE: 20})
    some = offsets(consumer)
    some.done([record(HERE, 5), record(THERE, 6)])
    some.pass_transaction_markers({THERE})
    some.commit()
    assert consumer.committed == {HERE: 8, THERE: 7}
    some.pass_transaction_markers({THERE})
    assert not some.waiting, "it is committed already"
    consumer.reads_on_at[THERE] = 6
    some.pass_transaction_markers(set())
    assert not some.waiting, "the group never goes back"
