"""Keeps the events of a batch while they are written, and what became of each: written, older, taken down, refused."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from pipeline import elasticsearch_client, logs, metrics
from pipeline.errors import ClusterUnavailable
from pipeline.models import DeadLetter
from pipeline.sink import events
from pipeline.sink.bulk_answers import Answer, Verdict
from pipeline.sink.events import Event
from pipeline.sink.lookup import Place

logger = logging.getLogger(__name__)

NO_EVENTS_FAULT = (*elasticsearch_client.ERRORS, ClusterUnavailable, MemoryError, OSError)
"""Errors of Elasticsearch and of the machine: no event is to blame for them."""


class Phase(IntEnum):
    """What a batch does now. All requests of a phase are answered before the next one begins."""

    PLAN = 0
    """It looks up what the indices have of its articles, and decides what to write."""
    ARTICLES = 1
    QUOTES = 2
    """It writes the articles' quotes, and deletes those that they no longer have."""
    TAKE_BACK = 3
    """It deletes the quotes of articles of which Elasticsearch refused something."""
    FORMER = 4
    """It deletes such articles, and articles in months where they no longer belong."""
    DONE = 5


@dataclass
class WriteOutcome:
    """What became of the events of a batch, of which there are `written` + `stale` + `taken_down` + letters."""

    written: int = 0
    stale: int = 0
    taken_down: int = 0
    quotes: int = 0
    letters: list[DeadLetter] = field(default_factory=list)
    kept: int = 0
    """How many of the letters, from the first one on, were handed over to be kept."""

    @property
    def to_keep(self) -> list[DeadLetter]:
        """The letters that are still to be kept."""
        return self.letters[self.kept :]


class BatchState:
    """The events of a batch, what is known of their articles, and what became of them."""

    def __init__(
        self,
        batch: Iterable[Event],
        outcome: WriteOutcome,
        now: datetime,
        *,
        removed: Collection[str] = (),
        lost: Collection[str] = (),
    ) -> None:
        """Counts in `outcome`; `removed` and `lost` are what is known already, where a batch begins again."""
        self.outcome = outcome
        self.now = now
        """When the batch was made; no date of an article that is later is believed."""
        self.writing_since = now
        """When its first request was made, the time of indexing in all documents: it may have waited for others."""
        self.newest, self.replaced = newest_first(batch)
        """By article its event that is still to be written, and the older ones that it replaced."""
        self.places: dict[str, list[Place]] = {}
        """By article, where it was before."""
        self.leftovers: dict[str, list[Place]] = {}
        """By article, its quotes that were there before and are obsolete."""
        self.taken_back: list[Event] = []
        """Events that were refused after something of them was written: it has to be deleted."""
        self.to_restore: list[Event] = []
        """Events that were replaced by one that was refused: they are to be written instead."""
        self.removed = set(removed)
        """Articles that were there, or that the batch wrote, and that it has removed or will."""
        self.lost = set(lost)
        """Articles that another sink writes now: nothing of them is taken back."""

    def stale(self, article: str) -> None:
        """Drops an article that is there in a newer version."""
        if self.newest.pop(article, None) is not None:
            self.outcome.stale += 1 + len(self.replaced.get(article, ()))

    def pass_over(self, down: Collection[str]) -> None:
        """Drops articles that are taken down."""
        for article in sorted(down):
            event = self.newest.pop(article, None)
            self.removed.add(article)
            if event is not None:
                logger.info("Article %s is taken down; not indexed", article, extra=logs.about(article))
                self.outcome.taken_down += 1 + len(self.replaced.get(article, ()))

    def refuse(self, event: Event, answer: Answer, phase: Phase) -> None:
        """Makes a dead letter of an event; `phase` is the one in which it could not be written.

        From the quotes on, its article is written: that is to be taken back.
        """
        del self.newest[event.id]
        self.outcome.letters.append(events.letter(event.record, answer.reason, kind=answer.kind))
        # The revisions that it replaced may be good.
        self.to_restore += self.replaced.get(event.id, ())
        if phase is Phase.QUOTES:
            self.taken_back.append(event)
            self.removed.add(event.id)

    def fault(self, event: Event, error: Exception, phase: Phase) -> None:
        """Makes a dead letter of an event that caused an unexpected error, and logs the trace."""
        events.log_fault(event.record, error)
        self.refuse(event, Answer(Verdict.REFUSED, type(error).__name__, str(error)), phase)

    def count_written(self) -> None:
        """Counts the events that are left as written, and notes the types of their quotes."""
        self.outcome.written += len(self.newest)
        self.outcome.stale += sum(len(self.replaced.get(article, ())) for article in self.newest)
        types = Counter(quote.type for event in self.newest.values() for quote in event.enriched.quotes)
        for type, count in types.items():
            metrics.QUOTES.labels(type=type.value).inc(count)
        for event in self.newest.values():
            logger.debug("Indexed revision %d", event.revision, extra=logs.about(event.id))


def newest_first(batch: Iterable[Event]) -> tuple[dict[str, Event], dict[str, list[Event]]]:
    """By article its newest event (of equal versions, the last one), and by article the other events."""
    newest: dict[str, Event] = {}
    replaced: dict[str, list[Event]] = {}
    for event in batch:
        other = newest.setdefault(event.id, event)
        if other is not event:
            newest[event.id], older = (event, other) if event.version >= other.version else (other, event)
            replaced.setdefault(event.id, []).append(older)
    return newest, replaced
