"""Makes what the sink has written visible to searches in time, and remembers what they do not see yet.

A search sees what was written before the last refresh of its index. A refresh costs Elasticsearch some twenty files
for each index, however little was written. So the sink asks for it, and not a clock: as soon as fresh news is written,
at most once a second; while much waits, less often. What has waited for ten seconds before it was written is not news
to anybody five seconds sooner or later. The rule, for what was written and cannot be searched yet:

* The refresh comes when the last one is `SOONEST` seconds ago. Where the freshest of these articles was fetched more
  than four seconds before it was written, it comes when the last one is half as long ago as that, or `LONGEST` seconds.
* It comes as soon as there was nothing to write for `QUIET` seconds, or the worker says that nothing is behind what it
  gave last (pipeline.sink.backlog_end) and the last refresh is `SOONEST` seconds ago: then the backlog is over.
* It comes when `MOST` articles are not seen, as the sink remembers no more of them.
* Where all of these articles have waited, so that it comes less than once a second, it leaves out the indices that few
  of them are in, less than a fifth of what the fullest has, for up to `FEW_WAIT` times as long. One article in ten of a
  backlog may be of an older month, and each of a dozen such months would be refreshed for one or two of them. Nor does
  each of these cause a refresh, of the fullest index too, while there are others: that would nearly double them. It
  leaves out none where it is quiet.

A refresh is on its way in another thread, as it may take half a second with many months; meanwhile the sink writes
on, and what it writes then is for the next one.

Elasticsearch's own refresh (`refresh_interval` of our indices, half a minute) is there for what a sink wrote before it
died. The sink that takes over its partitions refreshes all indices, mostly sooner.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
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

FEW_WAIT = 3.0
"""How many times as long as the others an index waits, in a backlog, that few articles were written to."""

_FEW = 0.2  # of the articles that the fullest index has
_SHARE = 0.5  # of the time that an article has waited
_AT_ONCE = 30  # names in one request, whose line has a limit
_FRESH = 4.0  # seconds that an article may have waited and is fresh
_LOOK = 0.05  # seconds between two looks whether a refresh is done


class _Written(NamedTuple):
    """An article that was written; a later writing is another one, though it be equal."""

    names: frozenset[str]
    """The indices that it was written to, or deleted from."""
    patience: float = LONGEST
    """Seconds between two refreshes that are soon enough for it."""
    new: bool = False
    """Whether it was not there before."""
    published: datetime | None = None
    fetched: datetime | None = None


@dataclass(frozen=True)
class _Refresh:
    """A refresh that is on its way."""

    answer: Future[None]
    began: float
    touched: dict[str, float]
    written: dict[str, _Written]
    """What was written when it began, which searches see when it is done."""
    age: int


class Refresher:
    """The refreshes of one version of the indices, by one writer. One thread calls it."""

    def __init__(
        self, client: Elasticsearch, settings: Settings, executor: Executor, version: str = indices.FIRST_VERSION
    ) -> None:
        """Refreshes that are due are on their way in the executor."""
        self._client = client
        self._executor = executor
        self._all = [indices.pattern(settings, kind, version) for kind in indices.KINDS]
        self._touched: dict[str, float] = {}  # indices, and since when a search does not see all of them
        self._writing: dict[str, set[str]] = {}  # articles of batches that are not done, and their indices
        self._written: dict[str, _Written] = {}
        self._age, self._seen_age = 1, 0  # counts when others may have written; where they differ, it was not seen yet
        self._on_its_way: _Refresh | None = None
        self._refreshed = self._active = float("-inf")
        self.patience = SOONEST
        """Seconds between two refreshes that are soon enough for all that was written last."""
        self._due = float("inf")

    @property
    def wait(self) -> float:
        """Seconds until `refresh_if_due` has something to do; infinite where nothing waits for it."""
        if self._on_its_way is not None:
            return _LOOK
        due = min(self._due, self._active + QUIET) if self._touched or self._stale else float("inf")
        return max(0.0, due - time.monotonic())

    @property
    def next(self) -> float:
        """When, on the monotonic clock, another refresh is soon enough, which sees what is written before.

        Infinite while one is on its way: on a slow machine it may take longer than that, and the next waits for it.
        """
        return float("inf") if self._on_its_way is not None else self._refreshed + self.patience

    def busy(self) -> None:
        """Notes that something is there to be written: it is not quiet. What comes behind a silence is no backlog."""
        now = time.monotonic()
        if now - self._active > QUIET:
            self.patience = SOONEST
        self._active = now

    def over(self) -> None:
        """Notes that a backlog is over: nothing more comes for now. The refresh comes when the last is `SOONEST` ago.

        So it costs little where much that has waited comes one by one, each as if it were the last.
        """
        self._active = max(time.monotonic(), self._refreshed + SOONEST) - QUIET

    def writing(self, ids: Iterable[str]) -> None:
        """Notes articles that are about to be written."""
        for id in ids:
            self._writing.setdefault(id, set())

    def touch(self, places: Iterable[tuple[str, str]]) -> None:
        """Notes articles and the indices where they are about to be written, also where that fails in the end."""
        self.busy()
        self._due = min(self._due, self._active + LONGEST)
        for id, name in set(places):
            self._touched.setdefault(name, self._active)
            self._writing.setdefault(id, set()).add(name)

    def sees(self, ids: Collection[str]) -> bool:
        """Whether a search sees all that was written of these articles."""
        return not self._stale and self._writing.keys().isdisjoint(ids) and self._written.keys().isdisjoint(ids)

    def wrote(self, ids: Collection[str], events: Collection[Event] = (), there: Collection[str] = ()) -> None:
        """Notes that nothing of these articles is on its way any more.

        Args:
            ids: all articles of a batch that `writing` was told of.
            events: those of which all is written.
            there: the ids of articles that were there before.
        """
        now = datetime.now(UTC)
        self.busy()
        patience = {event.id: _patience(event, now) for event in events}
        self.patience = min(patience.values(), default=self.patience)
        self._due = min(self._due, self._refreshed + self.patience)
        done = {event.id: event for event in events}
        for id in dict.fromkeys([*ids, *done]):  # also of articles that were refused and taken back
            names, soon_enough = frozenset(self._writing.pop(id, ())), patience.get(id, LONGEST)
            if before := self._written.get(id):  # no search has seen what was written of it before
                names, soon_enough = names | before.names, min(soon_enough, before.patience)
            names, event = _shared(names), done.get(id)
            if event is None:
                self._written[id] = _Written(names, soon_enough)
            else:
                article, new = event.enriched.article, id not in there and event.indexed is None
                self._written[id] = _Written(names, soon_enough, new, article.published, article.fetched)
        if len(self._written) >= MOST:
            self._due = self._active

    def invalidate(self) -> None:
        """Notes that somebody else may have written: all indices are refreshed, soon, and before the next look-up."""
        self._age += 1
        self._due = min(self._due, time.monotonic())

    def catch_up(self, ids: Collection[str]) -> Collection[str] | None:
        """Refreshes where a search could miss one of these articles; the articles that searches see by that.

        None where it had nothing to do. Nothing of these articles may be on its way. Raises the client's own errors.
        """
        return None if self.sees(ids) else self._refresh_now()

    def refresh_if_due(self) -> Collection[str] | None:
        """Begins a refresh where it is due; the articles that searches see by one that is done, or None.

        Where it fails, it is tried again later: Elasticsearch refreshes by itself, too.
        """
        if self._on_its_way is None and self.wait == 0:
            self._begin()
        return self._end() if self._on_its_way is not None and self._on_its_way.answer.done() else None

    def refresh(self) -> None:
        """Refreshes what was written, if anything was, and waits for it.

        The client's own errors are logged and not raised.
        """
        while self._on_its_way is not None or self._touched or self._stale:
            if self._on_its_way is None:
                self._begin(all=True)
            if self._end() is None:
                return

    @property
    def _stale(self) -> bool:
        return self._age != self._seen_age

    def _begin(self, *, all: bool = False) -> None:
        began = time.monotonic()
        least = min((one.patience for one in self._written.values()), default=self.patience)
        patience = min(least, self.patience)
        later = {} if all else self._later(began, patience)
        names = self._names(later)
        answer = self._executor.submit(self._send, names)
        written = {id: one for id, one in self._written.items() if one.names.isdisjoint(later)}
        touched = {name: since for name, since in self._touched.items() if name not in later}
        self._on_its_way = _Refresh(answer, began, touched, written, self._age)
        self._touched, self._refreshed = later, began
        self._due = min(later.values(), default=float("inf")) + FEW_WAIT * patience

    def _later(self, now: float, patience: float) -> dict[str, float]:
        """The indices that have so few articles that they are left out of a refresh now; never all.

        None is where an article is fresh; `patience` is that of the freshest.
        """
        hurry = patience <= SOONEST or len(self._written) >= MOST
        if hurry or self._stale or now >= self._active + QUIET:
            return {}
        articles = Counter(name for one in self._written.values() for name in one.names)
        few = _FEW * max((articles[name] for name in self._touched), default=0)
        most = (FEW_WAIT - 1) * patience  # what has waited for longer waits too long until the next one
        later = {name: since for name, since in self._touched.items() if articles[name] < few and now - since < most}
        return later if len(self._touched) - len(later) <= _AT_ONCE else {}

    def _end(self) -> Collection[str] | None:
        """Waits for the answer; the articles that searches see by it, None where it failed."""
        done, self._on_its_way = self._on_its_way, None
        assert done is not None
        try:
            done.answer.result()
        except elasticsearch_client.ERRORS as error:
            logger.warning("Elasticsearch does not refresh the indices now (%s); it does so by itself later", error)
            self._touched |= done.touched
            self._due = self._active = time.monotonic() + indices.REFRESH
            return None
        return self._saw(done.written, done.age)

    def _refresh_now(self) -> Collection[str]:
        began, names = time.monotonic(), self._names({})
        if self._on_its_way is not None:
            names = self._all
        self._send(names)
        self._touched.clear()
        self._refreshed, self._due = began, float("inf")
        return self._saw(dict(self._written), self._age)

    def _saw(self, written: dict[str, _Written], age: int) -> Collection[str]:
        """Notes that searches see these; those that were not written again since."""
        now = datetime.now(UTC)
        seen = [id for id, one in written.items() if self._written.get(id) is one]
        for id in seen:
            one = self._written.pop(id)
            if one.new and one.fetched is not None:
                metrics.searchable(now, published=one.published, fetched=one.fetched)
        self._seen_age = max(self._seen_age, age)
        return seen

    def _names(self, later: Collection[str]) -> list[str]:
        names = sorted(self._touched.keys() - later)
        return self._all if self._stale or len(names) > _AT_ONCE else names

    def _send(self, names: list[str]) -> None:
        if not names:
            return  # a request without names is one for all that the cluster has
        # A single index that somebody has deleted or closed is passed over: a look-up that needs it fails by itself.
        elasticsearch_client.refresh(self._client, names, ignore_unavailable=names is not self._all)


@lru_cache(1_000)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """The same names, once in memory for all articles that have them: a set and its names take 400 bytes."""
    return names


def _patience(event: Event, now: datetime) -> float:
    """Seconds between two refreshes that are soon enough for this event."""
    if event.indexed is not None:  # it is copied from another version of the indices
        return LONGEST
    waited = (now - event.enriched.article.fetched).total_seconds()
    return min(_SHARE * waited, LONGEST) if waited > _FRESH else SOONEST
