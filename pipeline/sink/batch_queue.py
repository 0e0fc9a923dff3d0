"""Keeps batches that are done in order, of which one begins while the one before it is written.

`pipeline.sink.writer` says why that changes nothing.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import takewhile
from typing import Any

from pipeline.sink.batch import Batch

_PAUSE = 0.05  # seconds to wait for an answer before asking again whether there is anything else to do


class BatchQueue:
    """Batches that are done in order; one begins while the last requests of the one before are on their way.

    It begins early only where neither can matter to the other: they have no article in common, nor may an article of
    one be a copy of one of the other. Else it waits until the one before is done.
    """

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()

    def __len__(self) -> int:
        return len(self._batches)

    def add(self, batch: Batch) -> None:
        """Adds a batch behind the others, and begins to look up what the indices have of it."""
        if self._batches:
            batch.look_ahead(self._batches[-1])
        self._batches.append(batch)

    @property
    def idle(self) -> bool:
        """Whether another batch could be sent now."""
        return all(batch.all_sent for batch in self._batches)

    def done(self) -> list[Batch]:
        """Takes out the batches that are done, up to the first one that is not."""
        done: list[Batch] = []
        while self._batches and self._batches[0].done:
            done.append(self._batches.popleft())
        return done

    def step(self, meanwhile: Callable[[], bool]) -> None:
        """Sends what can be sent now, and settles the next answers.

        Until they come it makes documents of the next requests and calls `meanwhile`, which does a little work of its
        caller and tells whether there was any.

        Raises:
            BackpressureError: the cluster takes no more now. Call again after `retry_after` seconds.
        """
        self._receive()  # first: where a batch cannot be sent on, the other one ends all the same
        for batch in list(self._batches):
            if batch is not self._batches[0] and batch.looking is not None and batch.looking.done():
                batch.begin_beside(self._batches[0])
            if batch is self._batches[0] or batch.begun:
                batch.send()
        if not self._batches or self._batches[0].done:
            return
        while (expected := self._expected()) and not any(one.done() for one in expected):
            if not self._make_ahead() and not meanwhile():
                wait(expected, timeout=_PAUSE, return_when=FIRST_COMPLETED)
        self._receive()

    def drop(self, *, begun: bool = True) -> None:
        """Takes all batches out, or the first that has not begun and all behind it.

        Returns when nothing of them is on its way.
        """
        keep = 0 if begun else sum(1 for _ in takewhile(lambda batch: batch.begun, self._batches))
        while len(self._batches) > keep:
            self._batches.pop().drop()

    def _receive(self) -> None:
        for batch in self._batches:
            batch.receive()

    def _make_ahead(self) -> bool:
        return any(batch.make_ahead() for batch in self._batches)

    def _expected(self) -> list[Future[Any]]:
        looking = [batch.looking for batch in self._batches if batch.looking is not None]
        return [*looking, *(answers for batch in self._batches for answers in batch.expected)]
