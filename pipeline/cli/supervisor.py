"""Starts, watches, restarts and stops the parts that `whosaid up` runs beside the engines."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import EngineError
from pipeline.process_exit import describe_exit
from pipeline.settings import Settings

PARTS = ("connect", "enrich", "sink", "resolve", "alert", "serve")
"""The parts that run beside the engines, in the way of the data; stopped in the same order."""

COMMANDS = {"alert": ("alert", "run")}
"""The commands of parts that are not called as the part is."""

KAFKA_ALONE = frozenset({"enrich"})
"""Parts that need no Elasticsearch."""

COMMAND = (sys.executable, "-m", "pipeline.cli.main")
"""What a part's name is an argument of."""

GRACE = 20.0
"""Seconds a part may take to finish its batch before it is killed."""

BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each restart of something that dies again and again; after the last one it is given up."""

STEADY = 60.0
"""Seconds after which something that died counts as having worked: its deaths before that are forgotten."""

_TAIL = 64 * 1024  # bytes at the end of a log in which the reason of a death is looked for
_LONGEST = 400  # characters of a reason
_SENTENCE = "whosaid: "  # what the command begins its last sentence with
_FATAL = re.compile(r"^Fatal Python error: ")
_LOGGED = re.compile(r"^\S+Z (ERROR|CRITICAL) [\w.]+: ")
_RAISED = re.compile(r"^[\w.]*(Error|Exception|Interrupt)\b")


class Restarts:
    """Counts the deaths in a row of one part or engine."""

    def __init__(self) -> None:
        self.deaths = 0

    def died(self, lived: float) -> float | None:
        """Notes a death after `lived` seconds; the seconds to wait before the restart, None to give up."""
        self.deaths = 1 if lived > STEADY else self.deaths + 1
        return BACKOFF[self.deaths - 1] if self.deaths <= len(BACKOFF) else None


@dataclass
class Part:
    """One part: its process now, and how often it has died in a row."""

    name: str
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    log_start: int = 0
    due: float = 0.0
    restarts: Restarts = field(default_factory=Restarts)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts the parts as processes of their own and keeps them running until it is stopped.

    The parts are in sessions of their own, so that Ctrl-C in the terminal reaches the supervisor alone, which stops
    them in order. Each watches its standard input, a pipe: a byte in it lets the part begin, and should the supervisor
    be killed, the pipe closes and the part stops by itself (`pipeline.cli.part_process`).
    """

    def __init__(
        self,
        settings: Settings,
        say: Callable[[str], None],
        *,
        parts: Sequence[str] = PARTS,
        arguments: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Prepares the parts; `arguments` are those of each, where it has any."""
        self._say = say
        self._arguments = dict(arguments or {})
        self._metrics_port = settings.metrics.port
        self._record = settings.embedded.data_dir / "up.json"
        self._let_go: set[str] = set()
        logs = settings.embedded.data_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.parts = [Part(name, logs / f"{name}.log") for name in parts]

    def start(self, *names: str) -> None:
        """Starts these parts, or all, where they are not started yet.

        They load, and those that need Elasticsearch wait for `let_go`. `KAFKA_ALONE` need a Kafka that runs.
        """
        for part in self._named(names):
            if part.process is None:
                self._start(part)
        self._write_record()

    def let_go(self, *names: str) -> None:
        """Lets these parts begin, or all: what they need runs."""
        for part in self._named(names):
            if part.name not in self._let_go | KAFKA_ALONE:
                self._let_go.add(part.name)
                _tell(part)

    def check(self, engines_down: Sequence[str] = ()) -> None:
        """Says what has died, and starts it again, later each time it dies soon; call it every second or so.

        A part that dies while an engine is down waits for the engine, and that death does not count.

        Raises:
            EngineError: a part has died as often as there are steps to wait, without ever working a minute.
        """
        for part in self.parts:
            if part.running:
                continue
            if part.process is not None:
                self._note_death(part, engines_down)
            if not engines_down and time.monotonic() >= part.due:
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

    def _named(self, names: Sequence[str]) -> list[Part]:
        return [part for part in self.parts if not names or part.name in names]

    def _note_death(self, part: Part, engines_down: Sequence[str]) -> None:
        assert part.process is not None
        now = time.monotonic()
        from pipeline import metrics  # here, as this module is loaded by every command

        metrics.RESTARTS.labels(name=part.name).inc()
        why = f"{part.name} ended ({describe_exit(part.process.returncode)}){_because(part)}"
        if part.process.stdin:
            part.process.stdin.close()
        part.process = None
        if engines_down:
            part.due = now
            self._say(f"{why} It is started again when {' and '.join(engines_down)} runs. Its log: {part.log}")
            return
        pause = part.restarts.died(now - part.started)
        if pause is None:
            raise EngineError(f"{why} It has died {part.restarts.deaths} times in a row. Its log: {part.log}")
        part.due = now + pause
        self._say(f"{why} It is started again in {pause:g} s. Its log: {part.log}")

    def _start(self, part: Part) -> None:
        with part.log.open("ab") as log:
            part.log_start = log.tell()
            part.process = subprocess.Popen(
                [*COMMAND, *_command(part.name), "--supervised", *self._arguments.get(part.name, ())],
                stdin=subprocess.PIPE,
                bufsize=0,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | self._ports(part.name),
            )
        part.started = time.monotonic()
        if part.name in self._let_go | KAFKA_ALONE:
            _tell(part)

    def _ports(self, name: str) -> dict[str, str]:
        """The variable by which a part gets a port of its own for its metrics, behind ours."""
        if not self._metrics_port:
            return {}
        return {"WHOSAID_METRICS__PORT": str(self._metrics_port + 1 + PARTS.index(name))}

    def _write_record(self) -> None:
        pids = {part.name: part.process.pid for part in self.parts if part.process}
        self._record.write_text(json.dumps({"pid": os.getpid(), "parts": pids}), encoding="utf-8")


def _tell(part: Part) -> None:
    """Lets a part begin; one that has died is seen by `check`."""
    if part.process and part.process.stdin:
        with suppress(OSError):
            part.process.stdin.write(b"\n")


def _command(part: str) -> tuple[str, ...]:
    return COMMANDS.get(part, (part,))


def last_line(log: Path) -> str:
    """The last line that a log says something on, without control characters; empty where there is none."""
    return next(iter(reversed(_lines(log, 0))), "")


def last_error(log: Path, since: int = 0) -> str:
    """The sentence in which a log says why its process ended; empty where it says nothing of an error.

    It is the sentence that the command ended with; without one, the interpreter's own fatal error, or else the last
    error that was logged or raised.

    Args:
        log: the file; it may be missing.
        since: the byte to begin at, so that an earlier run's errors are not taken for this one's.
    """
    lines = _lines(log, since)
    sentences = [line.removeprefix(_SENTENCE) for line in lines if line.startswith(_SENTENCE)]
    fatal = [line for line in lines if _FATAL.match(line)]
    wrong = [_LOGGED.sub("", line) for line in lines if _LOGGED.match(line) or _RAISED.match(line)]
    return next((found[-1][:_LONGEST] for found in (sentences, fatal, wrong) if found), "")


def _because(part: Part) -> str:
    why = last_error(part.log, part.log_start)
    return f": {why.rstrip('.')}." if why else "."


def _lines(log: Path, since: int) -> list[str]:
    try:
        with log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(since, end - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    printable = ("".join(char for char in line if char.isprintable()).strip() for line in text.splitlines())
    return [line for line in printable if line]
