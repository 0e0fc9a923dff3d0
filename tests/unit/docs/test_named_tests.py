"""A promise in a document names the tests that show it: each of these tests exists.

Two forms are read. In running text and in tables: `tests/unit/test_file.py::test_name`. In docs/guarantees.md, a list:

    - **The promise.**
      - [file] `test_name`
      - [fault] `name of the scenario` (long)

where a link at the foot of the page says which file `[file]` is.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.faults.scenarios import SCENARIOS, SHORT

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
DOCUMENTS = ("docs/threat-model.md", "SECURITY.md")
PROMISE = re.compile(r"- \*\*[A-Z].*\*\*.*")
SHOWN = re.compile(r"  - \[(\w+)\] `([^`]+)`( \(long\))?")
LINK = re.compile(r"\[(\w+)\]: \.\./(tests/[\w/]+\.py)")
FAULTS = "tests/faults/test_scenarios.py"


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name for node in functions if node.name.startswith("test_")}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_a_document_names_exists(document: str) -> None:
    found = NAMED.findall(text_of(document))
    assert found
    assert not [f"{file}::{test}" for file, test in found if test not in functions_of(file)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_name_of_a_test_is_written_in_another_form(document: str) -> None:
    text = text_of(document)
    assert text.count(".py::") == len(NAMED.findall(text))


def guarantees() -> tuple[dict[str, list[tuple[str, str, bool]]], dict[str, str]]:
    """By promise what shows it (link, name, whether it takes long), and by link the file."""
    promises: dict[str, list[tuple[str, str, bool]]] = {}
    links: dict[str, str] = {}
    shown: list[tuple[str, str, bool]] = []
    for line in text_of("docs/guarantees.md").splitlines():
        if line.startswith("- "):
            assert PROMISE.fullmatch(line), line
            shown = promises.setdefault(line, [])
        elif line.startswith("  "):
            match = SHOWN.fullmatch(line)
            assert match or line.startswith("    "), line
            if match:
                shown.append((match[1], match[2], bool(match[3])))
        elif line.startswith("["):
            match = LINK.fullmatch(line)
            assert match, line
            assert match[1] not in links, line
            links[match[1]] = match[2]
    return promises, links


def test_every_promise_names_tests() -> None:
    promises, _ = guarantees()
    assert len(promises) > 30
    assert not [promise for promise, shown in promises.items() if not shown]


def test_every_test_of_a_promise_exists() -> None:
    promises, links = guarantees()
    shown = {one for some in promises.values() for one in some}
    assert {link for link, _, _ in shown} == set(links), "links are those that are used"
    scenarios = {one.name: one.name not in SHORT for one in SCENARIOS}
    for link, name, long in shown:
        if links[link] == FAULTS:
            assert scenarios.get(name) == long, f"{name}: long means that it is in make test-faults alone"
        else:
            assert name in functions_of(links[link]), f"{links[link]} has no {name}"
            assert not long, name


def test_a_promise_can_be_read_at_a_glance() -> None:
    promises, _ = guarantees()
    assert not [promise for promise in promises if len(promise) > 160]
