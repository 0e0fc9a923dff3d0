"""Records that wait for their batch: its limits, and when it is due."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from pipeline.settings import SinkSettings
from pipeline.sink.intake import Intake, size_of
from tests.unit.sink.factory import record

LIMITS = SinkSettings(batch_articles=5, batch_bytes=2**16)


def records(*sizes: int, partition: int = 0) -> list[Any]:
    return [record(b"x" * size, offset=number, partition=partition) for number, size in enumerate(sizes)]


def held() -> Intake:
    return Intake(LIMITS, lambda: 0.5)


@given(st.lists(st.integers(0, 2**17), max_size=20))
def test_no_batch_has_more_than_allowed(sizes: list[int]) -> None:
    intake, taken = held(), []
    intake.add(records(*sizes))
    while intake.records:
        taken.append(intake.take())
    assert [one.offset for batch in taken for one in batch] == list(range(len(sizes)))
    for batch in taken:
        assert len(batch) <= 5
        assert len(batch) == 1 or sum(map(size_of, batch)) <= 2**16


def test_it_is_due_when_it_is_full_or_has_waited() -> None:
    now = 10.0
    intake = Intake(LIMITS, lambda: 0.5, clock=lambda: now)
    assert not intake.due
    intake.add(records(10))
    now += 0.4
    intake.add(records(10))
    assert not intake.due, "it waits from the first one on"
    now += 0.2
    assert intake.due
    assert len(intake.take()) == 2
    assert not intake.due
    intake.add(records(2**16))
    assert (intake.room, intake.due) == (0, True)


def test_it_fills_for_long_only_while_more_comes() -> None:
    now = 10.0
    intake = Intake(LIMITS, lambda: 2.0, clock=lambda: now)
    for _ in range(4):
        intake.add(records(10))
        now += 0.4
    assert not intake.due
    now += 0.2
    assert intake.due, "nothing came for half a second"
    intake.take()
    intake.add(records(10))
    now += 0.4
    intake.put_back(records(1))
    assert intake.wait == 0.5


def test_it_is_due_when_it_is_wanted() -> None:
    now = 10.0
    intake = Intake(LIMITS, lambda: 5.0, lambda: 11.0, clock=lambda: now)
    for _ in range(3):
        intake.add(records(10))
        now += 0.3
    assert not intake.due
    now = 11.0
    assert intake.due
    intake.take()
    now = 12.0
    intake.add(records(10))
    assert 0 < intake.wait <= 0.1, "what comes together gets into one batch"
    now += 0.1
    assert intake.due


def test_it_is_full_with_so_many_articles() -> None:
    intake = held()
    assert intake.room > 0
    intake.add(records(*[1] * 5))
    assert intake.room == 0


def test_two_batches_have_no_more_than_allowed_together() -> None:
    intake = held()
    intake.add(records(2**15 - 3, 2**15 - 3, 2**17))  # and a key of three bytes each
    assert intake.fits(2**16)
    assert not intake.fits(2**16 + 1)
    intake.take()
    assert not intake.fits(1), "a large event is alone in memory"


def test_what_is_put_back_comes_first() -> None:
    intake = held()
    intake.add(records(1, 2, 3))
    taken = intake.take()
    intake.add(records(9))
    intake.put_back(taken)
    assert [len(one.value) for one in intake.records] == [1, 2, 3, 9]
    intake.add(records(4, partition=1))
    intake.keep_only({TopicPartition("news.enriched", 1)})
    assert [len(one.value) for one in intake.take()] == [4]
