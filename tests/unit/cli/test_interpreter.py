"""Options of Python that the command leaves out, so that assertions hold."""

import pytest

from pipeline.cli.interpreter import without_optimization


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["-O", "-m", "a", "-O"], ["-m", "a", "-O"]),
        (["-OO", "script", "-O"], ["script", "-O"]),
        (["-IO", "-X", "dev", "-W", "-O", "-"], ["-I", "-X", "dev", "-W", "-O", "-"]),
        (["-Om", "a", "-OO"], ["-m", "a", "-OO"]),
        (["-Xdev", "-Bc", "O"], ["-Xdev", "-Bc", "O"]),
        (["--check-hash-based-pycs", "never", "-O", "x"], ["--check-hash-based-pycs", "never", "x"]),
        ([], []),
    ],
)
def test_only_the_interpreters_options_go(given: list[str], kept: list[str]) -> None:
    assert without_optimization(given) == kept
