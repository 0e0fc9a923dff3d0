"""Sends what waits in the outbox: each lane (a channel of a saved search) in order, the lanes beside each other.

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
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from pipeline import elasticsearch_client, metrics
from pipeline.alerts import progress
from pipeline.alerts.channels import Channels
from pipeline.alerts.messages import Quote
from pipeline.alerts.models import Channel, ChannelState, Delivery, SavedSearch, lane
from pipeline.alerts.outbox import GONE, SENT, Message, Outbox, Overtaken
from pipeline.alerts.store import SavedSearches, Watched
from pipeline.backoff import Backoff
from pipeline.errors import ClusterUnavailable, NotFoundError
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

Look = Callable[[Sequence[Delivery], bool], Mapping[str, Quote]]
"""The quotes of deliveries as they can be searched now, by the delivery's id; with True after a refresh."""

_IDLE = 1.0  # seconds between two looks when nobody says that there is something new
_ROUND = 0.25  # seconds between two looks, at the least
_NOTE = 30.0  # seconds between two notes that a channel goes well
_COUNT = 10.0  # seconds between two counts of all that waits


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
        self._noted: dict[str, float] = {}  # by lane, when its state was written
        self._places: dict[str, tuple[int, int]] = {}  # by lane, the state of its document, where its message has ended
        self._busy: dict[str, asyncio.Task[None]] = {}  # by lane
        self._slots = asyncio.Semaphore(settings.alerts.concurrency)
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._counted = 0.0
        self._renewed = 0.0  # when the lease was
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
                        self._watched.forget()
                        self._places.clear()
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
        for id, channel in await self._ask(lambda: self.outbox.lanes(without=closed | self._busy.keys())):
            search = searches.get(id)
            if search is None or channel not in search.wanted:
                await self._drop(id, channel)
                continue
            name = lane(id, channel)
            task = asyncio.create_task(self._send_lane(search, channel))
            self._busy[name] = task
            task.add_done_callback(lambda task, name=name: self._done(name, task))  # type: ignore[misc]
        await self._count(searches)

    async def _drop(self, id: str, channel: Channel) -> None:
        """Forgets what waits for a search or a channel that was removed."""
        try:  # in real time: the list may be older than a search that was just added
            search = await self._ask(self.searches.get, id)
        except NotFoundError:
            await self._ask(self.outbox.forget_search, id)
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
        name, most = lane(search.id, channel), self._settings.message_quotes
        ended: set[str] = set()
        async with self._slots:
            while message := await self._ask(self._message, search.id, channel, ended):
                self._places.pop(name, None)
                if not await self._send(search, channel, message):
                    return
                if message.place is not None:
                    self._places[name] = message.place
                ended |= {delivery.id for delivery in message.waiting}
                if len(message.waiting) < most:
                    return  # what came meanwhile is found by the next look

    def _message(self, search: str, channel: Channel, ended: Collection[str]) -> Message | None:
        """The next message of a lane: the one that was begun and not sent to its end, or a new one."""
        name, most = lane(search, channel), self._settings.message_quotes
        try:
            if place := self._places.get(name):
                return self.outbox.next(search, channel, place, most, ended)
            last = self.outbox.last(search, channel)
            if last.waiting and not last.accepted:
                return last
            self.outbox.end(last.waiting, SENT)  # whoever sent it was killed as he noted it
            return self.outbox.next(search, channel, last.place, most, None)
        except Overtaken:
            self._places.pop(name, None)
            return None

    async def _send(self, search: SavedSearch, channel: Channel, message: Message) -> bool:
        """Sends one message; whether the lane goes on."""
        told = message.waiting
        quotes = await self._ask(self._look, told, False)
        if len(quotes) < len(told):
            quotes = await self._ask(self._look, told, True)
        gone = [delivery for delivery in told if delivery.id not in quotes]
        there = [delivery for delivery in told if delivery.id in quotes]
        if gone:  # taken down, or not in the article's newest revision
            await self._ask(self.outbox.end, gone, GONE)
            metrics.ALERT_QUOTES.labels(kind=channel, outcome="gone").inc(len(gone))
        if not there:
            return True
        at = min(delivery.found for delivery in there)
        shown = [quotes[delivery.id] for delivery in there]
        outcome = await self._channels.send(channel, search, message.id, shown, at=at)
        now = datetime.now(UTC)
        name = lane(search.id, channel)
        before = self._states.get(name, ChannelState())
        state = progress.after(before, outcome, now=now, settings=self._settings)
        self._states[name] = state
        metrics.ALERT_MESSAGES.labels(kind=channel, outcome="failed" if outcome.failure else "sent").inc()
        if outcome.failure is None:
            await self._ask(self.outbox.end, there, SENT)
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
        """Writes how a channel fares; of one that goes well only now and then."""
        name, now = lane(search, channel), asyncio.get_running_loop().time()
        well = before.sent is not None and not (before.error or state.error or state.paused)
        if well and now - self._noted.get(name, -_NOTE) < _NOTE:
            return
        self._noted[name] = now
        await self._ask(self.searches.note, search, channel, state)

    async def _count(self, searches: Mapping[str, SavedSearch]) -> None:
        """Counts what waits, now and then; pauses a channel for which too much does."""
        now = asyncio.get_running_loop().time()
        if now - self._counted < _COUNT:
            return
        self._counted = now
        counts = await self._ask(self.outbox.counts)
        metrics.ALERT_WAITING.set(sum(counts.values()))
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
                    await self._ask(self.searches.note, search.id, channel, self._states[name])

    async def _ask(self, request: Callable[..., Any], *arguments: Any) -> Any:
        """Runs a request to Elasticsearch in a thread.

        Raises:
            ClusterUnavailable: it does not answer, or answers with an error.
        """

        def ask() -> Any:
            with elasticsearch_client.translate_errors(self._client):
                return request(*arguments)

        return await asyncio.to_thread(ask)
