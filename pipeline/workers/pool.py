"""Runs worker processes: as many as there are cores, watched, killed and replaced.

Each process has pipes of its own, so that one that is killed in the middle of a message harms no other. A batch whose
process dies, hangs or takes too much memory is tried again item by item; only an item that loses its process again when
it is alone is given up.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pipeline import errors, metrics
from pipeline.backoff import Backoff
from pipeline.errors import EngineError, WhoSaidError
from pipeline.workers.process import WorkerLost, WorkerProcess, WorkerStartError
from pipeline.workers.protocol import Failure, Outcome

log = logging.getLogger(__name__)

BATCH_BYTES = 2**18
"""Bytes of a batch, at the most: a longer item goes alone, so that others do not wait for it."""

HARD_LIMIT = 1.5
"""A process is refused memory beyond this many times its limit; at the limit it is killed, but not at that instant."""

START_TRIES = 6
"""Tries to start a process in the place of one that ended; after the last, the pool is broken."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between these tries: the first pause, and the longest. The first try comes at once."""


class Pool:
    """Processes that do the work which `target` names, as `module:factory`; `arguments` are the factory's.

    Args:
        target: the factory of the work, a `pipeline.workers.protocol.Work`.
        arguments: the factory's keyword arguments; JSON can carry them.
        processes: how many, at the most; 0: one for each core that this process may use.
        time_limit: seconds a process may be silent in the middle of a batch.
        memory_limit: megabytes a process may hold.
        start_limit: seconds a process may take to load its model.
        niceness: by how much the processes let others on the same machine go first.
    """

    def __init__(
        self,
        target: str,
        arguments: Mapping[str, Any],
        *,
        processes: int = 0,
        time_limit: float,
        memory_limit: int,
        start_limit: float = 180,
        niceness: int = 0,
    ) -> None:
        self.size = processes or cores()
        self._command = (
            *(sys.executable, "-m", "pipeline.workers.child"),
            *(target, json.dumps(dict(arguments)), str(int(memory_limit * HARD_LIMIT)), str(niceness)),
        )
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        self._start_limit = start_limit
        self._idle: asyncio.Queue[WorkerProcess | WhoSaidError] = asyncio.Queue()
        self._workers: set[WorkerProcess] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._wanted = 0  # processes that live or are being started
        self._stopping = False

    async def start(self, processes: int | None = None) -> None:
        """Starts the processes, all or a first few, and waits until each has loaded its model.

        Raises:
            WhoSaidError: a process cannot start; of the class that its own error had, with its message.
        """
        self._wanted = processes or self.size
        results = await asyncio.gather(*(self._start_worker() for _ in range(self._wanted)), return_exceptions=True)
        failure = next((result for result in results if isinstance(result, BaseException)), None)
        if failure is not None:
            await self.stop()
            raise _error_of(failure) from failure

    def grow(self) -> None:
        """Starts one more process, where there are fewer than `size`; it takes part as soon as its model is loaded."""
        if self._wanted < self.size and not self._stopping:
            self._wanted += 1
            self._in_background(self._start_at_last())

    async def stop(self) -> None:
        """Ends all processes; a batch that one is doing is lost to its caller."""
        self._stopping = True
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in tuple(self._workers)))
        self._workers.clear()
        metrics.SPACY_PROCESSES.set(0)

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that live now."""
        return [worker.pid for worker in self._workers]

    async def work(self, items: Sequence[bytes], done: Callable[[int, Outcome], None]) -> None:
        """Has a batch done by the next free process; calls `done` for each item, by index, once its outcome is known.

        Raises:
            WhoSaidError: no process can be started any more.
        """
        undone = dict(enumerate(items))

        def finish(index: int, outcome: Outcome) -> None:
            del undone[index]
            done(index, outcome)

        try:
            await self._attempt(undone, finish)
            return
        except WorkerLost as lost:
            log.warning(
                "A batch of %d articles lost its process (%s); trying its articles one by one.", len(items), lost
            )
        for index, item in tuple(undone.items()):
            failure = await self._alone(index, item, finish)
            if failure is not None:
                finish(index, failure)

    async def _alone(self, index: int, item: bytes, done: Callable[[int, Outcome], None]) -> Failure | None:
        context = "The spaCy process was lost again, with this article alone"
        # Others may kill or stop a process, so its end counts against the item only when it comes twice.
        for last in (False, True):
            try:
                await self._attempt({index: item}, done)
                return None
            except WorkerLost as lost:
                if last or lost.conclusive:
                    return Failure(lost.kind, f"{context}: {lost}.")
        return None

    async def _attempt(self, items: Mapping[int, bytes], done: Callable[[int, Outcome], None]) -> None:
        worker = await self._acquire()
        reusable = False
        try:
            await worker.work(dict(items), done, self._time_limit)
            reusable = True
        except WorkerLost as lost:
            reusable = lost.alive
            raise
        finally:
            if reusable and not self._stopping and not worker.swollen:
                self._idle.put_nowait(worker)
            else:
                if reusable and worker.swollen:
                    log.info("Replacing spaCy process %d: it has grown to %d MB.", worker.pid, worker.megabytes)
                self._discard(worker)

    async def _acquire(self) -> WorkerProcess:
        while True:
            worker = await self._idle.get()
            if isinstance(worker, WhoSaidError):
                self._idle.put_nowait(worker)  # for whoever waits next
                raise worker
            if worker.running:
                return worker
            log.warning("spaCy process %d is gone (%s); starting another.", worker.pid, await worker.ending())
            self._discard(worker)

    def _discard(self, worker: WorkerProcess) -> None:
        worker.kill()
        metrics.SPACY_RESTARTS.inc(not self._stopping)
        if not self._stopping:
            self._in_background(self._replace(worker))

    async def _replace(self, worker: WorkerProcess) -> None:
        await worker.stop()
        self._forget(worker)
        await self._start_at_last()

    async def _start_at_last(self) -> None:
        """Starts a process, in several tries; after the last, whoever asks for a process is told why there is none."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        failure: WorkerStartError | None = None
        for _ in range(START_TRIES):
            if failure is not None:
                await asyncio.sleep(backoff.next())
            try:
                await self._start_worker()
                return
            except WorkerStartError as error:
                log.error("A spaCy process did not start: %s", error)
                failure = error
        self._idle.put_nowait(_error_of(failure))

    async def _start_worker(self) -> None:
        worker = WorkerProcess(self._memory_limit)
        self._workers.add(worker)
        metrics.SPACY_PROCESSES.set(len(self._workers))
        try:
            await worker.start(self._command, _environment(), self._start_limit)
        except BaseException:
            worker.kill()
            await worker.stop()
            self._forget(worker)
            raise
        self._idle.put_nowait(worker)

    def _forget(self, worker: WorkerProcess) -> None:
        self._workers.discard(worker)
        metrics.SPACY_PROCESSES.set(len(self._workers))

    def _in_background(self, starting: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(starting, name="start a spaCy process")
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)


def cores() -> int:
    """How many cores this process may use."""
    with suppress(AttributeError):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _environment() -> dict[str, str]:
    # Secrets stay here, and what can be imported here can be imported there.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHOSAID_")}
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1")
    return kept | one_thread | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _error_of(failure: BaseException | None) -> WhoSaidError:
    kind = getattr(errors, failure.kind, EngineError) if isinstance(failure, WorkerStartError) else EngineError
    known = isinstance(kind, type) and issubclass(kind, WhoSaidError)
    return (kind if known else EngineError)(str(failure))
