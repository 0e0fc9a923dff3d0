"""How pytest-xdist (`pytest -n 2`) spreads the tests over its workers.

The tests of a file stay together: they share what its fixtures made. All files that start engines of their own count
as one, so that no more than one pair of these runs beside the pair that all other tests share. The slowest kinds begin
first; the many short tests fill up what is left.
"""

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
OWN_ENGINES = "engines of their own"
FOLDERS = (
    "tests/integration/",
    "tests/browser/",
    "tests/simulations/",
    "tests/processes/",
    "tests/unit/text/",
    "tests/unit/",
)
_STARTS_ENGINES = re.compile(r"\b(?:engine_settings|embedded_settings|killable|KafkaServer|ElasticsearchServer)\b")


@cache
def group(file: str) -> str:
    """The name of the group that a file of tests belongs to: its own, or that of tests with engines of their own."""
    if file.startswith("tests/unit/"):
        return file
    return OWN_ENGINES if _STARTS_ENGINES.search((ROOT / file).read_text(encoding="utf-8")) else file


def rank(group: str) -> int:
    """Where a group stands in the order of their starts."""
    if group == OWN_ENGINES:
        return -1
    return next((place for place, folder in enumerate(FOLDERS) if group.startswith(folder)), len(FOLDERS))


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each worker the next whole group."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByGroup:
    """Replaces xdist's own schedulers, whatever --dist says."""
    config.option.loadscopereorder = False
    return ByGroup(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the tests by their groups; those of one group keep their order."""
    items.sort(key=lambda item: rank(group(item.nodeid.partition("::")[0])))
