"""Sends new quotes that match a search as server-sent events, as they become searchable.

Each event has an id, the place of its quote in the order of indexing. A client that comes back with the last id it saw
(`Last-Event-ID`) gets what came after it. Sinks write beside each other, and searches see what they wrote up to fifteen
seconds later (pipeline.sink.refresher), so that a quote may become visible after one that was indexed later. So each
look goes back some seconds and passes over what was sent. After a reconnect, quotes of these last seconds may come a
second time, with the same id: none is left out.

Where more quotes match within these seconds than a stream remembers, it goes back less far, so that it does not send
them again and again: then one that becomes visible late may be left out.
"""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from pipeline.errors import InputError, UnavailableError
from pipeline.search import conditions, error_responses
from pipeline.search.error_responses import HEAD
from pipeline.search.parameters import QuoteQuery
from pipeline.search.reader import Reader
from pipeline.search.results import QuoteHit

OVERLAP = timedelta(seconds=30)
"""How far each look goes back: longer than a batch of a sink takes from its time stamp to being searchable."""

HEARTBEAT = 15.0
"""Seconds after which a comment is sent where nothing new comes, so that proxies keep the connection."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOOK_EVERY = 1.0  # seconds
_REMEMBERED = 30_000  # quotes that were sent, some 150 bytes each
_AT_ONCE = 200
_RETRY = 3000  # milliseconds after which a client shall come back


MAX_STREAMS = 200
"""The most streams of events at a time; each asks Elasticsearch once a second."""


class Streams:
    """The streams of one service."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
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
            stopping=getattr(request.app.state, "stopping", bool), render=render,
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
) -> AsyncIterator[str]:
    """The text of the stream, until `stopping`, for so many seconds, or until the client goes.

    `render` makes one line of a quote; without it, the data of an event is JSON.

    Elasticsearch may be away for a while: then the stream waits, and goes on from where it was.
    """
    sent = _Sent()
    yield f"retry: {_RETRY}\n: quotes that match are sent as they become searchable\n\n"
    newest, silent = since, 0.0
    end = None if seconds is None else time.monotonic() + seconds
    while not stopping() and (end is None or time.monotonic() < end):
        begin, after = max(newest - OVERLAP, sent.complete), None
        while True:
            page = await run_in_threadpool(_look, reader, query, begin, after)
            for hit, (indexed, id) in page:
                at = _EPOCH + timedelta(milliseconds=indexed)
                newest = max(newest, at)
                if (at < since and not resumed) or not sent.add(id, at):  # the former was there before the client came
                    continue
                silent = 0.0
                data = render(hit) if render else hit.model_dump_json()
                yield f"id: {event_id(indexed, id)}\nevent: quote\ndata: {data}\n\n"
            sent.forget(newest - OVERLAP)
            if len(page) < _AT_ONCE or stopping():
                break
            after = list(page[-1][1])
        if silent >= HEARTBEAT:
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(_LOOK_EVERY)
        silent += _LOOK_EVERY


class _Sent:
    """The quotes that were sent, as far as a look may come upon them again."""

    def __init__(self) -> None:
        self.complete = _EPOCH
        """It has all that was sent of what was indexed then or later."""
        self._times: dict[int, datetime] = {}  # by a hash of the id, when it was indexed

    def add(self, id: str, at: datetime) -> bool:
        """Notes a quote; whether it is a new one."""
        key = hash(id)
        if key in self._times:
            return False
        self._times[key] = at
        return True

    def forget(self, before: datetime) -> None:
        """Where it has many, forgets what was indexed before; where that is not enough, the older half of the rest."""
        if len(self._times) <= _REMEMBERED:
            return
        kept = sorted(((at, key) for key, at in self._times.items() if at >= before), reverse=True)
        if len(kept) > _REMEMBERED:
            self.complete = kept[_REMEMBERED // 2][0] + timedelta(milliseconds=1)
        self._times = {key: at for at, key in kept if at >= self.complete}


def _look(
    reader: Reader, query: QuoteQuery, since: datetime, after: list[Any] | None
) -> list[tuple[QuoteHit, tuple[int, str]]]:
    """A page of what was indexed at `since` or later; empty where Elasticsearch does not answer now."""
    try:
        page = reader.newer(query, since=since, after=after, size=_AT_ONCE)
    except UnavailableError:
        return []
    return [(hit, (int(place[0]), str(place[1]))) for hit, place in page]
