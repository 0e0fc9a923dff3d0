"""What a process's owner may rely on, whenever it is interrupted."""

import asyncio
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from pipeline.workers.process import WorkerLost, WorkerProcess
from pipeline.workers.protocol import END, RESULT, Outcome, Result, pack


@pytest.mark.anyio
async def test_a_cancellation_as_a_batch_is_sent_is_kept() -> None:
    """It was lost where it came as the batch had just been sent: `extract --jsonl` never ended when its reader left."""
    sent = asyncio.Event()
    pipe = SimpleNamespace(write=lambda data: None, drain=sent.wait)
    worker: Any = WorkerProcess(512)
    worker._process = SimpleNamespace(stdin=pipe, stdout=asyncio.StreamReader(), pid=0, returncode=None)
    working = asyncio.create_task(worker.work({0: b"x"}, print, 10))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sent.set()
    await asyncio.sleep(0)
    working.cancel()
    await asyncio.wait({working}, timeout=1)
    assert working.cancelled()


@pytest.mark.anyio
async def test_a_process_that_stood_still_is_not_blamed() -> None:
    """The worker and its process were frozen together, for longer than the limit: nothing is known of the item."""
    worker: Any = WorkerProcess(512)
    worker._process = SimpleNamespace(stdin=None, stdout=asyncio.StreamReader(), pid=1, returncode=None)
    times = iter([0.0, 0.0, 100.0])
    worker._now = lambda: next(times, 100.0)
    with pytest.raises(WorkerLost) as lost:
        await worker._receive(10)
    assert not lost.value.conclusive


@pytest.mark.anyio
async def test_an_answer_costs_no_search_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """To find a process among all, and when it began, takes longer than to read the answer."""
    worker: Any = WorkerProcess(512)
    output = asyncio.StreamReader()
    pipe = SimpleNamespace(write=lambda data: None, drain=lambda: asyncio.sleep(0))
    worker._process = SimpleNamespace(stdin=pipe, stdout=output, pid=1, returncode=None)
    searched: list[int] = []
    monkeypatch.setattr(psutil, "Process", searched.append)
    output.feed_data(pack([RESULT, b"k", b"v"]) + pack([END]))
    outcomes: list[Outcome] = []
    await worker.work({0: b"x"}, lambda _, outcome: outcomes.append(outcome), 10)
    assert outcomes == [Result(b"k", b"v")]
    assert searched == []
