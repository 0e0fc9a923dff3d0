"""Pure tests: none of them takes long, so that one that hangs is found soon; and all close what they open."""

import gc
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SECONDS = 120


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each has a limit of its own, well below that of tests with engines, and fails where it leaves a thing open."""
    folder = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(folder):
            item.add_marker(pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning"))
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_of_other_tests() -> None:
    """What tests with engines have left open in this process is not told of a pure test."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        gc.collect()
    finally:
        sys.unraisablehook = hook


@pytest.fixture(scope="session")
def one_model() -> Iterator[None]:
    """Whatever analyses texts in this process shares one spaCy pipeline, which takes half a second to load."""
    from pipeline.text import nlp  # here, so that tests of other things do without spaCy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nlp, "load", cache(nlp.load))
        yield
