"""The container image: what goes in, and that what goes in is a whole WhoSaid."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8").splitlines()
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


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


def test_parts_are_pinned_and_hashed_and_nothing_else_fetched() -> None:
    installs = [" ".join(words) for words in words_after("RUN") if "install" in words]
    assert len(installs) == 2
    assert "--require-hashes -r requirements/runtime.txt" in installs[0]
    assert {"--no-deps", "--no-build-isolation"} <= set(installs[1].split())
    runtime = (ROOT / "requirements/runtime.txt").read_text(encoding="utf-8")
    assert re.search(r"^setuptools==", runtime, re.MULTILINE), "what builds our package without build isolation"


def test_all_that_is_copied_is_let_through_and_nothing_more() -> None:
    copied = {source for words in words_after("COPY") if "--from=build" not in words for source in words[:-1]}
    assert IGNORED[0] == "*"
    assert copied == {line[1:] for line in IGNORED if line.startswith("!")}
    assert all((ROOT / source).exists() for source in copied)
