"""Real parts for tests: `whosaid enrich`, `sink`, `serve` and other commands as processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from pipeline.settings import Settings, environment

COMMAND = [sys.executable, "-m", "pipeline.cli.main"]


def whosaid(
    settings: Settings, *arguments: str, stdin: str = "", timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=env(settings),
        check=False,
    )


def env(settings: Settings) -> dict[str, str]:
    """The environment that gives a process these settings, on a screen wide enough for any table."""
    return os.environ | environment(settings) | {"COLUMNS": "200"}


class Part:
    """One running part, in a process group of its own, its log in a file."""

    def __init__(
        self, settings: Settings, name: str, log: Path, command: Sequence[str] = (), more: Sequence[str] = ()
    ) -> None:
        """Starts the part of that name, with `more` arguments, or else the `command`."""
        self.log = log
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                command or [*COMMAND, name, *more], stdout=stream, stderr=stream, stdin=subprocess.DEVNULL,
                start_new_session=True, env=env(settings),
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL to the part and its children: what a crash of the machine looks like."""
        self.send(signal.SIGKILL)
        self.process.wait(10)

    def send(self, number: signal.Signals) -> None:
        """A signal to the part and its children."""
        os.killpg(self.process.pid, number)

    def terminate(self, timeout: float = 30) -> int:
        """SIGTERM, as an orderly stop; its exit code."""
        self.process.terminate()
        return self.process.wait(timeout)

    def __enter__(self) -> "Part":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()
        if error is not None:
            print(f"--- {self.log.name}\n{self.log.read_text(errors='replace')[-4000:]}")


def wait_until(what: Callable[[], bool], timeout: float = 60, interval: float = 0.2, message: str = "") -> None:
    """Waits until `what` holds; fails the test with `message` when it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, message or f"not within {timeout} s"
        time.sleep(interval)
