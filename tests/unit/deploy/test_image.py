"""The container image: what goes in, and that what goes in is a whole WhoSaid."""

import re
from pathlib import Path

import pytest

from tests.image import Step, StepError, build, health_check, steps

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


def test_steps_are_read_with_their_lines_joined() -> None:
    text = "# why\nFROM python AS build\nENV A=1 \\\n    B=2\n# more\nRUN x && y\n"
    assert list(steps(text)) == [Step("FROM", "python AS build"), Step("ENV", "A=1      B=2"), Step("RUN", "x && y")]


def context(folder: Path, dockerfile: str) -> Path:
    made = folder / "context"
    (made / "deploy").mkdir(parents=True)
    (made / "deploy/Dockerfile").write_text(dockerfile, encoding="utf-8")
    (made / ".dockerignore").write_text("*\n!kept\n!code\n", encoding="utf-8")
    (made / "code").mkdir()
    for name in ("kept", "left", "code/a.py"):
        (made / name).write_text(name, encoding="utf-8")
    return made


def test_steps_are_done_in_a_folder_in_place_of_the_root(tmp_path: Path) -> None:
    file = "FROM a AS build\nWORKDIR /build\nCOPY kept ./\nCOPY code code\nENV TO=/opt/x\n"
    file += "RUN mkdir -p /opt/x && cat kept code/a.py > $TO/out\n"
    file += "FROM a\nRUN useradd x\nCOPY --from=build /opt/x /opt/y\nUSER 1\n"
    image = build(tmp_path / "image", context(tmp_path, file))
    assert (image.root / "opt/y/out").read_text(encoding="utf-8") == "keptcode/a.py"
    assert image.left_out == ["RUN useradd x", "USER 1"]
    assert image.run("cat opt/y/out").stdout == "keptcode/a.py"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("COPY left ./", "dockerignore keeps left out"),
        ("RUN echo why >&2; false", "why"),
        ("ONBUILD RUN x", "nobody has said here"),
    ],
)
def test_a_step_that_fails_says_which(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(StepError, match=problem):
        build(tmp_path / "image", context(tmp_path, f"FROM a\n{line}\n"))


def test_the_health_check_asks_whether_a_part_is_ready(tmp_path: Path) -> None:
    assert health_check(7).startswith("python -c")
    assert "http://127.0.0.1:7/readyz" in health_check(7)
