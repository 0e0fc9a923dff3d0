"""The spaCy processes of a worker: as many as there are cores, watched, killed and replaced.

Each process has pipes of its own, so that one that is killed in the middle of a word harms no other. A batch whose
process dies, hangs or takes too much memory is tried again article by article; only the article that does it alone
again is given up.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pipeline import errors
from pipeline.errors import EngineError, WhoSaidError
from pipeline.workers.process import WorkerLost, WorkerProcess, WorkerStartError
from pipeline.workers.protocol import Failure, Outcome

log = logging.getLogger(__name__)

HARD_LIMIT = 1.5
"""A process is refused memory beyond this many times its limit; at the limit it is killed, but not at that instant."""

_BACKOFF = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before each try to start a process; after the last: broken


class Pool:
    """Processes that do the work which `target` names, as `module:factory`; `arguments` are the factory's.

    Args:
        target: the factory of the work, a `pipeline.workers.protocol.Work`.
        arguments: the factory's keyword arguments; JSON can carry them.
        processes: how many; 0: one for each core that this process may use.
        time_limit: seconds a process may be silent in the middle of a batch.
        memory_limit: megabytes a process may hold.
        start_limit: seconds a process may take to load its model.
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
    ) -> None:
        self.size = processes or cores()
        self._command = (
            *(sys.executable, "-m", "pipeline.workers.child"),
            *(target, json.dumps(dict(arguments)), str(int(memory_limit * HARD_LIMIT))),
        )
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        self._start_limit = start_limit
        self._idle: asyncio.Queue[WorkerProcess | WhoSaidError] = asyncio.Queue()
        self._workers: set[WorkerProcess] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Starts the processes and waits until each has loaded its model.

        Raises:
            WhoSaidError: a process cannot start; of the class that its own error had, with its message.
        """
        results = await asyncio.gather(*(self._start_one() for _ in range(self.size)), return_exceptions=True)
        failure = next((result for result in results if isinstance(result, BaseException)), None)
        if failure is not None:
            await self.stop()
            raise _error_of(failure) from failure

    async def stop(self) -> None:
        """Ends all processes; a batch that one is doing is lost to its caller."""
        self._stopping = True
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in tuple(self._workers)))
        self._workers.clear()

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that live now."""
        return [worker.pid for worker in self._workers]

    async def work(self, articles: Sequence[bytes], done: Callable[[int, Outcome], None]) -> None:
        """Has a batch done by the next free process; calls `done` for each article, by index, once it is known.

        Raises:
            WhoSaidError: no process can be started any more.
        """
        open_ = dict(enumerate(articles))

        def finish(index: int, outcome: Outcome) -> None:
            del open_[index]
            done(index, outcome)

        try:
            await self._attempt(open_, finish)
            return
        except WorkerLost as lost:
            log.warning(
                "A batch of %d articles lost its process (%s); trying its articles one by one.", len(articles), lost
            )
        for index, article in tuple(open_.items()):
            failure = await self._alone(index, article, finish)
            if failure is not None:
                finish(index, failure)

    async def _alone(self, index: int, article: bytes, done: Callable[[int, Outcome], None]) -> Failure | None:
        while_ = "The spaCy process was lost again, with this article alone"
        # Others may kill or stop a process, so its end counts against the article only when it comes twice.
        for last in (False, True):
            try:
                await self._attempt({index: article}, done)
                return None
            except WorkerLost as lost:
                if last or lost.conclusive:
                    return Failure(lost.kind, f"{while_}: {lost}.")
        return None

    async def _attempt(self, articles: Mapping[int, bytes], done: Callable[[int, Outcome], None]) -> None:
        worker = await self._acquire()
        reusable = False
        try:
            await worker.work(dict(articles), done, self._time_limit)
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
        if not self._stopping:
            task = asyncio.create_task(self._replace(worker), name="replace a spaCy process")
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _replace(self, worker: WorkerProcess) -> None:
        await worker.stop()
        self._workers.discard(worker)
        failure: WorkerStartError | None = None
        for pause in _BACKOFF:
            await asyncio.sleep(pause)
            try:
                await self._start_one()
                return
            except WorkerStartError as error:
                log.error("A spaCy process did not start: %s", error)
                failure = error
        self._idle.put_nowait(_error_of(failure))

    async def _start_one(self) -> None:
        worker = WorkerProcess(self._memory_limit)
        self._workers.add(worker)
        try:
            await worker.start(self._command, _environment(), self._start_limit)
        except BaseException:
            worker.kill()
            await worker.stop()
            self._workers.discard(worker)
            raise
        self._idle.put_nowait(worker)


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
