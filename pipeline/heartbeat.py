"""Notes that a part goes on working, so that a probe can tell one that hangs from one that waits."""

import time
from collections.abc import Callable

SILENCE = 180.0
"""Seconds without a beat after which a part counts as hanging: more than any request of ours may take by default."""


class Heartbeat:
    """The beats of one part. Any thread may call; a part that never began to beat is no part that hangs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None
        self._ready = False

    def beat(self) -> None:
        """The part works on. Parts that only answer requests never call it: that they answer shows the same."""
        self._last = self._clock()

    def take_up(self) -> None:
        """The part has what it works on now: partitions, sources, or a port that answers."""
        self._ready = True

    def rest(self) -> None:
        """The part has ended in order: its silence means nothing any more."""
        self._last, self._ready = None, False

    @property
    def ready(self) -> bool:
        """Whether the part has taken up its work."""
        return self._ready

    @property
    def silent_for(self) -> float:
        """Seconds since the last beat; 0 before the first."""
        return 0.0 if self._last is None else self._clock() - self._last


PART = Heartbeat()
"""Of the part that this process runs."""
