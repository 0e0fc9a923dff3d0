"""What the tests take from the system: found where it runs, never left out in CI."""

from pathlib import Path

import pytest

from tests.programs import CHROMIUM, COMPOSE, PROGRAMS, Program, in_ci, installers, may_do_without


def program(folder: Path, name: str, code: int = 0) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_one_that_a_variable_names_comes_first(tmp_path: Path) -> None:
    on_path, named = program(tmp_path, "chromium"), program(tmp_path, "my-browser")
    assert CHROMIUM.find({"PATH": str(tmp_path)}) == on_path
    assert CHROMIUM.find({"PATH": str(tmp_path), "WHOSAIDTEST_CHROMIUM": named}) == named


def test_one_that_does_not_run_is_none(tmp_path: Path) -> None:
    program(tmp_path, "docker-compose", code=1)
    assert COMPOSE.find({"PATH": str(tmp_path)}) is None


def test_in_ci_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(COMPOSE.variable, raising=False)
    monkeypatch.setenv("CI", "true")
    assert in_ci()
    assert not may_do_without(COMPOSE)
    monkeypatch.setenv("CI", "false")
    assert may_do_without(COMPOSE)


@pytest.mark.parametrize("one", PROGRAMS, ids=lambda one: one.title)
def test_absence_says_what_cannot_run_and_what_to_do(one: Program) -> None:
    assert all(words in one.missing for words in ("cannot run", f"apt install {one.package}", one.variable))


def test_without_root_nothing_asks_for_a_password() -> None:
    assert all(command[:2] == ["sudo", "-n"] for command in installers(["chromium"], root=False))
