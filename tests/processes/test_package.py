"""The package that the image is built of is a whole WhoSaid."""

import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.unit.deploy.test_image import IGNORED, ROOT

PACKAGES = ("pipeline", "connectors")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Our package, built as the image builds it: from what is copied there, with nothing fetched."""
    folder = tmp_path_factory.mktemp("image")
    for name in (line[1:] for line in IGNORED if line.startswith("!")):
        target = folder / "context" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
    ]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(folder / "context")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("whosaid-*.whl")))


def test_the_package_has_every_module_and_every_file(wheel: zipfile.ZipFile) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    wanted = {name for name in tracked if name and (ROOT / name).exists()}
    assert wanted, "the tests run in a clone"
    assert wanted - set(wheel.namelist()) == set()


def test_the_package_brings_the_command_and_the_connectors(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    entry_points = wheel.read(name).decode()
    assert "whosaid = pipeline.cli.main:run" in entry_points
    assert "[whosaid.connectors]" in entry_points
