"""Says at the end of a run which tests were left out because a program is missing, where nobody overlooks it."""

from typing import Any

import pytest

from tests.programs import CHROMIUM

LEFT_OUT = pytest.StashKey[int]()
"""How many tests of the pages were left out."""


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells its controller."""
    output: dict[str, Any] = getattr(session.config, "workeroutput", {})
    output["left_out"] = session.config.stash.get(LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The controller of pytest-xdist hears it from each worker; all have left out the same."""
    if left_out := getattr(node, "workeroutput", {}).get("left_out", 0):
        node.config.stash[LEFT_OUT] = left_out


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says it, above the line with the result."""
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.section("BROWSER TESTS LEFT OUT", sep="!", red=True, bold=True)
        terminalreporter.line(f"{left_out} tests. {CHROMIUM.missing}", red=True)
