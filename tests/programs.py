"""Programs that tests take from the system's packages: Chromium, docker-compose, Prometheus and its promtool.

`make test` runs this first and installs what is missing where that can be done without a password. What is still
missing then fails the run in CI (CI=true); elsewhere the tests of it are left out, said loudly. Nothing is ever
downloaded from anywhere else.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SECONDS = 900


@dataclass(frozen=True)
class Program:
    """One program: its names on the PATH, the variable that names one elsewhere, Debian's package, what needs it."""

    title: str
    names: tuple[str, ...]
    variable: str
    package: str
    needed_for: str

    def find(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """The path of one that runs, if there is one."""
        named = environment.get(self.variable)
        candidates = (named, *(shutil.which(name, path=environment.get("PATH")) for name in self.names))
        return next((path for path in candidates if path and _runs(path)), None)

    @property
    def missing(self) -> str:
        """What to say where there is none."""
        return (
            f"{self.title} is missing, so {self.needed_for} cannot run. Install it from your system's packages "
            f"(Debian: apt install {self.package}), or name one in {self.variable}."
        )


CHROMIUM = Program(
    "Chromium",
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "WHOSAIDTEST_CHROMIUM",
    "chromium",
    "the tests of the pages",
)
COMPOSE = Program(
    "docker-compose",
    ("docker-compose",),
    "WHOSAIDTEST_DOCKER_COMPOSE",
    "docker-compose",
    "the test that Docker reads deploy/compose.yaml",
)
PROMETHEUS = Program(
    "Prometheus",
    ("prometheus",),
    "WHOSAIDTEST_PROMETHEUS",
    "prometheus",
    "the test in which a Prometheus scrapes all parts",
)
PROMTOOL = Program(
    "promtool",
    ("promtool",),
    "WHOSAIDTEST_PROMTOOL",
    "prometheus",
    "the tests of the alert rules",
)
PROGRAMS = (CHROMIUM, COMPOSE, PROMETHEUS, PROMTOOL)


def in_ci(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a run that must not leave anything out."""
    return environment.get("CI", "").lower() not in ("", "0", "false")


def may_do_without(program: Program) -> bool:
    """Whether the program is missing in a run that may leave its tests out."""
    return not in_ci() and not program.find()


def installers(packages: Sequence[str], *, root: bool) -> list[list[str]]:
    """The commands that install them on this system, in order; none where that cannot be done without a password."""
    if not shutil.which("apt-get") or not (root or shutil.which("sudo")):
        return []
    before = [] if root else ["sudo", "-n"]
    apt = [*before, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    return [[*apt, "update"], [*apt, "install", "--yes", "--no-install-recommends", *packages]]


def install(commands: Sequence[Sequence[str]]) -> None:
    """Runs the commands; their failure is told and no error."""
    for command in commands:
        print("Programs for the tests:", " ".join(command), file=sys.stderr)
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"That did not work: {error}", file=sys.stderr)
            return
        if done.returncode:
            print(f"That did not work (exit code {done.returncode}).", file=sys.stderr)
            return


def main() -> int:
    """0 if all are there now, or if this run may do without; else 1."""
    if absent := {program.package for program in PROGRAMS if not program.find()}:
        install(installers(sorted(absent), root=os.geteuid() == 0))
    missing = [program for program in PROGRAMS if not program.find()]
    for program in PROGRAMS:
        if program not in missing:
            print(f"{program.title}: {program.find()}")
    frame = "!" * 100
    for program in missing:
        consequence = "This is CI: that fails the run." if in_ci() else "THESE TESTS ARE LEFT OUT."
        print(f"{frame}\n{program.missing}\n{consequence}\n{frame}", file=sys.stderr)
    return 1 if missing and in_ci() else 0


def _runs(path: str) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    sys.exit(main())
