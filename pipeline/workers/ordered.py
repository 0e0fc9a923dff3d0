"""Has a stream of items done by worker processes and emits the answers in the order of the items.

One process is started at first, so that a bad setting shows before anything is read; more are started when items wait.
"""

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from pipeline.workers.pool import BATCH_BYTES, Pool
from pipeline.workers.protocol import Outcome

MAX_OPEN_BYTES = 64 * 2**20
"""Bytes of items that are not answered yet, at the most, before the next item is read (one item may be larger)."""

_BATCHES_AHEAD = 3  # for each process: those that wait while it does one

Emit = Callable[[bytes, Outcome], None]
"""Takes each item with its outcome, one at a time, in the order of the items, in a thread of its own."""


def run_in_order(pool: Pool, items: Iterable[bytes], emit: Emit, *, batch_size: int) -> int:
    """Has each item done; returns how many there were when all outcomes are emitted.

    Args:
        pool: a pool that is not started; it is stopped at the end.
        items: read in this thread, no faster than they are done.
        emit: takes each item with its outcome.
        batch_size: items that a process gets at once, at the most.

    Raises:
        WhoSaidError: no process can be started, with its reason.
        OSError: `emit` cannot write.
    """
    with _event_loop_in_a_thread() as loop:

        def call(coroutine: Coroutine[Any, Any, None]) -> None:
            asyncio.run_coroutine_threadsafe(coroutine, loop).result()

        stream = _Stream(pool, emit, batch_size)
        count = 0
        try:
            call(stream.start())
            for item in items:
                call(stream.put(item))
                count += 1
            call(stream.finish())
        except ExceptionGroup as errors:
            raise _first(errors) from None
        finally:
            call(stream.stop())
    return count


@dataclass(eq=False)
class _Item:
    """An item that is not emitted yet; its outcome, once it is known."""

    data: bytes
    outcome: Outcome | None = None


class _Stream:
    """Items on their way through a pool. All of it runs in one event loop."""

    def __init__(self, pool: Pool, emit: Emit, batch_size: int) -> None:
        self._pool = pool
        self._emit = emit
        self._batch_size = batch_size
        self._most = _BATCHES_AHEAD * pool.size * batch_size
        self._open: deque[_Item] = deque()  # in order, until they are emitted
        self._bytes = 0  # of the open items
        self._waiting: deque[_Item] = deque()  # in order, until they are in a batch
        self._running: asyncio.Task[None] | None = None
        self._feeders = 0  # tasks that feed a process each
        self._idle = 0  # of these, those that wait for items
        self._ended = False  # no more items come
        self._change = asyncio.Event()  # each change of the above sets it and puts another in its place

    async def start(self) -> None:
        """Starts a first process, and waits until its model is loaded.

        Raises:
            WhoSaidError: it cannot start.
        """
        await self._pool.start(1)
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends the processes and all that is still running."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._pool.stop()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._add_feeder()
                await self._emit_all()
        finally:
            self._ended = True
            self._notify()

    async def put(self, data: bytes) -> None:
        """Takes an item; waits while too many are open.

        Raises:
            ExceptionGroup: no item is worked on any more; it holds the reason.
        """
        while self._full(len(data)) and not self._ended:
            await self._change.wait()
        if self._ended:
            await self.finish()
        item = _Item(data)
        self._open.append(item)
        self._waiting.append(item)
        self._bytes += len(data)
        self._notify()
        if self._feeders < self._pool.size and not self._idle and len(self._waiting) >= self._batch_size:
            self._pool.grow()
            self._add_feeder()

    async def finish(self) -> None:
        """Waits until the last outcome is emitted; no more items come.

        Raises:
            ExceptionGroup: some item was not done; it holds the reason.
        """
        self._ended = True
        self._notify()
        if self._running is not None:
            await asyncio.shield(self._running)

    def _full(self, size: int) -> bool:
        return bool(self._open) and (len(self._open) >= self._most or self._bytes + size > MAX_OPEN_BYTES)

    def _add_feeder(self) -> None:
        self._feeders += 1
        self._tasks.create_task(self._feed())

    async def _feed(self) -> None:
        while batch := await self._batch():

            def done(index: int, outcome: Outcome, batch: list[_Item] = batch) -> None:
                batch[index].outcome = outcome
                self._notify()

            await self._pool.work([item.data for item in batch], done)

    async def _batch(self) -> list[_Item]:
        """The next items that wait, shared fairly between the processes; none at the end."""
        self._idle += 1
        while not self._waiting and not self._ended:
            await self._change.wait()
        self._idle -= 1
        share = min(math.ceil(len(self._waiting) / self._feeders), self._batch_size)
        batch: list[_Item] = []
        size = 0
        while self._waiting and len(batch) < share:
            size += len(self._waiting[0].data)
            if batch and size > BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _emit_all(self) -> None:
        while self._open or not self._ended:
            ready = list(takewhile(lambda item: item.outcome is not None, self._open))
            if not ready:
                await self._change.wait()
                continue
            await asyncio.to_thread(self._emit_each, ready)
            for item in ready:
                self._open.popleft()
                self._bytes -= len(item.data)
            self._notify()

    def _emit_each(self, items: Iterable[_Item]) -> None:
        for item in items:
            assert item.outcome is not None
            self._emit(item.data, item.outcome)

    def _notify(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


@contextmanager
def _event_loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    # A process of the pool dies with the thread that started it, so the thread lives until the pool is stopped.
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="whosaid-ordered")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
