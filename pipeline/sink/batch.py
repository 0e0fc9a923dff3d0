"""Writes one batch of events: plans, then sends articles, their quotes, and deletions, each phase after the other.

`pipeline.sink.writer` says what holds, and why. Several requests of a phase are on their way at a time. Within a phase
their order does not matter: each article is in it once, and so is each of its quotes and of its deletions (an event
that has two quotes under one id keeps either of them). Between two phases it does. So a phase begins when all requests
of the one before are answered, and an answer is settled whatever the answers beside it are: an article that one request
refuses gets no more operations, and what another request on its way still writes of it, the sink takes back later.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from elasticsearch import ConnectionError

from pipeline import elasticsearch_client, heartbeat, logs, metrics
from pipeline.errors import BackpressureError, ClusterUnavailable
from pipeline.models import DeadLetter
from pipeline.sink import bulk_answers, documents, events, indices
from pipeline.sink.bulk import Answers, Operation, Pending, Request
from pipeline.sink.bulk_answers import Answer, Verdict
from pipeline.sink.events import Event
from pipeline.sink.lookup import Place, Wanted
from pipeline.sink.near_duplicates import Known
from pipeline.sink.target import Target

logger = logging.getLogger(__name__)

_FEW = 8  # documents that are made before the next look whether an answer has come; a millisecond, about
_HOLDS = 5.0  # seconds for which what was looked up ahead may be used
_BLOCKED = "cluster_block_exception"
_NO_EVENTS_FAULT = (*elasticsearch_client.ERRORS, ClusterUnavailable, MemoryError, OSError)
"""Errors of Elasticsearch and of the machine: no event is to blame for them."""


@dataclass
class WriteOutcome:
    """What became of the events of a batch, of which there are `written` + `stale` + `taken_down` + letters."""

    written: int = 0
    stale: int = 0
    taken_down: int = 0
    quotes: int = 0
    letters: list[DeadLetter] = field(default_factory=list)


class _Phase(IntEnum):
    PLAN = 0
    ARTICLES = 1
    QUOTES = 2
    TAKE_BACK = 3
    FORMER = 4
    DONE = 5


@dataclass
class _Found:
    """What the indices have of a batch, and until when that holds."""

    down: set[str]
    """Articles that are taken down."""
    known: Known
    leftovers: dict[str, list[Place]]
    state: tuple[object, int]
    """Of the target, as it was before the look-up; where it is another one, look again."""
    at: float
    """On the monotonic clock."""

    def holds(self, target: Target) -> bool:
        """Whether a plan may be made of it still."""
        return self.state == target.state and time.monotonic() < self.at + _HOLDS


class Batch:
    """Some events that are being written. `write` does all of it; or call `send`, `make_ahead` and `receive`."""

    _ahead: Pending | None  # the quotes, while articles are on their way
    _found: _Found | None  # what was looked up ahead

    def __init__(self, target: Target, batch: Sequence[Event]) -> None:
        self.outcome = WriteOutcome()
        self.ids = frozenset(event.id for event in batch)
        self._target = target
        self._whole = batch
        self._tries = 0
        self._sent: list[tuple[Request, Future[Answers]]] = []
        self._noted: frozenset[str] = frozenset()  # articles of which something may be on its way
        self._lost: frozenset[str] = frozenset()  # articles that another sink writes now
        self._looking: Future[_Found] | None = None
        self._before: Batch | None = None
        self._begin(batch)

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self._phase is _Phase.DONE

    @property
    def begun(self) -> bool:
        """Whether any of it may have been written."""
        return self._phase is not _Phase.PLAN

    @property
    def expected(self) -> list[Future[Any]]:
        """The answers that are still to come."""
        again = [self._again] if self._again is not None else []
        return [*again, *(answers for _, answers in self._sent)]

    @property
    def all_sent(self) -> bool:
        """Whether hardly anything of it is left to send."""
        return self._phase >= _Phase.QUOTES and not self._left

    def write(self) -> WriteOutcome:
        """Writes as much as it can; a later call continues from there.

        Raises:
            BackpressureError: the cluster takes no more now. Call again after `retry_after` seconds.
        """
        while not self.done:
            self.send()
            while (expected := self.expected) and not any(one.done() for one in expected):
                if not self.make_ahead():
                    wait(expected, return_when=FIRST_COMPLETED)
            self.receive()
        return self.outcome

    def send(self) -> None:
        """Sends and decides what it can without the answers that are still to come.

        Raises:
            BackpressureError: as `write`.
        """
        self._target.refresh_if_due()
        while not self.done and self._step():
            heartbeat.PART.beat()

    def make_ahead(self) -> bool:
        """Makes a few documents of the next request; False where there is none to make now."""
        if not self.begun or self.done:
            return False
        limit = self._target.bulk.size.bytes
        if self._left.make_ahead(limit, _FEW):
            return True
        if self._phase is not _Phase.ARTICLES or self._left:
            return False
        if self._ahead is None:
            self._ahead = Pending(self._operations(_Phase.QUOTES))
        return self._ahead.make_ahead(limit, _FEW)

    def receive(self) -> None:
        """Settles the answers that have come."""
        for one in [one for one in self._sent if one[1].done()]:
            self._sent.remove(one)
            request, answers = one
            if self._version is not self._target.version:
                continue
            if answers.exception() is not None:
                self._left.put_back([operation for operation, _ in request])
            self._settle_all(answers.result())

    def keep_only(self, ours: Callable[[Event], bool]) -> None:
        """Takes back none of the other events any more: another sink writes them again.

        It writes them with the same version. So a deletion would remove what it has written whole meanwhile.
        """
        self._lost |= {event.id for event in self._whole if not ours(event)}
        if self._phase >= _Phase.TAKE_BACK:
            self._left.keep(self.ids - self._lost)

    def drop(self) -> None:
        """Waits for what is on its way, and forgets the rest: somebody else writes these events."""
        wait(self.expected)
        self._sent = []
        self._target.refresher.wrote(self._noted)

    def look_ahead(self, before: "Batch") -> "Future[_Found] | None":
        """Looks up in another thread while the batch `before` is written; None where the look-up has to wait.

        It waits where both batches have one article, or where a search would not see what was written of one.
        """
        self._before = before
        if self.ids.isdisjoint(before.ids) and self._target.sees(self.ids):
            self._looking = self._target.looker.submit(self._look_unless_moved)
        return self._looking

    def begin_beside(self, before: "Batch") -> None:
        """Begins, after `look_ahead` has ended, where nothing of the batch `before` can matter to this one.

        It does matter where an article of one may be a copy of an article of the other: what the batch before refuses
        must have no copies.
        """
        found = self._take_found()
        if found is None or not found.holds(self._target):
            return
        if not self._target.duplicates.apart(self._newest, found.known, [*before._whole, *before._newest.values()]):
            self._found = found
            return
        try:
            self._adopt(found)
        except MemoryError:
            raise
        except Exception as error:
            logger.debug("Beginning ahead failed: %r", error)

    def _restart(self) -> None:
        """Begins again, in the version that the aliases name now."""
        self.outcome = WriteOutcome()
        self._tries = 0
        self._begin(self._whole)

    def _begin(self, batch: Sequence[Event]) -> None:
        self._now = datetime.now(UTC)
        self._version = self._target.version
        self._newest, self._replaced = newest_first(batch)
        self._places: dict[str, list[Place]] = {}
        self._leftovers: dict[str, list[Place]] = {}
        self._taken_back: list[Event] = []
        self._to_restore: list[Event] = []
        self._removed: set[str] = set()  # articles that were there, or that the batch wrote
        self._phase = _Phase.PLAN
        self._left = Pending()
        self._ahead = None
        self._failure: tuple[Answer, Exception | None] | None = None
        self._found = None
        self._again: Future[set[str]] | None = None  # the second look at the tombstones

    def _step(self) -> bool:
        """Sends a request, or goes to the next phase; False where an answer has to come first."""
        if self._version is not self._target.version or self._failure is not None:
            if self._sent:
                return False
            if self._version is not self._target.version:
                self._restart()
            else:
                (answer, error), self._failure = self._failure, None  # type: ignore[misc]
                self._failed(answer, error)
            return True
        try:
            if self._left:
                if not self._target.bulk.free:
                    return False
                self._send()
            elif self._sent or (self._again is not None and not self._again.done()):
                return False
            else:
                self._next_phase()
        except elasticsearch_client.ERRORS as error:
            self._failure = bulk_answers.of_request(error), error
        return True

    def _next_phase(self) -> None:
        if self._phase is _Phase.PLAN:
            self._plan()
        elif self._phase is _Phase.FORMER:
            if self._again is None:
                self._again = self._target.looker.submit(self._target.taken_down, list(self._newest.values()))
                return
            self._look_again(self._again)
            self._phase = _Phase.DONE
            self._finish()
        else:
            self._phase = _Phase(self._phase + 1)
            made = self._ahead if self._ahead is not None else Pending(self._operations(self._phase))
            self._left, self._ahead = made, None
            self._drop_refused()

    def _plan(self) -> None:
        """Looks up what is there, unless `look_ahead` did, and drops the events that are older."""
        found = self._found or self._take_found()
        self._found = None
        if found is None or not found.holds(self._target):
            if self._target.check():
                self._restart()
                return
            found = None
        try:
            if found is None:
                self._target.catch_up(self._newest)
                found = self._look()
            self._adopt(found)
        except _NO_EVENTS_FAULT:
            raise
        except Exception:
            if not self._set_faulty_aside():
                raise

    def _take_found(self) -> _Found | None:
        """What `look_ahead` has found; None where it was not called, or failed: then the plan looks, and says why."""
        looking, self._looking = self._looking, None
        if looking is None:
            return None
        try:
            return looking.result()
        except Exception as error:
            logger.debug("Looking ahead failed: %r", error)
            return None

    def _look_unless_moved(self) -> _Found:
        self._target.stay()
        return self._look()

    def _look(self) -> _Found:
        """Asks for all that a plan needs. It changes nothing, so another thread may do it."""
        target, newest, state, now = self._target, dict(self._newest), self._target.state, time.monotonic()
        down = target.taken_down(newest.values())
        known = target.duplicates.look_up(newest, self._now)
        wanted = {
            article: Wanted(self._index(event, "quotes"), documents.quote_ids(event.enriched))
            for article, event in newest.items()
            if article in known.places
        }
        return _Found(down, known, target.lookup.leftovers(wanted), state, now)

    def _adopt(self, found: _Found) -> None:
        known, down = found.known, found.down
        if self._before is not None:
            known.forget(self._before._removed)
        if down:
            self._target.remove(down & known.places.keys())
            self._pass_over(down)
            known.forget(down)
        self._places = dict(known.places)
        for article, places in self._places.items():
            if article in self._newest and any(place.version > self._newest[article].version for place in places):
                self._stale(article)
        self._leftovers = found.leftovers
        self._newest = self._target.duplicates.place(self._newest, known, self._now)
        self._noted = self._noted | self._newest.keys()
        self._target.refresher.writing(self._noted)
        self._before = None
        self._phase = _Phase.ARTICLES
        self._left = Pending(self._operations(self._phase))

    def _look_again(self, look: "Future[set[str]]") -> None:
        """Removes the articles that were taken down while they were written."""
        self._again = None
        down = look.result()
        if down:
            self._target.remove(down)
            self._pass_over(down)

    def _pass_over(self, down: Collection[str]) -> None:
        """Drops the articles that are taken down from the batch."""
        for article in sorted(down):
            event = self._newest.pop(article, None)
            self._removed.add(article)
            if event is not None:
                logger.info("Article %s is taken down; not indexed", article, extra=logs.about(article))
                self.outcome.taken_down += 1 + len(self._replaced.get(article, ()))

    def _set_faulty_aside(self) -> bool:
        """Makes dead letters of the events that cause an unexpected error while planning; whether there were any."""
        faulty: list[tuple[Event, Exception]] = []
        for event in self._newest.values():
            try:
                self._index(event, "quotes")
                documents.quote_ids(event.enriched)
                self._target.duplicates.rehearse(event, self._now)
            except _NO_EVENTS_FAULT:
                raise
            except Exception as error:
                faulty.append((event, error))
        for event, why in faulty:
            self._fault(event, why, self._phase)
        return bool(faulty)

    def _operations(self, phase: _Phase) -> Iterator[Operation]:
        """All operations of the phase. An event that is refused meanwhile gets no more operations."""
        for event in list(self._newest.values()):
            if phase is _Phase.ARTICLES:
                yield from self._guarded(event, self._article(event), phase)
            elif phase is _Phase.QUOTES:
                yield from self._guarded(event, self._quotes(event), phase)
            elif phase is _Phase.FORMER:
                yield from self._deletions(event, self._former_places(event))
        for event in list(self._taken_back):
            if event.id in self._lost:
                continue
            if phase is _Phase.TAKE_BACK:
                index = self._index(event, "quotes")
                own = {Place(index, quote) for quote in documents.quote_ids(event.enriched)}
                yield from self._deletions(event, own | self._obsolete_quotes(event))
            elif phase is _Phase.FORMER:
                own = {Place(self._index(event, "articles"), event.id)}
                yield from self._deletions(event, own | self._former_places(event))

    def _article(self, event: Event) -> Iterator[Operation]:
        document = documents.article(event.enriched, indexed=event.indexed or self._now)
        yield Operation(event.id, self._index(event, "articles"), document.id, event.version, document.json)

    def _quotes(self, event: Event) -> Iterator[Operation]:
        index, version = self._index(event, "quotes"), event.version
        for document in documents.quotes(event.enriched, indexed=event.indexed or self._now):
            yield Operation(event.id, index, document.id, version, document.json)
        yield from self._deletions(event, self._obsolete_quotes(event))

    def _guarded(self, event: Event, operations: Iterator[Operation], phase: _Phase) -> Iterator[Operation]:
        """The operations, up to one that cannot be made: then the event becomes a dead letter."""
        try:
            for operation in operations:
                if self._newest.get(event.id) is not event:
                    return  # it was refused or is stale
                yield operation
        except _NO_EVENTS_FAULT:
            raise
        except Exception as error:
            self._fault(event, error, phase)

    def _fault(self, event: Event, error: Exception, phase: _Phase) -> None:
        """Makes a dead letter of the event that caused an unexpected error, and logs the trace."""
        events.log_fault(event.record, error)
        del self._newest[event.id]
        self._letter(event, Answer(Verdict.REFUSED, type(error).__name__, str(error)))
        if phase is _Phase.QUOTES:
            self._take_back(event)

    def _obsolete_quotes(self, event: Event) -> set[Place]:
        index = self._index(event, "quotes")
        obsolete = set(self._leftovers.get(event.id, ()))
        for older in self._replaced.get(event.id, ()):
            obsolete |= {Place(self._index(older, "quotes"), quote) for quote in documents.quote_ids(older.enriched)}
        return obsolete - {Place(index, quote) for quote in documents.quote_ids(event.enriched)}

    def _former_places(self, event: Event) -> set[Place]:
        former = {Place(place.index, event.id) for place in self._places.get(event.id, ())}
        former |= {Place(self._index(older, "articles"), event.id) for older in self._replaced.get(event.id, ())}
        return former - {Place(self._index(event, "articles"), event.id)}

    def _deletions(self, event: Event, places: Iterable[Place]) -> Iterator[Operation]:
        for place in sorted(places, key=lambda place: (place.index, place.id)):
            yield Operation(event.id, place.index, place.id, event.version)

    def _send(self) -> None:
        """Sends one request; the operations to retry come first in the next one."""
        request = self._left.take(self._target.bulk.size.bytes)
        self._target.refresher.touch((operation.owner, operation.index) for operation, _ in request)
        try:
            self._target.indices.ensure({indices.month_of(operation.index) for operation, _ in request})
            self._sent.append((request, self._target.bulk.begin(request)))
        except BaseException:
            self._left.put_back([operation for operation, _ in request])
            raise

    def _settle_all(self, answers: Answers) -> None:
        """Settles the answers to a request. Where some of it is to be sent again, nothing more is sent before."""
        # A refresh that began meanwhile did not see it.
        self._target.refresher.touch((operation.owner, operation.index) for operation, _ in answers)
        retries, last_failure = [], None
        for operation, answer in answers:
            if self._settle(operation, answer):
                retries.append(operation)
                last_failure = answer
        if len(retries) < len(answers):
            self._tries = 0
            self._target.backoff.reset()
        if self._phase is _Phase.QUOTES:
            retries = [operation for operation in retries if operation.owner in self._newest]
        self._left.put_back(retries)
        self._drop_refused()
        if last_failure is not None and retries:
            self._failure = last_failure, None

    def _drop_refused(self) -> None:
        """Drops quotes that are made already, of articles that were refused since."""
        if self._phase is _Phase.QUOTES:
            self._left.keep(self._newest)

    def _settle(self, operation: Operation, answer: Answer) -> bool:
        """Notes the answer to an operation; whether it has to be sent again."""
        if answer.kind == "index_not_found_exception":
            self._target.indices.forget()
        match answer.verdict:
            case Verdict.DONE:
                self.outcome.quotes += self._phase is _Phase.QUOTES and not operation.deletion
            case Verdict.STALE:
                if self._phase is _Phase.ARTICLES:
                    self._stale(operation.owner)
            case Verdict.RETRY:
                return True
            case Verdict.RETRY_LIMITED if self._tries < bulk_answers.POISON_TRIES:
                return True
            case _:
                self._refuse(operation, answer)
        return False

    def _failed(self, answer: Answer, error: Exception | None = None) -> None:
        """Raises BackpressureError; or refuses all that is left, after as many tries as the settings allow.

        Where the indices are blocked because another version took their place, the batch begins again there.
        """
        if answer.kind == _BLOCKED and self._target.moved():
            self._restart()
            return
        self._tries += 1
        if self._tries != self._target.settings.sink.max_attempts:
            # Missing shards may be why the request timed out. Without a connection there is nobody to ask.
            fault = "" if isinstance(error, ConnectionError) else self._target.indices.trouble()
            raise BackpressureError(
                f"Elasticsearch takes no more now ({answer.kind}: {answer.reason})" + (f". {fault}" if fault else ""),
                retry_after=self._target.backoff.next(),
            ) from error
        self._tries = 0
        for operation in self._left:
            self._refuse(operation, answer)
        if self._phase is _Phase.PLAN:
            for article in list(self._newest):
                self._letter(self._newest.pop(article), answer)
            self._phase = _Phase.FORMER

    def _refuse(self, operation: Operation, answer: Answer) -> None:
        """Gives up an operation: its article becomes a dead letter."""
        if self._phase > _Phase.QUOTES or (operation.deletion and answer.verdict is Verdict.REFUSED):
            logger.error("%s was not deleted from %s: %s", operation.id, operation.index, answer.reason)
            return
        event = self._newest.pop(operation.owner, None)
        if event is None:
            return  # another quote of it was refused before
        self._letter(event, answer)
        if self._phase is _Phase.QUOTES:
            self._take_back(event)

    def _take_back(self, event: Event) -> None:
        self._taken_back.append(event)
        self._removed.add(event.id)

    def _letter(self, event: Event, answer: Answer) -> None:
        self.outcome.letters.append(events.letter(event.record, answer.reason, kind=answer.kind))
        # The revisions that it replaced may be good.
        self._to_restore += self._replaced.get(event.id, ())

    def _stale(self, article: str) -> None:
        if self._newest.pop(article, None) is not None:
            self.outcome.stale += 1 + len(self._replaced.get(article, ()))

    def _finish(self) -> None:
        """Counts, and begins again with the revisions that refused ones had replaced."""
        self._target.duplicates.wrote(self._newest.values(), self._now)
        self._target.refresher.wrote(self._noted, self._newest.values(), self._places.keys())
        self._noted = frozenset()
        self.outcome.written += len(self._newest)
        self._measure()
        self.outcome.stale += sum(len(self._replaced.get(article, ())) for article in self._newest)
        if self._to_restore:
            removed = self._removed
            self._begin(self._to_restore)
            self._removed |= removed

    def _measure(self) -> None:
        """Notes the types of the quotes written."""
        types = Counter(quote.type for event in self._newest.values() for quote in event.enriched.quotes)
        for type, count in types.items():
            metrics.QUOTES.labels(type=type.value).inc(count)
        for event in self._newest.values():
            logger.debug("Indexed revision %d", event.revision, extra=logs.about(event.id))

    def _index(self, event: Event, kind: str) -> str:
        settings = self._target.settings
        month = indices.month(event.enriched.article, now=self._now, months=settings.sink.months)
        return indices.name(settings, kind, month, self._target.indices.version)


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
