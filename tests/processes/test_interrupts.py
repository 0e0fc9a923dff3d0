"""Children of tests can be interrupted, also where Ctrl-C is ignored on entry, as in background jobs of some shells."""

import subprocess
import sys
from pathlib import Path

CHILD = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


def test_a_child_begins_with_ctrl_c_as_usual() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "True\n"


def test_so_does_one_where_ctrl_c_is_ignored_on_entry() -> None:
    test = f"{__file__}::test_a_child_begins_with_ctrl_c_as_usual"
    script = 'trap "" INT; exec "$0" -m pytest -q -p no:cacheprovider "$1"'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, test],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
