"""Looks up what the indices have of a batch: now, or ahead in another thread while the batch before is written."""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from pipeline.sink import documents
from pipeline.sink.events import Event
from pipeline.sink.lookup import Place, Wanted
from pipeline.sink.near_duplicates import Known
from pipeline.sink.target import Target

logger = logging.getLogger(__name__)

_HOLDS = 5.0  # seconds for which what was looked up may be used


@dataclass
class Found:
    """What the indices have of a batch, and until when that holds."""

    down: set[str]
    """Articles that are taken down."""
    known: Known
    leftovers: dict[str, list[Place]]
    """By article, its quotes that are there and obsolete."""
    state: tuple[object, int]
    """Of the target, as it was before the look-up; where it is another one, look again."""
    at: float
    """On the monotonic clock."""

    def holds(self, target: Target) -> bool:
        """Whether a plan may be made of it still."""
        return self.state == target.state and time.monotonic() < self.at + _HOLDS


def look_up(target: Target, newest: Mapping[str, Event], now: datetime) -> Found:
    """Asks for all that a plan for these events needs. It changes nothing, so another thread may do it.

    Raises:
        elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch refused, or does not answer.
    """
    state, at = target.state, time.monotonic()
    down = target.taken_down(newest.values())
    known = target.duplicates.look_up(newest, now)
    wanted = {
        article: Wanted(target.index(event, "quotes", now), documents.quote_ids(event.enriched))
        for article, event in newest.items()
        if article in known.places
    }
    return Found(down, known, target.lookup.leftovers(wanted), state, at)


class LookAhead:
    """A look-up for one batch in another thread, and what it has found, until a plan takes that."""

    def __init__(self) -> None:
        self._looking: Future[Found] | None = None
        self._found: Found | None = None

    def begin(self, target: Target, newest: Mapping[str, Event], now: datetime) -> None:
        """Begins to look up what the indices have of these events."""
        self._looking = target.looker.submit(_look_up_unless_moved, target, dict(newest), now)

    @property
    def looking(self) -> Future[Found] | None:
        """The look-up on its way, also when it has ended; None where there is none, or `take` was called."""
        return self._looking

    def take(self) -> Found | None:
        """What was found, when the look-up has ended; None where there was none, or it failed.

        Then the plan looks itself, and says why it cannot.
        """
        looking, found = self._looking, self._found
        self._looking = self._found = None
        if looking is None:
            return found
        try:
            return looking.result()
        except Exception as error:
            logger.debug("Looking ahead failed: %r", error)
            return None

    def put_back(self, found: Found) -> None:
        """Keeps what was taken for another `take`."""
        self._found = found


def _look_up_unless_moved(target: Target, newest: Mapping[str, Event], now: datetime) -> Found:
    target.stay()
    return look_up(target, newest, now)
