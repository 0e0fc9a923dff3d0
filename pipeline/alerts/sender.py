"""Sends what waits in the outbox: each lane (a channel of a saved search) in order, the lanes beside each other.

What the lanes ask of Elasticsearch goes into requests that they share (pipeline.alerts.together): an article that fits
fifty saved searches takes some requests, and not some for each of fifty messages.

One process sends at a time: the one that holds the lease. A message is sent in three steps: it is written which
deliveries it tells, it is sent, and it is written that they were sent. Killed between the first two, the next process
sends it; between the last two, it is sent again, with the same id, by which a receiver knows it.
"""

import asyncio
import contextlib
import logging
import os
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client, metrics
from pipeline.alerts import progress
from pipeline.alerts.channels import Channels
from pipeline.alerts.messages import Quote
from pipeline.alerts.models import Channel, ChannelState, Condition, Delivery, SavedSearch, lane
from pipeline.alerts.outbox import GONE, SENT, Message, Outbox
from pipeline.alerts.slots import Slots
from pipeline.alerts.store import SavedSearches, Watched
from pipeline.alerts.together import Together
from pipeline.backoff import Backoff
from pipeline.errors import ClusterUnavailable, InputError, NotFoundError
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

Look = Callable[[Sequence[Delivery], bool], Mapping[str, Quote]]
"""The quotes of deliveries as they can be searched now, by the delivery's id; with True after a refresh."""

_IDLE = 1.0  # seconds between two looks when nobody says that there is something new
_ROUND = 0.25  # seconds between two looks, at the least
_NOTE = 30.0  # seconds between two notes that a channel goes well
_NOTES = 2.0  # seconds for which such notes are gathered: each writing makes the index of saved searches work
_COUNT = 10.0  # seconds between two counts of all that waits
_LANES = 100  # lanes whose messages are begun by the same requests
_MESSAGES = 20  # messages whose quotes are read by the same request
_ENDS = 500  # messages that are noted by the same request
_SHARE = 4  # one receiver takes a fourth of the room at the most
_AHEAD = 4  # times as many messages are begun and read as are on their way: so their requests are shared
_LONG = 60.0  # seconds that a quote waits before the log tells it, and between two such lines
_MAIL = "mail"  # the receiver of all mails: the mail server


class Sender:
    """The sending half of `whosaid alert run`. `run` is a coroutine of one event loop; any thread may call `wake`."""

    def __init__(self, client: Elasticsearch, settings: Settings, look: Look, channels: Channels) -> None:
        self.searches = SavedSearches(client, settings)
        self.outbox = Outbox(client, settings)
        self._client = client
        self._settings = settings.alerts
        self._look = look
        self._channels = channels
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._watched = Watched(self.searches)
        self._states: dict[str, ChannelState] = {}  # by lane
        self._noted: dict[str, float] = {}  # by lane, when it was noted that it goes well
        self._later: dict[str, tuple[str, Channel, ChannelState]] = {}  # by lane, what is still to be written
        self._wrote = 0.0  # when such notes were written
        self._busy: dict[str, asyncio.Task[None]] = {}  # by lane
        most = settings.alerts.concurrency
        self._lanes = Slots(_AHEAD * most, max(1, _AHEAD * most // _SHARE))
        self._slots = Slots(most, max(1, most // _SHARE))
        self._begin = Together(self._begun, _LANES)
        self._quotes = Together(self._looked, _MESSAGES)
        self._end = Together(self._ended, _ENDS)
        self._notes = Together(self._noted_all, _ENDS)
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._counted = 0.0
        self._renewed = 0.0  # when the lease was
        self._warned = -_LONG  # when it was told that alerts fall behind
        self.sent = 0
        """Messages that were accepted."""

    def wake(self) -> None:
        """Says that something new waits."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._news.set)

    async def run(self, stopping: threading.Event) -> None:
        """Sends until `stopping`; messages on their way are finished. Elasticsearch may be away for a while."""
        self._loop = asyncio.get_running_loop()
        threads = ThreadPoolExecutor(self._settings.concurrency, "whosaid-alerts")
        self._loop.set_default_executor(threads)  # its own has few: requests wait for answers most of their time
        backoff = Backoff(0.5, 10)
        held = False
        try:
            while not stopping.is_set():
                self._news.clear()
                pause = _IDLE
                try:
                    mine = await self._hold(held)
                    if mine != held:
                        logger.info("Sends from now on" if mine else "Another process sends")
                        held = mine
                        metrics.no_alerts(Condition)
                        self._watched.forget()
                    if mine:
                        await self._round()
                    backoff.reset()
                except ClusterUnavailable as error:
                    pause = backoff.next()
                    logger.warning("%s Looking again in %.1f s", error, pause)
                    with contextlib.suppress(ClusterUnavailable):  # somebody may have deleted the indices
                        await self._ask(self._prepare)
                await self._wait(pause, stopping)
        finally:
            await self._finish(held)

    def _prepare(self) -> None:
        self.searches.prepare()
        self.outbox.prepare()

    async def _hold(self, held: bool) -> bool:
        """Whether this process may send now; the lease is renewed in time, and not with each look."""
        now = asyncio.get_running_loop().time()
        if held and now - self._renewed < self._settings.lease / 4:
            return True
        self._renewed = now
        return bool(await self._ask(self.outbox.hold, self._holder))

    async def _wait(self, seconds: float, stopping: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(_ROUND)
        until = loop.time() + min(seconds, self._settings.lease / 3)
        while not stopping.is_set() and (left := until - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, 0.2)):
                    await self._news.wait()
                return
            except TimeoutError:
                continue

    async def _finish(self, held: bool) -> None:
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=self._settings.timeout)
        for task in self._busy.values():
            task.cancel()
        if held:
            try:
                await self._ask(self.searches.note, list(self._later.values()))
                await self._ask(self.outbox.release, self._holder)
            except ClusterUnavailable as error:
                logger.warning("The lease ends by itself: %s", error)

    async def _round(self) -> None:
        """Starts to send in every lane that may and has something."""
        searches = {search.id: search for search in await self._ask(self._watched.current)}
        if self._watched.fresh:
            self._states = {
                lane(search.id, channel): search.state(channel)
                for search in searches.values()
                for channel in search.wanted
            }
        now = datetime.now(UTC)
        closed = {name for name, state in self._states.items() if not progress.may_send(state, now)}
        closed |= {
            lane(search.id, channel) for search in searches.values() if not search.enabled for channel in search.wanted
        }
        waiting = await self._ask(lambda: self.outbox.lanes(without=closed))
        self._tell_age(min(waiting.values(), default=None))
        for id, channel in waiting:
            if lane(id, channel) in self._busy:
                continue
            search = searches.get(id)
            if search is None or channel not in search.wanted:
                await self._drop(id, channel)
                continue
            name = lane(id, channel)
            task = asyncio.create_task(self._send_lane(search, channel))
            self._busy[name] = task
            task.add_done_callback(lambda task, name=name: self._done(name, task))  # type: ignore[misc]
        await self._note_what_goes_well()
        await self._count(searches)

    def _tell_age(self, oldest: datetime | None) -> None:
        """Tells how long the oldest quote has waited that may be sent; in the log, too, where that is long."""
        age = max(0.0, (datetime.now(UTC) - oldest).total_seconds()) if oldest else 0.0
        metrics.ALERT_AGE.set(age)
        now = asyncio.get_running_loop().time()
        if age > _LONG and now - self._warned > _LONG:
            self._warned = now
            logger.warning("Alerts fall behind: what was found %.0f s ago still waits to be sent", age)

    async def _drop(self, id: str, channel: Channel) -> None:
        """Forgets what waits for a search or a channel that was removed."""
        try:  # in real time: the list may be older than a search that was just added
            search = await self._ask(self.searches.get, id)
        except NotFoundError:
            await self._ask(self.outbox.forget_search, id)
            return
        except InputError:  # it cannot be read; what it found waits until somebody changes or removes it
            return
        if channel not in search.wanted:
            await self._ask(self.outbox.forget_lane, id, channel)
        self._watched.forget()

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        self._busy.pop(name, None)
        self._news.set()
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, ClusterUnavailable):
            logger.warning("%s It is sent later", error)
        elif error is not None:
            logger.error("An alert could not be sent for an unexpected reason", exc_info=error)

    async def _send_lane(self, search: SavedSearch, channel: Channel) -> None:
        """Sends what waits in one lane, message by message, until a try fails or nothing waits."""
        async with self._lanes.of(_receiver(search, channel)):
            while message := await self._begin.ask((search.id, channel)):
                if not await self._send(search, channel, message):
                    return
                if len(message.waiting) < self._settings.message_quotes:
                    return  # what came meanwhile is found by the next look

    async def _begun(self, lanes: Sequence[tuple[str, Channel]]) -> list[Message | None]:
        begun: list[Message | None] = await self._ask(self.outbox.begin, lanes, self._settings.message_quotes)
        return begun

    async def _looked(self, told: Sequence[Sequence[Delivery]]) -> list[Mapping[str, Quote]]:
        """The quotes of each message that are there now; the index is refreshed only where some seem to be gone."""
        wanted = [delivery for some in told for delivery in some]
        quotes: dict[str, Quote] = dict(await self._ask(self._look, wanted, False))
        if missing := [delivery for delivery in wanted if delivery.id not in quotes]:
            quotes |= await self._ask(self._look, missing, True)
        return [{one.id: quotes[one.id] for one in some if one.id in quotes} for some in told]

    async def _ended(self, told: Sequence[Sequence[Delivery]]) -> list[None]:
        await self._ask(self.outbox.end, [delivery for some in told for delivery in some], SENT)
        return [None] * len(told)

    async def _noted_all(self, states: Sequence[tuple[str, Channel, ChannelState]]) -> list[None]:
        await self._ask(self.searches.note, states)
        return [None] * len(states)

    async def _send(self, search: SavedSearch, channel: Channel, message: Message) -> bool:
        """Sends one message; whether the lane goes on."""
        told = message.waiting
        quotes = await self._quotes.ask(told)
        gone = [delivery for delivery in told if delivery.id not in quotes]
        there = [delivery for delivery in told if delivery.id in quotes]
        if gone:  # taken down, or not in the article's newest revision
            await self._ask(self.outbox.end, gone, GONE)
            metrics.ALERT_QUOTES.labels(kind=channel, outcome="gone").inc(len(gone))
        if not there:
            return True
        at = min(delivery.found for delivery in there)
        shown = [quotes[delivery.id] for delivery in there]
        async with self._slots.of(_receiver(search, channel)):
            outcome = await self._channels.send(channel, search, message.id, shown, at=at)
        now = datetime.now(UTC)
        name = lane(search.id, channel)
        before = self._states.get(name, ChannelState())
        state = progress.after(before, outcome, now=now, settings=self._settings)
        self._states[name] = state
        metrics.ALERT_MESSAGES.labels(kind=channel, outcome="failed" if outcome.failure else "sent").inc()
        if outcome.failure is None:
            await self._end.ask(there)
            self.sent += 1
            metrics.ALERT_QUOTES.labels(kind=channel, outcome="sent").inc(len(there))
            for delivery in there:
                seconds = (now - (delivery.since or delivery.found)).total_seconds()
                metrics.ALERT_SECONDS.labels(kind=channel).observe(max(0.0, seconds))
        else:
            logger.warning("The %s of the saved search %s: %s", channel, search.id, state.paused or outcome.failure)
        await self._note(search.id, channel, before, state)
        return outcome.failure is None

    async def _note(self, search: str, channel: Channel, before: ChannelState, state: ChannelState) -> None:
        """Writes how a channel fares; of one that goes on well a little later, and only now and then."""
        name, now = lane(search, channel), asyncio.get_running_loop().time()
        if before.sent is None or before.error or state.error or state.paused:
            self._noted[name] = now
            self._later.pop(name, None)
            await self._notes.ask((search, channel, state))
        elif now - self._noted.get(name, -_NOTE) >= _NOTE:
            self._noted[name] = now
            self._later[name] = (search, channel, state)

    async def _note_what_goes_well(self) -> None:
        """Writes what was gathered, now and then."""
        now = asyncio.get_running_loop().time()
        if self._later and now - self._wrote >= _NOTES:
            self._wrote = now
            some, self._later = list(self._later.values()), {}
            await self._ask(self.searches.note, some)

    async def _count(self, searches: Mapping[str, SavedSearch]) -> None:
        """Counts what waits, now and then; pauses a channel for which too much does."""
        now = asyncio.get_running_loop().time()
        if now - self._counted < _COUNT:
            return
        self._counted = now
        counts = await self._ask(self.outbox.counts)
        metrics.ALERT_WAITING.set(sum(counts.values()))
        states = Counter(self._as_now(search).condition for search in searches.values())
        for condition in Condition:
            metrics.ALERT_SEARCHES.labels(state=condition).set(states[condition])
        for search in searches.values():
            for channel in search.wanted:
                name = lane(search.id, channel)
                state = self._states.get(name, ChannelState())
                if counts.get(name, 0) > self._settings.max_waiting and not state.paused:
                    why = (
                        f"More than {self._settings.max_waiting:,} quotes wait, and no more are collected; narrow the "
                        "search down and resume it."
                    )
                    self._states[name] = state.model_copy(update={"paused": why})
                    await self._notes.ask((search.id, channel, self._states[name]))

    def _as_now(self, search: SavedSearch) -> SavedSearch:
        """The saved search with how its channels fare now."""
        states = {channel: self._states.get(lane(search.id, channel), ChannelState()) for channel in search.wanted}
        return search.model_copy(update={"channels": states})

    async def _ask(self, request: Callable[..., Any], *arguments: Any) -> Any:
        """Runs a request to Elasticsearch in a thread.

        Raises:
            ClusterUnavailable: it does not answer, or answers with an error.
        """

        def ask() -> Any:
            with elasticsearch_client.translate_errors(self._client):
                return request(*arguments)

        return await asyncio.to_thread(ask)


def _receiver(search: SavedSearch, channel: Channel) -> str:
    """Who takes the messages of a lane: the webhook's host, or the mail server."""
    if channel is Channel.EMAIL:
        return _MAIL
    return urlsplit(search.webhook or "").netloc
