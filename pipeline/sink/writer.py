"""Writes articles with their quotes, so that the newest revision wins as a whole, despite repeats and crashes.

What holds, and why:

* **A late older revision changes nothing, nor does the result of an older engine.** Every write carries an external
  version (`external_gte`; `documents.version`): the article's revision first, then the engine's version. So
  Elasticsearch refuses what is older. The article is written first, and it alone decides: where Elasticsearch refuses
  it as older, the sink neither writes nor removes any of its quotes.
* **A new revision removes the quotes that it no longer has, and a change of month moves the article.** Before writing,
  the sink looks up in all months where the batch's articles are, and which of their quotes are obsolete. After writing
  the article, it deletes those quotes by id, with the new version. It deletes an article's document in a former month
  last.
* **The lookup sees everything, although a search does not see the last seconds.** The sink remembers which articles it
  has written since the last refresh (pipeline.sink.refresher). It refreshes the indices before the lookup when one of
  them comes again, and when partitions are newly assigned: another sink, or this one before it was killed, may have
  written a moment ago. News rarely repeats within seconds, so such refreshes are rare; asking each month by id in real
  time would cost every batch months x articles requests. A shard that does not answer fails the lookup; it never
  counts as "nothing there".
* **A replay heals a crash between any two requests**, for the sink commits offsets only when a batch is done. It
  writes articles before their quotes, and deletes them after their quotes: where quotes are, their article is too. So
  the replay finds the article, and by it any quote that was left over.
* **One partition belongs to one sink at a time**, and an article to one partition. A sink that was cut off and comes
  back late meets versions: of what is there, and of deletions, which the indices remember for an hour. So the quotes of
  a revision that a newer one in the same batch replaced are deleted by id too, in case another sink has written them.
* **A swap of the aliases to a rebuilt version loses nothing.** The rebuild blocks the old version first
  (pipeline.reindex.rebuild); a sink that meets the block asks for the aliases, and begins its batch again there.
* **Documents are made as they are sent**, those of a request while the request before it is on its way: an article
  may ask for many times its own size. Where a document cannot be made because of an unexpected error, its article
  becomes a dead letter, and no other.
* **What was taken down stays away** (pipeline.tombstones). Before a batch is written, the sink looks up its articles
  among the tombstones, in real time, and once more when all is written. A take-down writes its tombstone first and then
  removes what is there. So either that removal sees what the sink has written, or the sink's second look sees the
  tombstone and the sink removes the article itself. A sink that dies before the second look has not committed, and
  the sink that repeats the batch removes it.
* **Whole or not at all.** An article that Elasticsearch refuses leaves what was there as it is. Where Elasticsearch
  takes the article but refuses one of its quotes, the sink takes the article and its quotes back. Either way the event
  becomes a dead letter with Elasticsearch's reason.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from elasticsearch import ConnectionError, Elasticsearch

from pipeline import elasticsearch_client, heartbeat, logs, metrics
from pipeline.backoff import Backoff
from pipeline.errors import BackpressureError, ClusterUnavailable, IndicesUnfit
from pipeline.models import DeadLetter
from pipeline.settings import Settings
from pipeline.sink import bulk, bulk_answers, documents, events, indices, removal
from pipeline.sink.bulk import Operation, Pending, Request
from pipeline.sink.bulk_answers import Answer, Verdict
from pipeline.sink.events import Event
from pipeline.sink.indices import Indices
from pipeline.sink.lookup import Lookup, Place, Wanted
from pipeline.sink.near_duplicates import NearDuplicates
from pipeline.sink.refresher import Refresher
from pipeline.tombstones import Subject, Tombstones

logger = logging.getLogger(__name__)

_BLOCKED = "cluster_block_exception"
_NO_EVENTS_FAULT = (*elasticsearch_client.ERRORS, ClusterUnavailable, MemoryError, OSError)
"""Errors of Elasticsearch and of the machine: no event is to blame for them."""


class Writer:
    """What the batches of one cluster share."""

    def __init__(
        self, client: Elasticsearch, settings: Settings, indices: Indices, *, also: Sequence[str] = ()
    ) -> None:
        """A writer to `indices`; `also` are other versions of the indices in which copies are looked for."""
        self.settings = settings
        self._client = client
        self._also = also
        self._use(indices)
        self.bulk = bulk.Bulk(client, settings.sink.batch_bytes)
        self.backoff = Backoff(settings.sink.backoff_initial, settings.sink.backoff_maximum)

    def batch(self, events: Sequence[Event]) -> "Batch":
        """A batch of these events, which come in the order of their offsets."""
        return Batch(self, events)

    def check(self) -> bool:
        """Makes sure that searches find what is written. Whether the aliases now name another version, as `moved`.

        Raises:
            BackpressureError: searches would not find what is written, until somebody mends that.
            elasticsearch.ApiError, elasticsearch.TransportError: Elasticsearch refused, or does not answer.
        """
        try:
            state = self.indices.check()
        except IndicesUnfit as error:
            raise BackpressureError(
                f"Nothing is written, as no search would find it. {error}", retry_after=self.backoff.next()
            ) from error
        other = self.indices.searched and state.version not in (None, self.indices.version)
        return other and self.moved()

    def moved(self) -> bool:
        """Whether the aliases now name another version of the indices; this writer then writes to that one."""
        try:
            if not self.indices.searched or indices.current(self._client, self.settings) == self.indices.version:
                return False
            self._use(indices.prepare(self._client, self.settings))
        except (*elasticsearch_client.ERRORS, ClusterUnavailable) as error:
            logger.warning("Elasticsearch does not say now which version the aliases name: %s", error)
            return False
        logger.info("The aliases were swapped; continuing with version %s of the indices", self.indices.version)
        return True

    def taken_down(self, events: Iterable[Event]) -> set[str]:
        """The ids of the events' articles that are taken down. Raises the client's own errors."""
        return set(self.tombstones.among(Subject(event.id, event.enriched.article.source.id) for event in events))

    def catch_up(self, ids: Collection[str]) -> None:
        """Makes searches see what was written of these articles. Raises the client's own errors."""
        if self.refresher.catch_up(ids):
            self.duplicates.forget_seen()

    def refresh_if_due(self) -> None:
        """Makes searches see what was written, where it is time for that."""
        if self.refresher.refresh_if_due():
            self.duplicates.forget_seen()

    def remove(self, ids: Collection[str]) -> None:
        """Removes articles with their quotes. Raises as `removal.remove`."""
        removal.remove(self._client, self.settings, self.indices.version, ids)

    def _use(self, indices: Indices) -> None:
        self.indices = indices
        self.lookup = Lookup(self._client, self.settings, indices.version)
        self.refresher = Refresher(self._client, self.settings, indices.version)
        self.tombstones = Tombstones(self._client, self.settings)
        self.duplicates = NearDuplicates(self._client, self.settings, indices.version, *self._also)


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


class Batch:
    """Some events that are being written. Call `write` until it returns."""

    def __init__(self, writer: Writer, batch: Sequence[Event]) -> None:
        self.outcome = WriteOutcome()
        self._writer = writer
        self._whole = batch
        self._tries = 0
        self._begin(batch)

    def write(self) -> WriteOutcome:
        """Writes as much as it can; a later call continues from there.

        Raises:
            BackpressureError: the cluster takes no more now. Call again after `retry_after` seconds.
        """
        while self._phase is not _Phase.DONE:
            try:
                self._step()
            except elasticsearch_client.ERRORS as error:
                self._failed(bulk_answers.of_request(error), error)
        return self.outcome

    def _restart(self) -> None:
        """Begins again, in the version that the aliases name now."""
        self.outcome = WriteOutcome()
        self._tries = 0
        self._begin(self._whole)

    def _begin(self, batch: Sequence[Event]) -> None:
        self._now = datetime.now(UTC)
        self._newest, self._replaced = newest_first(batch)
        self._places: dict[str, list[Place]] = {}
        self._leftovers: dict[str, list[Place]] = {}
        self._taken_back: list[Event] = []
        self._to_restore: list[Event] = []
        self._phase = _Phase.PLAN
        self._left = Pending()
        self._ahead: Pending | None = None  # the quotes, while articles are on their way

    def _step(self) -> None:
        """Sends the next request or two; a phase ends when none of its operations is left."""
        heartbeat.PART.beat()
        self._writer.refresh_if_due()
        if self._left:
            self._send()
        elif self._phase is _Phase.PLAN:
            self._plan()
        elif self._phase is _Phase.FORMER:
            self._look_again()
            self._phase = _Phase.DONE
            self._finish()
        else:
            self._phase = _Phase(self._phase + 1)
            made = self._ahead if self._ahead is not None else Pending(self._operations(self._phase))
            self._left, self._ahead = made, None
            self._drop_refused()

    def _plan(self) -> None:
        """Looks up what is there, and drops the events that are older."""
        if self._writer.check():
            self._restart()
            return
        try:
            self._look_up()
        except _NO_EVENTS_FAULT:
            raise
        except Exception:
            if not self._set_faulty_aside():
                raise
            return
        self._phase = _Phase.ARTICLES
        self._left = Pending(self._operations(self._phase))

    def _look_up(self) -> None:
        lookup, duplicates = self._writer.lookup, self._writer.duplicates
        down = self._writer.taken_down(self._newest.values())
        self._writer.catch_up(self._newest)
        known = duplicates.look_up(self._newest, self._now)
        if down:
            self._writer.remove(down & known.places.keys())
            self._pass_over(down)
            known.forget(down)
        self._places = dict(known.places)
        for article, places in self._places.items():
            if any(place.version > self._newest[article].version for place in places):
                self._stale(article)
        wanted = {
            article: Wanted(self._index(event, "quotes"), documents.quote_ids(event.enriched))
            for article, event in self._newest.items()
            if article in self._places
        }
        self._leftovers = lookup.leftovers(wanted)
        self._newest = duplicates.place(self._newest, known, self._now)
        self._writer.refresher.writing(self._newest)

    def _look_again(self) -> None:
        """Removes the articles that were taken down while they were written."""
        down = self._writer.taken_down(self._newest.values())
        if down:
            self._writer.remove(down)
            self._pass_over(down)

    def _pass_over(self, down: Collection[str]) -> None:
        """Drops the articles that are taken down from the batch."""
        for article in sorted(down):
            event = self._newest.pop(article, None)
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
                self._writer.duplicates.rehearse(event, self._now)
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
            self._taken_back.append(event)

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
        request = self._left.take(self._writer.bulk.size.bytes)
        try:
            self._writer.indices.ensure({indices.month_of(operation.index) for operation, _ in request})
        except BaseException:
            self._left.put_back([operation for operation, _ in request])
            raise
        touched = {operation.index for operation, _ in request}
        self._writer.refresher.touch(touched)
        answers = self._answers(request)
        self._writer.refresher.touch(touched)  # a refresh in between has not seen it
        retries, last_failure = [], None
        for operation, answer in answers:
            if self._settle(operation, answer):
                retries.append(operation)
                last_failure = answer
        if len(retries) < len(request):
            self._tries = 0
            self._writer.backoff.reset()
        if self._phase is _Phase.QUOTES:
            retries = [operation for operation in retries if operation.owner in self._newest]
        self._left.put_back(retries)
        self._drop_refused()
        if last_failure is not None and retries:
            self._failed(last_failure)

    def _answers(self, request: Request) -> list[tuple[Operation, Answer]]:
        """Sends the request, and makes the next one meanwhile."""
        sent = self._writer.bulk.begin(request)
        try:
            self._make_ahead(self._writer.bulk.size.bytes)
        except BaseException:
            sent.result()
            self._left.put_back([operation for operation, _ in request])
            raise
        return sent.result()

    def _make_ahead(self, limit: int) -> None:
        self._left.make_ahead(limit)
        if self._phase is _Phase.ARTICLES and not self._left:
            if self._ahead is None:
                self._ahead = Pending(self._operations(_Phase.QUOTES))
            self._ahead.make_ahead(limit)

    def _drop_refused(self) -> None:
        """Drops quotes that are made already, of articles that were refused since."""
        if self._phase is _Phase.QUOTES:
            self._left.keep(self._newest)

    def _settle(self, operation: Operation, answer: Answer) -> bool:
        """Notes the answer to an operation; whether it has to be sent again."""
        if answer.kind == "index_not_found_exception":
            self._writer.indices.forget()
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
        if answer.kind == _BLOCKED and self._writer.moved():
            self._restart()
            return
        self._tries += 1
        if self._tries != self._writer.settings.sink.max_attempts:
            # Missing shards may be why the request timed out. Without a connection there is nobody to ask.
            fault = "" if isinstance(error, ConnectionError) else self._writer.indices.trouble()
            raise BackpressureError(
                f"Elasticsearch takes no more now ({answer.kind}: {answer.reason})" + (f". {fault}" if fault else ""),
                retry_after=self._writer.backoff.next(),
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
            self._taken_back.append(event)

    def _letter(self, event: Event, answer: Answer) -> None:
        self.outcome.letters.append(events.letter(event.record, answer.reason, kind=answer.kind))
        # The revisions that it replaced may be good.
        self._to_restore += self._replaced.get(event.id, ())

    def _stale(self, article: str) -> None:
        if self._newest.pop(article, None) is not None:
            self.outcome.stale += 1 + len(self._replaced.get(article, ()))

    def _finish(self) -> None:
        """Counts, and begins again with the revisions that refused ones had replaced."""
        self._writer.duplicates.wrote(self._newest.values(), self._now)
        self._writer.refresher.wrote(self._newest.values(), self._places.keys())
        self.outcome.written += len(self._newest)
        self._measure()
        self.outcome.stale += sum(len(self._replaced.get(article, ())) for article in self._newest)
        if self._to_restore:
            self._begin(self._to_restore)

    def _measure(self) -> None:
        """Notes the types of the quotes written."""
        types = Counter(quote.type for event in self._newest.values() for quote in event.enriched.quotes)
        for type, count in types.items():
            metrics.QUOTES.labels(type=type.value).inc(count)
        for event in self._newest.values():
            logger.debug("Indexed revision %d", event.revision, extra=logs.about(event.id))

    def _index(self, event: Event, kind: str) -> str:
        settings = self._writer.settings
        month = indices.month(event.enriched.article, now=self._now, months=settings.sink.months)
        return indices.name(settings, kind, month, self._writer.indices.version)


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
