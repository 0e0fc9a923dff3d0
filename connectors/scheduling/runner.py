"""Runs the connector process: claims the sources that are due, polls them, and renews its leases."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from connectors import registry, source_files
from connectors.base import Context, SourceConfig
from connectors.publisher import ArticlePublisher, DeliveryReport
from connectors.scheduling.elasticsearch_store import ElasticsearchStore
from connectors.scheduling.intervals import Limits
from connectors.scheduling.overview import overview, states_of, summary_line
from connectors.scheduling.poll import Deliver, PollOutcome, apply_outcome, poll
from connectors.scheduling.source_state import SourceState, StaleState, Store
from connectors.web.client import Client
from connectors.web.throttle import Clock
from pipeline import heartbeat, metrics
from pipeline.errors import BrokerUnavailable, ClusterUnavailable, NotFoundError
from pipeline.models import Article
from pipeline.settings import Settings

_log = logging.getLogger(__name__)

_SHORTEST_IDLE = 2.0  # seconds between two looks for due sources, at the least
_LONGEST_IDLE = 5.0  # seconds, at the most: people make sources due at any time
_ALERT_IDLE = 1.0  # seconds, where a hub may make a source due at any time
_TRIES = 5  # to save a state that others change at the same time
_STOP = 20.0  # seconds that running polls have to finish; then they are stopped, and their cursors saved
_COUNT_INTERVAL = 30.0  # seconds between two counts of all sources
_ENGINE_WAIT = 5.0  # seconds before a retry while Kafka or Elasticsearch is away


def run(
    settings: Settings, sources: Path | None = None, *, once: bool = False, stop: threading.Event | None = None
) -> None:
    """Reads sources until SIGINT, SIGTERM or `stop`; with `once`, reads each due source a single time.

    `sources` is a YAML file that is the whole configuration: these sources are read, and no others. Without it, the
    sources are those of `whosaid source`. Running polls are finished, or stopped after 20 seconds; cursors are saved.

    Raises:
        InputError: the file of sources cannot be used.
        BrokerUnavailable, ClusterUnavailable: Kafka or Elasticsearch is away at the start; later, the process waits.
    """
    configs = source_files.load(sources) if sources else None
    for config in configs or []:
        registry.check(config, settings)
    asyncio.run(_main(settings, configs, once, stop))


async def _main(
    settings: Settings, configs: list[SourceConfig] | None, once: bool, stop: threading.Event | None
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
    with ArticlePublisher(settings) as publisher:
        async with Client(settings.connectors) as client, ElasticsearchStore(settings) as store:

            async def deliver(articles: list[Article]) -> DeliveryReport:
                return await asyncio.to_thread(publisher.deliver, articles)

            only = None
            if configs is not None:
                if not configs:
                    _log.warning("The file of sources has none in it: nothing will be read.")
                only = {name for config in configs for name in (config.id, *source_files.backfills(config.id))}
            runner = Runner(Context(settings, client), store, deliver, only=only)
            await store.add(configs or [], runner.now(), replacing=True)
            there = overview(_of(await store.glance(), only), runner.now())
            _log.info("Connector %s %s", runner.owner, summary_line(there, runner.now()))
            tasks = [asyncio.create_task(_count_sources(store, runner, only))]
            if stop:
                tasks.append(asyncio.create_task(_watch(stop, ended)))
            try:
                await runner.run(ended, once=once)
            finally:
                for task in tasks:
                    task.cancel()


def _of(states: Iterable[SourceState], only: Collection[str] | None) -> list[SourceState]:
    return [state for state in states if only is None or state.id in only]


async def _count_sources(store: ElasticsearchStore, runner: "Runner", only: Collection[str] | None) -> None:
    """Keeps the numbers of sources by state as the store has them, for the metrics."""
    while True:
        try:
            there = _of(await store.glance(), only)
            for state, number in states_of(there, runner.now(), runner.longest_interval).items():
                metrics.SOURCES.labels(state=state).set(number)
        except ClusterUnavailable as error:
            _log.debug("The sources cannot be counted now: %s", error)
        await asyncio.sleep(_COUNT_INTERVAL)


async def _watch(stop: threading.Event, ended: asyncio.Event) -> None:
    while not await asyncio.to_thread(stop.wait, 0.5):
        continue
    ended.set()


class Runner:
    """Polls the sources of a store. Any number of runners, in any number of processes, share a store.

    `only` are the ids of the sources to read; without it, all are read. `stop` are the seconds that running polls have
    to finish at the end.
    """

    def __init__(
        self,
        context: Context,
        store: Store,
        deliver: Deliver,
        *,
        only: Collection[str] | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
        stop: float = _STOP,
    ) -> None:
        self._context = context
        self._store = store
        self._deliver = deliver
        self._settings = context.settings.connectors
        self._limits = Limits(self._settings.minimum_interval, self._settings.maximum_interval)
        self._clock = clock or Clock()
        self._rng = random.Random(seed)  # noqa: S311 - spreads polls, keeps no secret
        self._polls: dict[str, asyncio.Task[None]] = {}
        self._once: set[str] | None = None
        self._only = only
        self._stop = stop
        self._alert = False  # whether a hub announces changes of any source that this runner has read
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"

    def now(self) -> datetime:
        """The time."""
        return self._context.now()

    @property
    def longest_interval(self) -> timedelta:
        """The longest time between two polls of a source, by the settings."""
        return timedelta(seconds=self._limits.maximum)

    async def run(self, ended: asyncio.Event, *, once: bool = False) -> None:
        """Polls until `ended` is set; with `once`, until every due source was read a single time."""
        self._once = set() if once else None
        heartbeat.PART.take_up()
        try:
            while not ended.is_set():
                heartbeat.PART.beat()
                claimed = await self._claim()
                if once and not claimed and not self._polls:
                    return
                if len(self._polls) >= self._settings.concurrency or (once and self._polls):
                    await asyncio.wait(self._polls.values(), return_when=asyncio.FIRST_COMPLETED, timeout=_ENGINE_WAIT)
                elif not claimed:
                    await self._wait(ended, await self._until_next())
        finally:
            heartbeat.PART.rest()
            await self._finish()

    async def _finish(self) -> None:
        if not self._polls:
            return
        _, late = await asyncio.wait(list(self._polls.values()), timeout=self._stop)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_ENGINE_WAIT)

    async def _claim(self) -> int:
        free = self._settings.concurrency - len(self._polls)
        if free <= 0:
            return 0
        try:
            states = await self._store.claim(self.owner, self.now(), self._settings.lease, free, self._only)
        except ClusterUnavailable as error:
            _log.warning("%s", error)
            await self._clock.sleep(_ENGINE_WAIT)
            return 0
        started = 0
        self._alert |= any(state.subscribed_until is not None for state in states)
        for state in states:
            if state.id in self._polls or (self._once is not None and state.id in self._once):
                continue
            if self._once is not None:
                self._once.add(state.id)
            task = asyncio.create_task(self._read(state))
            self._polls[state.id] = task
            task.add_done_callback(partial(self._finished, state.id))
            started += 1
        return started

    def _finished(self, identifier: str, _: asyncio.Task[None]) -> None:
        self._polls.pop(identifier, None)

    async def _until_next(self) -> float:
        """Seconds until a source is due, or until the next look for new sources and for leases of dead processes."""
        try:
            due = await self._store.next_due(self._only)
        except ClusterUnavailable:
            return _ENGINE_WAIT
        longest = min(_ALERT_IDLE if self._alert else _LONGEST_IDLE, self._settings.lease / 2)
        if due is None:
            return longest
        return min(max((due - self.now()).total_seconds(), _SHORTEST_IDLE), longest)

    async def _wait(self, ended: asyncio.Event, seconds: float) -> None:
        waits = {asyncio.ensure_future(ended.wait()), asyncio.ensure_future(self._clock.sleep(seconds))}
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()

    async def _read(self, state: SourceState) -> None:
        """Polls one source under its lease, and saves its new state."""
        outcome = PollOutcome(cursor=state.cursor)
        work = asyncio.create_task(poll(state, self._context, self._deliver, outcome=outcome))
        lease, begin, kind = self._settings.lease, time.perf_counter(), state.config.kind
        try:
            while not work.done():
                timer = asyncio.ensure_future(self._clock.sleep(lease / 3))
                await asyncio.wait({work, timer}, return_when=asyncio.FIRST_COMPLETED)
                timer.cancel()
                if not work.done():
                    until = self.now() + timedelta(seconds=lease)
                    # The cursor of a long poll is saved on the way, so that another process can go on from there.
                    change = partial(replace, leased_until=until, cursor=outcome.cursor)
                    state = await self._save(state, change, release=False)
            await work
            finish = partial(apply_outcome, outcome=outcome, now=self.now(), limits=self._limits, rng=self._rng)
            await self._save(state, finish, release=True)
            _count_poll(kind, begin, failed=bool(outcome.error))
            level = logging.WARNING if outcome.error else logging.INFO
            _log.log(level, "%s: %d articles. %s", state.id, outcome.articles, outcome.error)
        except (StaleState, NotFoundError):
            _log.warning(
                "%s: another process took it over, or it was removed; nothing of this poll is saved.", state.id
            )
        except (BrokerUnavailable, ClusterUnavailable) as error:
            _log.warning("%s: %s", state.id, error)
            await self._release(state)
        except Exception as error:  # a fault of the connector's: the source shows it, and the others go on
            _log.exception("%s failed", state.id)
            _count_poll(kind, begin, failed=True)
            await self._release(state, f"The connector failed: {type(error).__name__}: {error}")
        except asyncio.CancelledError:  # the process ends
            await self._cancel(work)
            await self._release(replace(state, cursor=outcome.cursor), wait=0.0)
            raise
        finally:
            work.cancel()

    async def _cancel(self, work: asyncio.Task[PollOutcome]) -> None:
        work.cancel()
        await asyncio.wait({work}, timeout=_ENGINE_WAIT)

    async def _save(
        self, state: SourceState, change: Callable[[SourceState], SourceState], *, release: bool
    ) -> SourceState:
        """Saves the changed state, and keeps what a person or a hub changed since, as long as the lease is ours.

        Raises:
            StaleState: another process holds the lease now.
            NotFoundError: it was removed.
        """
        for _ in range(_TRIES):
            try:
                return await self._store.save(change(state), release=release)
            except StaleState:
                fresh = await self._store.get(state.id)
                if fresh.owner != self.owner:
                    raise
                if fresh.due != state.due:  # somebody has made it due, whatever this poll finds
                    change = partial(_with_due, change=change, due=fresh.due)
                state = fresh
        raise StaleState(state.id)

    async def _release(self, state: SourceState, error: str = "", *, wait: float = _ENGINE_WAIT) -> None:
        """Releases the source with the state's cursor, to be read again after `wait` seconds.

        An error counts as a failure, with the wait that failures have.
        """
        change: Callable[[SourceState], SourceState]
        if error:
            failure = PollOutcome(error=error, cursor=state.cursor)
            change = partial(apply_outcome, outcome=failure, now=self.now(), limits=self._limits, rng=self._rng)
        elif wait:
            change = partial(replace, cursor=state.cursor, due=self.now() + timedelta(seconds=wait))
        else:  # its due time stays, so that the next process makes the same poll
            change = partial(replace, cursor=state.cursor)
        # Where this fails, too, the lease expires.
        with contextlib.suppress(StaleState, NotFoundError, ClusterUnavailable):
            await self._save(state, change, release=True)


def _count_poll(kind: str, begin: float, *, failed: bool) -> None:
    metrics.POLLS.labels(kind=kind, outcome="failed" if failed else "ok").inc()
    metrics.POLL_SECONDS.labels(kind=kind).observe(time.perf_counter() - begin)


def _with_due(state: SourceState, *, change: Callable[[SourceState], SourceState], due: datetime | None) -> SourceState:
    return replace(change(state), due=due)
