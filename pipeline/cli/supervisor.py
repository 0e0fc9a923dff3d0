"""The parts that `whosaid up` runs beside the engines: started, watched, restarted, stopped in order."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import EngineError
from pipeline.settings import Settings

PARTS = ("enrich", "sink", "serve")
"""The commands that run beside the engines, in the way of the data; stopped in the same order."""

GRACE = 20.0
"""Seconds a part may take to finish its batch before it is killed."""

_BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY = 60.0  # seconds after which a part that died counts as having worked


@dataclass
class Part:
    """One part: its process now, and how often it has died in a row."""

    name: str
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = 0.0

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts the parts as processes of their own and keeps them running until it is stopped.

    The parts are in sessions of their own, so that Ctrl-C in the terminal reaches the supervisor alone, which stops
    them in order. Each watches its standard input, a pipe that nobody writes to: should the supervisor be killed, the
    pipe closes and the part stops by itself (`stop_with_parent`).
    """

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._say = say
        self._record = settings.embedded.data_dir / "up.json"
        logs = settings.embedded.data_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.parts = [Part(name, logs / f"{name}.log") for name in PARTS]

    def start(self) -> None:
        """Starts every part."""
        for part in self.parts:
            self._start(part)
        self._write_record()

    def check(self) -> None:
        """Starts again what has died, later each time it dies soon; call it every second or so.

        Raises:
            EngineError: a part has died as often as there are steps to wait, without ever working a minute.
        """
        for part in self.parts:
            if part.running:
                continue
            now = time.monotonic()
            if part.process is not None:
                part.deaths = 0 if now - part.started > _STEADY else part.deaths + 1
                if part.deaths > len(_BACKOFF):
                    raise EngineError(f"{part.name} dies again and again: {last_line(part.log)} Its log: {part.log}")
                part.due = now + _BACKOFF[max(0, part.deaths - 1)]
                self._say(f"{part.name} ended ({_how(part.process.returncode)}) and is started again; log: {part.log}")
                part.process = None
            if now >= part.due:
                self._start(part)
                self._write_record()

    def stop(self) -> None:
        """Asks each part in turn to finish, kills those that do not."""
        for part in self.parts:
            if part.process is None:
                continue
            if part.running:
                part.process.send_signal(signal.SIGTERM)
            try:
                part.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._say(f"{part.name} did not finish within {GRACE:.0f} s and was killed; nothing is lost by that.")
                os.killpg(part.process.pid, signal.SIGKILL)
                part.process.wait()
            if part.process.stdin:
                part.process.stdin.close()
            part.process = None
        self._record.unlink(missing_ok=True)

    def _start(self, part: Part) -> None:
        with part.log.open("ab") as log:
            part.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli.main", part.name, "--supervised"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        part.started = time.monotonic()

    def _write_record(self) -> None:
        pids = {part.name: part.process.pid for part in self.parts if part.process}
        self._record.write_text(json.dumps({"pid": os.getpid(), "parts": pids}), encoding="utf-8")


def last_line(log: Path) -> str:
    """The last line that a log says something on, without colours; empty where there is none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def stop_with_parent() -> None:
    """In a part: sends this process SIGTERM when its standard input closes, which is when its supervisor has died."""

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="stop-with-parent", daemon=True).start()
