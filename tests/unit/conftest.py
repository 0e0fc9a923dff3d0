"""Pure tests: none of them takes long, so that one that hangs is found soon."""

from pathlib import Path

import pytest

SECONDS = 120


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each has a limit of its own, well below that of tests with engines."""
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SECONDS))
