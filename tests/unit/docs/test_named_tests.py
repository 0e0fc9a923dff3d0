"""A document names tests, as `tests/unit/test_file.py::test_name`: each of them exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
DOCUMENTS = ("docs/threat-model.md", "SECURITY.md")


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


def test_every_file_of_tests_that_a_page_names_exists() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")]
    named = {name for page in pages for name in re.findall(r"\btest_\w+\.py\b", page.read_text(encoding="utf-8"))}
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(named) > 30
    assert not named - there
