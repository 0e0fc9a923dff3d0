"""Shows how far a download is: a bar in a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

Say = Callable[[str], None]
"""Takes one line for a person: what begins or is done now."""

EVERY = 5.0
"""Seconds between two plain lines."""


def quiet(text: str) -> None:
    """Says nothing."""


class TransferProgress(AbstractContextManager["TransferProgress"]):
    """Bytes of a download: size, speed and time left, on standard error.

    Args:
        title: what is fetched.
        total: bytes of all of it.
        done: bytes that are there already, of an earlier try.
        say: takes the plain lines where standard error is no terminal.
    """

    def __init__(self, title: str, total: int, done: int, say: Say, console: Console | None = None) -> None:
        self._title, self._total, self._done, self._say = title, total, done, say
        self._console = console or Console(stderr=True)
        self._began = self._spoke = time.monotonic()
        self._first = done
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        """Shows the bar, or says the first line."""
        if self._console.is_terminal:
            self._console.print(f"{self._title} …")  # on a line of its own: beside it 80 columns have no room for a bar
            self._bar = Progress(
                BarColumn(max(4, min(40, self._console.width - 40))),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task(self._title, total=self._total, completed=self._done)
            self._bar.start()
        else:
            resumed = f", {megabytes(self._done)} of it are here already" if self._done else ""
            self._say(f"{self._title} ({megabytes(self._total)}{resumed}) …")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away, or says how long it took."""
        if self._bar:
            self._bar.stop()
        elif kind is None:
            self._say(f"{self._title}: done in {time.monotonic() - self._began:.0f} s.")

    def advance(self, count: int) -> None:
        """Adds so many bytes; a `count` below 0 takes them away, where something has to begin again."""
        self._done += count
        if self._bar:
            self._bar.update(self._task, completed=self._done)
            return
        now = time.monotonic()
        if now - self._spoke >= EVERY and self._done < self._total:
            self._spoke = now
            speed = max(self._done - self._first, 1) / (now - self._began)
            left = (self._total - self._done) / speed
            self._say(
                f"  {self._done / self._total:.0%} of {megabytes(self._total)}, {megabytes(speed)}/s, {left:.0f} s left"
            )


def megabytes(count: float) -> str:
    """A number of bytes, for a person: `98.4 MB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
