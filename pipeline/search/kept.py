"""Keeps an answer for some seconds, so that many readers of a page cost one request."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def kept(seconds: float, ask: Callable[[], T]) -> Callable[[], T]:
    """A function that asks, one thread at a time, and gives the same answer for so many seconds."""
    lock = threading.Lock()
    known: tuple[float, T] | None = None

    def answer() -> T:
        nonlocal known
        with lock:
            if known is None or time.monotonic() - known[0] > seconds:
                found = ask()
                known = (time.monotonic(), found)
            return known[1]

    return answer
