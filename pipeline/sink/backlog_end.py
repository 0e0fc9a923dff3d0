"""Tells by a mark of the worker that a backlog is over.

A worker marks an enriched event when it knows of no other behind it (pipeline.events.LAST). It sends several events
together, into several partitions. The sink receives those in any order, so the mark counts where no event has left a
worker later. Where it is missing, as its event became a dead letter, the sink knows the end by a silence.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from pipeline.events import LAST

_GATHER = 0.1  # seconds in which events that were sent together come
_HOLDS = 1.0  # seconds for which an event counts as the one that left last, whatever its time says


class BacklogEnd:
    """Knows of the latest records whether more are behind them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest = (0, False)  # when the latest of them left its worker, by its clock, and whether it is marked
        self._came = float("-inf")
        self.at = float("inf")
        """When, by the clock, all has come that was sent together with the last event; infinite while more comes."""

    def note(self, records: Iterable[Any]) -> None:
        """Notes the records that a poll gave."""
        newest = max(((record.timestamp or 0, _marked(record)) for record in records), default=None)
        if newest is None:
            return
        now = self._clock()
        if newest >= self._newest or now > self._came + _HOLDS:
            self._newest, self._came = newest, now
        self.at = now + _GATHER if self._newest[1] else float("inf")


def _marked(record: Any) -> bool:
    return any(name == LAST for name, _ in record.headers or ())
