"""What the sink forgets when the group takes partitions away, and how long its batches fill; Kafka is not asked."""

import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.structs import TopicPartition

from pipeline.events import LAST
from pipeline.models import DeadLetter
from pipeline.settings import Settings, SinkSettings
from pipeline.sink.consumer import Sink
from pipeline.sink.in_hand import InHand
from pipeline.sink.offsets import Offsets

HERE, THERE = TopicPartition("news.enriched", 0), TopicPartition("news.enriched", 1)


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    value: bytes = b"{}"
    key: bytes = b"k"
    leader_epoch: int = 0
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def record(partition: TopicPartition, offset: int, timestamp: int = 0) -> Any:
    return Record(partition.topic, partition.partition, offset, timestamp=timestamp)


def sink(**changes: Any) -> Sink:
    made = Sink(Settings(sink=SinkSettings(**changes)))
    no_consumer: Any = None
    made._offsets = Offsets(no_consumer)
    return made


def test_what_was_read_before_a_rebalance_is_read_again() -> None:
    one = sink()
    one._intake.add([record(HERE, 7), record(THERE, 1)])
    writing = InHand([record(HERE, 5), record(THERE, 0), record(HERE, 6)], {}, 9)
    ahead = InHand([record(THERE, 2), record(THERE, 3)], {}, 9)
    one._in_hand = [writing, ahead]
    one._offsets.done([record(HERE, 4)])
    one.keep_only({THERE})
    assert not one._offsets.waiting
    assert one._intake.records == [record(THERE, 1)]
    assert [some.records for some in one._in_hand] == [[record(THERE, 0)], [record(THERE, 2), record(THERE, 3)]]
    assert (writing.lost, ahead.lost) == (True, False)
    one.keep_only({THERE, HERE})
    assert (writing.lost, ahead.lost) == (True, False)


def test_a_batch_is_told_which_events_went_to_another_sink() -> None:
    events = [SimpleNamespace(record=record(HERE, 5)), SimpleNamespace(record=record(THERE, 0))]
    told: list[list[bool]] = []
    batch: Any = SimpleNamespace(keep_only=lambda ours: told.append([ours(one) for one in events]))
    one = sink()
    one._in_hand = [InHand([one.record for one in events], {}, 9, batch=batch)]
    one.keep_only({THERE})
    assert told == [[False, True]]
    assert one._in_hand[0].records == [record(THERE, 0)]


def test_a_batch_read_by_half_keeps_its_place_in_it() -> None:
    one = sink()
    reading = InHand([record(HERE, 5), record(THERE, 0), record(HERE, 6), record(THERE, 1)], {}, 9)
    one._in_hand = [reading]
    assert one._read_one()
    assert one._read_one()
    one.keep_only({THERE})
    assert [letter.offset for letter in reading.read if isinstance(letter, DeadLetter)] == [0]
    assert one._read_one()
    assert [letter.offset for letter in reading.read if isinstance(letter, DeadLetter)] == [0, 1]


def test_the_collector_passes_over_what_is_loaded() -> None:
    code = (
        "import gc\nfrom pipeline.sink import consumer, process_memory\n"
        "process_memory.collect_garbage_less_often()\nprocess_memory.give_memory_back()\n"
        "assert gc.isenabled() and gc.get_threshold()[0] == 50_000 and gc.get_freeze_count() > 50_000"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("patience", "setting", "seconds"), [(1.0, 0.5, 1.0), (5.0, 0.5, 5.0), (1.0, 3.0, 3.0)])
def test_a_batch_fills_until_the_next_refresh(patience: float, setting: float, seconds: float) -> None:
    made = sink(batch_wait=setting)
    standing_in: Any = SimpleNamespace(refresher=SimpleNamespace(patience=patience, next=100.0))
    made._writer = standing_in
    assert made._fill_time() == seconds
    assert 99.5 < made._wanted() < 100


@pytest.mark.parametrize(("patience", "at_end", "over"), [(5.0, True, True), (5.0, False, False), (1.0, True, False)])
def test_a_backlog_is_over_where_the_worker_says_so(patience: float, at_end: bool, over: bool) -> None:
    made = sink()
    writer: Any = SimpleNamespace(refresher=SimpleNamespace(patience=patience, next=1e9))
    made._writer = writer
    consumer: Any = SimpleNamespace(at_end=lambda: at_end)
    made._consumer = consumer
    assert made._wanted() > 1e8
    made._end_of_backlog.note([Record("news.enriched", 0, 7, headers=((LAST, b"1"),))])
    assert (made._wanted() < 1e8) is over
    made._end_of_backlog.note([record(HERE, 8, timestamp=1)])
    assert made._wanted() > 1e8
