"""Runs an engine as a process: claims its folder, starts it, waits for it, pauses it, stops it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import psutil

from pipeline.embedded import child_guard, lock, paths, preflight, processes
from pipeline.embedded.progress import Say, quiet
from pipeline.errors import EngineError
from pipeline.process_exit import describe_exit
from pipeline.settings import Settings

GRACE = 30.0
"""Seconds an engine may take to stop before it is killed."""

LOG_LIMIT = 10 * 2**20
"""Bytes of a log beyond which the next start begins a new one; the last one is kept as `.1`."""

DATA_SPACE = 1_000_000_000
"""Bytes that must be free for data."""


@dataclass(frozen=True)
class Extra:
    """What an engine is configured with beyond what it needs here: security, in tests of it."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Lines of server.properties or elasticsearch.yml; they win over ours."""

    files: Mapping[str, str | bytes] = field(default_factory=dict)
    """Files put into the configuration folder, by name."""


@dataclass(frozen=True)
class Launch:
    """How to run an engine."""

    command: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    account: paths.Account | None = None


class Server(ABC):
    """One embedded engine. As a context manager: started at its beginning, stopped at its end.

    It listens on 127.0.0.1 alone. Its data stay from run to run, also after a SIGKILL. It does not outlive this process
    (see `child_guard`), nor does a Ctrl-C in the terminal reach it: it is stopped when `stop` is called.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, settings: Settings, *, extra: Extra | None = None) -> None:
        self.settings = settings
        self.extra = extra or Extra()
        self._guard: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._cancelled = threading.Event()
        self._log_start = 0
        self.answers = threading.Event()
        """Set once it answers clients, which may be before it is ready."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Where clients connect to."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The engine's version."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where it keeps data, configuration and its lock; made."""

    @property
    def log_path(self) -> Path:
        """Where it writes what it does: `data_dir/logs`."""
        return paths.log_path(self.settings, self.name)

    @property
    @abstractmethod
    def ports(self) -> Mapping[str, int]:
        """The ports it needs, by the variable that sets each."""

    @property
    @abstractmethod
    def memory(self) -> int:
        """Bytes of memory it takes, about."""

    @abstractmethod
    def _prepare(self, progress: Say) -> Launch:
        """Fetches and writes all that is needed to run it."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether all that is in it can be used."""

    def _is_answering(self) -> bool:
        """Whether clients get answers, though perhaps not of all that is in it."""
        return self._is_ready()

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._guard is not None and self._guard.poll() is None

    def start(self, progress: Say = quiet) -> None:
        """Starts it and waits until it is ready; does nothing where it runs.

        Raises:
            EngineError: it cannot be fetched or started; nothing of it runs then.
        """
        if self.is_running:
            return
        try:
            self.claim()
            for variable, number in self.ports.items():
                preflight.port(number, self.title, variable)
            preflight.disk(self.folder, DATA_SPACE, "WHOSAID_EMBEDDED__DATA_DIR")
            preflight.memory(self.memory, f"{self.title}'s processes", self.memory_advice)
            launch = self._prepare(progress)
            self._go_on()
            progress(f"Starting {self.title} {self.version} …")
            began = time.monotonic()
            self._spawn(launch)
            self._wait_ready()
            progress(f"{self.title} is up at {self.address} ({time.monotonic() - began:.1f} s).")
        except BaseException:
            self.stop()
            raise

    @property
    def memory_advice(self) -> str:
        """What to do where there is too little memory."""
        return f"set a smaller heap with WHOSAID_EMBEDDED__{self.name.upper()}_HEAP"

    def claim(self) -> None:
        """Takes the data folder for this process, until `stop`; ends what a process that died has left running.

        Raises:
            EngineError: another process has it.
        """
        if self._lock is not None:
            return
        path = self.folder / "lock"
        deadline = time.monotonic() + GRACE + 5
        while (handle := lock.acquire(path)) is None:
            record = self._record()
            if processes.lives(record):
                raise EngineError(
                    f"{self.title} already runs on {self.folder}, started by process {record['owner']}; "
                    "stop that first (Ctrl-C where it runs), or set WHOSAID_EMBEDDED__DATA_DIR to another folder."
                )
            if time.monotonic() > deadline:
                raise EngineError(
                    f"{self.title} still runs on {self.folder} as process {record.get('engine')} and does not end; "
                    "end that process and start again."
                )
            if record and not psutil.pid_exists(record["guard"]):
                processes.tell(record["engine"], signal.SIGKILL)  # nobody else will: it holds our lock, so it is ours
            time.sleep(0.2)
        self._lock = handle

    def stop(self) -> None:
        """Stops it in an orderly way, or kills it where that takes too long; does nothing where it does not run."""
        if self._guard is not None:
            self.resume()
            family = self._family()
            if self._guard.stdin:
                self._guard.stdin.close()  # see `child_guard`
            try:
                self._guard.wait(GRACE + 5)
            except subprocess.TimeoutExpired:
                self.kill()
            processes.wait_until_gone(family)
        self._let_go()

    def kill(self) -> None:
        """Kills it at once, as a power failure would."""
        if self._guard is not None:
            family = self._family()
            processes.tell(self._engine(), signal.SIGKILL)
            try:
                self._guard.wait(5)
            except subprocess.TimeoutExpired:
                self._guard.kill()
                self._guard.wait()
            if self._guard.stdin:
                self._guard.stdin.close()
            processes.wait_until_gone(family)
        self._let_go()

    def cancel(self) -> None:
        """Makes a `start` that is under way in another thread give up."""
        self._cancelled.set()

    def pause(self) -> None:
        """Freezes it: its connections stay and nothing answers."""
        processes.tell(self._engine(), signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on after `pause`."""
        processes.tell(self._engine(), signal.SIGCONT)

    def check(self) -> None:
        """Does nothing while it runs.

        Raises:
            EngineError: it has ended by itself; the message says why, as far as its log does.
        """
        if why := self.ended():
            raise EngineError(why)

    def ended(self) -> str:
        """Why it has ended by itself, in a sentence with the place of its log; empty where it has not."""
        if self._guard is None or (code := self._guard.poll()) is None:
            return ""
        return f"{self.title} ended by itself ({describe_exit(code)}){self._why()}"

    def restart(self, progress: Say = quiet) -> None:
        """Starts it again after it has ended by itself.

        Raises:
            EngineError: as `start`.
        """
        record = self._record()
        if self._guard is not None and (self._guard.poll() or 0) < 0 and record.get("guard") == self._guard.pid:
            processes.tell(record.get("engine"), signal.SIGKILL)  # its guard was killed, so nobody has ended it
        self.stop()
        self.start(progress)

    def __enter__(self) -> Self:
        """Starts it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops it."""
        self.stop()

    def _spawn(self, launch: Launch) -> None:
        assert self._lock is not None
        record = self.folder / "lock"
        account = launch.account
        spec = {
            "command": list(launch.command),
            "cwd": str(launch.cwd),
            "record": str(record),
            "owner": {"owner": os.getpid(), "owner_started": psutil.Process().create_time()},
            "lock": self._lock,
            "grace": GRACE,
            "uid": account and account.uid,
            "gid": account and account.gid,
        }
        record.write_text("{}", encoding="utf-8")
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT:
            self.log_path.replace(self.log_path.with_name(self.log_path.name + ".1"))
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", child_guard.__file__, json.dumps(spec)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=dict(launch.environment),
                cwd="/",
                pass_fds=[self._lock],
                start_new_session=True,
            )

    def _wait_ready(self) -> None:
        limit = self.settings.embedded.start_timeout
        deadline = time.monotonic() + limit
        while not self._looks_ready():
            self._go_on()
            self._check_started()
            if time.monotonic() > deadline:
                raise EngineError(
                    f"{self.title} was not ready after {limit:g} s{self._why()}. "
                    "Should this machine be slow, set WHOSAID_EMBEDDED__START_TIMEOUT higher."
                )
            self._cancelled.wait(0.2)

    def _looks_ready(self) -> bool:
        if not self._listens():
            return False
        if not self.answers.is_set() and self._is_answering():
            self.answers.set()
        return self.answers.is_set() and self._is_ready()

    def _check_started(self) -> None:
        assert self._guard is not None
        if (code := self._guard.poll()) is not None:
            raise EngineError(f"{self.title} did not start ({describe_exit(code)}){self._why()}")

    def _listens(self) -> bool:
        number = next(iter(self.ports.values()))
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", number)) == 0

    def _go_on(self) -> None:
        if self._cancelled.is_set():
            raise EngineError(f"{self.title} was told to stop before it was ready.")

    def _why(self) -> str:
        found = preflight.reason(self.log_path, self._log_start)
        return (f": {found.rstrip('.')}." if found else ".") + f" Its log: {self.log_path}"

    def _engine(self) -> int | None:
        """The process id of the engine itself, which leads a process group of its own."""
        if not self.is_running:
            return None
        deadline = time.monotonic() + 5
        while "engine" not in (record := self._record()) and self.is_running and time.monotonic() < deadline:
            time.sleep(0.02)
        engine = record.get("engine")
        return int(engine) if engine else None

    def _family(self) -> list[psutil.Process]:
        """The processes below the guard."""
        try:
            return psutil.Process(self._guard.pid).children(recursive=True) if self._guard else []
        except psutil.NoSuchProcess:
            return []

    def _record(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / "lock").read_text(encoding="utf-8") or "{}")
        except (OSError, ValueError):  # being written just now
            return {}
        return found if isinstance(found, dict) else {}

    def _let_go(self) -> None:
        self._guard = None
        self._cancelled.clear()
        self.answers.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
