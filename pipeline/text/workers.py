"""Work on a stream of items in several processes: answers in order, memory bounded, no item lost to a dead process.

A first process is started at once, so that a bad setting shows before anything is read; more are started when items
wait. A process has one batch at a time. One that dies or is silent for too long is replaced and its batch done again
item by item; an item that kills its process alone is answered by `lost`.
"""

import gc
import math
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from pipeline.errors import EnrichmentError, WhoSaidError
from pipeline.process_exit import describe_exit

Work = Callable[[list[bytes]], Iterable[bytes]]
"""What a process does with a batch: one answer for each item, in order."""

MAX_WAITING_BYTES = 64 * 2**20
"""Bytes of items that may wait or be worked on, at the most, before the next item is read."""

BATCH_BYTES = 2**18
"""Bytes of a batch, at the most; a longer item is a batch alone."""


@dataclass(frozen=True)
class Limits:
    """How much the processes may take.

    Attributes:
        processes: how many, at the most.
        batch_size: items a process gets at once, at the most.
        time_limit: seconds a process may be silent for each item it has left of its batch.
        memory_limit: megabytes a process may hold before it is replaced after its batch.
        start_limit: seconds a process may take to get ready.
    """

    processes: int
    batch_size: int = 16
    time_limit: float = 60
    memory_limit: int = 2048
    start_limit: float = 180


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class OrderedWorkers:
    """Processes that do `factory(**arguments)(batch)` for what `run` is given, and emit the answers in order.

    Args:
        factory: makes the work in the new process; a module's function.
        arguments: its keyword arguments.
        emit: takes each answer, one at a time, in the order of the items.
        lost: the answer for an item that kills its process, from the item and one sentence that says how.
        limits: how much the processes may take.
    """

    def __init__(
        self,
        factory: Callable[..., Work],
        arguments: Mapping[str, Any],
        emit: Callable[[bytes], None],
        lost: Callable[[bytes, str], bytes],
        limits: Limits,
    ) -> None:
        self._start: Callable[[], _Worker] = lambda: _Worker(factory, arguments, limits)
        self._emit, self._lost, self._limits = emit, lost, limits
        self._change = threading.Condition()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._answers: dict[int, bytes] = {}
        self._sizes: dict[int, int] = {}
        self._emitted = 0
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._closed = False
        self._failure: BaseException | None = None

    def run(self, items: Iterable[bytes]) -> int:
        """Work on each item; returns how many there were when all answers are out.

        Raises:
            WhoSaidError: a process cannot get ready, with its reason.
            OSError: `emit` cannot write.
        """
        self._add_thread(self._start())
        count = 0
        try:
            for item in items:
                self._put(count, item)
                count += 1
        finally:
            with self._change:
                self._closed = True
                self._change.notify_all()
        for thread in self._threads:
            thread.join()
        if self._failure:
            raise self._failure
        return count

    def _put(self, number: int, item: bytes) -> None:
        window = self._limits.processes * self._limits.batch_size * 3
        with self._change:
            while (
                not self._failure
                and self._sizes
                and (len(self._sizes) >= window or sum(self._sizes.values()) + len(item) > MAX_WAITING_BYTES)
            ):
                self._change.wait()
            if self._failure:
                raise self._failure
            self._waiting.append((number, item))
            self._sizes[number] = len(item)
            self._change.notify_all()
            wanted = len(self._threads) < self._limits.processes and not self._idle
            if wanted and len(self._waiting) >= self._limits.batch_size:
                self._add_thread(None)

    def _add_thread(self, worker: "_Worker | None") -> None:
        thread = threading.Thread(target=self._drive, args=(worker,), daemon=True, name="whosaid-text-worker")
        self._threads.append(thread)
        thread.start()

    def _drive(self, worker: "_Worker | None") -> None:
        try:
            worker = worker or self._start()
            while batch := self._take():
                worker = self._finish(batch, worker)
        except BaseException as error:
            with self._change:
                self._failure = self._failure or error
                self._change.notify_all()
        finally:
            if worker:
                worker.stop()

    def _take(self) -> list[tuple[int, bytes]]:
        with self._change:
            self._idle += 1
            while not self._waiting and not self._closed and not self._failure:
                self._change.wait()
            self._idle -= 1
            if self._failure:
                return []
            share = math.ceil(len(self._waiting) / len(self._threads))
            batch: list[tuple[int, bytes]] = []
            size = 0
            while self._waiting and len(batch) < min(share, self._limits.batch_size):
                size += len(self._waiting[0][1])
                if batch and size > BATCH_BYTES:
                    break
                batch.append(self._waiting.popleft())
            return batch

    def _finish(self, batch: list[tuple[int, bytes]], worker: "_Worker") -> "_Worker":
        """Answer a batch; returns the worker for the next one, another where this one did not survive."""
        left = deque(batch)
        try:
            for answer in worker.work([item for _, item in batch]):
                self._answer(left.popleft()[0], answer)
        except _Died as death:
            worker.stop()
            if len(batch) == 1:
                number, item = left.popleft()
                self._answer(number, self._lost(item, str(death)))
            worker = self._start()
            for one in left:
                worker = self._finish([one], worker)
            return worker
        if worker.retired:
            worker.stop()
            return self._start()
        return worker

    def _answer(self, number: int, answer: bytes) -> None:
        with self._change:
            self._answers[number] = answer
            while self._emitted in self._answers and not self._failure:
                self._emit(self._answers.pop(self._emitted))
                del self._sizes[self._emitted]
                self._emitted += 1
            self._change.notify_all()


class _Died(Exception):
    """A process died or was silent for too long."""


class _Worker:
    """A process, from the outside."""

    def __init__(self, factory: Callable[..., Work], arguments: Mapping[str, Any], limits: Limits) -> None:
        self._limits = limits
        self.retired = False
        context = multiprocessing.get_context("spawn")  # A fork of a process with threads may hang.
        self._pipe, theirs = context.Pipe()
        options = (theirs, factory, dict(arguments), limits.memory_limit * 2**20)
        self._process: BaseProcess = context.Process(target=_serve, args=options, daemon=True)
        self._process.start()
        theirs.close()
        try:
            kind, error = self._receive(limits.start_limit)
        except _Died as death:
            self.stop()
            raise EnrichmentError(f"A process for spaCy could not start: {death}") from None
        if kind != "ready":
            self.stop()
            raise error

    def work(self, batch: list[bytes]) -> Iterator[bytes]:
        """The answers for a batch, each as it comes; raises _Died."""
        try:
            self._pipe.send(batch)
        except OSError:
            raise _Died(self._death()) from None
        for done in range(len(batch) + 1):
            kind, value = self._receive(self._limits.time_limit * max(1, len(batch) - done))
            if kind == "end":
                self.retired = value
                return
            yield value

    def stop(self) -> None:
        """End the process, kindly where it waits for work and hard where it does not."""
        self._pipe.close()
        self._process.join(1)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(5)

    def _receive(self, seconds: float) -> tuple[str, Any]:
        ends = time.monotonic() + seconds
        try:
            if not self._pipe.poll(seconds):
                self._process.kill()
                raise _Died(f"it took longer than {seconds:.0f} seconds.")
            kind, value = self._pipe.recv()
        except (EOFError, OSError):
            raise _Died(self._death(max(0.0, ends - time.monotonic()))) from None
        return kind, value

    def _death(self, seconds: float = 5) -> str:
        self._process.join(min(5.0, seconds))
        code = self._process.exitcode
        return "its process closed its pipe." if code is None else f"its process ended ({describe_exit(code)})."


def _serve(pipe: Connection, factory: Callable[..., Work], arguments: dict[str, Any], memory_limit: int) -> None:
    # Ctrl-C goes to the whole group: the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # The parent is gone, or wants no more.
        try:
            work = factory(**arguments)
        except WhoSaidError as error:
            pipe.send(("broken", error))
            return
        gc.collect()
        gc.freeze()  # The model stays for good: the collector need not walk it again and again.
        process = psutil.Process()
        pipe.send(("ready", None))
        while True:
            for answer in work(pipe.recv()):
                pipe.send(("answer", answer))
            pipe.send(("end", process.memory_info().rss > memory_limit))
