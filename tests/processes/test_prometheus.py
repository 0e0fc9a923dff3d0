"""The alert rules and the scrape configuration, read and played by Prometheus's own promtool."""

import subprocess
import warnings
from pathlib import Path

import pytest

from tests import programs

FOLDER = Path(__file__).parents[2] / "deploy/prometheus"


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rules", "rules.yaml"],
        ["test", "rules", "rules.test.yaml"],
        ["check", "config", "--syntax-only", "prometheus.yaml"],
    ],
    ids=" ".join,
)
def test_promtool_finds_no_fault(arguments: list[str]) -> None:
    if programs.may_do_without(programs.PROMTOOL):
        warnings.warn(programs.PROMTOOL.missing, stacklevel=1)
        return
    command = programs.PROMTOOL.find()
    assert command, programs.PROMTOOL.missing
    done = subprocess.run([command, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
