"""Sends new quotes that match a search as server-sent events, as they become searchable.

Each event has an id, the place of its quote in the order of indexing. A client that comes back with the last id it saw
(`Last-Event-ID`) gets what came after it. All streams share one look each second at what was indexed in the last half
minute (pipeline.search.looks); a stream asks for the quotes of the times at which that has changed, and passes over
what it has sent. After a reconnect, quotes of these last seconds may come a second time, with the same id: none is left
out.

Where more quotes match within these seconds than a stream remembers, it goes back less far, so that it does not send
them again and again: then one that becomes visible late may be left out. So is one that becomes visible more than half
a minute behind newer ones, of whatever search: where one sink waits so long for a blocked month, and others go on.
"""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from pipeline.elasticsearch_client import chunks
from pipeline.errors import InputError, UnavailableError
from pipeline.search import conditions, error_responses
from pipeline.search.error_responses import HEAD
from pipeline.search.looks import OVERLAP, Look, Looks, milliseconds
from pipeline.search.parameters import QuoteQuery
from pipeline.search.queries import Place
from pipeline.search.reader import Placed, Reader
from pipeline.search.result_mapping import Stamps
from pipeline.search.results import QuoteHit

HEARTBEAT = 15.0
"""Seconds after which a comment is sent where nothing new comes, so that proxies keep the connection."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED = 30_000  # quotes that were sent, some 150 bytes each
_AT_ONCE = 200
_STAMPS_AT_ONCE = 500
_RETRY = 3000  # milliseconds after which a client shall come back


MAX_STREAMS = 200
"""The most streams of events at a time; each asks Elasticsearch once a second while something new comes."""


class Streams:
    """The streams of one service."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._looks = Looks(reader)
        self._open: set[object] = set()

    def answer(
        self,
        request: Request,
        query: QuoteQuery,
        *,
        last_event_id: str | None,
        seconds: float | None = None,
        render: Callable[[QuoteHit], str] | None = None,
    ) -> Response:
        """The answer that sends new quotes; `render` makes an event's data of a quote, by default JSON.

        Raises:
            InputError: the query or the id is invalid.
        """
        since = beginning(last_event_id, now=datetime.now(UTC))
        conditions.terms_of(query)  # before the answer begins: what is wrong is told by its status
        if len(self._open) >= MAX_STREAMS:
            return error_responses.answer(request, 503, "There are too many streams now; try again later.")
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
        if request.scope.get(HEAD):
            return Response(media_type="text/event-stream", headers=headers)
        made = events(
            self._reader, query, since=since, resumed=bool(last_event_id), seconds=seconds,
            stopping=getattr(request.app.state, "stopping", bool), render=render, looks=self._looks,
        )  # fmt: skip
        return StreamingResponse(self._counted(made), media_type="text/event-stream", headers=headers)

    async def _counted(self, made: AsyncIterator[str]) -> AsyncIterator[str]:
        me = object()
        self._open.add(me)
        try:
            async for text in made:
                yield text
        finally:
            self._open.discard(me)


def beginning(last_event_id: str | None, *, now: datetime) -> datetime:
    """The time from which on quotes are new: that in the id of the last event, or now.

    A time before 1970 counts as 1970, and one to come as now: a client whose id is wrong gets what is new all the same.

    Raises:
        InputError: the id is none of ours.
    """
    if not last_event_id:
        return now
    try:
        text = base64.urlsafe_b64decode(last_event_id + "=" * (-len(last_event_id) % 4)).decode()
        at, id = json.loads(text)
        if type(at) is not int or not isinstance(id, str):
            raise ValueError("no place of a quote")
        return min(_EPOCH + timedelta(milliseconds=max(at, 0)), now)
    except (ValueError, TypeError, LookupError, OverflowError, binascii.Error, RecursionError):
        raise InputError("Last-Event-ID is not the id of an event of this stream; leave it out to begin now.") from None


def event_id(indexed: int, id: str) -> str:
    """The id of the event of a quote; `indexed` is in milliseconds since 1970."""
    return base64.urlsafe_b64encode(json.dumps([indexed, id]).encode()).decode().rstrip("=")


async def events(
    reader: Reader,
    query: QuoteQuery,
    *,
    since: datetime,
    resumed: bool,
    seconds: float | None = None,
    stopping: Callable[[], bool],
    render: Callable[[QuoteHit], str] | None = None,
    looks: Looks | None = None,
) -> AsyncIterator[str]:
    """The text of the stream, until `stopping`, for so many seconds, or until the client goes.

    `render` makes one line of a quote; without it, the data of an event is JSON. `looks` are those that several streams
    share.

    Elasticsearch may be away for a while: then the stream waits, and goes on from where it was.
    """
    looks = looks or Looks(reader)
    following = _Following(reader, query, milliseconds(since - OVERLAP if resumed else since), stopping)
    yield f"retry: {_RETRY}\n: quotes that match are sent as they become searchable\n\n"
    said = began = time.monotonic()
    with looks.listening():
        while not stopping() and (seconds is None or time.monotonic() < began + seconds):
            look = await looks.newest()
            if look is not None:
                async for hit, place in following.new(look):
                    said = time.monotonic()
                    data = render(hit) if render else hit.model_dump_json()
                    yield f"id: {event_id(*place)}\nevent: quote\ndata: {data}\n\n"
            if time.monotonic() >= said + HEARTBEAT:
                said = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(looks.wait)


class _Following:
    """How far one stream has followed the looks, and what it has sent."""

    def __init__(self, reader: Reader, query: QuoteQuery, since: int, stopping: Callable[[], bool]) -> None:
        self._reader = reader
        self._query = query
        self._stopping = stopping
        self._sent = _Sent()
        self._number: int | None = None  # of the last look that was followed to its end
        self._begin = self._least = since  # what was indexed before is not sent any more
        self._seen: Stamps = {}  # the marks of what was asked for

    async def new(self, look: Look) -> AsyncIterator[Placed]:
        """What is there to send after this look; what Elasticsearch does not answer now, a later one has."""
        if look.number == self._number:
            return
        try:
            if self._number is None or look.number != self._number + 1:  # it has missed some
                async for one in self._between(look.since):
                    yield one
            async for one in self._changed(look):
                yield one
        except UnavailableError:
            return
        self._number, self._begin = look.number, max(look.since, self._begin)
        self._seen = {stamp: mark for stamp, mark in self._seen.items() if stamp >= look.since}

    async def _between(self, until: int) -> AsyncIterator[Placed]:
        """What was indexed before that time, and after what was followed so far."""
        after: Place | None = None
        since = max(self._begin, self._sent.complete)
        while since < until and not self._stopping():
            page = await run_in_threadpool(
                self._reader.indexed_between, self._query, since, until, after=after, size=_AT_ONCE
            )
            for one in self._unsent(page):
                yield one
            if len(page) < _AT_ONCE:
                self._begin = until
                return
            after = page[-1].place
            self._begin = after[0]

    async def _changed(self, look: Look) -> AsyncIterator[Placed]:
        """What was indexed at the times that have another mark than when they were asked for."""
        least = max(self._least, self._sent.complete)
        changed = sorted(
            stamp for stamp, mark in look.stamps.items() if stamp >= least and self._seen.get(stamp) != mark
        )
        for stamps in chunks(changed, _STAMPS_AT_ONCE):
            after: Place | None = None
            seen: Stamps | None = None
            while not self._stopping():
                page, now = await run_in_threadpool(
                    self._reader.indexed_at, self._query, stamps, after=after, size=_AT_ONCE
                )
                seen = now if seen is None else {stamp: mark for stamp, mark in seen.items() if now.get(stamp) == mark}
                for one in self._unsent(page):
                    yield one
                if len(page) < _AT_ONCE:
                    self._seen |= seen
                    break
                after = page[-1].place

    def _unsent(self, page: Sequence[Placed]) -> Iterator[Placed]:
        """Those of a page that were not sent, which count as sent from now on."""
        yield from (one for one in page if self._sent.add(*one.place))
        self._sent.forget(self._begin)


class _Sent:
    """The quotes that were sent, as far as a look may come upon them again. Times are in milliseconds since 1970."""

    def __init__(self) -> None:
        self.complete = 0
        """It has all that was sent of what was indexed then or later."""
        self._times: dict[int, int] = {}  # by a hash of the id, when it was indexed

    def add(self, at: int, id: str) -> bool:
        """Notes a quote; whether it is a new one."""
        key = hash(id)
        if key in self._times:
            return False
        self._times[key] = at
        return True

    def forget(self, before: int) -> None:
        """Where it has many, forgets what was indexed before; where that is not enough, the older half of the rest."""
        if len(self._times) <= _REMEMBERED:
            return
        kept = sorted(((at, key) for key, at in self._times.items() if at >= before), reverse=True)
        if len(kept) > _REMEMBERED:
            self.complete = kept[_REMEMBERED // 2][0] + 1
        self._times = {key: at for at, key in kept if at >= self.complete}
