"""A promise in a document names the test that shows it: each of these tests exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.faults.scenarios import SCENARIOS, SHORT

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"(\*?)`(tests/[\w/]+\.py)::(\w+)(?:\[([^\]`]+)\])?`")
DOCUMENTS = ("docs/guarantees.md", "docs/threat-model.md", "SECURITY.md")


def named(document: str) -> list[tuple[str, str, str, str]]:
    """(star, file, test, parameter) of each test that the document names."""
    return NAMED.findall((ROOT / document).read_text(encoding="utf-8"))


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_a_document_names_exists(document: str) -> None:
    found = named(document)
    assert found
    missing = [f"{file}::{test}" for _, file, test, _ in found if test not in functions_of(file)]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_name_of_a_test_is_written_in_a_form_that_is_not_checked(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert text.count(".py::") == len(named(document))


def test_scenarios_are_named_as_they_are_and_long_ones_are_marked_as_long() -> None:
    short = {one.name.replace(" ", "-"): one.name in SHORT for one in SCENARIOS}
    found = [(star, parameter) for document in DOCUMENTS for star, _, _, parameter in named(document) if parameter]
    assert found
    for star, parameter in found:
        assert short[parameter] == (star == ""), parameter


def test_every_line_of_the_guarantees_names_a_test() -> None:
    rows = [line for line in (ROOT / "docs/guarantees.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    promises = [row for row in rows if not row.startswith(("| ---", "| promise"))]
    assert len(promises) > 20
    assert all("`tests/" in row for row in promises)
