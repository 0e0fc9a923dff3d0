"""The command runs with assertions, however Python was started."""

import os
import subprocess
import sys

import pytest

COMMAND = ("-m", "pipeline.cli.main", "version")


@pytest.mark.parametrize(("options", "variables"), [((), {"PYTHONOPTIMIZE": "1"}), (("-OO",), {"PYTHONOPTIMIZE": "2"})])
def test_command_runs_all_the_same(options: tuple[str, ...], variables: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, *options, *COMMAND], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("whosaid ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Python's optimization is left out" in done.stderr


def test_broker_refuses_in_a_sentence() -> None:
    """A program of somebody's own gets no answers that are misread."""
    program = (
        "from pipeline import kafka_client; from pipeline.settings import Settings; kafka_client.admin(Settings())"
    )
    done = subprocess.run([sys.executable, "-O", "-c", program], capture_output=True, text=True, check=False)
    assert "SettingsError: Kafka's client does not work with Python's optimization" in done.stderr
