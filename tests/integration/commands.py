"""Runs commands of `whosaid` in the test's own process."""

from collections.abc import Callable

import pytest

from pipeline.cli.main import main
from pipeline.settings import Settings, environment

Command = Callable[..., tuple[int, str]]
"""Takes the arguments behind the command's name; its exit code and what it printed."""


def command_in_process(
    name: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command of that name with these settings, on a screen wide enough for any table."""
    for variable, value in environment(settings).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str]:
        code = main([name, *arguments])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run
