import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.embedded import engine
from pipeline.errors import EngineError
from pipeline.settings import Settings
from tests.engines import free_ports
from tests.processes.tiny import TinyServer


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(engine, "GRACE", 1.0)
    embedded = settings.embedded.model_copy(update={"kafka_port": free_ports(1)[0]})
    return settings.model_copy(update={"embedded": embedded})


@pytest.fixture
def tiny(settings: Settings) -> Iterator[TinyServer]:
    one = TinyServer(settings)
    yield one
    one.kill()


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def gone(number: int) -> bool:
    """Whether the process has ended; whoever adopted it may not have noticed yet."""
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def engine_process(server: TinyServer) -> psutil.Process:
    number = server._engine()
    assert number is not None
    return psutil.Process(number)


def test_it_is_ready_when_start_returns_and_gone_when_stop_does(tiny: TinyServer) -> None:
    lines: list[str] = []
    tiny.start(lines.append)
    process = engine_process(tiny)
    assert tiny.is_running
    assert tiny.answer() == b"hello"
    assert lines[0] == "Starting Tiny 1.0 …"
    assert lines[1].startswith(f"Tiny is up at {tiny.address} (")
    tiny.stop()
    assert not tiny.is_running
    assert not process.is_running()
    assert tiny.answer() is None


def test_starting_twice_and_stopping_twice_change_nothing(tiny: TinyServer) -> None:
    tiny.start()
    process = engine_process(tiny)
    tiny.start()
    assert engine_process(tiny) == process
    tiny.stop()
    tiny.stop()
    tiny.start()
    assert tiny.answer() == b"hello"


def test_the_context_manager_stops_it_also_after_an_error(settings: Settings) -> None:
    tiny = TinyServer(settings)

    def work() -> None:
        with tiny:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert not tiny.is_running
    assert tiny.answer() is None


def test_one_that_ignores_the_request_to_stop_is_killed(settings: Settings) -> None:
    tiny = TinyServer(settings, "stubborn")
    tiny.start()
    process = engine_process(tiny)
    tiny.stop()
    assert not process.is_running()
    assert "did not stop within 1.0 s and was killed" in tiny.log_path.read_text()


def test_one_that_dies_at_start_says_why_and_where_its_log_is(settings: Settings) -> None:
    tiny = TinyServer(settings, "dies")
    with pytest.raises(EngineError) as caught:
        tiny.start()
    expected = f"Tiny did not start (exit code 3): ERROR the tiny engine has no fuel (Tank). Its log: {tiny.log_path}"
    assert str(caught.value) == expected
    tiny.manner = "listens"
    tiny.start()  # nothing is left in the way of the next try
    tiny.stop()


def test_one_that_is_never_ready_is_given_up(settings: Settings) -> None:
    embedded = settings.embedded.model_copy(update={"start_timeout": 0.5})
    tiny = TinyServer(settings.model_copy(update={"embedded": embedded}), "never")
    with pytest.raises(EngineError, match=r"was not ready after 0.5 s. .*START_TIMEOUT higher"):
        tiny.start()
    assert not tiny.is_running


def test_a_command_that_cannot_be_run_is_a_plain_sentence(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = TinyServer(settings)
    launch = engine.Launch(["/no/such/java"], tiny.folder, {})
    monkeypatch.setattr(tiny, "_prepare", lambda progress: launch)
    with pytest.raises(EngineError, match=r"Tiny did not start \(exit code 127\): ERROR /no/such/java cannot be run"):
        tiny.start()


def test_a_start_can_be_given_up_from_another_thread(settings: Settings) -> None:
    tiny = TinyServer(settings, "never")
    timer = threading.Timer(0.5, tiny.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(EngineError, match="was told to stop before it was ready"):
        tiny.start()
    assert time.monotonic() - began < 5
    tiny.manner = "listens"
    tiny.start()
    tiny.stop()


def test_a_second_one_on_the_same_data_is_refused(tiny: TinyServer, settings: Settings) -> None:
    tiny.start()
    with pytest.raises(EngineError) as caught:
        TinyServer(settings).start()
    assert str(caught.value) == (
        f"Tiny already runs on {tiny.folder}, started by process {os.getpid()}; "
        "stop that first (Ctrl-C where it runs), or set WHOSAID_EMBEDDED__DATA_DIR to another folder."
    )
    assert tiny.answer() == b"hello"


def test_a_killed_one_can_be_started_again(tiny: TinyServer) -> None:
    tiny.start()
    process = engine_process(tiny)
    tiny.kill()
    assert not process.is_running()
    tiny.start()
    assert tiny.answer() == b"hello"


def test_a_paused_one_answers_nothing_until_it_goes_on(tiny: TinyServer) -> None:
    tiny.start()
    tiny.pause()
    assert until(lambda: engine_process(tiny).status() == psutil.STATUS_STOPPED)
    assert tiny.answer(0.3) is None
    tiny.resume()
    assert tiny.answer() == b"hello"


def test_a_paused_one_can_be_stopped(tiny: TinyServer) -> None:
    tiny.start()
    process = engine_process(tiny)
    tiny.pause()
    began = time.monotonic()
    tiny.stop()
    assert not process.is_running()
    assert time.monotonic() - began < 1  # it was not waited for in vain


def test_one_that_ends_by_itself_is_noticed(tiny: TinyServer) -> None:
    tiny.check()
    tiny.start()
    tiny.check()
    engine_process(tiny).kill()
    assert until(lambda: not tiny.is_running)
    with pytest.raises(EngineError, match=r"Tiny ended by itself \(signal 9 \(SIGKILL\): it was killed, perhaps"):
        tiny.check()


def test_ctrl_c_in_the_terminal_does_not_reach_it(tiny: TinyServer) -> None:
    tiny.start()
    assert tiny._guard is not None
    assert os.getpgid(tiny._guard.pid) != os.getpgid(0)
    assert os.getsid(engine_process(tiny).pid) not in {os.getsid(0), os.getsid(tiny._guard.pid)}


OWNER = """
import sys, time
from tests.processes.tiny import TinyServer
from pipeline.settings import Settings
tiny = TinyServer(Settings.model_validate_json(sys.argv[1]), sys.argv[2])
tiny.start()
print(tiny._engine(), tiny._guard.pid, flush=True)
time.sleep(600)
"""


def start_elsewhere(settings: Settings, manner: str = "listens") -> tuple[subprocess.Popen[str], int, int]:
    """Starts the engine from another process; that process, the engine's and its guard's number."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, settings.model_dump_json(include={"embedded"}), manner],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert owner.stdout is not None
    engine, guard = map(int, owner.stdout.readline().split())
    return owner, engine, guard


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_the_process_that_started_it(settings: Settings, number: int) -> None:
    owner, engine, guard = start_elsewhere(settings)
    with owner:
        owner.send_signal(number)
    assert until(lambda: gone(engine) and gone(guard))


def test_a_start_after_a_kill_waits_for_the_old_one_to_end(settings: Settings) -> None:
    owner, engine, _ = start_elsewhere(settings)
    with owner:
        owner.kill()
    with TinyServer(settings) as tiny:
        assert gone(engine)
        assert tiny.answer() == b"hello"


def test_one_without_guard_and_owner_is_ended_by_the_next(settings: Settings) -> None:
    owner, engine, guard = start_elsewhere(settings)
    with owner:
        os.kill(guard, signal.SIGKILL)
        owner.kill()
    assert not gone(engine)
    with TinyServer(settings) as tiny:
        assert gone(engine)
        assert tiny.answer() == b"hello"


def test_a_guard_that_is_told_to_end_ends_the_engine_first(tiny: TinyServer) -> None:
    tiny.start()
    process = engine_process(tiny)
    assert tiny._guard is not None
    tiny._guard.terminate()
    assert until(lambda: not tiny.is_running)
    assert not process.is_running()


def test_a_long_log_is_set_aside_at_the_next_start(tiny: TinyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOG_LIMIT", 100)
    tiny.log_path.write_text("old\n" * 100)
    tiny.start()
    tiny.stop()
    assert tiny.log_path.read_text() == "listening\n"
    assert tiny.log_path.with_name("kafka.log.1").read_text() == "old\n" * 100
