"""Starts, feeds, watches and kills one worker process."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import psutil

from pipeline.process_exit import describe_exit
from pipeline.workers.protocol import (
    BROKEN,
    END,
    FAILURE,
    OUT_OF_MEMORY,
    READY,
    RESULT,
    Outcome,
    head,
    lengths,
    outcome,
    pack,
)

_WATCH = 0.5  # seconds between two looks at a process's memory
_BUFFER = 2**20
_GROWTH = 0.75  # of the room between what a fresh process holds and the limit; above it is replaced after its batch
_FAREWELL = 2.0  # seconds to end by itself
_AT_FIRST = 0.1  # of the time limit until the first look at what it computes
_AT_WORK = 0.5  # of the time limit spent computing since: then the item is slow; else its process is stopped or starved


class WorkerLost(Exception):
    """A batch did not come back whole from its process.

    Attributes:
        kind: the class of the error, for a dead letter.
        conclusive: trying once more would tell nothing new.
        alive: the process can go on with other batches.
    """

    def __init__(self, kind: str, reason: str, *, conclusive: bool = False, alive: bool = False) -> None:
        super().__init__(reason)
        self.kind = kind
        self.conclusive = conclusive
        self.alive = alive


class WorkerStartError(Exception):
    """A process did not come up; `kind` is the class of its own error where it could tell."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


class WorkerProcess:
    """One process of a pool; `memory_limit` is in megabytes."""

    def __init__(self, memory_limit: int) -> None:
        self._memory_limit = memory_limit
        self._process: Process | None = None
        self._watched: psutil.Process | None = None  # the same, as it is looked at: made once, as that takes longest
        self._fresh = 0

    @property
    def pid(self) -> int:
        """Its process id; 0 before it was started."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def megabytes(self) -> int:
        """Memory that it holds now; 0 once it is gone."""
        with suppress(psutil.Error):
            return int(self._watched.memory_info().rss) // 2**20 if self._watched else 0
        return 0

    @property
    def swollen(self) -> bool:
        """Whether it has grown so far that a fresh process is better for the next batch."""
        return self.megabytes > self._fresh + _GROWTH * (self._memory_limit - self._fresh)

    async def start(self, command: Sequence[str], environment: Mapping[str, str], limit: float) -> None:
        """Starts it and waits, at most `limit` seconds, until its model is loaded.

        Raises:
            WorkerStartError: it could not be started, or its model could not be loaded.
        """
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, env=dict(environment), limit=_BUFFER
            )
            with suppress(psutil.Error):
                self._watched = psutil.Process(self.pid)
            message = await self._receive(limit)
        except (OSError, WorkerLost) as error:
            raise WorkerStartError(f"A spaCy process did not start: {error}.") from error
        if message[0] != READY:
            raise WorkerStartError(message[2].decode(), kind=message[1].decode())
        self._fresh = self.megabytes

    async def work(self, items: dict[int, bytes], done: Callable[[int, Outcome], None], limit: float) -> None:
        """Has it do a batch; calls `done` with each item's index and outcome as they come.

        Raises:
            WorkerLost: it died, was silent for `limit` seconds, held too much memory or broke off. What is done
                stands.
        """
        assert self._process
        assert self._process.stdin
        try:
            self._process.stdin.write(pack(list(items.values())))
            async with asyncio.timeout(limit):  # wait_for may lose a cancellation, and its caller waits for ever
                await self._process.stdin.drain()
        except TimeoutError:
            raise self._too_long(limit) from None
        except OSError:
            raise await self._died() from None
        indexes = iter(items)
        while (message := await self._receive(limit))[0] in (RESULT, FAILURE):
            index = next(indexes, None)
            if index is None:
                break
            done(index, outcome(message))
        if message[0] == BROKEN:
            kind, reason = message[1].decode(), message[2].decode()
            raise WorkerLost(kind, f"{kind}: {reason}", conclusive=True, alive=True)
        if message[0] != END or next(indexes, None) is not None:
            raise WorkerLost("ProtocolError", "it gave a wrong number of answers")

    def kill(self) -> None:
        """Ends it at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """Lets it end by itself, which it does between two batches, or kills it."""
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        if not await self._ended(_FAREWELL):
            self.kill()
            await self._ended(_FAREWELL)

    async def ending(self) -> str:
        """How it ended, in words; waits a moment where it is just ending."""
        assert self._process
        await self._ended(_FAREWELL)
        code = self._process.returncode
        return "closed its output" if code is None else describe_exit(code)

    async def _ended(self, limit: float) -> bool:
        # Not Process.wait(): that waits for the pipes too, and asyncio's wait_for can swallow a cancellation.
        assert self._process
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        while self._process.returncode is None and loop.time() < deadline:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.02)
        return self._process.returncode is not None

    async def _receive(self, limit: float) -> list[bytes]:
        assert self._process
        assert self._process.stdout
        reading = asyncio.ensure_future(_message(self._process.stdout))
        deadline = self._now() + limit
        computed, looked = 0.0, False
        try:
            while True:
                pause = min(_WATCH, _AT_FIRST * limit) if not looked else _WATCH
                await asyncio.wait({reading}, timeout=min(pause, max(0.0, deadline - self._now())))
                if reading.done():
                    return reading.result()
                if not looked:  # not before: most messages come sooner than such a look takes
                    computed, looked = self._computed(), True
                if self.megabytes > self._memory_limit:
                    raise WorkerLost("MemoryLimit", f"it held more than {self._memory_limit} MB")
                if self._now() >= deadline:
                    raise self._too_long(limit, conclusive=self._computed() - computed > _AT_WORK * limit)
        except (asyncio.IncompleteReadError, OSError):
            raise await self._died() from None
        finally:
            reading.cancel()

    def _too_long(self, limit: float, *, conclusive: bool = False) -> WorkerLost:
        return WorkerLost("TimeLimit", f"it was silent for {limit:g} seconds", conclusive=conclusive)

    def _now(self) -> float:
        # The clock of its time limit.
        return asyncio.get_running_loop().time()

    def _computed(self) -> float:
        # Seconds of processor time so far; 0 once it is gone.
        with suppress(psutil.Error):
            times = self._watched.cpu_times() if self._watched else None
            return float(times.user + times.system) if times else 0.0
        return 0.0

    async def _died(self) -> WorkerLost:
        assert self._process
        how = await self.ending()
        if self._process.returncode == OUT_OF_MEMORY:
            return WorkerLost("MemoryLimit", "it was refused more memory")
        return WorkerLost("ProcessDied", how)


async def _message(stream: asyncio.StreamReader) -> list[bytes]:
    count = head(await stream.readexactly(4))
    sizes = lengths(count, await stream.readexactly(4 * count))
    return [await stream.readexactly(size) for size in sizes]
