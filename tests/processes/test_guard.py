import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.embedded import child_guard, lock


def guarded(tmp_path: Path, script: str, grace: float = 5.0) -> subprocess.Popen[str]:
    handle = lock.acquire(tmp_path / "lock")
    assert handle is not None
    spec = {
        "command": [sys.executable, "-c", script],
        "cwd": str(tmp_path),
        "record": str(tmp_path / "lock"),
        "owner": {"owner": os.getpid()},
        "lock": handle,
        "grace": grace,
        "uid": None,
        "gid": None,
    }
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", child_guard.__file__, json.dumps(spec)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[handle],
        start_new_session=True,
    )
    os.close(handle)
    return process


def test_it_ends_with_the_engines_exit_code(tmp_path: Path) -> None:
    with guarded(tmp_path, "import os; print(os.getcwd()); raise SystemExit(7)") as process:
        assert process.stdout is not None
        assert process.stdout.read() == f"{tmp_path}\n"
    assert process.returncode == 7


def test_an_engine_that_a_signal_ended_is_told_as_a_shell_does(tmp_path: Path) -> None:
    with guarded(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") as process:
        assert process.stdin is not None
        assert process.wait(10) == 128 + signal.SIGKILL


def test_closing_its_input_stops_the_engine_in_an_orderly_way(tmp_path: Path) -> None:
    script = "import signal, sys, time; signal.signal(15, lambda *_: (print('bye'), sys.exit(0)));"
    with guarded(tmp_path, script + "print('up', flush=True); time.sleep(60)") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        assert process.communicate(timeout=10)[0] == "bye\n"
    assert process.returncode == 0


def test_what_the_engine_has_started_ends_with_it(tmp_path: Path) -> None:
    script = "import subprocess; print(subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL).pid, flush=True)"
    with guarded(tmp_path, script) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert process.wait(10) == 0
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        time.sleep(0.02)
    else:
        pytest.fail("the engine's child still lives")


def test_the_lock_is_held_as_long_as_the_engine_lives(tmp_path: Path) -> None:
    with guarded(tmp_path, "print('up', flush=True); import time; time.sleep(60)") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        assert lock.acquire(tmp_path / "lock") is None
        note = json.loads((tmp_path / "lock").read_text())
        assert (note["owner"], note["guard"]) == (os.getpid(), process.pid)
        assert os.getpgid(note["engine"]) == note["engine"]
    handle = lock.acquire(tmp_path / "lock")
    assert handle is not None
    os.close(handle)


def test_the_engine_may_open_as_many_files_as_are_allowed(tmp_path: Path) -> None:
    script = "import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    with guarded(tmp_path, script) as process:
        assert process.stdout is not None
        soft, hard = map(int, process.stdout.read().split())
    assert hard == -1 or soft >= min(hard, child_guard.OPEN_FILES)
