"""Watches engines and parts while `whosaid up` runs: says which one died, and starts it again."""

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from pipeline import metrics
from pipeline.cli.supervisor import Restarts, Supervisor
from pipeline.embedded.engine import Server
from pipeline.errors import EngineError

_LOOK = 0.5  # seconds between two looks


class Watch:
    """Threads that look after the engines (one each) and the parts, within a `with` block.

    Whatever the main thread waits for, a death is said within a second. Where one dies again and again, the watch gives
    up: it sets `stop`, and `check` raises the reason.

    Args:
        servers: the engines, which run already.
        supervisor: the parts, which are started already.
        say: takes a line for each event; it is called from several threads.
        stop: set by this watch when it gives up, so that waits end.
    """

    def __init__(
        self, servers: Sequence[Server], supervisor: Supervisor, say: Callable[[str], None], stop: threading.Event
    ) -> None:
        self._servers = servers
        self._supervisor = supervisor
        self._say = say
        self._stop = stop
        self._closing = threading.Event()
        self._down: set[str] = set()
        self._error: BaseException | None = None
        jobs: list[Callable[[], None]] = [lambda one=server: self._keep_engine(one) for server in servers]  # type: ignore[misc]
        self._threads = [threading.Thread(target=self._guarded, args=(job,)) for job in [*jobs, self._keep_parts]]

    def check(self) -> None:
        """Does nothing while it watches.

        Raises:
            EngineError: it gave up; the message says which engine or part died last, and why.
        """
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        """Begins to watch."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the watch; restarts that are under way are given up."""
        self._closing.set()
        for thread in self._threads:
            while thread.is_alive():
                for server in self._servers:
                    if server.title in self._down:
                        server.cancel()
                thread.join(0.2)

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            self._error = self._error or error
            self._stop.set()

    def _keep_parts(self) -> None:
        while not self._closing.wait(_LOOK):
            self._supervisor.check(sorted(self._down))

    def _keep_engine(self, server: Server) -> None:
        restarts, started = Restarts(), time.monotonic()
        while not self._closing.wait(_LOOK):
            if not server.is_running:
                self._down.add(server.title)
                self._bring_back(server, restarts, time.monotonic() - started)
                started = time.monotonic()
                self._down.discard(server.title)

    def _bring_back(self, server: Server, restarts: Restarts, lived: float) -> None:
        """Starts an engine that died until it runs, or the watch ends."""
        why = server.ended()
        metrics.RESTARTS.labels(name=server.title.lower()).inc()
        while not self._closing.is_set():
            pause = restarts.died(lived)
            if pause is None:
                raise EngineError(
                    f"{server.title} has died {restarts.deaths} times in a row; mend that and start `whosaid up` "
                    f"again, what was stored stays. {why}"
                )
            self._say(f"{server.title} is down; it is started again in {pause:g} s. {why}")
            if self._closing.wait(pause):
                return
            try:
                server.restart(self._say)
                return
            except EngineError as error:
                why, lived = str(error), 0.0
