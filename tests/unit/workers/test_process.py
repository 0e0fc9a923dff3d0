"""What a process's owner may rely on, whenever it is interrupted."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.workers.process import WorkerProcess


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
