"""Tests that start processes: minutes of waiting that the pure tests are free of."""

from pathlib import Path

import pytest

from tests.unit.embedded.conftest import _no_waiting, repository, settings

__all__ = ["_no_waiting", "repository", "settings"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these have the marker for it, and fail where they leave a process or a file open."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.processes)
            item.add_marker(pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning"))
