"""The container image: what goes in, and that what goes in is a whole WhoSaid."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8").splitlines()
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
PACKAGES = ("pipeline", "connectors")


def words_after(instruction: str) -> list[list[str]]:
    return [line.split()[1:] for line in DOCKERFILE if line.startswith(instruction + " ")]


def test_it_is_made_of_pinned_slim_images_in_two_stages() -> None:
    images = [words[0] for words in words_after("FROM")]
    assert len(images) == 2
    assert len(set(images)) == 1, "the virtual environment is of one Python"
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", images[0])


def test_it_runs_as_a_user_without_rights() -> None:
    user = words_after("USER")[-1][0].split(":")[0]
    assert user.isdigit()
    assert int(user) > 0
    assert DOCKERFILE.index(f"USER {words_after('USER')[-1][0]}") > max(
        number for number, line in enumerate(DOCKERFILE) if line.startswith("RUN")
    ), "what is run as root is run before"


def test_its_parts_are_pinned_and_hashed_and_nothing_else_is_fetched() -> None:
    installs = [" ".join(words) for words in words_after("RUN") if "install" in words]
    assert len(installs) == 2
    assert "--require-hashes -r requirements/runtime.txt" in installs[0]
    assert {"--no-deps", "--no-build-isolation"} <= set(installs[1].split())
    runtime = (ROOT / "requirements/runtime.txt").read_text(encoding="utf-8")
    assert re.search(r"^setuptools==", runtime, re.MULTILINE), "what builds our package without build isolation"


def test_everything_that_is_copied_is_let_through_and_nothing_more() -> None:
    copied = {source for words in words_after("COPY") if "--from=build" not in words for source in words[:-1]}
    assert IGNORED[0] == "*"
    assert copied == {line[1:] for line in IGNORED if line.startswith("!")}
    assert all((ROOT / source).exists() for source in copied)


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


def test_the_package_has_every_module_and_every_file_that_they_read(wheel: zipfile.ZipFile) -> None:
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
