"""Writes runtime.txt and dev.txt: every package pinned, with the hashes of its files and no address.

Run by `make requirements` after a change of pyproject.toml.
"""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def compile_requirements(target: str, *extras: str) -> None:
    """Resolves pyproject.toml for every platform and Python at once into `target`."""
    options = "--quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header"
    command = [sys.executable, "-m", "uv", "pip", "compile", *options.split()]
    command += ["--python-version", "3.11", *[f"--extra={extra}" for extra in extras]]
    command += ["--output-file", str(FOLDER / target), str(FOLDER.parent / "pyproject.toml")]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    compile_requirements("runtime.txt")
    compile_requirements("dev.txt", "dev", "tracing")
