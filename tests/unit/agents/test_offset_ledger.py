"""The ledger: an offset is committed only when it and all before it are done."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pipeline.agents.offset_ledger import PATIENCE, Entry, Ledger
from tests.thorough import examples

HERE = ("news.articles", 0)
THERE = ("news.articles", 1)


def take(ledger: Ledger, offset: int, partition: tuple[str, int] = HERE) -> Entry:
    entry = ledger.take(partition, offset)
    assert entry is not None
    return entry


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_committable_before_something_is_done() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5, 6])
    take(ledger, 5)
    assert ledger.committable() == {}


def test_what_is_done_is_committable_up_to_the_first_that_is_not() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5, 6, 7])
    entries = [take(ledger, offset) for offset in (5, 6, 7)]
    entries[0].done()
    entries[1].done()
    assert ledger.committable() == {HERE: 7}
    assert ledger.in_hand == 1


def test_an_unfinished_event_holds_back_all_after_it() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, range(10))
    entries = [take(ledger, offset) for offset in range(10)]
    for entry in entries[1:]:
        entry.done()
    assert ledger.committable() == {}
    entries[0].done()
    assert ledger.committable() == {HERE: 10}


def test_offsets_that_the_topic_never_had_hold_nothing_back() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5, 9, 20])  # compacted away, or marks of transactions, between
    for offset in (5, 9, 20):
        take(ledger, offset).done()
    assert ledger.committable() == {HERE: 21}


def test_marks_of_transactions_are_committed_after_all_before() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5, 6])
    ledger.reached(HERE, 9)  # 7 and 8 are marks
    entries = [take(ledger, 5), take(ledger, 6)]
    entries[1].done()
    assert ledger.committable() == {}
    entries[0].done()
    assert ledger.committable() == {HERE: 9}


def test_marks_alone_are_committed_and_the_beginning_is_not() -> None:
    ledger = Ledger()
    ledger.reached(HERE, 0)
    assert ledger.committable() == {}
    ledger.start(THERE, 4)
    ledger.reached(THERE, 6)
    assert ledger.committable() == {THERE: 6}


def test_what_was_fetched_and_lost_holds_back_what_was_reached() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5, 6])
    ledger.reached(HERE, 9)
    take(ledger, 6).done()
    assert ledger.committable() == {}
    assert ledger.dropped(HERE) == 5


def test_bytes_count_from_the_fetch_until_they_are_done() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5, 6, 7], [10, 200, 3000])
    ledger.fetched(HERE, [6, 7], [200, 3000])
    ledger.fetched(THERE, [1], [40_000])
    assert ledger.bytes == 43_210
    take(ledger, 6).done()
    assert ledger.bytes == 43_010
    ledger.start(HERE, 7)  # somebody else has done 5
    assert ledger.bytes == 43_000
    ledger.forget([THERE])
    assert ledger.bytes == 3000


def test_an_event_lost_on_the_way_holds_back_all_after_it() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5, 6, 7])
    take(ledger, 5).done()
    take(ledger, 7).done()
    assert ledger.committable() == {HERE: 6}
    assert ledger.dropped(HERE) == 6
    ledger.fetched(HERE, [6, 7])  # fetched again
    take(ledger, 6).done()
    assert ledger.take(HERE, 7) is None, "it is done already"
    assert ledger.committable() == {HERE: 8}
    assert ledger.dropped(HERE) is None


def test_a_lost_event_is_told_once_and_again_only_after_a_while() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    ledger.fetched(HERE, [5, 6])
    take(ledger, 6)
    assert ledger.dropped(HERE) == 5
    assert ledger.dropped(HERE) is None
    clock.now += PATIENCE
    assert ledger.dropped(HERE) == 5


def test_events_that_never_came_are_told_after_a_while() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    ledger.fetched(HERE, [5, 6])
    assert ledger.dropped(HERE) is None
    clock.now += PATIENCE + 1
    assert ledger.dropped(HERE) == 5


def test_events_that_wait_their_turn_behind_others_are_not_lost() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    ledger.fetched(HERE, [5, 6])
    ledger.fetched(THERE, [5, 6])
    take(ledger, 5)
    clock.now += 10 * PATIENCE
    assert ledger.dropped(HERE) is None
    assert ledger.dropped(THERE) is None, "all partitions wait in one line"


def test_partitions_are_counted_apart() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5])
    ledger.fetched(THERE, [5])
    take(ledger, 5).done()
    take(ledger, 5, THERE)
    assert ledger.committable() == {HERE: 6}
    assert ledger.dropped(("news.articles", 2)) is None


def test_what_is_committed_is_not_committed_again() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5, 6])
    take(ledger, 5).done()
    assert ledger.committable() == {HERE: 6}
    assert ledger.committable() == {HERE: 6}, "the broker has not taken it yet"
    ledger.committed({HERE: 6, THERE: 9})
    assert ledger.committable() == {}
    take(ledger, 6).done()
    assert ledger.committable() == {HERE: 7}


def test_an_event_in_hand_is_not_taken_twice() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5])
    take(ledger, 5)
    ledger.fetched(HERE, [5])
    assert ledger.take(HERE, 5) is None
    assert ledger.in_hand == 1


def test_after_a_rebalance_old_work_counts_for_nothing() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [5, 6])
    old = take(ledger, 5)
    ledger.forget([HERE])
    ledger.fetched(HERE, [5, 6])  # it came back, and somebody else committed nothing meanwhile
    new = [take(ledger, 5), take(ledger, 6)]
    new[1].done()
    old.done()
    assert ledger.committable() == {}
    new[0].done()
    assert ledger.committable() == {HERE: 7}
    assert ledger.in_hand == 0


def test_an_assignment_starts_at_what_is_committed() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [3, 4, 5])  # fetched before the position was known
    ledger.start(HERE, 5)
    assert ledger.committable() == {}
    assert ledger.take(HERE, 4) is None
    take(ledger, 5).done()
    assert ledger.committable() == {HERE: 6}


def test_events_fetched_late_are_in_their_place() -> None:
    ledger = Ledger()
    ledger.fetched(HERE, [8, 9])
    ledger.fetched(HERE, [6, 7, 8, 9])
    for offset in (6, 8, 9):
        take(ledger, offset).done()
    assert ledger.committable() == {HERE: 7}
    take(ledger, 7).done()
    assert ledger.committable() == {HERE: 10}


class Faust(RuleBasedStateMachine):
    """Fetches, loses, repeats, finishes in any order; a commit may never pass what is not done."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.ledger = Ledger(self.clock)
        self.topic: list[int] = []  # offsets that it has
        self.next = 0
        self.queue: list[int] = []
        self.hand: dict[int, Entry] = {}
        self.done: set[int] = set()

    @rule(count=st.integers(1, 5), gap=st.integers(0, 2))
    def fetch(self, count: int, gap: int) -> None:
        start = self.next + gap
        self.done.update(range(self.next, start))  # the topic has none of these
        self.next = start + count
        self.topic += range(start, self.next)
        self.read(start, self.queue)

    @rule(gap=st.integers(0, 2))
    def reach(self, gap: int) -> None:
        self.done.update(range(self.next, self.next + gap))  # marks of transactions
        self.next += gap
        self.ledger.reached(HERE, self.next)

    def read(self, start: int, queued: list[int]) -> None:
        offsets = [offset for offset in self.topic if offset >= start]
        self.ledger.fetched(HERE, offsets)
        self.queue = queued + offsets

    @rule(data=st.data())
    def lose(self, data: Any) -> None:
        if self.queue:
            self.queue.remove(data.draw(st.sampled_from(self.queue)))

    @rule()
    def deliver(self) -> None:
        if self.queue:
            offset = self.queue.pop(0)
            entry = self.ledger.take(HERE, offset)
            assert (entry is None) == (offset in self.hand or offset in self.done)
            if entry:
                self.hand[offset] = entry
        lost = self.ledger.dropped(HERE)
        if lost is not None:
            self.read(lost, [])

    @rule(data=st.data())
    def finish(self, data: Any) -> None:
        if self.hand:
            offset = data.draw(st.sampled_from(sorted(self.hand)))
            self.hand.pop(offset).done()
            self.done.add(offset)

    @rule()
    def rebalance(self) -> None:
        position = self.ledger.committable().get(HERE)
        self.ledger.forget([HERE])
        self.hand.clear()
        start = position or 0
        self.done = set(range(start))
        if start:
            self.ledger.start(HERE, start)
        self.done.update(set(range(self.next)) - set(self.topic))
        self.read(start, [])

    @invariant()
    def no_commit_passes_what_is_not_done(self) -> None:
        for offset in range(self.ledger.committable().get(HERE, 0)):
            assert offset in self.done

    @invariant()
    def in_hand_is_counted(self) -> None:
        assert self.ledger.in_hand == len(self.hand)

    def teardown(self) -> None:
        for _ in range(10 * len(self.topic)):  # in the end everything arrives and is committed
            self.clock.now += PATIENCE + 1
            self.deliver()
            for offset in list(self.hand):
                self.hand.pop(offset).done()
                self.done.add(offset)
        if self.topic:
            self.ledger.reached(HERE, self.next)
            assert self.ledger.committable().get(HERE, self.ledger._runs[HERE].committed) == self.next
        super().teardown()


TestFaust = Faust.TestCase
TestFaust.settings = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)


@given(order=st.permutations(range(12)))
@pytest.mark.guarantee("worker-commits")
def test_in_whatever_order_work_ends_commits_go_forward_only(order: list[int]) -> None:
    ledger = Ledger()
    ledger.fetched(HERE, range(12))
    entries = [take(ledger, offset) for offset in range(12)]
    done: set[int] = set()
    last = 0
    for offset in order:
        entries[offset].done()
        done.add(offset)
        position = ledger.committable().get(HERE, 0)
        assert position >= last
        assert done.issuperset(range(position))
        last = position
    assert last == 12
