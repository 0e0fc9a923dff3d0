"""Chromium for the tests of the pages: finds the system's, or installs it from the system's packages.

`make test` runs this first. Without Chromium the browser tests fail in CI (CI=true), and are left out elsewhere, said
loudly in both cases. No browser is ever downloaded from anywhere else.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
VARIABLE = "WHOSAIDTEST_CHROMIUM"
"""Environment variable that names a Chromium that is not on the PATH."""

FLAGS = (
    "--no-sandbox",  # root has none, and what it opens is our own service
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It must not ask for anything but our pages."""

_SECONDS = 900


def find(environment: Mapping[str, str] = os.environ) -> str | None:
    """The path of a Chromium that runs, if there is one."""
    candidates = (environment.get(VARIABLE), *(shutil.which(name, path=environment.get("PATH")) for name in NAMES))
    return next((path for path in candidates if path and _runs(path)), None)


def in_ci(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a run that must not leave anything out."""
    return environment.get("CI", "").lower() not in ("", "0", "false")


def missing() -> str:
    """What to say where there is no Chromium."""
    return (
        "Chromium is missing, so the tests of the pages cannot run. Install it from your system's packages "
        f"(Debian: apt install chromium), or name one in {VARIABLE}."
    )


def installers(*, root: bool) -> list[list[str]]:
    """The commands that install it on this system, in order; none where that cannot be done without a password."""
    if not shutil.which("apt-get") or not (root or shutil.which("sudo")):
        return []
    before = [] if root else ["sudo", "-n"]
    apt = [*before, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    return [[*apt, "update"], [*apt, "install", "--yes", "--no-install-recommends", "chromium"]]


def install(commands: Sequence[Sequence[str]]) -> None:
    """Runs the commands; their failure is told and no error."""
    for command in commands:
        print("Chromium for the browser tests:", " ".join(command), file=sys.stderr)
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"That did not work: {error}", file=sys.stderr)
            return
        if done.returncode:
            print(f"That did not work (exit code {done.returncode}).", file=sys.stderr)
            return


def main() -> int:
    """0 if there is a Chromium now, or if this run may do without; else 1."""
    if not find():
        install(installers(root=os.geteuid() == 0))
    if found := find():
        print(f"Browser tests: {found}")
        return 0
    frame = "!" * 100
    consequence = "This is CI: that fails the run." if in_ci() else "THE BROWSER TESTS ARE LEFT OUT."
    print(f"{frame}\n{missing()}\n{consequence}\n{frame}", file=sys.stderr)
    return 1 if in_ci() else 0


def _runs(path: str) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    sys.exit(main())
