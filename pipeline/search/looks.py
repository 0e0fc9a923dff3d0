"""Looks once a second at what was indexed lately, for all streams of a service.

Sinks write beside each other, and searches see what they wrote up to fifteen seconds later (pipeline.sink.refresher):
a quote may become visible after one that was indexed later. So each look goes back some seconds. It asks for no quotes.
All that a sink writes at once has one time of indexing, so that there are few such times; and of each of them a look
has a mark, which changes with the quotes that are visible. A stream asks for those of which the mark has changed.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.errors import UnavailableError
from pipeline.search.reader import Reader
from pipeline.search.result_mapping import Stamps

logger = logging.getLogger(__name__)

OVERLAP = timedelta(seconds=30)
"""How far each look goes back: longer than a batch of a sink takes from its time stamp to being searchable."""

_EVERY = 1.0  # seconds


@dataclass(frozen=True)
class Look:
    """What was indexed lately."""

    number: int
    """One more than that of the look before."""
    since: int
    """From when on it has all, in milliseconds since 1970."""
    stamps: Stamps


class Looks:
    """The looks of one service. They are made while somebody listens."""

    def __init__(self, reader: Reader, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._reader = reader
        self._clock = clock
        self._lock = threading.Lock()
        self._listeners = 0
        self._thread: ThreadPoolExecutor | None = None
        self._looking: Future[None] | None = None
        self._due = 0.0  # on the monotonic clock
        self._newest = 0  # the newest time of indexing that is not to come
        self._last: Look | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Makes looks go back to what the last one saw; without a listener, the next one begins now."""
        with self._lock:
            self._listeners += 1
            if self._listeners == 1:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="looks")
                self._looking, self._last, self._newest = None, None, milliseconds(self._clock())
        try:
            yield
        finally:
            with self._lock:
                self._listeners -= 1
                if not self._listeners and self._thread is not None:
                    self._thread.shutdown(wait=False, cancel_futures=True)
                    self._thread = None

    async def newest(self) -> Look | None:
        """The newest look, made now where it is time for one; None where Elasticsearch did not answer yet.

        Only who is `listening` may call it.
        """
        with self._lock:
            assert self._thread is not None
            if self._looking is None or (self._looking.done() and time.monotonic() >= self._due):
                self._looking = self._thread.submit(self._look)
            looking = self._looking
        await asyncio.shield(asyncio.wrap_future(looking))
        return self._last

    @property
    def wait(self) -> float:
        """Seconds until the next look is due."""
        return max(0.0, self._due - time.monotonic())

    def _look(self) -> None:
        """Looks back from the newest that was seen; where Elasticsearch does not answer, the last look stays."""
        now, since = milliseconds(self._clock()), self._newest - _OVERLAP
        try:
            stamps = self._reader.stamps(since)
        except UnavailableError as error:
            logger.debug("A look at what is new failed: %s", error)
        else:
            number = 1 if self._last is None else self._last.number + 1
            self._newest = max(self._newest, *(stamp for stamp in stamps if stamp <= now), 0)
            self._last = Look(number, since, stamps)
        finally:
            self._due = time.monotonic() + _EVERY


def milliseconds(at: datetime) -> int:
    """The time in milliseconds since 1970, as the place of a quote has it."""
    return int(at.timestamp() * 1000)


_OVERLAP = OVERLAP // timedelta(milliseconds=1)
