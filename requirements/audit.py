"""Asks for known weaknesses of every pinned package, and says loudly which of them nobody could answer for.

Run by `make audit`. Exit code 0: all asked for, none known; 1: weaknesses found; 3: some could not be asked for.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FILES = ("runtime.txt", "dev.txt")
UNREACHED = 3


def ask(requirements: Path) -> dict[str, Any]:
    """What pip-audit says of the file: its own JSON, without dependencies where it said nothing."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format=json"]
    done = subprocess.run(
        [*command, "--progress-spinner=off", f"--requirement={requirements}"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"dependencies": [], "why": done.stderr.strip()[-500:]}
    return answer


def judge(answer: dict[str, Any], pinned: Iterable[str]) -> tuple[list[str], list[str]]:
    """Weaknesses found, a line each; and the pinned packages that were not asked for."""
    found, asked = [], set()
    for one in answer["dependencies"]:
        if "skip_reason" in one:
            continue
        asked.add(_plain(one["name"]))
        for weakness in one["vulns"]:
            mended = ", ".join(weakness["fix_versions"]) or "no version"
            found.append(f"{one['name']} {one['version']}: {weakness['id']}, mended in {mended}")
    return found, sorted(name for name in pinned if _plain(name) not in asked)


def names(requirements: str) -> list[str]:
    """Packages of a pinned file that this platform and Python install."""
    from packaging.requirements import Requirement

    lines = [line.rstrip("\\ ") for line in requirements.splitlines() if line[:1].isalnum()]
    wanted = [Requirement(line) for line in lines]
    return [one.name for one in wanted if one.marker is None or one.marker.evaluate()]


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def main() -> int:
    """Asks for both files; the exit code."""
    code = 0
    for name in FILES:
        path = Path(__file__).with_name(name)
        pinned = names(path.read_text(encoding="utf-8"))
        answer = ask(path)
        found, unasked = judge(answer, pinned)
        for line in found:
            print(f"WEAK: {line}")
        if unasked:
            stars = "*" * 78
            print(f"{stars}\n* NOT AUDITED: {len(unasked)} of {len(pinned)} packages of requirements/{name}.")
            print("* The data on known weaknesses cannot be reached from here, so nothing is known of them.")
            print(
                f"* {answer.get('why') or 'The package index here does not answer questions for weaknesses.'}\n{stars}"
            )
        else:
            print(f"requirements/{name}: {len(pinned)} packages asked for, {len(found)} weaknesses known.")
        code = 1 if found or code == 1 else UNREACHED if unasked else code
    return code


if __name__ == "__main__":
    sys.exit(main())
