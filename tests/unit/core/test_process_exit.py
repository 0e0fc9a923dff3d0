"""How a process ended is said in one way everywhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.process_exit import describe_exit

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (4, "exit code 4"),
        (255, "exit code 255"),
        (-9, "signal 9 (SIGKILL): it was killed, perhaps because the machine ran out of memory"),
        (137, "signal 9 (SIGKILL): it was killed, perhaps because the machine ran out of memory"),
        (134, "signal 6 (SIGABRT): it aborted itself"),
        (-12, "signal 12 (SIGUSR2)"),
        (-40, "signal 40"),
        (168, "exit code 168"),
    ],
)
def test_code_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words


def test_any_code_has_words() -> None:
    assert all(describe_exit(code) for code in (*range(-70, 300), -(2**31), 2**31))


def test_real_process_killed_by_a_signal() -> None:
    done = subprocess.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"], check=False)
    assert describe_exit(done.returncode) == "signal 11 (SIGSEGV): it crashed"


def test_no_second_description() -> None:
    """Nothing but `describe_exit` looks up the name of a signal."""
    for folder in ("pipeline", "connectors"):
        for file in (ROOT / folder).rglob("*.py"):
            if file.name != "process_exit.py":
                assert not re.search(r"Signals\(", file.read_text(encoding="utf-8")), file
