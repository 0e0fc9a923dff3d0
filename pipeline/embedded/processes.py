"""Signals the engines' processes, waits until they are gone, and tells whether their owner lives."""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil


def tell(group: int | None, number: int) -> None:
    """Sends a signal to a process group, if it is still there."""
    if group:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)


def wait_until_gone(processes: Sequence[psutil.Process]) -> None:
    """Waits until they are gone: a killed process may hold its ports until its memory is given back."""
    deadline = time.monotonic() + 10
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
                time.sleep(0.02)


def lives(record: Mapping[str, Any]) -> bool:
    """Whether the process that started the engine of this record still lives (and is no other with its number)."""
    try:
        return bool(abs(psutil.Process(record["owner"]).create_time() - record["owner_started"]) < 1)
    except (KeyError, psutil.NoSuchProcess):
        return False
