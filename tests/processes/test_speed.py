"""The analysis stays fast: the short form of `make bench`, whose ratio is of processor time and little disturbed."""

import subprocess
import sys


def test_the_analysis_is_no_slower_than_committed() -> None:
    """Fails where our analysis has lost 15 % against bare spaCy since benchmarks/short.json was written."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.short"], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
