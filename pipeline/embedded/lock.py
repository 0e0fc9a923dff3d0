"""Locks folders between processes: whoever holds the file's lock owns the folder, until its last process ends.

An engine inherits the descriptor, so that the folder stays locked while the engine lives, even where WhoSaid was
killed. The library filelock does not guarantee that: it gives no descriptor to hand down, and unlocks the file, for all
that hold it, when the process that took the lock lets go.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import EngineError


def acquire(path: Path) -> int | None:
    """An open file descriptor that holds the lock; None where another process holds it.

    The lock lives as long as any process has this descriptor: processes that inherit it keep it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def locked(path: Path, *, timeout: float, waiting: Callable[[], None]) -> Iterator[None]:
    """Holds the lock for the block; calls `waiting` once if it has to wait for it.

    Raises:
        EngineError: another process held it for `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    handle = acquire(path)
    if handle is None:
        waiting()
    while handle is None:
        if time.monotonic() > deadline:
            raise EngineError(f"Another process has held {path} for {timeout:.0f} s; stop it and try again.")
        time.sleep(0.2)
        handle = acquire(path)
    try:
        yield
    finally:
        os.close(handle)
