"""Keeps account of the events that are done: an offset is committed once it and all earlier offsets are done.

Faust's own account commits past unfinished work in some orders, counts what it skipped in a rebalance as done, and
takes offsets that never reached an agent for gaps in the topic. So this one starts where records leave the Kafka
client: what was fetched and is neither done nor in hand holds the commit back, and is fetched again.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest

Partition = tuple[str, int]
"""A topic's name and the partition's number."""

PATIENCE = 10.0
"""Seconds after which fetched events that nobody takes, though nothing is in hand, count as dropped."""


class Entry:
    """An event in hand. It belongs to one assignment of its partition: after a rebalance it counts for nothing."""

    __slots__ = ("_offset", "_run")

    def __init__(self, run: "_Run", offset: int) -> None:
        self._run = run
        self._offset = offset

    def done(self) -> None:
        """The broker has acknowledged what became of the event."""
        self._run.finish(self._offset)


class Ledger:
    """The account of all partitions that this worker has now. One thread only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._runs: dict[Partition, _Run] = {}
        self._clock = clock

    def fetched(self, partition: Partition, offsets: Iterable[int], sizes: Iterable[int] = ()) -> None:
        """Notes what came from Kafka, in this order; so many bytes each, where that is told."""
        run = self._run(partition)
        run.moved = self._clock()
        for offset, size in zip_longest(offsets, sizes, fillvalue=0):
            run.expect(offset, size)

    def reached(self, partition: Partition, offset: int) -> None:
        """Notes that everything before this offset was fetched: between the events are marks of transactions.

        So once all that was fetched is done, everything before the offset is.
        """
        self._run(partition).reach(offset)

    def start(self, partition: Partition, offset: int) -> None:
        """Begins behind the group's committed offset: all before it are done."""
        self._run(partition).start(offset)

    def take(self, partition: Partition, offset: int) -> Entry | None:
        """An event reached the agent; None where it already has it, or has done it."""
        run = self._run(partition)
        run.moved = self._clock()
        return Entry(run, offset) if run.take(offset) else None

    def dropped(self, partition: Partition) -> int | None:
        """The first offset that was fetched and got lost on the way here; None where there is none.

        It is told once, then again each `PATIENCE` seconds until the event has come.
        """
        run = self._runs.get(partition)
        return run.dropped(self._clock(), idle=not self.in_hand) if run else None

    def committable(self) -> dict[Partition, int]:
        """By partition, the offset of the first event that is not done, where that is not committed yet."""
        return {
            partition: run.position
            for partition, run in self._runs.items()
            if run.position is not None and run.position != run.committed
        }

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """The broker has taken these."""
        for partition, offset in offsets.items():
            if partition in self._runs:
                self._runs[partition].committed = offset

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Their assignment is over: what is in hand is somebody else's to do again."""
        for partition in partitions:
            self._runs.pop(partition, None)

    @property
    def partitions(self) -> list[Partition]:
        """Those that something is known of."""
        return list(self._runs)

    @property
    def positions(self) -> dict[Partition, int]:
        """By partition the offset before which all is done, where that is known."""
        return {partition: run.position for partition, run in self._runs.items() if run.position is not None}

    @property
    def in_hand(self) -> int:
        """Events taken and not done."""
        return sum(run.in_hand for run in self._runs.values())

    @property
    def waiting(self) -> int:
        """Events fetched and not taken."""
        return sum(run.waiting for run in self._runs.values())

    @property
    def bytes(self) -> int:
        """Bytes of the events fetched and not done."""
        return sum(run.bytes for run in self._runs.values())

    def _run(self, partition: Partition) -> "_Run":
        run = self._runs.get(partition)
        if run is None:
            run = self._runs[partition] = _Run(self._clock())
        return run


class _Run:
    """One assignment of one partition."""

    def __init__(self, now: float) -> None:
        self.position: int | None = None  # all before it are done
        self.committed: int | None = None
        self.in_hand = 0
        self.bytes = 0  # of the open ones
        self.moved = now
        self._order: deque[int] = deque()  # fetched and not yet behind the position, ascending
        self._known: set[int] = set()  # the same
        self._waiting: deque[int] = deque()  # of these, the ones that have not reached the agent
        self._open: dict[int, int] = {}  # of these, the ones not done, waiting or in hand, with their bytes
        self._reached = 0  # all before it were fetched
        self._furthest = -1  # the last that reached the agent
        self._told: tuple[int, float] | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def expect(self, offset: int, size: int = 0) -> None:
        if offset in self._known or (self.position is not None and offset < self.position):
            return  # fetched again after a seek
        ascending = not self._order or offset > self._order[-1]
        self._known.add(offset)
        self._order.append(offset)
        self._waiting.append(offset)
        self._open[offset] = size
        self.bytes += size
        if not ascending:
            self._order = deque(sorted(self._order))
            self._waiting = deque(sorted(self._waiting))

    def start(self, offset: int) -> None:
        self.committed = offset
        self.position = max(offset, self.position or 0)
        while self._waiting and self._waiting[0] < offset:
            self.bytes -= self._open.pop(self._waiting.popleft(), 0)
        self._advance()

    def reach(self, offset: int) -> None:
        self._reached = offset
        self._advance()

    def take(self, offset: int) -> bool:
        if self.position is not None and offset < self.position:
            return False
        self.expect(offset)
        if self._waiting and self._waiting[0] == offset:
            self._waiting.popleft()
        elif offset in self._waiting:
            self._waiting.remove(offset)
        else:
            return False
        self._furthest = max(self._furthest, offset)
        self.in_hand += 1
        return True

    def finish(self, offset: int) -> None:
        if offset not in self._open:
            return
        self.bytes -= self._open.pop(offset)
        self.in_hand -= 1
        self._advance()

    def dropped(self, now: float, *, idle: bool) -> int | None:
        if not self._waiting:
            return None
        first = self._waiting[0]
        overtaken = first < self._furthest
        stranded = idle and now - self.moved > PATIENCE
        if not overtaken and not stranded:
            return None
        if self._told and self._told[0] == first and now - self._told[1] < PATIENCE:
            return None
        self._told = (first, now)
        return first

    def _advance(self) -> None:
        while self._order and self._order[0] not in self._open:
            offset = self._order.popleft()
            self._known.remove(offset)
            self.position = max(offset + 1, self.position or 0)
        if not self._order and self._reached > (self.position or 0):
            self.position = self._reached
