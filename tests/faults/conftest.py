"""Engines of their own for the tests of faults, started once, mended after each."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.engines import Engines


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these need engines."""
    for item in items:
        if "engines" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engines)


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """A Kafka and an Elasticsearch that tests may do anything to."""
    folder = Path(tempfile.mkdtemp(prefix="whosaid-faults-"))
    folder.chmod(0o755)
    with Engines(folder) as made:
        yield made
