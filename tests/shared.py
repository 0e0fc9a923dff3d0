"""Things that are made once for all workers of a test run, by whichever needs them first."""

import fcntl
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

_OPEN = pytest.StashKey[ExitStack]()


def shared(config: pytest.Config, folder: Path, name: str, make: Callable[[], AbstractContextManager[str]]) -> str:
    """What `make` gives, made by the first worker that asks, ended when the last is done.

    Each worker that uses it holds a shared lock on a file, which the system lets go also when the worker is killed.
    The one that made it waits at its end until it can lock the file alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stack = config.stash.setdefault(_OPEN, ExitStack())
    users = stack.enter_context((folder / f"{name}.users").open("a"))
    value = folder / f"{name}.value"
    with (folder / f"{name}.lock").open("a") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        if value.exists():
            return value.read_text(encoding="utf-8")
        made = make()
        content = made.__enter__()
        stack.push(made)
        value.write_text(content, encoding="utf-8")

    def last() -> None:
        with (folder / f"{name}.lock").open("a") as making:
            fcntl.flock(making, fcntl.LOCK_EX)
            value.unlink()  # who asks from now on makes a new one
        fcntl.flock(users, fcntl.LOCK_EX)

    stack.callback(last)
    return content


def worker_number() -> int:
    """Which worker this is, from 0; 0 where there is only one process."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def common_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run see."""
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Ends what this worker made. Not in a fixture: waiting for the others is not the time of any test."""
    if _OPEN in session.config.stash:
        session.config.stash[_OPEN].close()
