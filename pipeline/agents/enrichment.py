"""Has raw events enriched and publishes enriched events or dead letters; an event is done when the broker has them.

Events are worked on as processes become free, in batches, across all partitions. Results of the same key leave in the
order in which they came, so that an article's revisions stay in order. An event counts as done in the ledger when Kafka
has acknowledged what became of it, and only then.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property

from pipeline import logs, metrics, topics, tracing
from pipeline.agents.known_texts import KnownTexts, Text
from pipeline.agents.offset_ledger import Entry, Ledger, Partition
from pipeline.agents.publisher import EventPublisher, EventTooLarge
from pipeline.dead_letters import dead_letter
from pipeline.events import LAST
from pipeline.kafka_batches import Unreadable
from pipeline.models import Stage
from pipeline.settings import Settings
from pipeline.workers.pool import BATCH_BYTES, Pool
from pipeline.workers.protocol import Failure, Outcome, Result

log = logging.getLogger(__name__)

HAND_BYTES = 32 * 2**20
"""Bytes of events in hand, at the most (one event may be larger)."""

LEAST_SHARE = 8
"""Events of which no process is given fewer for others' sake: in small batches each takes longer."""


@dataclass(eq=False)
class Job:
    """An event in hand."""

    message: dead_letter.Record
    entry: Entry
    before: asyncio.Event | None  # set when the event of the same key before this one has left
    left: asyncio.Event = field(default_factory=asyncio.Event)
    step: tracing.Step = field(default_factory=tracing.Step)
    analysis: tracing.Step = field(default_factory=tracing.Step)
    taken: float = field(default_factory=time.perf_counter)

    @property
    def value(self) -> bytes:
        """The event as it came; empty where it has none."""
        return self.message.value or b""

    @cached_property
    def text(self) -> Text:
        """The article's text, by which an analysis is remembered and found."""
        return Text(self.value)

    @property
    def size(self) -> int:
        """Bytes that the event takes."""
        headers = sum(len(name) + len(value or b"") for name, value in self.message.headers or ())
        return len(self.value) + len(self.message.key or b"") + headers


class Enrichment:
    """Takes events, has the pool enrich them, publishes their outcomes. Each object runs once."""

    def __init__(
        self,
        settings: Settings,
        pool: Pool,
        ledger: Ledger,
        publisher: EventPublisher,
        fetch_dropped: Callable[[Partition], Awaitable[None]],
        behind: Callable[[], int],
    ) -> None:
        """`fetch_dropped` fetches events that got lost on the way; `behind` counts those that nobody has taken yet."""
        self._settings = settings.enrichment
        self._enriched = topics.enriched(settings).name
        self._group = topics.enrichment_group(settings)
        self._deadletter = topics.deadletter(settings).name
        self._pool = pool
        self._ledger = ledger
        self._publisher = publisher
        self._fetch_dropped = fetch_dropped
        self._behind = behind
        self._known = KnownTexts(self._settings.known_texts * 2**20)
        self._most = 2 * pool.size * self._settings.batch_size
        self._waiting: deque[Job] = deque()
        self._arrived = asyncio.Event()  # something waits
        self._room = asyncio.Event()  # something has left
        self._gathering = asyncio.Lock()
        self._in_hand = self._leaving = 0
        self._bytes = 0
        self._last: dict[bytes, Job] = {}  # by key

    async def run(self, messages: AsyncIterable[dead_letter.Record]) -> None:
        """Works until the messages end, or until it is cancelled.

        Raises:
            ExceptionGroup: something went wrong that no article is to blame for. What is in hand is not done.
        """
        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(self._work(tasks)) for _ in range(self._pool.size)]
            async for message in messages:
                await self._take(message, tasks)
            while self._in_hand:
                self._room.clear()
                await self._room.wait()
            for worker in workers:
                worker.cancel()

    async def _take(self, message: dead_letter.Record, tasks: asyncio.TaskGroup) -> None:
        partition = (message.topic, message.partition)
        entry = self._ledger.take(partition, message.offset)
        if entry is None:
            return
        job = Job(message, entry, self._last[message.key].left if message.key in self._last else None)
        job.step = tracing.taken(message, self._group)
        if message.key is not None:
            self._last[message.key] = job
        self._in_hand += 1
        self._bytes += job.size
        metrics.IN_HAND.set(self._in_hand)
        if isinstance(message.value, Unreadable):
            tasks.create_task(self._publish(job, Failure(message.value.error, message.value.sentence)))
        else:
            self._waiting.append(job)
            self._arrived.set()
        await self._fetch_dropped(partition)
        while self._in_hand >= self._most or self._bytes >= HAND_BYTES:
            self._room.clear()
            await self._room.wait()

    async def _work(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            async with self._gathering:
                batch = await self._gather(tasks)

            def publish(index: int, outcome: Outcome, batch: list[Job] = batch) -> None:
                batch[index].analysis.end()
                if isinstance(outcome, Result):
                    self._known.keep(batch[index].text, outcome)
                tasks.create_task(self._publish(batch[index], outcome))

            _note_batch(batch)
            with metrics.timed("enrich", "analyse"):
                await self._pool.work([job.value for job in batch], publish)

    async def _gather(self, tasks: asyncio.TaskGroup) -> list[Job]:
        self._copy(tasks)
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
            self._copy(tasks)
        share = self._share()
        batch = [self._waiting.popleft()]
        size = len(batch[0].value)
        loop = asyncio.get_running_loop()
        full = loop.time() + self._settings.batch_wait
        while len(batch) < self._settings.batch_size and size < BATCH_BYTES:
            self._copy(tasks)
            if self._waiting:
                size += len(self._waiting[0].value)
                if size > BATCH_BYTES or len(batch) >= share:
                    break  # the next process takes it
                batch.append(self._waiting.popleft())
                continue
            self._arrived.clear()
            try:
                async with asyncio.timeout_at(full):
                    await self._arrived.wait()
            except TimeoutError:
                break
        return batch

    def _share(self) -> int:
        """The most events of the next batch: where no more are behind those that wait, other processes get some."""
        if self._behind() > 0:
            return self._settings.batch_size
        return max(LEAST_SHARE, math.ceil(len(self._waiting) / self._pool.size))

    def _copy(self, tasks: asyncio.TaskGroup) -> None:
        """Takes those that wait first and whose texts are known out of the queue: they need no process."""
        while self._waiting and (copy := self._known.copy(self._waiting[0].text)) is not None:
            metrics.COPIED.inc()
            tasks.create_task(self._publish(self._waiting.popleft(), copy))

    async def _publish(self, job: Job, outcome: Outcome) -> None:
        self._leaving += 1
        try:
            if job.before is not None:
                await job.before.wait()
            failure = outcome if isinstance(outcome, Failure) else await self._pass_on(job, outcome)
            if failure is not None:
                await self._bury(job, failure)
            job.entry.done()
        finally:
            self._leave(job)

    async def _pass_on(self, job: Job, result: Result) -> Failure | None:
        """Publishes the enriched event; why that cannot be, where it is the event's own fault."""
        send = job.step.send(self._enriched)
        try:
            headers = send.headers(dead_letter.passed_on(job.message.headers or ()))
            if self._leaving == self._in_hand and self._behind() == 0:
                headers.append((LAST, b"1"))
            with metrics.timed("enrich", "publish"):
                await self._publisher.publish(self._enriched, result.key, result.value, headers)
        except EventTooLarge as refused:
            return Failure("MessageTooLarge", f"Enriched, it is refused: {refused}")
        except (MemoryError, OSError):  # the machine's
            raise
        except Exception as error:
            message = job.message
            log.exception(
                "%s[%d] offset %d cannot be passed on",
                message.topic, message.partition, message.offset, extra=logs.about(message.key),
            )  # fmt: skip
            return Failure(type(error).__name__, f"Enriched, it cannot be passed on: {error}")
        finally:
            send.end()
        metrics.ENRICHED.inc()
        log.debug("Enriched", extra=logs.about(job.message.key))
        return None

    async def _bury(self, job: Job, failure: Failure) -> None:
        message = job.message
        letter = dead_letter.from_record_failure(message, failure.reason, kind=failure.error, stage=Stage.ENRICH)
        log.warning(
            "%s[%d] offset %d is a dead letter: %s",
            message.topic, message.partition, message.offset, letter.reason, extra=logs.about(message.key),
        )  # fmt: skip
        job.step.end(failure.error)
        try:
            await self._publisher.publish(self._deadletter, letter.key, letter.value, dead_letter.to_headers(letter))
        except EventTooLarge as refused:
            short = dead_letter.without_bytes(letter, f"Its bytes are not kept here, only in its topic: {refused}")
            await self._publisher.publish(self._deadletter, short.key, short.value, dead_letter.to_headers(short))
        metrics.DEAD_LETTERS.labels(stage=Stage.ENRICH.value).inc()

    def _leave(self, job: Job) -> None:
        job.left.set()
        job.step.end()
        key = job.message.key
        if key is not None and self._last.get(key) is job:
            del self._last[key]
        self._in_hand -= 1
        self._leaving -= 1
        self._bytes -= job.size
        metrics.IN_HAND.set(self._in_hand)
        self._room.set()


def _note_batch(batch: list[Job]) -> None:
    metrics.batch("enrich", len(batch), sum(len(job.value) for job in batch))
    now = time.perf_counter()
    for job in batch:
        job.analysis = job.step.work("analyse")
        metrics.STAGE_SECONDS.labels(stage="enrich", step="wait").observe(now - job.taken)
