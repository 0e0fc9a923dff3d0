"""Makes what the sink has written visible to searches in time, and remembers what they do not see yet.

A search sees what was written before the last refresh of its index. A refresh costs Elasticsearch some twenty files
for each index, however little was written. So the sink asks for it, and not a clock: as soon as fresh news is written,
at most once a second; while much waits, less often. What has waited for ten seconds before it was written is not news
to anybody five seconds sooner or later. The rule, for what was written and cannot be searched yet:

* The refresh comes when the last one is half as long ago as the freshest of these articles has waited since it was
  fetched; at least `SOONEST` seconds, at most `LONGEST`.
* It comes as soon as there was nothing to write for `QUIET` seconds: then the backlog is over.
* It comes when `MOST` articles are not seen, as the sink remembers no more of them.

Elasticsearch's own refresh (`refresh_interval` of our indices, half a minute) is there for what a sink wrote before it
died. The sink that takes over its partitions refreshes all indices, mostly sooner.
"""

import logging
import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client, metrics
from pipeline.settings import Settings
from pipeline.sink import indices
from pipeline.sink.events import Event

logger = logging.getLogger(__name__)

SOONEST, LONGEST, QUIET = 1.0, 5.0, 1.0
"""Seconds; the module's text tells of what."""

MOST = 2_000
"""The most articles that may be written and not searchable."""

_SHARE = 0.5  # of the time that an article has waited
_AT_ONCE = 30  # names in one request, whose line has a limit


class _New(NamedTuple):
    published: datetime | None
    fetched: datetime


class Refresher:
    """The refreshes of one version of the indices, by one writer."""

    def __init__(self, client: Elasticsearch, settings: Settings, version: str = indices.FIRST_VERSION) -> None:
        self._client = client
        self._all = [indices.pattern(settings, kind, version) for kind in indices.KINDS]
        self._touched: set[str] = set()  # indices
        self._writing: set[str] = set()  # articles of a batch that is not done
        self._written: dict[str, _New | None] = {}  # articles; of those that were not there before, their times
        self._stale = True
        self._refreshed = self._active = float("-inf")
        self.patience = SOONEST
        """Seconds between two refreshes that are soon enough for all that was written last."""
        self._due = float("inf")

    @property
    def wait(self) -> float:
        """Seconds until the next refresh is due; infinite where nothing waits for it."""
        due = min(self._due, self._active + QUIET) if self._touched or self._stale else float("inf")
        return max(0.0, due - time.monotonic())

    def busy(self) -> None:
        """Notes that something is there to be written: it is not quiet."""
        self._active = time.monotonic()

    def writing(self, ids: Iterable[str]) -> None:
        """Notes articles that are about to be written."""
        self._writing.update(ids)

    def touch(self, names: Iterable[str]) -> None:
        """Notes indices that are about to be written, also where that fails in the end."""
        self.busy()
        if not self._touched:
            self._due = min(self._due, self._active + LONGEST)
        self._touched.update(names)

    def sees(self, ids: Collection[str]) -> bool:
        """Whether a search sees all that was written of these articles."""
        return not self._stale and self._writing.isdisjoint(ids) and self._written.keys().isdisjoint(ids)

    def wrote(self, ids: Collection[str], events: Collection[Event] = (), there: Collection[str] = ()) -> None:
        """Notes that nothing of these articles is on its way any more.

        Args:
            ids: all articles of a batch that `writing` was told of.
            events: those of which all is written.
            there: the ids of articles that were there before.
        """
        now = datetime.now(UTC)
        self.busy()
        self.patience = min((_patience(event, now) for event in events), default=self.patience)
        self._due = min(self._due, self._refreshed + self.patience)
        for event in events:
            article = event.enriched.article
            known = event.id in there or event.indexed is not None
            self._written[event.id] = None if known else _New(article.published, article.fetched)
        for id in ids:  # also of articles that were refused and taken back
            self._written.setdefault(id, None)
        self._writing.difference_update(ids)
        if len(self._written) >= MOST:
            self._due = self._active

    def invalidate(self) -> None:
        """Notes that somebody else may have written: all indices are refreshed, soon, and before the next look-up."""
        self._stale = True
        self._due = min(self._due, time.monotonic())

    def catch_up(self, ids: Collection[str]) -> bool:
        """Refreshes where a search could miss one of these articles; whether it did.

        Nothing of these articles may be on its way. Raises the client's own errors.
        """
        unseen = not self.sees(ids)
        if unseen:
            self._refresh()
        return unseen

    def refresh_if_due(self) -> bool:
        """Refreshes where that is due; whether searches now see all that was written.

        Where it fails, it is tried again later: Elasticsearch refreshes by itself, too.
        """
        if self.wait > 0:
            return False
        return self.refresh()

    def refresh(self) -> bool:
        """Refreshes what was written, if anything was; whether searches now see it.

        The client's own errors are logged and not raised.
        """
        if not (self._touched or self._stale):
            return False
        try:
            self._refresh()
        except elasticsearch_client.ERRORS as error:
            logger.warning("Elasticsearch does not refresh the indices now (%s); it does so by itself later", error)
            self._due = self._active = time.monotonic() + indices.REFRESH
            return False
        return True

    def _refresh(self) -> None:
        began = time.monotonic()
        if self._stale or len(self._touched) > _AT_ONCE:
            indices.refresh(self._client, self._all)
        else:
            # One that somebody has deleted or closed is passed over: a look-up that needs it fails by itself.
            indices.refresh(self._client, sorted(self._touched), ignore_unavailable=True)
        now = datetime.now(UTC)
        for article in filter(None, self._written.values()):
            metrics.searchable(now, published=article.published, fetched=article.fetched)
        self._written.clear()
        self._touched.clear()
        self._stale = False
        self._refreshed, self._due = began, float("inf")


def _patience(event: Event, now: datetime) -> float:
    """Seconds between two refreshes that are soon enough for this event."""
    if event.indexed is not None:  # it is copied from another version of the indices
        return LONGEST
    waited = (now - event.enriched.article.fetched).total_seconds()
    return min(max(SOONEST, _SHARE * waited), LONGEST)
