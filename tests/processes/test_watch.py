"""While `whosaid up` runs, an engine that dies is said at once and started again, a few times."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.cli import supervisor
from pipeline.cli.supervisor import Supervisor
from pipeline.cli.watch import Watch
from pipeline.embedded import engine
from pipeline.errors import EngineError
from pipeline.settings import Settings
from tests.engines import free_ports

from .tiny import TinyServer


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def tiny(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyServer]:
    """A tiny engine that runs."""
    monkeypatch.setattr(engine, "GRACE", 1.0)
    own = settings.embedded.model_copy(update={"kafka_port": free_ports(1)[0]})
    one = TinyServer(settings.model_copy(update={"embedded": own}))
    one.start()
    yield one
    one.stop()


class Watched:
    """A watch over a tiny engine and no parts, with what it says."""

    def __init__(self, tiny: TinyServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(supervisor, "BACKOFF", (0.1, 0.2))
        self.said: list[str] = []
        self.stop = threading.Event()
        self.supervisor = Supervisor(tiny.settings, self.said.append, parts=())
        self.watch = Watch([tiny], self.supervisor, self.said.append, self.stop)


@pytest.fixture
def watched(tiny: TinyServer, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(tiny, monkeypatch)


class TestEngineDies:
    def test_said_at_once_and_started_again(self, tiny: TinyServer, watched: Watched) -> None:
        with watched.watch:
            for _ in range(2):
                watched.said.clear()
                os.kill(tiny._engine() or 0, signal.SIGKILL)
                until(lambda: watched.said, 2)
                assert watched.said[0].startswith("Tiny is down; it is started again in 0.")
                assert " s. Tiny ended by itself (signal 9 (SIGKILL): it was killed, " in watched.said[0]
                assert watched.said[0].endswith(f"Its log: {tiny.log_path}")
                until(lambda: any("Tiny is up" in line for line in watched.said))
                assert tiny.answer() == b"hello"
                watched.watch.check()
        assert not watched.stop.is_set()

    def test_guard_is_killed(self, tiny: TinyServer, watched: Watched) -> None:
        """The engine itself still runs then, and has the data: it is ended first."""
        engine = tiny._engine()
        assert tiny._guard is not None
        with watched.watch:
            os.kill(tiny._guard.pid, signal.SIGKILL)
            until(lambda: watched.said, 2)
            until(lambda: tiny.answer() == b"hello" and tiny._engine() not in (engine, None))

    def test_given_up_with_the_reason(self, tiny: TinyServer, watched: Watched) -> None:
        tiny.manner = "dies"
        with watched.watch:
            os.kill(tiny._engine() or 0, signal.SIGKILL)
            assert watched.stop.wait(20)
            with pytest.raises(
                EngineError,
                match=r"Tiny has died 3 times in a row; .* start `whosaid up` again, what was stored stays\. "
                r"Tiny did not start \(exit code 3\): .*no fuel .* Its log: ",
            ):
                watched.watch.check()
        assert len(watched.said) >= 2

    def test_end_does_not_wait_for_a_restart(self, tiny: TinyServer, watched: Watched) -> None:
        tiny.manner = "never"  # it starts, and is never ready
        with watched.watch:
            os.kill(tiny._engine() or 0, signal.SIGKILL)
            until(lambda: any("Starting Tiny" in line for line in watched.said))
            began = time.monotonic()
        assert time.monotonic() - began < 5
        assert not tiny.is_running


def test_parts_are_watched_while_an_engine_starts(
    tiny: TinyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    watched = Watched(tiny, monkeypatch)
    part = supervisor.Part("sink", tmp_path / "sink.log")
    monkeypatch.setattr(supervisor, "COMMAND", ("sh", "-c", "exec sleep 60"))
    watched.supervisor.parts.append(part)
    watched.supervisor.start()
    tiny.manner = "never"
    with watched.watch:
        os.kill(tiny._engine() or 0, signal.SIGKILL)
        until(lambda: any("Starting Tiny" in line for line in watched.said))
        assert part.process is not None
        part.process.kill()
        until(lambda: any("It is started again when Tiny runs." in line for line in watched.said), 3)
    watched.supervisor.stop()
